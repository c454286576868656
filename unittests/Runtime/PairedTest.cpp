//===- PairedTest.cpp - rows that meet in pairs ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Paired.h"
#include "TestUtil.h"
#include "nm/Runtime/Pack.h"
#include <algorithm>
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
  expectOk(check(64, 1024, 384));
  expectOk(check(1, 4, 2));
  expectError(check(0, 4, 2), {"expected positive parameters"});
  expectError(check(1, 4, 0), {"expected an even window from 2 to 384"});
  expectError(check(1, 4, 3), {"expected an even window from 2 to 384"});
  expectError(check(1, 4, 386), {"expected an even window from 2 to 384"});
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
  // Block 0: rows 0, 2, 1, 3 and again 0. Rows 0 and 2 have all in common, of
  // which a step is shared, then 2 and 1 have nothing, 1 and 3 three positions,
  // 3 and 0 nothing that row 0 has left. Block 1: half of a row is a step of
  // its own. The row behind the last is zero.
  EXPECT_EQ(stored.values, (std::vector<int8_t>{1,  2,  13, 14, //
                                                15, 16, 7,  10, //
                                                8,  9,  20, 21, //
                                                19, 22, 3,  4,  //
                                                27, 28, 0,  0,  //
                                                0,  0,  25, 26, //
                                                0,  0,  11, 12, //
                                                0,  0,  17, 18, //
                                                0,  0,  23, 24, //
                                                0,  0,  5,  6,  //
                                                0,  0,  0,  0,  //
                                                0,  0,  29, 30}));
  EXPECT_EQ(stored.metadata,
            (std::vector<uint16_t>{0,  10, 0,  10, //
                                   40, 50, 20, 70, //
                                   30, 60, 30, 60, //
                                   10, 70, 40, 50, //
                                   40, 50, 0,  0,  //
                                   0,  0,  0,  10, //
                                   0,  0,  0,  10, //
                                   0,  0,  20, 30, //
                                   0,  0,  20, 30, //
                                   0,  0,  0,  10, //
                                   0,  0,  0,  0,  //
                                   0,  0,  0,  10, //
                                   0,  1,  2,  0,  1, 1, 3, 0, 0, 0, 1, 0,
                                   0,  0,  1,  0,  2, 0, 3, 0, 0, 0, 1, 0}));
}

/// The positions in common come first, runs ascend, and the two links of a row
/// hold all of it.
TEST(Paired, OrderOfSlotsAndRows) {
  std::mt19937 rng(4);
  WeightDesc desc{{64, 128}, 1, 2, 4, DType::I8};
  std::vector<int8_t> w = randomRows(64, 128, rng);
  ByteStorage stored = packed(desc, LayoutSpec::paired(1, 128, 64), w);
  const uint16_t *heads = stored.metadata.data() + 64 * 64;
  std::vector<std::vector<int64_t>> found(64);
  uint64_t seen = 0;
  int64_t steps = 0;
  for (int64_t link = 0; link < 64; ++link) {
    int64_t rows[2] = {heads[2 * link], heads[(2 * link + 2) % 128]};
    int64_t shared = heads[2 * link + 1];
    steps += shared;
    seen |= uint64_t(1) << rows[0];
    const uint16_t *offsets = stored.metadata.data() + link * 64;
    uint16_t last[2] = {0, 0};
    for (int64_t step = 0; step < 16; ++step, offsets += 4)
      for (int64_t s : {0, 1})
        for (int64_t row : {0, 1}) {
          uint16_t at = offsets[row * 2 + s];
          if (step < shared)
            EXPECT_EQ(at, offsets[s]);
          if ((step != 0 && step != shared) || s != 0)
            EXPECT_GT(at, last[row]);
          last[row] = at;
          found[size_t(rows[row])].push_back(at);
        }
  }
  EXPECT_EQ(seen, ~uint64_t(0));
  for (int64_t row = 0; row < 64; ++row) {
    std::sort(found[size_t(row)].begin(), found[size_t(row)].end());
    std::vector<int64_t> kept;
    for (int64_t k = 0; k < 128; ++k)
      if (w[size_t(row * 128 + k)] != 0)
        kept.push_back(k);
    EXPECT_EQ(found[size_t(row)], kept);
  }
  // By chance a row shares a third of its 64 positions with each neighbour, 10
  // steps: who is chosen shares more.
  EXPECT_GT(steps, 64 * 11);
}

