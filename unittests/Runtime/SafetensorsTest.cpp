//===- SafetensorsTest.cpp ------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
std::string entry(const std::string &name, const std::string &dtype,
                  const std::string &shape, uint64_t begin, uint64_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":[" + std::to_string(begin) + "," +
         std::to_string(end) + "]}";
}
} // namespace

TEST(Safetensors, ReadsTensorsAtAnyAlignment) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," +
                       entry("u", "U8", "[3]", 0, 3) + "," +
                       entry("w", "F32", "[2,1]", 3, 11) + "," +
                       entry("s", "F32", "[]", 11, 15) + "," +
                       entry("e", "F16", "[0,7]", 15, 15) + "}  ";
  std::string bytes =
      safetensors(header, "abc" + bytesOf<float>({1.5f, -2.f, 3.f}));
  auto checkpoint = openBytes(bytes);
  expectOk(checkpoint);
  ASSERT_EQ((*checkpoint)->tensors().size(), 4u);
  EXPECT_EQ((*checkpoint)->tensors()[0].name, "e");
  auto w = (*checkpoint)->read("w");
  expectOk(w);
  EXPECT_EQ(w->tensor.view.shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(w->tensor.view.at({1, 0}), -2.0);
  auto s = (*checkpoint)->read("s");
  expectOk(s);
  EXPECT_EQ(s->tensor.view.at({}), 3.0);
  auto e = (*checkpoint)->read("e");
  expectOk(e);
  EXPECT_EQ(e->tensor.view.count(), 0);
}

TEST(Safetensors, UnknownTypesAreListedAndRefusedOnUse) {
  std::string bytes =
      safetensors("{" + entry("q", "F4", "[8]", 0, 4) + "}", "abcd");
  auto checkpoint = openBytes(bytes);
  expectOk(checkpoint);
  EXPECT_EQ((*checkpoint)->find("q")->dtypeText, "F4");
  expectError((*checkpoint)->read("q"), {"mem: tensor 'q'", "'F4'"});
  expectError((*checkpoint)->read("nope"), {"mem: no tensor 'nope'"});
}

TEST(Safetensors, EmptyFileOfTensors) {
  expectOk(openBytes(safetensors("{}")));
}

TEST(Safetensors, RefusesBadLengths) {
  expectError(openBytes(""), {"mem: found 0 bytes", "at least 8"});
  expectError(openBytes("1234567"), {"found 7 bytes"});
  expectError(openBytes(littleEndian(100000001) + "{}"),
              {"header length 100000001", "limit of 100000000"});
  expectError(openBytes(littleEndian(~uint64_t(0)) + "{}"), {"exceeds"});
  expectError(openBytes(littleEndian(3) + "{}"),
              {"header length 3", "only 2 bytes follow"});
  expectError(openBytes(littleEndian(0)), {"does not begin with '{'"});
  expectError(openBytes(safetensors(" {}")), {"does not begin with '{'"});
}

TEST(Safetensors, RefusesBadJson) {
  expectError(openBytes(safetensors("{")), {"invalid json"});
  expectError(openBytes(safetensors("{}x")), {"invalid json", "byte"});
  expectError(openBytes(safetensors("{\"a\":1}")), {"tensor 'a'", "an object"});
  expectError(openBytes(safetensors("{\"a\":[]}")), {"tensor 'a'"});
  expectError(openBytes(safetensors("{\"a\":{}}")), {"'dtype' is missing"});
  expectError(openBytes(safetensors("{\"\xff\":{}}")), {"invalid json"});
  expectError(openBytes(safetensors("{\"__metadata__\":{\"a\":1}}")),
              {"__metadata__", "a string"});
  expectError(openBytes(safetensors("{\"__metadata__\":3}")), {"an object"});
  // Deep nesting must not overflow a stack.
  expectError(openBytes(safetensors("{\"a\":" + std::string(1000000, '['))),
              {"tensor 'a'"});
}

TEST(Safetensors, RefusesDuplicateKeys) {
  std::string a = entry("a", "U8", "[1]", 0, 1);
  std::string b = entry("a", "U8", "[1]", 1, 2);
  expectError(openBytes(safetensors("{" + a + "," + b + "}", "xy")),
              {"duplicate key 'a'"});
  expectError(openBytes(safetensors("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\","
                                    "\"shape\":[1],\"data_offsets\":[0,1]}}",
                                    "x")),
              {"tensor 'a'", "duplicate field 'dtype'"});
  expectError(
      openBytes(safetensors("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}")),
      {"duplicate key 'k'"});
  expectError(
      openBytes(safetensors("{\"__metadata__\":{},\"__metadata__\":{}}")),
      {"duplicate key"});
}

TEST(Safetensors, RefusesBadFields) {
  auto with = [](const std::string &shape, const std::string &offsets) {
    return openBytes(safetensors("{\"a\":{\"dtype\":\"U8\",\"shape\":" + shape +
                                     ",\"data_offsets\":" + offsets + "}}",
                                 "x"));
  };
  expectOk(with("[1]", "[0,1]"));
  expectError(with("[-1]", "[0,1]"), {"tensor 'a'", "-1"});
  expectError(with("[1.5]", "[0,1]"), {"1.5"});
  expectError(with("1", "[0,1]"), {"an array"});
  expectError(with("[[1]]", "[0,1]"), {"an array"});
  expectError(with("[18446744073709551615]", "[0,1]"), {"63 bits"});
  expectError(with("[99999999999999999999]", "[0,1]"), {"tensor 'a'"});
  expectError(with("[1]", "[0]"), {"holds 1 numbers, expected 2"});
  expectError(with("[1]", "[0,1,1]"), {"more than 2"});
  expectError(with("[1]", "[1,0]"), {"before their begin"});
  expectError(with("[1],\"extra\":1", "[0,1]"), {"unknown field 'extra'"});
  std::string rank = "[1";
  for (int i = 0; i < 32; ++i)
    rank += ",1";
  expectError(with(rank + "]", "[0,1]"), {"more than 32 dimensions"});
}

