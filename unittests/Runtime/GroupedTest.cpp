//===- GroupedTest.cpp -----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Runtime/Pack.h"
#include "nm/Runtime/Quantize.h"
#include "nm/Support/DType.h"
#include <algorithm>
#include <cmath>
#include <string>

using namespace nm::rt;
using namespace nm::rt::test;
using nm::support::bf16ToFloat;
using nm::support::f16ToFloat;
using nm::support::floatToBf16;
using nm::support::floatToF16;

namespace {

using Bytes = std::vector<unsigned char>;

Bytes storageFor(const WeightDesc &desc, const LayoutSpec &spec, bool values) {
  auto shapes = storageShapes(spec, desc.shape, desc.axis, desc.n, desc.m, 4);
  EXPECT_TRUE(shapes.ok()) << shapes.error().message;
  int64_t size = values ? shapes->values.bytes() : shapes->metadata.bytes();
  return Bytes(size_t(size), 0xcd);
}

constexpr GroupForm kForms[] = {
    {DType::F16, false, 4}, {DType::F16, true, 4},  {DType::BF16, false, 4},
    {DType::BF16, true, 4}, {DType::F32, false, 4}, {DType::F32, true, 4},
    {DType::F16, false, 8}, {DType::F16, true, 8},  {DType::BF16, false, 8},
    {DType::BF16, true, 8}, {DType::F32, false, 8}, {DType::F32, true, 8}};

/// Any number of the type whose products are normal numbers.
float randomScale(DType type, std::mt19937 &rng) {
  if (type == DType::F16) {
    float scale;
    do
      scale = f16ToFloat(uint16_t(rng()));
    while (!std::isfinite(scale));
    return scale;
  }
  auto mantissa = 1 + float(rng() % (1 << 23)) / (1 << 23);
  float scale = std::ldexp(mantissa, int(rng() % 200) - 110);
  if (type == DType::BF16)
    scale = bf16ToFloat(floatToBf16(scale));
  return rng() % 2 ? scale : -scale;
}

/// A weight of which every group along the axis is a scale times integers.
std::vector<float> scaledWeight(const WeightDesc &desc, int64_t group,
                                std::mt19937 &rng, GroupForm form = {}) {
  std::vector<float> w(size_t(product(desc.shape)));
  int64_t length = desc.shape[size_t(desc.axis)], inner = 1;
  for (size_t i = size_t(desc.axis) + 1; i < desc.shape.size(); ++i)
    inner *= desc.shape[i];
  auto at = [&](int64_t fiber, int64_t k) -> float & {
    return w[size_t((fiber / inner * length + k) * inner + fiber % inner)];
  };
  for (int64_t fiber = 0; fiber < product(desc.shape) / length; ++fiber) {
    for (int64_t k = 0; k < length; ++k)
      if (k % group == 0 || k % desc.m == 0)
        for (int64_t j = k; j < std::min(k + desc.m, length); ++j)
          at(fiber, j) = 0;
    float scale = 1;
    const int64_t range = int64_t(1) << form.bits;
    int64_t zero = range / 2;
    for (int64_t k = 0; k < length; k += desc.m) {
      if (k % group == 0) {
        scale = randomScale(form.scale, rng);
        // Where elements are zero, so must be an integer less the zero point.
        if (form.zeros)
          zero = int64_t(rng() % uint64_t(desc.m == 1 ? range + 1 : range));
      }
      for (int64_t kept = 0; kept < desc.n; ++kept)
        at(fiber, k + int64_t(rng() % uint64_t(desc.m))) =
            scale * float(int64_t(rng() % range) - zero) + 0.0F;
    }
  }
  return w;
}

} // namespace

