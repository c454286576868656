//===- PackedBitsTest.cpp - Narrow integers packed in bytes ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/PackedBits.h"
#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {

/// 2 rows of 24 columns in blocks of 16: the second one of a row is padded.
PackedBits sample() {
  PackedBits weight;
  weight.values = {"q", DType::U8, {2, 2, 8}, {}, 0};
  weight.scale = {"s", DType::F32, {4}, {}, 0};
  weight.zero = {"z", DType::U8, {2}, {}, 0};
  weight.block = 16;
  weight.rows = 2;
  weight.columns = 24;
  return weight;
}

} // namespace

TEST(PackedBits, KeysRoundTrip) {
  PackedBits weight = sample();
  weight.values.key = "a \"b\"";
  weight.zero = {};
  EXPECT_TRUE(isDerivedKey(weight.key()));
  EXPECT_EQ(shownKey(weight.key()), weight.values.key);
  auto again = parsePackedBits(weight.key());
  expectOk(again);
  EXPECT_EQ(again->key(), weight.key());
  EXPECT_TRUE(again->zero.isNumber());
}

TEST(PackedBits, KeysAreChecked) {
  struct Case {
    const char *from, *to, *expected;
  } cases[] = {
      {"\"bits\":4", "\"bits\":3", "found 3 bits in blocks of 16"},
      {"\"bits\":4", "\"bits\":8", "'q' has 32 elements, expected 64"},
      {"\"block\":16", "\"block\":24", "found 4 bits in blocks of 24"},
      {"\"block\":16", "\"block\":-16", "found no 'block'"},
      {"[2,24]", "[2,24,1]", "found a shape of 3 dimensions"},
      {"[2,24]", "[0,24]", "found a shape of 0 x 24"},
      {"[2,24]", "[2,33]", "'q' has 32 elements, expected 48"},
      {"[2,24]", "[4611686018427387904,24]", "overflow"},
      {"[4]", "[5]", "'s' has 5 elements, expected 4"},
      {"[2],", "[3],", "'z' has 3 elements, expected 2"},
      {"\"scale\"", "\"scales\"", "found the unknown field 'scales'"},
      {"\"key\":\"q\",\"dtype\":\"u8\"", "\"key\":\"q\",\"dtype\":\"i8\"",
       "found values of i8"},
  };
  for (const Case &c : cases) {
    std::string text = sample().key();
    size_t place = text.find(c.from);
    ASSERT_NE(place, std::string::npos) << c.from;
    auto parsed =
        parsePackedBits(text.replace(place, std::string(c.from).size(), c.to));
    ASSERT_FALSE(parsed.ok()) << c.to;
    EXPECT_NE(parsed.error().message.find(c.expected), std::string::npos)
        << parsed.error().message;
  }
}

class PackedBitsFiles : public TempDir {};

TEST_F(PackedBitsFiles, ValuesOfEveryForm) {
  std::mt19937 rng(24);
  for (int round = 0; round < 60; ++round) {
    PackedBits weight;
    weight.bits = 2 << rng() % 3;
    weight.block = 16 << rng() % 3;
    weight.rows = 1 + int64_t(rng() % 5);
    weight.columns = 1 + int64_t(rng() % 150);
    const int64_t blocks = (weight.columns + weight.block - 1) / weight.block;
    const int64_t bytes = weight.block * weight.bits / 8;
    std::vector<uint8_t> q(size_t(weight.rows * blocks * bytes));
    for (uint8_t &byte : q)
      byte = uint8_t(rng());
    std::vector<float> s(size_t(weight.rows * blocks)), zf(s.size());
    for (size_t i = 0; i < s.size(); ++i) {
      s[i] = float(int(rng() % 1000) - 500) / 64;
      zf[i] = float(rng() % 64) / 4;
    }
    const int64_t zeroBytes = (blocks * weight.bits + 7) / 8;
    std::vector<uint8_t> zp(size_t(weight.rows * zeroBytes));
    for (uint8_t &byte : zp)
      byte = uint8_t(rng());
    weight.values = {"q", DType::U8, {weight.rows, blocks, bytes}, {}, 0};
    weight.scale = {"s", DType::F32, {weight.rows * blocks}, {}, 0};
    int kind = int(rng() % 3);
    if (kind == 1)
      weight.zero = {"zp", DType::U8, {weight.rows * zeroBytes}, {}, 0};
    if (kind == 2)
      weight.zero = {"zf", DType::F32, {weight.rows, blocks}, {}, 0};
    std::vector<NamedView> views = {
        {"q", denseView(q.data(), DType::U8, {weight.rows, blocks, bytes})},
        {"s", denseView(s.data(), DType::F32, {weight.rows * blocks})},
        {"zf", denseView(zf.data(), DType::F32, {weight.rows, blocks})},
        {"zp", denseView(zp.data(), DType::U8, {weight.rows * zeroBytes})}};
    ASSERT_TRUE(writeSafetensors(file("m.safetensors"), views).ok());
    auto checkpoint = *Checkpoint::open(file("m.safetensors"));
    auto read = readWeight(*checkpoint, weight.key(), MaskOptions());
    expectOk(read);
    ASSERT_EQ(read->tensor.view.shape,
              (std::vector<int64_t>{weight.rows, weight.columns}));
    auto *found = reinterpret_cast<const float *>(read->tensor.view.data);
    auto field = [&](const uint8_t *from, int64_t i) {
      int64_t at = i * weight.bits;
      return int(from[at / 8] >> (at % 8)) & ((1 << weight.bits) - 1);
    };
    for (int64_t r = 0; r < weight.rows; ++r)
      for (int64_t c = 0; c < weight.columns; ++c) {
        int64_t g = c / weight.block, at = r * blocks + g;
        float zero = kind == 0   ? float(1 << (weight.bits - 1))
                     : kind == 1 ? float(field(zp.data() + r * zeroBytes, g))
                                 : zf[size_t(at)];
        float expected =
            (float(field(q.data() + at * bytes, c % weight.block)) - zero) *
            s[size_t(at)];
        ASSERT_EQ(found[r * weight.columns + c], expected)
            << "round " << round << ", row " << r << ", column " << c;
      }
  }
}