TEST(Safetensors, RefusesDataThatDoesNotTile) {
  auto two = [](uint64_t b1, uint64_t e1, uint64_t b2, uint64_t e2,
                const std::string &data) {
    return openBytes(safetensors(
        "{" + entry("a", "U8", "[" + std::to_string(e1 - b1) + "]", b1, e1) +
            "," +
            entry("b", "U8", "[" + std::to_string(e2 - b2) + "]", b2, e2) + "}",
        data));
  };
  expectOk(two(0, 2, 2, 4, "wxyz"));
  expectOk(two(2, 4, 0, 2, "wxyz"));
  expectError(two(0, 3, 2, 4, "wxyz"), {"tensor 'b'", "inside the tensor"});
  expectError(two(0, 1, 2, 4, "wxyz"), {"tensor 'b'", "after a hole"});
  expectError(two(1, 2, 2, 4, "wxyz"), {"tensor 'a'", "after a hole"});
  expectError(two(0, 2, 2, 5, "wxyz"), {"tensor 'b'", "leave the data region"});
  expectError(two(0, 2, 2, 3, "wxyz"), {"tensors end at byte", "but the file"});
  expectError(two(0, 2, uint64_t(-2), uint64_t(-1), "wxyz"),
              {"leave the data region"});
  expectError(openBytes(safetensors("{}", "x")), {"but the file has"});
}

TEST(Safetensors, RefusesSizesThatDisagreeOrOverflow) {
  auto one = [](const std::string &dtype, const std::string &shape) {
    return openBytes(
        safetensors("{" + entry("a", dtype, shape, 0, 4) + "}", "wxyz"));
  };
  expectOk(one("F32", "[1]"));
  expectError(one("F16", "[1]"), {"tensor 'a'", "4 bytes, expected 2"});
  expectError(one("F32", "[4294967296,4294967296]"), {"overflows"});
  expectError(one("F32", "[9223372036854775807]"), {"overflows"});
  expectError(one("F32", "[0,4294967296,4294967296]"), {"overflows"});
}

TEST(Safetensors, NamesAreEscapedInMessages) {
  std::string bytes =
      safetensors("{" + entry("a\\u0000\\n'b", "U8", "[2]", 0, 1) + "}", "x");
  auto checkpoint = openBytes(bytes);
  expectError(checkpoint, {"tensor 'a\\x00\\x0a\\x27b'"});
}

class SafetensorsFiles : public TempDir {};

TEST_F(SafetensorsFiles, EveryTruncationIsRefused) {
  std::vector<float> data = {1, 2, 3, 4};
  expectOk(
      writeSafetensors(file("m.safetensors"),
                       {{"w", denseView(data.data(), DType::F32, {2, 2})}}));
  std::string whole = slurp(file("m.safetensors"));
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(openBytes(whole.substr(0, size)).ok()) << size;
  expectOk(openBytes(whole));
  expectError(openBytes(whole + "x"), {"but the file has"});
}

TEST_F(SafetensorsFiles, Shards) {
  std::vector<float> data = {1, 2, 3, 4};
  auto view = denseView(data.data(), DType::F32, {4});
  expectOk(writeSafetensors(file("a.safetensors"), {{"x", view}, {"z", view}}));
  expectOk(writeSafetensors(file("b.safetensors"), {{"y", view}}));
  auto index = [&](const std::string &map) {
    return write("model.safetensors.index.json",
                 "{\"metadata\":{\"total_size\":32},\"weight_map\":" + map +
                     "}");
  };
  index("{\"x\":\"a.safetensors\",\"y\":\"b.safetensors\"}");
  auto checkpoint = Checkpoint::open(dir);
  expectOk(checkpoint);
  EXPECT_EQ((*checkpoint)->format(), Checkpoint::Format::Sharded);
  ASSERT_EQ((*checkpoint)->tensors().size(), 2u);
  EXPECT_EQ((*checkpoint)->files().size(), 2u);
  EXPECT_EQ((*checkpoint)->read("y")->tensor.view.at({2}), 3.0);

  index("{\"x\":\"b.safetensors\"}");
  expectError(Checkpoint::open(dir), {"'x'", "b.safetensors", "does not hold"});
  index("{\"x\":\"c.safetensors\"}");
  expectError(Checkpoint::open(dir), {"c.safetensors", "cannot open"});
  index("{\"x\":\"../a.safetensors\"}");
  expectError(Checkpoint::open(dir), {"or below it"});
  index("{\"x\":3}");
  expectError(Checkpoint::open(dir), {"or below it"});
  index("{\"x\":\"a.safetensors\",\"x\":\"b.safetensors\"}");
  expectError(Checkpoint::open(dir), {"duplicate key 'x'"});
  index("[]");
  expectError(Checkpoint::open(dir), {"weight_map"});
  write("model.safetensors.index.json", "[1]");
  expectError(Checkpoint::open(dir), {"weight_map"});
  write("model.safetensors.index.json", std::string(100000, '['));
  expectError(Checkpoint::open(dir), {"nested deeper"});
}