TEST(Grouped, BytesOfTwoOfFour) {
  // One row of one unit; the scale of the other group is that of zeros.
  WeightDesc desc{{1, 64}, 1, 2, 4, DType::F32};
  std::vector<float> w(64);
  w[1] = 3.5F; // 7 and -8 times 0.5 at 1 and 3: code 4
  w[3] = -4;
  w[6 * 8 + 2] = 0.5F; // step 6, positions 2 and 3: code 5
  w[6 * 8 + 3] = 0.5F;
  LayoutSpec spec = LayoutSpec::grouped(16, 64);
  Bytes stored = storageFor(desc, spec, true);
  ASSERT_EQ(stored.size(), 32U + 3 * 32 + 8 * 32);
  expectOk(pack(desc, spec, w.data(), stored.data(), nullptr));
  EXPECT_EQ(stored[0] | stored[1] << 8, floatToF16(0.5F));
  EXPECT_EQ(stored[2], 0);
  // Register 0: step 0 in bits 0 to 2, step 6 in bit 3 of three registers.
  EXPECT_EQ(stored[32], 4 | 8);
  EXPECT_EQ(stored[64], 0);
  EXPECT_EQ(stored[96], 8);
  // Value registers follow: 7 + 8 low, -8 + 8 high; zeros are 8.
  EXPECT_EQ(stored[128], 0x0f);
  EXPECT_EQ(stored[129], 0x88);
  EXPECT_EQ(stored[128 + 6 * 32], 0x99);
}

TEST(Grouped, RoundTripsThroughAllLayouts) {
  std::mt19937 rng(21);
  const std::pair<int, int> patterns[] = {{2, 4}, {1, 4}, {1, 1}, {4, 4}};
  for (int round = 0; round < 120; ++round) {
    auto [n, m] = patterns[rng() % 4];
    int64_t group = 32 << rng() % 3;
    int64_t axis = int64_t(rng() % 2);
    WeightDesc desc{{0, 0}, axis, n, m, DType::F32};
    desc.shape[size_t(axis)] = group * int64_t(1 + rng() % 4);
    desc.shape[size_t(1 - axis)] = int64_t(1 + rng() % 50);
    SCOPED_TRACE(shapeString(desc.shape) + " axis " + std::to_string(axis) +
                 " " + std::to_string(n) + ":" + std::to_string(m) +
                 " groups of " + std::to_string(group));
    GroupForm form = kForms[rng() % 12];
    SCOPED_TRACE(form.describe());
    std::vector<float> w = scaledWeight(desc, group, rng, form);
    expectOk(verifyScaled(desc, group, form, w.data(), "w"));
    LayoutSpec grouped = LayoutSpec::grouped(rng() % 2 ? 16 : 32, group, form);
    Bytes stored = storageFor(desc, grouped, true);
    expectOk(pack(desc, grouped, w.data(), stored.data(), nullptr));
    std::vector<float> back(w.size(), NAN);
    expectOk(unpack(desc, grouped, stored.data(), nullptr, back.data()));
    EXPECT_EQ(back, w);
    expectOk(verifyStored(desc, grouped, stored.data(), nullptr, "w"));
    for (LayoutSpec other : {LayoutSpec::canonical(), LayoutSpec::lane(8),
                             LayoutSpec::panel(3, 8, 32)}) {
      Bytes values = storageFor(desc, other, true);
      Bytes metadata = storageFor(desc, other, false);
      expectOk(convert(desc, grouped, stored.data(), nullptr, other,
                       values.data(), metadata.data()));
      Bytes again(stored.size(), 0xab);
      expectOk(convert(desc, other, values.data(), metadata.data(), grouped,
                       again.data(), nullptr));
      EXPECT_EQ(again, stored) << other.str();
    }
  }
}

TEST(Grouped, BytesOfZeroPoints) {
  // One dense row of two groups of 32: scales of f32, then zero points.
  WeightDesc desc{{1, 64}, 1, 1, 1, DType::F32};
  std::vector<float> w(64, -0.1F); // 15 - 16
  w[0] = -16 * 0.1F;
  w[32] = 15 * 3.0F; // 15 - 0
  for (size_t i = 33; i < 64; ++i)
    w[i] = 0;
  LayoutSpec spec = LayoutSpec::grouped(16, 32, {DType::F32, true});
  Bytes stored = storageFor(desc, spec, true);
  ASSERT_EQ(stored.size(), 2U * 64 + 2 * 16 + 16 * 32);
  expectOk(pack(desc, spec, w.data(), stored.data(), nullptr));
  float scale;
  std::memcpy(&scale, stored.data(), 4);
  EXPECT_EQ(-16 * scale, -1.6F);
  std::memcpy(&scale, stored.data() + 64, 4);
  EXPECT_EQ(15 * scale, 45.0F);
  EXPECT_EQ(stored[128], 16);
  EXPECT_EQ(stored[129], 8); // a row that is not there
  EXPECT_EQ(stored[128 + 16], 0);
  EXPECT_EQ(stored[160], 15 << 4); // elements 0 and 4: 0 and 15
  EXPECT_EQ(stored[161], 0xff);
  std::vector<float> back(64);
  expectOk(unpack(desc, spec, stored.data(), nullptr, back.data()));
  EXPECT_EQ(back, w);
}

