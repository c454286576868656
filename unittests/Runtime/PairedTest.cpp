//===- PairedTest.cpp - rows that meet in pairs ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Runtime/Pack.h"
#include <cstring>
#include <random>

using namespace nm::rt;
using namespace nm::rt::test;

namespace {

ByteStorage packed(const WeightDesc &desc, const LayoutSpec &spec,
                   const std::vector<int8_t> &dense) {
  ByteStorage storage(desc, spec);
  expectOk(pack(desc, spec, dense.data(), storage.values.data(),
                storage.metadata.data()));
  return storage;
}

/// Rows of 2:4 that all differ.
std::vector<int8_t> randomRows(int64_t rows, int64_t length,
                               std::mt19937 &rng) {
  std::vector<int8_t> dense(size_t(rows * length));
  for (int64_t g = 0; g < rows * length; g += 4)
    for (int64_t first = int64_t(rng() % 4), j = 0; j < 2; ++j)
      dense[size_t(g + (first + j * int64_t(1 + rng() % 3)) % 4)] =
          int8_t(1 + rng() % 100);
  return dense;
}

} // namespace

TEST(Paired, Text) {
  LayoutSpec spec = LayoutSpec::paired(128, 64, 32);
  EXPECT_EQ(spec.str(), "paired<cols = 128, depth = 64, window = 32>");
  EXPECT_NE(spec, LayoutSpec::paired(128, 64, 64));
  expectError(parseLayoutSpec("paired<cols = 4>"), {"are all needed"});
}

TEST(Paired, Parameters) {
  auto check = [](int64_t cols, int64_t depth, int64_t window) {
    return checkLayout(LayoutSpec::paired(cols, depth, window));
  };
  expectOk(check(64, 1024, 64));
  expectOk(check(1, 4, 2));
  expectError(check(0, 4, 2), {"expected positive parameters"});
  expectError(check(1, 4, 0), {"expected an even window from 2 to 64"});
  expectError(check(1, 4, 3), {"expected an even window from 2 to 64"});
  expectError(check(1, 4, 66), {"expected an even window from 2 to 64"});
  expectError(check(1, 1028, 2), {"expected a depth of at most 1024"});
  expectError(check(128, 516, 2), {"exceeds 65536"});
  std::vector<int64_t> shape{8, 16};
  expectError(storageShapes(LayoutSpec::paired(1, 4, 2), shape, 1, 4, 4, 1),
              {"dense weight", "expected N < M"});
  expectError(storageShapes(LayoutSpec::paired(1, 6, 2), shape, 1, 2, 4, 1),
              {"depth is not a multiple of M = 4"});
}

/// By hand: five rows in a window of four and one of one, two blocks.
TEST(Paired, Bytes) {
  WeightDesc desc{{5, 12}, 1, 2, 4, DType::I8};
  std::vector<int8_t> w = {1,  2,  0, 0,  3,  4,  0,  0,  5,  6,  0,  0,  //
                           0,  0,  7, 8,  0,  0,  9,  10, 11, 12, 0,  0,  //
                           13, 14, 0, 0,  15, 16, 0,  0,  0,  0,  17, 18, //
                           0,  19, 0, 20, 0,  0,  21, 22, 0,  0,  23, 24, //
                           25, 26, 0, 0,  27, 28, 0,  0,  29, 30, 0,  0};
  ByteStorage stored = packed(desc, LayoutSpec::paired(10, 8, 4), w);
  // Block 0: rows 0 and 2 have all in common, 1 and 3 three positions, which
  // are no step. Block 1: rows 0 and 1 first, then 2 and 3; two positions in
  // common. The row behind the last is zero.
  EXPECT_EQ(stored.values,
            (std::vector<int8_t>{1,  2,  3,  4,  13, 14, 15, 16, //
                                 7,  8,  9,  10, 19, 20, 21, 22, //
                                 25, 26, 27, 28, 0,  0,  0,  0,  //
                                 5,  6,  0,  0,  11, 12, 0,  0,  //
                                 17, 18, 0,  0,  23, 24, 0,  0,  //
                                 29, 30, 0,  0,  0,  0,  0,  0}));
  EXPECT_EQ(stored.metadata,
            (std::vector<uint16_t>{0,  10, 40, 50, 0,  10, 40, 50, //
                                   20, 30, 60, 70, 10, 30, 60, 70, //
                                   0,  10, 40, 50, 0,  0,  0,  0,  //
                                   0,  10, 0,  0,  0,  10, 0,  0,  //
                                   20, 30, 0,  0,  20, 30, 0,  0,  //
                                   0,  10, 0,  0,  0,  0,  0,  0,  //
                                   0,  2,  1,  0,  1,  3,  0,  0,  //
                                   0,  1,  0,  0,                  //
                                   0,  1,  0,  0,  2,  3,  0,  0,  //
                                   0,  1,  0,  0}));
}

