//===- PackTest.cpp -------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Pack.h"
#include "TestUtil.h"
#include "nm/Runtime/nm_runtime.h"
#include <cmath>

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
struct Stored {
  std::vector<unsigned char> values, metadata;
};

Stored storageFor(const WeightDesc &desc, const LayoutSpec &spec) {
  auto shapes = storageShapes(spec, desc.shape, desc.axis, desc.n, desc.m,
                              elementBytes(desc.dtype));
  EXPECT_TRUE(shapes.ok());
  // Poisoned: padding must be written too.
  return {std::vector<unsigned char>(size_t(shapes->values.bytes()), 0xcd),
          std::vector<unsigned char>(size_t(shapes->metadata.bytes()), 0xcd)};
}

Result<Stored> packed(const WeightDesc &desc, const LayoutSpec &spec,
                      const void *dense, const PackOptions &options = {}) {
  Stored stored = storageFor(desc, spec);
  auto stats = pack(desc, spec, dense, stored.values.data(),
                    stored.metadata.data(), options);
  if (!stats)
    return stats.error();
  return stored;
}

std::vector<unsigned char>
unpacked(const WeightDesc &desc, const LayoutSpec &spec, const Stored &stored) {
  std::vector<unsigned char> dense(
      size_t(product(desc.shape) * elementBytes(desc.dtype)), 0xcd);
  expectOk(unpack(desc, spec, stored.values.data(), stored.metadata.data(),
                  dense.data()));
  return dense;
}

template <typename T> std::vector<T> as(const std::vector<unsigned char> &b) {
  std::vector<T> values(b.size() / sizeof(T));
  std::memcpy(values.data(), b.data(), b.size());
  return values;
}
} // namespace

TEST(Pack, CanonicalBytes) {
  WeightDesc desc{{2, 8}, 1, 2, 4, DType::F32};
  std::vector<float> w = {0, 1, 0, 2, 3, 4, 0, 0, //
                          0, 0, 0, 5, 0, 0, 0, 0};
  auto stored = packed(desc, LayoutSpec::canonical(), w.data());
  expectOk(stored);
  EXPECT_EQ(as<float>(stored->values),
            (std::vector<float>{1, 2, 3, 4, 0, 5, 0, 0}));
  // Indices 1 3 0 1 and 0 3 0 1, two bits each, first index lowest.
  EXPECT_EQ(stored->metadata,
            (std::vector<unsigned char>{0b01001101, 0b01001100}));
}

TEST(Pack, CanonicalAlongTheFirstAxis) {
  WeightDesc desc{{4, 3}, 0, 1, 4, DType::I8};
  std::vector<int8_t> w = {0, 5, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0};
  auto stored = packed(desc, LayoutSpec::canonical(), w.data());
  expectOk(stored);
  EXPECT_EQ(as<int8_t>(stored->values), (std::vector<int8_t>{7, 5, 0}));
  EXPECT_EQ(stored->metadata, (std::vector<unsigned char>{2, 0, 0}));
}