TEST(Grouped, BytesOfEightBits) {
  // 2:4: row 5 is the second of the upper rows of the first eight.
  WeightDesc desc{{6, 64}, 1, 2, 4, DType::F32};
  std::vector<float> w(6 * 64);
  float *row = &w[5 * 64];
  row[4] = -64; // -128 and 127 times 0.5 in group 1 at 0 and 3: code 2
  row[7] = 63.5F;
  row[8] = 0.5F; // group 2, of the next step, at 0 and 1
  LayoutSpec spec = LayoutSpec::grouped(16, 64, {DType::F16, false, 8});
  Bytes stored = storageFor(desc, spec, true);
  ASSERT_EQ(stored.size(), 32U + 3 * 32 + 16 * 32);
  expectOk(pack(desc, spec, w.data(), stored.data(), nullptr));
  EXPECT_EQ(stored[2 * 5] | stored[2 * 5 + 1] << 8, floatToF16(0.5F));
  EXPECT_EQ(stored[32 + 2 * 5 + 1], 2);
  const unsigned char *values = &stored[128];
  // Step 0 has two registers; of the upper, row 5 is the second of four bytes.
  EXPECT_EQ(values[32 + 4 + 1], 0x80); // first of group 1
  EXPECT_EQ(values[32 + 4 + 3], 127);  // second
  EXPECT_EQ(values[2 * 32 + 32 + 4], 1);
  EXPECT_EQ(std::count(values, values + 512, 0), 512 - 3);
  // Dense: four elements of eight rows a register, of zero points 128 less.
  WeightDesc dense{{1, 64}, 1, 1, 1, DType::F32};
  std::vector<float> v(64, -0.5F); // 0 - 1
  v[5] = 127;                      // 255 - 1
  v[6] = 0;
  spec = LayoutSpec::grouped(16, 64, {DType::F32, true, 8});
  stored = storageFor(dense, spec, true);
  ASSERT_EQ(stored.size(), 64U + 16 + 32 * 32);
  expectOk(pack(dense, spec, v.data(), stored.data(), nullptr));
  EXPECT_EQ(stored[64], 1);
  EXPECT_EQ(stored[65], 128); // a row that is not there
  EXPECT_EQ(stored[80], 0x80);
  EXPECT_EQ(stored[80 + 2 * 32 + 1], 127);
  EXPECT_EQ(stored[80 + 2 * 32 + 2], 0x81);
  EXPECT_EQ(stored[80 + 4], 0);
  // A zero point of 256 is stored as 0, and none of 0 is: 255 with the other
  // sign of the scale.
  std::vector<float> back(64);
  for (int zero : {256, 0}) {
    for (size_t i = 0; i < 64; ++i)
      v[i] = float(int(i * 255 / 63) - zero) * 0.25F;
    expectOk(pack(dense, spec, v.data(), stored.data(), nullptr));
    float scale;
    std::memcpy(&scale, stored.data(), 4);
    EXPECT_EQ(scale, zero == 256 ? 0.25F : -0.25F);
    EXPECT_EQ(stored[64], zero == 256 ? 0 : 255);
    expectOk(unpack(dense, spec, stored.data(), nullptr, back.data()));
    EXPECT_EQ(back, v);
  }
}