/// The positions in common come first, both runs ascend, and pairs are in the
/// order of what they have in common.
TEST(Paired, OrderOfSlotsAndPairs) {
  std::mt19937 rng(4);
  WeightDesc desc{{64, 128}, 1, 2, 4, DType::I8};
  std::vector<int8_t> w = randomRows(64, 128, rng);
  ByteStorage stored = packed(desc, LayoutSpec::paired(1, 128, 64), w);
  const uint16_t *heads = stored.metadata.data() + 64 * 64;
  uint16_t before = 64;
  uint64_t seen = 0;
  int64_t steps = 0;
  for (int64_t pair = 0; pair < 32; ++pair, heads += 4) {
    EXPECT_LE(heads[2], before);
    before = heads[2];
    steps += heads[2];
    seen |= uint64_t(1) << heads[0] | uint64_t(1) << heads[1];
    const uint16_t *offsets = stored.metadata.data() + pair * 128;
    uint16_t last[2] = {0, 0};
    for (int64_t step = 0; step < 16; ++step, offsets += 8)
      for (int64_t s = 0; s < 4; ++s)
        for (int64_t row : {0, 1}) {
          uint16_t at = offsets[row * 4 + s];
          if (step < heads[2])
            EXPECT_EQ(at, offsets[s]);
          if ((step != 0 && step != heads[2]) || s != 0)
            EXPECT_GT(at, last[row]);
          last[row] = at;
          EXPECT_NE(w[size_t(heads[row] * 128 + at)], 0);
        }
  }
  EXPECT_EQ(seen, ~uint64_t(0));
  // By chance 32 of 64 positions, 7 steps: who is chosen has more.
  EXPECT_GT(steps, 32 * 8);
}

TEST(Paired, DamageIsFound) {
  std::mt19937 rng(5);
  WeightDesc desc{{7, 32}, 1, 2, 4, DType::I8};
  LayoutSpec spec = LayoutSpec::paired(4, 16, 4);
  std::vector<int8_t> w = randomRows(7, 32, rng);
  // Rows 0 and 3 agree.
  std::copy_n(w.begin(), 32, w.begin() + 96);
  ByteStorage stored = packed(desc, spec, w);
  auto verify = [&] {
    return verifyStored(desc, spec, stored.values.data(),
                        stored.metadata.data(), "w");
  };
  auto read = [&] {
    std::vector<int8_t> dense(w.size());
    Status status = unpack(desc, spec, stored.values.data(),
                           stored.metadata.data(), dense.data());
    if (status.ok())
      EXPECT_EQ(dense, w);
    return status;
  };
  expectOk(verify());
  expectOk(read());
  size_t offsets = 8 * 16, heads = stored.metadata.size() - offsets;
  ASSERT_EQ(heads, 2u * 4 * 4);
  for (size_t i = offsets; i < stored.metadata.size(); ++i) {
    if (i % 4 == 3) // says nothing
      continue;
    uint16_t before = stored.metadata[i];
    for (uint16_t bad : {uint16_t(before + 1), uint16_t(4), uint16_t(65535)}) {
      stored.metadata[i] = bad;
      expectError(verify(), {"tensor 'w'", "paired<", "do not pair"});
      if (i % 4 != 2 || bad > 2)
        expectError(read(), {"metadata", "paired<"});
    }
    stored.metadata[i] = before;
  }
  // Offsets: outside of the block, between rows of a panel, or of another place
  // where both rows should have the same.
  EXPECT_EQ(stored.metadata[offsets + 2], 2);
  for (uint16_t bad : {64, 65535, 1}) {
    uint16_t before = stored.metadata[4];
    stored.metadata[4] = bad;
    expectError(verify(), {"tensor 'w'", "points outside of a block"});
    stored.metadata[4] = before;
    before = stored.metadata[0];
    stored.metadata[0] = bad;
    expectError(read(), {"metadata", "paired<"});
    stored.metadata[0] = before;
  }
  stored.metadata[4] = uint16_t(stored.metadata[4] == 0 ? 4 : 0);
  expectError(verify(), {"tensor 'w'", "do not pair"});
}
