//===- SharedTest.cpp - rows that share their mask ------------------------===//
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

TEST(Shared, Text) {
  EXPECT_EQ(LayoutSpec::shared(4, 24, 256).str(),
            "shared<rows = 4, cols = 24, depth = 256>");
  expectError(parseLayoutSpec("shared<rows = 4>"), {"are all needed"});
  expectError(parseLayoutSpec("shared<lanes = 4>"), {"expected 'rows'"});
}

TEST(Shared, Bytes) {
  // 3 rows in groups of 2, K = 12 in blocks of 8 and 4, 1:4.
  WeightDesc desc{{3, 12}, 1, 1, 4, DType::I8};
  std::vector<int8_t> w = {0, 1, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, //
                           0, 4, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, //
                           0, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 9};
  LayoutSpec spec = LayoutSpec::shared(2, 10, 8);
  ByteStorage stored(desc, spec);
  expectOk(
      pack(desc, spec, w.data(), stored.values.data(), stored.metadata.data()));
  EXPECT_EQ(stored.values, (std::vector<int8_t>{1, 2, 0, 0, 4, 5, 0, 0, 7, 8, 0,
                                                0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0,
                                                0, 0, 9, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(stored.metadata,
            (std::vector<uint16_t>{10, 60, 0, 0, 30, 40, 0, 0, //
                                   0, 0, 0, 0, 30, 0, 0, 0}));
}

TEST(Shared, RoundTripsAndConverts) {
  std::mt19937_64 rng(3);
  for (int round = 0; round < 200; ++round) {
    const std::pair<int, int> patterns[] = {{2, 4}, {1, 8}, {3, 7}, {5, 64}};
    auto [n, m] = patterns[rng() % 4];
    int64_t rows = 1 + int64_t(rng() % 40), share = 2 << rng() % 2;
    int64_t length = m * int64_t(1 + rng() % 9);
    bool rowsLast = rng() % 2;
    WeightDesc desc{{rows, length}, 1, n, m, DType::I8};
    if (rowsLast) {
      desc.shape = {length, rows};
      desc.axis = 0;
    }
    std::vector<int8_t> w(size_t(rows * length));
    for (int64_t r0 = 0; r0 < rows; r0 += share)
      for (int64_t g = 0; g < length; g += m)
        for (int j = 0; j < n; ++j) {
          int64_t k = g + int64_t(rng() % uint64_t(m));
          for (int64_t r = r0; r < std::min(rows, r0 + share); ++r)
            w[size_t(rowsLast ? k * rows + r : r * length + k)] =
                int8_t(rng() % 5);
        }
    auto found = sharedRows(desc, w.data());
    expectOk(found);
    EXPECT_GE(*found, share);
    LayoutSpec spec = LayoutSpec::shared(share, 3, m * int64_t(1 + rng() % 4));
    ByteStorage stored(desc, spec);
    expectOk(pack(desc, spec, w.data(), stored.values.data(),
                  stored.metadata.data()));
    std::vector<int8_t> back(w.size(), 77);
    expectOk(unpack(desc, spec, stored.values.data(), stored.metadata.data(),
                    back.data()));
    EXPECT_EQ(back, w);
    // By way of the panel layout, in both directions.
    LayoutSpec panel = LayoutSpec::panel(3, 5, m * 2);
    ByteStorage other(desc, panel);
    expectOk(convert(desc, spec, stored.values.data(), stored.metadata.data(),
                     panel, other.values.data(), other.metadata.data()));
    ByteStorage again(desc, spec);
    expectOk(convert(desc, panel, other.values.data(), other.metadata.data(),
                     spec, again.values.data(), again.metadata.data()));
    EXPECT_EQ(again.values, stored.values);
    EXPECT_EQ(again.metadata, stored.metadata);
  }
}

TEST(Shared, RowsThatDiffer) {
  WeightDesc desc{{4, 8}, 1, 1, 4, DType::I8};
  std::vector<int8_t> w(32);
  w[1] = w[9] = 1; // rows 0 and 1 agree
  w[22] = 2;       // row 2, group 1
  w[29] = 3;       // row 3, group 1, elsewhere
  auto found = sharedRows(desc, w.data());
  expectOk(found);
  EXPECT_EQ(*found, 1);
  LayoutSpec spec = LayoutSpec::shared(2, 4, 8);
  ByteStorage stored(desc, spec);
  expectError(
      pack(desc, spec, w.data(), stored.values.data(), stored.metadata.data()),
      {"group [2, 1]", "2 positions", "at most 1"});
  w[29] = 0;
  EXPECT_EQ(*sharedRows(desc, w.data()), 4);
  w[19] = 4; // group 0, not where rows 0 and 1 are
  EXPECT_EQ(*sharedRows(desc, w.data()), 2);
}

TEST(Shared, OffsetsFromOutsideAreChecked) {
  WeightDesc desc{{2, 8}, 1, 1, 4, DType::I8};
  LayoutSpec spec = LayoutSpec::shared(2, 4, 8);
  std::vector<int8_t> w(16), back(16);
  ByteStorage stored(desc, spec);
  expectOk(
      pack(desc, spec, w.data(), stored.values.data(), stored.metadata.data()));
  stored.metadata[1] = 65535;
  expectError(unpack(desc, spec, stored.values.data(), stored.metadata.data(),
                     back.data()),
              {"metadata", "65535"});
}