TEST(Grouped, RangesOfForms) {
  GroupScale scale;
  int16_t integers[32];
  auto fits = [&](std::vector<int> values, GroupForm form) {
    std::vector<float> w(32, float(values.back()) * 0.5F);
    for (size_t i = 0; i < values.size(); ++i)
      w[i] = float(values[i]) * 0.5F;
    if (!recoverGroup(w.data(), 32, form, scale, integers))
      return false;
    for (size_t i = 0; i < w.size(); ++i)
      EXPECT_TRUE(scale.scale * float(integers[i]) == w[i] &&
                  integers[i] + scale.zero >= 0 &&
                  integers[i] + scale.zero <= form.mostStored());
    return true;
  };
  for (DType type : {DType::F16, DType::BF16, DType::F32}) {
    EXPECT_TRUE(fits({-8, 7}, {type, false}));
    EXPECT_TRUE(fits({8, -7}, {type, false}));
    EXPECT_FALSE(fits({8, -8, 1}, {type, false}));
    EXPECT_FALSE(fits({9, 1}, {type, false}));
    EXPECT_TRUE(fits({-16, -1}, {type, true}));
    EXPECT_TRUE(fits({16, 1}, {type, true}));
    EXPECT_FALSE(fits({-16, 1, 0}, {type, true}));
    EXPECT_TRUE(fits({15, 0, 1}, {type, true}));
    EXPECT_TRUE(fits({-3, 12}, {type, true}));
    EXPECT_FALSE(fits({-4, 12, 1}, {type, true}));
    EXPECT_FALSE(fits({17, 16}, {type, true}));
    EXPECT_TRUE(fits({-128, 127}, {type, false, 8}));
    EXPECT_TRUE(fits({128, -127}, {type, false, 8}));
    EXPECT_FALSE(fits({128, -128, 1}, {type, false, 8}));
    EXPECT_FALSE(fits({129, 1}, {type, false, 8}));
    EXPECT_TRUE(fits({-255, 0}, {type, true, 8}));
    EXPECT_TRUE(fits({255, -0}, {type, true, 8}));
    EXPECT_TRUE(fits({-3, 252}, {type, true, 8}));
    EXPECT_TRUE(fits({-256, -1}, {type, true, 8}));
    EXPECT_TRUE(fits({256, 1}, {type, true, 8}));
    EXPECT_FALSE(fits({-256, -1, 0}, {type, true, 8}));
    EXPECT_FALSE(fits({-4, 252, 1}, {type, true, 8}));
    EXPECT_FALSE(fits({257, 256}, {type, true, 8}));
  }
}

TEST(Grouped, GroupsWithoutScaleAreNamed) {
  WeightDesc desc{{2, 128}, 1, 2, 4, DType::F32};
  std::vector<float> w(256, 0);
  w[128 + 64] = 1;
  for (float value : {0.3F, 1.0F / 3, 16.0F, 1.0001F, INFINITY, NAN, 1e30F}) {
    w[128 + 65] = value;
    LayoutSpec spec = LayoutSpec::grouped(16, 64);
    Bytes stored = storageFor(desc, spec, true);
    PackOptions options;
    options.name = "layer.weight";
    expectError(pack(desc, spec, w.data(), stored.data(), nullptr, options),
                {"tensor 'layer.weight'", "group [1, 1]", "elements 64 to 127",
                 "no f16 scale times integers"});
  }
  // Both ends of the range are not there for one sign of the scale.
  w[128 + 64] = 8;
  w[128 + 65] = -8;
  w[128 + 68] = 1;
  Bytes stored = storageFor(desc, LayoutSpec::grouped(16, 64), true);
  expectError(
      pack(desc, LayoutSpec::grouped(16, 64), w.data(), stored.data(), nullptr),
      {"group [1, 1]"});
}

TEST(Grouped, CodesOfNoPairAreRefused) {
  WeightDesc desc{{3, 64}, 1, 2, 4, DType::F32};
  LayoutSpec spec = LayoutSpec::grouped(16, 64);
  std::vector<float> w(192);
  Bytes stored = storageFor(desc, spec, true);
  expectOk(pack(desc, spec, w.data(), stored.data(), nullptr));
  stored[32 + 5] = 7; // row 2, group 1
  expectError(unpack(desc, spec, stored.data(), nullptr, w.data()),
              {"group [2, 1]", "holds 7"});
  expectError(verifyStored(desc, spec, stored.data(), nullptr, "w"),
              {"group [2, 1]"});
  // In every place: steps 0 to 5 in halves of bytes, 6 and 7 in the bits that
  // these leave. Scales take 32 bytes, each register of codes as many.
  stored[32 + 5] = 0;
  for (int64_t group = 0; group < 16; ++group)
    for (unsigned code = 0; code < 8; ++code) {
      Bytes other = stored;
      const int64_t step = group / 2, byte = 32 + 2 * 2 + group % 2;
      if (step < 6)
        other[size_t(byte + step / 2 * 32)] |=
            static_cast<unsigned char>(code << (step % 2 * 4));
      for (int64_t reg = 0; step >= 6 && reg < 3; ++reg)
        other[size_t(byte + reg * 32)] |= static_cast<unsigned char>(
            (code >> reg & 1) << (step == 6 ? 3 : 7));
      Status status = verifyStored(desc, spec, other.data(), nullptr, "w");
      if (code < 6)
        expectOk(status);
      else
        expectError(status,
                    {("group [2, " + std::to_string(group) + "]").c_str()});
    }
}

