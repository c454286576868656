//===- JsonReaderTest.cpp - Objects of JSON, field by field -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/JsonReader.h"
#include <gtest/gtest.h>
#include <map>

using namespace nm::support;

namespace {

/// A format with a field of every kind.
struct Everything {
  std::string text;
  bool flag = false;
  int32_t small = -1;
  uint64_t word = 0;
  double number = 0;
  int choice = 0;
  std::vector<int32_t> integers;
  std::vector<uint64_t> words;
  std::vector<double> numbers;
  std::vector<std::string> texts;
  std::vector<std::pair<std::string, std::string>> named;
  std::vector<int64_t> inner;
};

void read(JsonReader &reader, Everything &all) {
  reader.text("text", all.text, Need::Required, 8);
  reader.flag("flag", all.flag);
  reader.integer("small", all.small, Need::Optional);
  reader.integer("word", all.word, Need::Optional);
  reader.number("number", all.number, 0.5, 2, Need::Optional);
  reader.word(
      "choice", "red or green",
      [&](const std::string &word) {
        all.choice = word == "red" ? 1 : 2;
        return word == "red" || word == "green";
      },
      Need::Optional);
  reader.integers("integers", all.integers, -2, 2, 3, Need::Optional);
  reader.integers("words", all.words, uint64_t(0), UINT64_MAX, 2,
                  Need::Optional);
  reader.numbers("numbers", all.numbers, 0, 1, 2, Need::Optional);
  reader.texts("texts", all.texts, 2, Need::Optional, 3);
  reader.textsByName("named", all.named, Need::Optional);
  reader.object(
      "object",
      [&](JsonReader &object) {
        object.objects("list", 1, 2, [&](JsonReader &element, size_t) {
          all.inner.emplace_back();
          element.integer("x", all.inner.back(), int64_t(1), INT64_MAX);
        });
      },
      Need::Optional);
}

std::string errorOf(const std::string &text, size_t depth = 32) {
  Everything all;
  Status status = readJsonObject(
      text, "f", [&](JsonReader &reader) { read(reader, all); }, depth);
  return status ? "" : status.error().message;
}

TEST(JsonReader, ReadsEveryKind) {
  Everything all;
  Status status = readJsonObject(
      R"({"text": "12345678", "flag": true, "small": -2147483648,
          "word": 18446744073709551615, "number": 2, "choice": "green",
          "integers": [-2, 2, 0], "words": [18446744073709551615],
          "numbers": [0, 0.5], "texts": ["", "abc"],
          "named": {"b": "2", "a": "1"}, "object": {"list": [{"x": 1},
          {"x": 9223372036854775807}]}})",
      "f", [&](JsonReader &reader) { read(reader, all); });
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(all.text, "12345678");
  EXPECT_TRUE(all.flag);
  EXPECT_EQ(all.small, INT32_MIN);
  EXPECT_EQ(all.word, UINT64_MAX);
  EXPECT_EQ(all.number, 2);
  EXPECT_EQ(all.choice, 2);
  EXPECT_EQ(all.integers, (std::vector<int32_t>{-2, 2, 0}));
  EXPECT_EQ(all.words, (std::vector<uint64_t>{UINT64_MAX}));
  EXPECT_EQ(all.numbers, (std::vector<double>{0, 0.5}));
  EXPECT_EQ(all.texts, (std::vector<std::string>{"", "abc"}));
  EXPECT_EQ(all.named.size(), 2u);
  EXPECT_EQ(all.inner, (std::vector<int64_t>{1, INT64_MAX}));
}

TEST(JsonReader, WhatIsLeftOutStays) {
  Everything all;
  all.numbers = {7};
  ASSERT_TRUE(readJsonObject(R"({"text": "a"})", "f", [&](JsonReader &reader) {
                read(reader, all);
              }).ok());
  EXPECT_EQ(all.small, -1);
  EXPECT_EQ(all.numbers, (std::vector<double>{7}));
}