/// Links of one length stand side by side: those of the most steps first, then
/// of one less, then few others.
TEST(Paired, OrderOfLinks) {
  std::mt19937 rng(6);
  for (auto [n, m] : {std::pair<int, int>{2, 4}, {1, 4}, {6, 8}}) {
    WeightDesc desc{{384, 64}, 1, n, m, DType::I8};
    std::vector<int8_t> w(384 * 64);
    for (size_t g = 0; g < w.size(); g += size_t(m)) {
      std::fill_n(w.begin() + g, n, int8_t(1));
      std::shuffle(w.begin() + g, w.begin() + g + m, rng);
    }
    ByteStorage stored = packed(desc, LayoutSpec::paired(1, 64, 384), w);
    const uint16_t *heads = stored.metadata.data() + stored.values.size();
    int64_t most = pairedSteps(64, n, m), fewer = 0, others = 0;
    EXPECT_EQ(most, n == 1 ? 3 : n == 2 ? 7 : 11);
    for (int64_t link = 0; link < 384; ++link) {
      int64_t steps = heads[2 * link + 1];
      ASSERT_LE(steps, most);
      if (others > 0 || steps < most - 1)
        ++others;
      else if (fewer > 0 || steps < most)
        ++fewer;
    }
    EXPECT_GT(384 - fewer - others, 384 * 2 / 3);
    EXPECT_LT(others, 12);
  }
}

/// Rows that share nothing, or all, or all with few others: no row is lost, and
/// those that agree are neighbours.
TEST(Paired, StructuredMasks) {
  for (int64_t alike : {1, 2, 3, 64})
    for (int64_t rows : {1, 2, 63, 64}) {
      WeightDesc desc{{rows, 64}, 1, 1, 4, DType::I8};
      std::vector<int8_t> w(size_t(rows * 64));
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t g = 0; g < 16; ++g)
          w[size_t(row * 64 + g * 4 + (row / alike + g) % 4)] =
              int8_t(1 + row % 100);
      LayoutSpec spec = LayoutSpec::paired(3, 32, 64);
      ByteStorage stored = packed(desc, spec, w);
      std::vector<int8_t> dense(w.size());
      expectOk(verifyStored(desc, spec, stored.values.data(),
                            stored.metadata.data(), "w"));
      expectOk(unpack(desc, spec, stored.values.data(), stored.metadata.data(),
                      dense.data()));
      EXPECT_EQ(dense, w);
    }
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
    uint16_t before = stored.metadata[i];
    for (uint16_t bad : {uint16_t(before + 1), uint16_t(4), uint16_t(65535)}) {
      stored.metadata[i] = bad;
      expectError(verify(), {"tensor 'w'", "paired<", "do not pair"});
      if (i % 2 == 0 || bad > 2)
        expectError(read(), {"metadata", "paired<"});
    }
    stored.metadata[i] = before;
  }
  // Offsets: outside of the block, between rows of a panel, or of another place
  // where both rows should have the same.
  EXPECT_EQ(stored.metadata[offsets + 1], 2);
  for (uint16_t bad : {64, 65535, 1}) {
    uint16_t before = stored.metadata[2];
    stored.metadata[2] = bad;
    expectError(verify(), {"tensor 'w'", "points outside of a block"});
    stored.metadata[2] = before;
    before = stored.metadata[0];
    stored.metadata[0] = bad;
    expectError(read(), {"metadata", "paired<"});
    stored.metadata[0] = before;
  }
  stored.metadata[2] = uint16_t(stored.metadata[2] == 0 ? 4 : 0);
  expectError(verify(), {"tensor 'w'", "do not pair"});
}