TEST(Grouped, RefusesWhatItDoesNotHold) {
  auto shapes = [](LayoutSpec spec, int64_t length, int64_t n, int64_t m,
                   int64_t bytes) {
    return storageShapes(spec, {4, length}, 1, n, m, bytes);
  };
  expectError(shapes(LayoutSpec::grouped(16, 64), 96, 2, 4, 4),
              {"groups of 64 do not divide the contraction, 96"});
  expectError(shapes(LayoutSpec::grouped(16, 64), 64, 2, 8, 4),
              {"pattern 2:8"});
  expectError(shapes(LayoutSpec::grouped(16, 64), 64, 2, 4, 2), {"2 bytes"});
  expectError(shapes(LayoutSpec::grouped(8, 64), 64, 2, 4, 4), {"16 or 32"});
  expectError(shapes(LayoutSpec::grouped(16, 48), 96, 2, 4, 4),
              {"depth of 32"});
  WeightDesc desc{{4, 64}, 1, 2, 4, DType::I32};
  std::vector<float> w(256);
  Bytes stored(1 << 12);
  expectError(
      pack(desc, LayoutSpec::grouped(16, 64), w.data(), stored.data(), nullptr),
      {"elements of i32, expected f32"});
}

TEST(Grouped, TextIsParsed) {
  auto spec = parseLayoutSpec("grouped<rows = 16, depth = 64>");
  expectOk(spec);
  EXPECT_EQ(*spec, LayoutSpec::grouped(16, 64));
  EXPECT_EQ(spec->str(), "grouped<rows = 16, depth = 64>");
  expectError(parseLayoutSpec("grouped<rows = 16>"), {"both needed"});
  expectError(parseLayoutSpec("grouped<rows = 16, cols = 8, depth = 64>"),
              {"expected 'rows', 'depth', 'bits', 'scale' or 'zeros'"});
  for (GroupForm form : kForms) {
    LayoutSpec made = LayoutSpec::grouped(16, 64, form);
    auto again = parseLayoutSpec(made.str());
    expectOk(again);
    EXPECT_EQ(*again, made) << made.str();
  }
  EXPECT_EQ(LayoutSpec::grouped(16, 64, {DType::BF16, true}).str(),
            "grouped<rows = 16, depth = 64, scale = bf16, zeros>");
  EXPECT_EQ(LayoutSpec::grouped(16, 64, {DType::F32, false, 8}).str(),
            "grouped<rows = 16, depth = 64, bits = 8, scale = f32>");
  expectError(parseLayoutSpec("grouped<rows = 16, depth = 64, bits = 5>"),
              {"expected 4 or 8 bits"});
  expectError(
      parseLayoutSpec("grouped<rows = 16, depth = 64, zeros, scale = i8>"),
      {"expected f16, bf16 or f32"});
  expectError(parseLayoutSpec("grouped<rows = 16, zeros, depth = 64, zeros>"),
              {"'zeros' is given twice"});
  expectError(parseLayoutSpec("panel<rows = 3, cols = 8, depth = 8, zeros>"),
              {"expected 'rows', 'cols' or 'depth'"});
}

TEST(Grouped, BitsOfAWeight) {
  auto bits = [](int64_t depth, int64_t n, int64_t m, int64_t each = 4) {
    auto spec = LayoutSpec::grouped(16, depth, {DType::F16, false, each});
    return groupedShape(spec, n, m).bitsPerWeight();
  };
  EXPECT_EQ(bits(64, 2, 4), 3.0);
  EXPECT_EQ(bits(32, 2, 4), 3.25);
  EXPECT_EQ(bits(128, 2, 4), 2.875);
  EXPECT_EQ(bits(64, 1, 4), 1.75);
  EXPECT_EQ(bits(64, 1, 1), 4.25);
  EXPECT_EQ(bits(64, 2, 4, 8), 5.0);
  EXPECT_EQ(bits(64, 1, 4, 8), 2.75);
  EXPECT_EQ(bits(32, 1, 1, 8), 8.5);
  LayoutSpec wide = LayoutSpec::grouped(16, 128, {DType::F32, true});
  EXPECT_EQ(groupedShape(wide, 1, 1).bitsPerWeight(), 4.3125);
}
