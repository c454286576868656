//===- JsonWriterTest.cpp - JSON, value by value --------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/JsonWriter.h"
#include "nm/Support/Trace.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

using namespace nm::support;
using nlohmann::ordered_json;

namespace {

std::string written(int indent, const std::function<void(JsonWriter &)> &body) {
  return jsonText(indent, body);
}

TEST(JsonWriterTest, LaysOutNestedDocuments) {
  auto body = [](JsonWriter &json) {
    json.object([&] {
      json.field("count", 3);
      json.object("none", [] {});
      json.array("rows", [&] {
        json.lineObject([&] {
          json.field("a", true);
          json.field("b", nullptr);
        });
        json.array([&] { json.value(0.5); });
      });
      json.list("shape", std::vector<int64_t>{2, 3});
      json.list("empty", std::vector<int64_t>{});
    });
  };
  EXPECT_EQ(written(2, body), R"({
  "count": 3,
  "none": {},
  "rows": [
    {"a": true, "b": null},
    [
      0.5
    ]
  ],
  "shape": [2, 3],
  "empty": []
}
)");
  EXPECT_EQ(written(0, body),
            R"({"count": 3, "none": {}, "rows": [{"a": true, "b": null}, )"
            R"([0.5]], "shape": [2, 3], "empty": []})");
}

TEST(JsonWriterTest, WritesWhatJsonLacksAsWhatItHas) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::string text = written(0, [&](JsonWriter &json) {
    json.array([&] {
      json.value(infinity);
      json.value(std::nan(""));
      json.value(0.1);
      json.value(std::numeric_limits<uint64_t>::max());
      json.value(std::numeric_limits<int64_t>::min());
      json.value("a \"quote\", a \\, a line\n and \xff");
    });
  });
  EXPECT_EQ(text, "[null, null, 0.1, 18446744073709551615, "
                  "-9223372036854775808, \"a \\\"quote\\\", a \\\\, a "
                  "line\\n and \xEF\xBF\xBD\"]");
}

/// A document of random shape, built and written at once.
class RandomDocument {
public:
  explicit RandomDocument(unsigned seed) : random(seed) {}

  ordered_json value(JsonWriter &json, int depth) {
    switch (random() % (depth < 5 ? 6 : 4)) {
    case 0:
      return scalar(json, static_cast<int64_t>(random()) - (1 << 30));
    case 1:
      return scalar(json, static_cast<double>(random()) / 7);
    case 2:
      return scalar(json, name());
    case 3:
      return scalar(json, random() % 2 == 0);
    case 4: {
      ordered_json list = ordered_json::array();
      json.array([&] {
        for (unsigned count = random() % 4; count != 0; --count)
          list.push_back(value(json, depth + 1));
      });
      return list;
    }
    default:
      break;
    }
    ordered_json object = ordered_json::object();
    json.object([&] {
      for (unsigned count = random() % 4, i = 0; i != count; ++i) {
        std::string key = name() + std::to_string(i);
        if (random() % 2) {
          json.object(key, [&] {
            std::string inner = name();
            json.field(inner, i);
            object[key][inner] = i;
          });
        } else {
          json.field(key, i);
          object[key] = i;
        }
      }
    });
    return object;
  }

private:
  template <typename T>
  ordered_json scalar(JsonWriter &json, const T &content) {
    json.value(content);
    return content;
  }
  std::string name() {
    std::string text;
    for (unsigned length = random() % 6; length != 0; --length)
      text += static_cast<char>(1 + random() % 127);
    return text;
  }

  std::mt19937 random;
};

TEST(JsonWriterTest, IsReadBackAsWhatWasWritten) {
  for (unsigned seed = 0; seed != 500; ++seed) {
    ordered_json expected;
    std::string text =
        written(static_cast<int>(seed % 4), [&](JsonWriter &json) {
          expected = RandomDocument(seed).value(json, 0);
        });
    ordered_json read = ordered_json::parse(text, nullptr, false);
    ASSERT_FALSE(read.is_discarded()) << "seed " << seed << "\n" << text;
    EXPECT_EQ(read, expected) << "seed " << seed;
  }
}

TEST(JsonWriterTest, FindsAFieldAndIndents) {
  auto field = jsonField(R"({"f": {"version": 1}})", "'m'", "f");
  ASSERT_TRUE(field);
  EXPECT_EQ(*field, R"({"version":1})");
  EXPECT_EQ(*jsonField(R"({"f": 1})", "'m'", "g"), "");
  EXPECT_EQ(*jsonField("[1]", "'m'", "g"), "");
  EXPECT_FALSE(jsonField("{", "'m'", "g"));
  EXPECT_EQ(*indentJson(R"({"f":[1]})", "'m'", 2),
            "{\n  \"f\": [\n    1\n  ]\n}\n");
  EXPECT_FALSE(indentJson("{1}", "'m'", 2));
}

TEST(TraceTest, IsOneObjectWithAnEventALine) {
  std::string text =
      traceText([](JsonWriter &json) { json.field("device", "edge"); },
                [](Trace &trace) {
                  trace.name("thread_name", 2, "array");
                  trace.span("gemm", 2, 0.25, 1.5,
                             [](JsonWriter &json) { json.field("cycles", 3); });
                });
  EXPECT_EQ(text, R"({
 "displayTimeUnit": "ns",
 "otherData": {
  "device": "edge"
 },
 "traceEvents": [
  {"ph": "M", "name": "thread_name", "pid": 0, "tid": 2, "args": {"name": "array"}},
  {"ph": "X", "name": "gemm", "pid": 0, "tid": 2, "ts": 0.25, "dur": 1.5, "args": {"cycles": 3}}
 ]
}
)");
}

} // namespace