TEST(Pack, PanelBytes) {
  // 3 rows in groups of 2, K = 12 in blocks of 8 and 4, 1:4.
  WeightDesc desc{{3, 12}, 1, 1, 4, DType::I8};
  std::vector<int8_t> w = {0, 1, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, //
                           4, 0, 0, 0, 0, 5, 0, 0, 0, 0, 6, 0, //
                           0, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 9};
  LayoutSpec spec = LayoutSpec::panel(2, 10, 8);
  auto stored = packed(desc, spec, w.data());
  expectOk(stored);
  EXPECT_EQ(
      as<int8_t>(stored->values),
      (std::vector<int8_t>{1, 2, 0, 0, 4, 5, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0,
                           3, 0, 0, 0, 6, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(as<uint16_t>(stored->metadata),
            (std::vector<uint16_t>{10, 60, 0, 0, 0,  50, 0, 0, //
                                   30, 40, 0, 0, 0,  0,  0, 0, //
                                   0,  0,  0, 0, 20, 0,  0, 0, //
                                   30, 0,  0, 0, 0,  0,  0, 0}));
}

TEST(Pack, PanelInterleavesQuads) {
  // 8 slots a row: quads of both rows alternate.
  WeightDesc desc{{2, 8}, 1, 1, 1, DType::I8};
  std::vector<int8_t> w = {1, 2,  3,  4,  5,  6,  7,  8,
                           9, 10, 11, 12, 13, 14, 15, 16};
  auto stored = packed(desc, LayoutSpec::panel(2, 1, 8), w.data());
  expectOk(stored);
  EXPECT_EQ(as<int8_t>(stored->values),
            (std::vector<int8_t>{1, 2, 3, 4, 9, 10, 11, 12, 5, 6, 7, 8, 13, 14,
                                 15, 16}));
}

TEST(Pack, UnderFullGroupsNameTheLowestZeros) {
  WeightDesc desc{{8}, 0, 3, 8, DType::F32};
  std::vector<float> w = {0, 0, 9, 0, 0, 0, 0, 0};
  auto stored = packed(desc, LayoutSpec::canonical(), w.data());
  expectOk(stored);
  EXPECT_EQ(as<float>(stored->values), (std::vector<float>{0, 0, 9}));
  EXPECT_EQ(stored->metadata, (std::vector<unsigned char>{0b10001000, 0}));
}

TEST(Pack, RoundTripsAcrossAllLayouts) {
  std::mt19937 rng(3);
  const std::pair<int, int> patterns[] = {
      {1, 1},  {2, 4}, {1, 4}, {2, 8},   {4, 8},   {3, 7},  {1, 16},
      {4, 4},  {5, 9}, {1, 2}, {7, 64},  {33, 63}, {3, 16}, {1, 32},
      {9, 32}, {3, 4}, {5, 8}, {12, 16}, {31, 32}};
  const DType types[] = {DType::I8, DType::BF16, DType::F16, DType::F32,
                         DType::I32};
  for (int round = 0; round < 400; ++round) {
    auto [n, m] = patterns[rng() % std::size(patterns)];
    std::vector<int64_t> shape;
    for (uint64_t rank = 1 + rng() % 4; rank > 0; --rank)
      shape.push_back(1 + int64_t(rng() % 6));
    if (rng() % 16 == 0)
      shape[rng() % shape.size()] = 0;
    int64_t axis = int64_t(rng() % shape.size());
    shape[size_t(axis)] = m * int64_t(rng() % 40);
    WeightDesc desc{shape, axis, n, m, types[rng() % std::size(types)]};
    SCOPED_TRACE(shapeString(shape) + " axis " + std::to_string(axis) + " " +
                 std::to_string(n) + ":" + std::to_string(m) + " " +
                 std::string(dtypeName(desc.dtype)));
    auto dense = randomWeight(desc, rng);
    std::vector<LayoutSpec> specs = {
        LayoutSpec::dense(), LayoutSpec::canonical(),
        LayoutSpec::panel(1 + int64_t(rng() % 9), 1 + int64_t(rng() % 33),
                          m * (1 + int64_t(rng() % 12))),
        LayoutSpec::panel(1 + int64_t(rng() % 9), 1, m * 16)};
    specs.push_back(LayoutSpec::whole(1 + int64_t(rng() % 9),
                                      1 + int64_t(rng() % 33),
                                      m * (1 + int64_t(rng() % 12))));
    if (n < m)
      specs.push_back(LayoutSpec::paired(1 + int64_t(rng() % 33),
                                         m * (1 + int64_t(rng() % 12)),
                                         2 * (1 + int64_t(rng() % 32))));
    for (int64_t lanes : {4, 8, 16, 32})
      for (int64_t interleave : {1, 2, 4})
        if (laneSupports(lanes, n, m)) {
          specs.push_back(LayoutSpec::lane(lanes, interleave));
          specs.push_back(LayoutSpec::lanePanel(specs.back(), specs[2]));
        }
    for (const LayoutSpec &from : specs) {
      auto source = packed(desc, from, dense.data());
      expectOk(source);
      EXPECT_EQ(unpacked(desc, from, *source), dense) << from.str();
      for (const LayoutSpec &to : specs) {
        auto direct = packed(desc, to, dense.data());
        expectOk(direct);
        Stored converted = storageFor(desc, to);
        expectOk(convert(desc, from, source->values.data(),
                         source->metadata.data(), to, converted.values.data(),
                         converted.metadata.data()));
        EXPECT_EQ(converted.values, direct->values)
            << from.str() << " to " << to.str();
        EXPECT_EQ(converted.metadata, direct->metadata)
            << from.str() << " to " << to.str();
      }
    }
  }
}

TEST(Pack, LaneWithoutIndicesKeepsPositions) {
  WeightDesc desc{{2, 8}, 1, 3, 4, DType::F32};
  std::vector<float> w = {1, 0, 2, 3, 0, 0, 4, 0, 5, 6, 0, 0, 0, 7, 8, 9};
  auto stored = packed(desc, LayoutSpec::lane(8), w.data());
  expectOk(stored);
  EXPECT_EQ(as<float>(stored->values), w);
  EXPECT_TRUE(stored->metadata.empty());
  // More non-zeros than the pattern allows are no weight of the pattern.
  std::vector<float> full = w;
  full[1] = 1;
  std::vector<float> dense(w.size());
  expectError(
      unpack(desc, LayoutSpec::lane(8), full.data(), nullptr, dense.data()),
      {"group [0, 0]", "holds 4 non-zeros", "at most 3 for 3:4"});
}

TEST(Pack, WholeBytes) {
  // 3 rows in groups of 2, K = 18 in blocks of 12 and 6, 2:6: all elements,
  // and zeros that fill the last quad and the last row group.
  WeightDesc desc{{3, 18}, 1, 2, 6, DType::I8};
  std::vector<int8_t> w = {
      1, 0, 0, 0, 2, 0, 0, 3, 0,  0,  0, 4, 5, 0,  0, 0, 0, 6, //
      0, 7, 8, 0, 0, 0, 9, 0, 0,  0,  0, 0, 0, 0,  0, 0, 0, 0, //
      0, 0, 0, 0, 0, 0, 0, 0, 10, 11, 0, 0, 0, 12, 0, 0, 0, 0};
  auto stored = packed(desc, LayoutSpec::whole(2, 10, 12), w.data());
  expectOk(stored);
  EXPECT_EQ(
      as<int8_t>(stored->values),
      (std::vector<int8_t>{1, 0,  0, 0, 0, 7, 8, 0, 2,  0,  0, 3, 0, 0, 9, 0, //
                           0, 0,  0, 4, 0, 0, 0, 0, 0,  0,  0, 0, 0, 0, 0, 0, //
                           0, 0,  0, 0, 0, 0, 0, 0, 10, 11, 0, 0, 0, 0, 0, 0, //
                           5, 0,  0, 0, 0, 0, 0, 0, 0,  6,  0, 0, 0, 0, 0, 0, //
                           0, 12, 0, 0, 0, 0, 0, 0, 0,  0,  0, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(stored->metadata.empty());
}

TEST(Pack, WholeHasThePattern) {
  WeightDesc desc{{2, 8}, 1, 2, 4, DType::F32};
  std::vector<float> w = {1, 0, 2, 0, 0, 0, 4, 0, 5, 6, 0, 0, 0, 7, 8, 9};
  LayoutSpec spec = LayoutSpec::whole(2, 4, 8);
  PackOptions options;
  options.name = "w";
  expectError(packed(desc, spec, w.data(), options),
              {"tensor 'w'", "group [1, 1]", "elements 4 to 7",
               "holds 3 non-zeros", "at most 2 for 2:4"});
  options.derive = true;
  auto stored = packed(desc, spec, w.data(), options);
  expectOk(stored);
  w[13] = 0;
  EXPECT_EQ(as<float>(unpacked(desc, spec, *stored)), w);
  expectOk(verifyStored(desc, spec, stored->values.data(), nullptr, "w"));
  // Nor does a stored weight count that has lost it.
  auto *values = reinterpret_cast<float *>(stored->values.data());
  values[4 + 8 + 1] = 7;
  EXPECT_EQ(values[4 + 8 + 2], 8);
  expectError(verifyStored(desc, spec, stored->values.data(), nullptr, "w"),
              {"tensor 'w'", "group [1, 1]", "holds 3 non-zeros"});
}

TEST(Pack, LargeAndParallelEqualsSerial) {
  std::mt19937 rng(9);
  for (int64_t axis : {0, 1}) {
    WeightDesc desc{{771, 1024}, axis, 2, 4, DType::F32};
    desc.shape[size_t(axis)] = 1024;
    desc.shape[size_t(1 - axis)] = 771;
    auto dense = randomWeight(desc, rng);
    for (LayoutSpec spec :
         {LayoutSpec::canonical(), LayoutSpec::panel(3, 32, 192),
          LayoutSpec::whole(6, 64, 128)}) {
      nm_set_num_threads(1);
      auto serial = packed(desc, spec, dense.data());
      nm_set_num_threads(4);
      auto parallel = packed(desc, spec, dense.data());
      nm_set_num_threads(0);
      expectOk(serial);
      expectOk(parallel);
      EXPECT_EQ(serial->values, parallel->values);
      EXPECT_EQ(serial->metadata, parallel->metadata);
      EXPECT_EQ(unpacked(desc, spec, *parallel), dense);
    }
  }
}

TEST(Pack, OverFullGroupIsNamed) {
  WeightDesc desc{{2, 2, 8}, 2, 2, 4, DType::F32};
  std::vector<float> w(32);
  w[29] = w[30] = w[31] = 1;
  PackOptions options;
  options.name = "layer.weight";
  for (LayoutSpec spec : {LayoutSpec::dense(), LayoutSpec::canonical(),
                          LayoutSpec::panel(2, 4, 8)})
    expectError(packed(desc, spec, w.data(), options),
                {"tensor 'layer.weight'", "group [1, 1, 1]", "axis 2",
                 "elements 4 to 7", "holds 3 non-zeros", "at most 2"});
}

TEST(Pack, MaskAndDerivation) {
  WeightDesc desc{{1, 8}, 1, 2, 4, DType::F32};
  std::vector<float> w = {1, 2, 3, 4, 4, NAN, 2, 1};
  std::vector<uint8_t> kept = {1, 0, 0, 1, 0, 1, 0, 0};
  Mask mask;
  mask.shape = desc.shape;
  mask.data = kept.data();
  PackOptions options;
  options.mask = &mask;
  for (LayoutSpec spec : {LayoutSpec::dense(), LayoutSpec::canonical(),
                          LayoutSpec::panel(2, 4, 8)}) {
    auto stored = packed(desc, spec, w.data(), options);
    expectOk(stored);
    auto dense = as<float>(unpacked(desc, spec, *stored));
    EXPECT_TRUE(std::isnan(dense[5]));
    dense[5] = 9;
    EXPECT_EQ(dense, (std::vector<float>{1, 0, 0, 4, 0, 9, 0, 0}));
  }
  options.mask = nullptr;
  options.derive = true;
  Stored stored = storageFor(desc, LayoutSpec::canonical());
  auto stats = pack(desc, LayoutSpec::canonical(), w.data(),
                    stored.values.data(), stored.metadata.data(), options);
  expectOk(stats);
  EXPECT_EQ(stats->prunedGroups, 2);
  auto dense = as<float>(unpacked(desc, LayoutSpec::canonical(), stored));
  EXPECT_TRUE(std::isnan(dense[5]));
  dense[5] = 9;
  EXPECT_EQ(dense, (std::vector<float>{0, 0, 3, 4, 4, 9, 0, 0}));
  mask.shape = {8};
  options.mask = &mask;
  expectError(packed(desc, LayoutSpec::canonical(), w.data(), options),
              {"mask of shape [8]", "[1, 8]"});
}

TEST(Pack, MaskAlongTheFirstAxisAndWithoutPattern) {
  std::vector<float> w = {1, 2, 3, 4, 5, 6};
  uint8_t bits = 0b110001; // flat
  Mask mask;
  mask.form = Mask::Form::FlatBits;
  mask.shape = {2, 3};
  mask.data = &bits;
  PackOptions options;
  options.mask = &mask;
  WeightDesc desc{{2, 3}, 0, 1, 2, DType::F32};
  auto stored = packed(desc, LayoutSpec::canonical(), w.data(), options);
  expectOk(stored);
  EXPECT_EQ(as<float>(unpacked(desc, LayoutSpec::canonical(), *stored)),
            (std::vector<float>{1, 0, 0, 0, 5, 6}));
  desc.n = desc.m = 1;
  stored = packed(desc, LayoutSpec::dense(), w.data(), options);
  expectOk(stored);
  EXPECT_EQ(as<float>(stored->values), (std::vector<float>{1, 0, 0, 0, 5, 6}));
}

TEST(Pack, NegativeZeroIsZero) {
  WeightDesc desc{{4}, 0, 1, 4, DType::F32};
  std::vector<float> w = {-0.f, -0.f, 3, -0.f};
  auto stored = packed(desc, LayoutSpec::canonical(), w.data());
  expectOk(stored);
  EXPECT_EQ(as<float>(stored->values), std::vector<float>{3});
}

TEST(Unpack, RefusesIllegalMetadata) {
  WeightDesc desc{{1, 7}, 1, 3, 7, DType::I8};
  std::vector<unsigned char> values = {1, 2, 3}, dense(7);
  // Indices 0 1 7: seven is out of the group.
  std::vector<unsigned char> metadata = {0b11001000, 0b1};
  expectError(unpack(desc, LayoutSpec::canonical(), values.data(),
                     metadata.data(), dense.data()),
              {"metadata", "group [0, 0]", "holds 7"});
  // Indices 1 1 2: not ascending.
  metadata = {0b10001001, 0};
  expectError(unpack(desc, LayoutSpec::canonical(), values.data(),
                     metadata.data(), dense.data()),
              {"metadata", "holds 1"});
  LayoutSpec panel = LayoutSpec::panel(1, 2, 7);
  std::vector<unsigned char> slots = {1, 2, 3, 0};
  for (uint16_t bad : {1, 14, 65535, 0}) {
    std::vector<uint16_t> offsets = {0, bad, 8, 0};
    expectError(unpack(desc, panel, slots.data(), offsets.data(), dense.data()),
                {"metadata", "panel"});
  }
}

/// Every offset of panels with full and part blocks and rows, in every place,
/// padding too: 2 to 64 columns, powers of two and others. A kernel reads a
/// block's length times `cols` elements of the other operand, in steps of
/// `cols`.
TEST(VerifyStored, OffsetsOfPanelsStayInTheirBlocks) {
  for (int64_t cols : {2, 3, 16, 24, 64}) {
    WeightDesc desc{{5, 40}, 1, 2, 4, DType::F32};
    LayoutSpec panel = LayoutSpec::panel(3, cols, 24);
    std::vector<float> dense(5 * 40);
    for (size_t i = 0; i < dense.size(); ++i)
      dense[i] = i % 2 ? 0.0f : float(i + 1);
    auto stored = packed(desc, panel, dense.data());
    ASSERT_TRUE(stored.ok());
    auto *offsets = reinterpret_cast<uint16_t *>(stored->metadata.data());
    size_t count = stored->metadata.size() / 2, firstBlock = 6 * 12;
    auto verify = [&] {
      return verifyStored(desc, panel, stored->values.data(), offsets, "w");
    };
    expectOk(verify());
    ASSERT_EQ(count, firstBlock + 6 * 8);
    for (size_t i = 0; i < count; ++i) {
      int64_t length = i < firstBlock ? 24 : 16;
      uint16_t before = offsets[i];
      offsets[i] = uint16_t((length - 1) * cols);
      expectOk(verify());
      for (int64_t bad : {length * cols, (length - 1) * cols + 1, int64_t(1),
                          int64_t(65535)}) {
        offsets[i] = uint16_t(bad);
        expectError(verify(), {"'w'", "panel", "points outside of a block"});
      }
      offsets[i] = before;
    }
  }
}

TEST(Pack, RefusesIllegalDescriptions) {
  std::vector<float> w(64);
  WeightDesc desc{{64}, 0, 2, 4, DType::F64};
  expectError(pack(desc, LayoutSpec::canonical(), w.data(), w.data(), w.data()),
              {"8 bytes"});
  desc.dtype = DType::Unknown;
  expectError(pack(desc, LayoutSpec::canonical(), w.data(), w.data(), w.data()),
              {"unknown"});
}