/// Of every field: another type, and one beyond each bound.
TEST(JsonReader, EveryFaultNamesPlaceFoundAndExpected) {
  const std::pair<const char *, const char *> cases[] = {
      {"[]", "f: the document: found a list of 0, expected an object"},
      {"{}", "f: field 'text': found nothing, expected a string"},
      {R"({"txt": ""})",
       "f: field 'text': found nothing, expected a string (is it 'txt'?)"},
      {R"({"text": 1})", "f: field 'text': found 1, expected a string of at "
                         "most 8 bytes"},
      {R"({"text": "123456789"})",
       "f: field 'text': found the string '123456789', expected a string of at "
       "most 8 bytes"},
      {R"({"text": "", "flag": 1})",
       "f: field 'flag': found 1, expected true or false"},
      {R"({"text": "", "small": 2147483648})",
       "f: field 'small': found 2147483648, expected an integer"},
      {R"({"text": "", "small": 1.5})",
       "f: field 'small': found 1.5, expected an integer"},
      {R"({"text": "", "word": -1})",
       "f: field 'word': found -1, expected an integer of at least 0"},
      {R"({"text": "", "number": 0.25})",
       "f: field 'number': found 0.25, expected a number from 0.5 to 2.0"},
      {R"({"text": "", "number": "1"})",
       "f: field 'number': found the string '1', expected a number from 0.5 to "
       "2.0"},
      {R"({"text": "", "choice": "blue"})",
       "f: field 'choice': found the string 'blue', expected red or green"},
      {R"({"text": "", "choice": null})",
       "f: field 'choice': found null, expected red or green"},
      {R"({"text": "", "integers": [0, 3]})",
       "f: field 'integers[1]': found 3, expected an integer from -2 to 2"},
      {R"({"text": "", "integers": [0, 0, 0, 0]})",
       "f: field 'integers': found a list of 4, expected a list of at most 3 "
       "integers"},
      {R"({"text": "", "words": [-1]})",
       "f: field 'words[0]': found -1, expected an integer of at least 0"},
      {R"({"text": "", "numbers": [2]})",
       "f: field 'numbers[0]': found 2, expected a number from 0.0 to 1.0"},
      {R"({"text": "", "texts": ["abcd"]})",
       "f: field 'texts[0]': found the string 'abcd', expected a list of "
       "strings"},
      {R"({"text": "", "named": {"a": 1}})",
       "f: field 'named.a': found 1, expected a string"},
      {R"({"text": "", "object": {"list": []}})",
       "f: field 'object.list': found a list of 0, expected a list of 1 to 2 "
       "objects"},
      {R"({"text": "", "object": {"list": [{"x": 1}, {"x": 0}]}})",
       "f: field 'object.list[1].x': found 0, expected an integer of at least "
       "1"},
      {R"({"text": "", "object": {"list": [{"x": 1, "y": 1}]}})",
       "f: field 'object.list[0].y': found an unknown field, expected x"},
      {R"({"text": "", "txet": 1})",
       "f: field 'txet': found an unknown field, expected text, flag, small, "
       "word, number, choice, integers, words, numbers, texts, named or object "
       "(did you mean 'text'?)"},
      {R"({"text": "a", "text": "b"})", "f: duplicate key 'text'"},
      {R"({"text": ")", "f: invalid json at byte"}};
  for (auto [text, message] : cases)
    EXPECT_EQ(errorOf(text).substr(0, std::string(message).size()), message)
        << text;
  EXPECT_EQ(errorOf(R"({"object": {"list": [{}]}})", 3),
            "f: json is nested deeper than 3");
  EXPECT_EQ(errorOf(std::string(1000000, '[')),
            "f: json is nested deeper than 32");
}

/// The first fault is kept, and nothing after it is looked at.
TEST(JsonReader, TheFirstFaultIsKept) {
  int calls = 0;
  Status status = readJsonObject(
      R"({"a": [{}, {}], "b": 1})", "f", [&](JsonReader &reader) {
        reader.objects("a", 0, 2, [&](JsonReader &element, size_t) {
          ++calls;
          bool flag;
          element.flag("flag", flag, Need::Required);
        });
        std::string text;
        reader.text("b", text);
      });
  EXPECT_EQ(calls, 1);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message,
            "f: field 'a[0].flag': found nothing, expected true or false");
}
TEST(JsonReader, NullStandsForNaNWhereItMay) {
  auto read = [](const char *text, std::vector<double> &values) {
    Status status = readJsonObject(text, "f", [&](JsonReader &reader) {
      reader.numbersOrNull("list", values, 3);
    });
    return status ? std::string() : status.error().message;
  };
  std::vector<double> values;
  EXPECT_EQ(read(R"({"list": [1, null, -2e300]})", values), "");
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0], 1);
  EXPECT_TRUE(values[1] != values[1]);
  EXPECT_EQ(values[2], -2e300);
  EXPECT_EQ(read(R"({"list": [1, true]})", values),
            "f: field 'list[1]': found true, expected a number or null");
  EXPECT_NE(read(R"({"list": [1, 2, 3, 4]})", values), "");
}

TEST(JsonReader, ObjectsHaveNamesOfTheFile) {
  auto read = [](const char *text, std::map<std::string, int64_t> &members) {
    Status status = readJsonObject(text, "f", [&](JsonReader &reader) {
      reader.objectsByName("all", [&](JsonReader &one, const std::string &key) {
        one.integer("count", members[key]);
      });
    });
    return status ? std::string() : status.error().message;
  };
  std::map<std::string, int64_t> members;
  EXPECT_EQ(
      read(R"({"all": {"a.b": {"count": 1}, "": {"count": 2}}})", members), "");
  EXPECT_EQ(members, (std::map<std::string, int64_t>{{"a.b", 1}, {"", 2}}));
  EXPECT_EQ(read(R"({"all": {"a": 1}})", members),
            "f: field 'all.a': found 1, expected an object");
  EXPECT_EQ(read(R"({"all": {"a": {"count": 1.5}}})", members),
            "f: field 'all.a.count': found 1.5, expected an integer");
  EXPECT_EQ(read(R"({"all": {"a": {"count": 1, "other": 2}}})", members),
            "f: field 'all.a.other': found an unknown field, expected count");
  EXPECT_EQ(read(R"({"all": []})", members),
            "f: field 'all': found a list of 0, expected an object");
  EXPECT_EQ(read("{}", members),
            "f: field 'all': found nothing, expected an object");
}

} // namespace
