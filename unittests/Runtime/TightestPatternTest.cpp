//===- TightestPatternTest.cpp --------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Runtime/Sparsity.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
/// The definition, literally.
AxisPattern slow(const std::vector<float> &w, const std::vector<int64_t> &shape,
                 size_t axis) {
  int64_t inner = 1, length = shape[axis];
  for (size_t i = axis + 1; i < shape.size(); ++i)
    inner *= shape[i];
  AxisPattern best;
  best.axis = int64_t(axis);
  for (int64_t m = 2; m <= 64; ++m) {
    if (length % m)
      continue;
    int64_t most = 0;
    for (int64_t g = 0; g < int64_t(w.size()) / m; ++g) {
      int64_t base = g / inner * m * inner + g % inner, held = 0;
      for (int64_t k = 0; k < m; ++k)
        held += w[size_t(base + k * inner)] != 0;
      most = std::max(most, held);
    }
    if (most * best.m < best.n * m)
      best.n = most, best.m = m;
  }
  return best;
}
} // namespace

TEST(TightestPattern, MatchesTheDefinition) {
  std::mt19937 rng(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<int64_t> shape;
    for (uint64_t rank = 1 + rng() % 3; rank > 0; --rank) {
      static const int64_t dims[] = {1,  2,  3,  4,  7,  12,
                                     16, 21, 64, 65, 96, 128};
      shape.push_back(dims[rng() % std::size(dims)]);
    }
    if (product(shape) > 100000)
      continue;
    std::vector<float> w(size_t(product(shape)));
    unsigned rate = 1 + unsigned(rng() % 20);
    for (float &value : w)
      value = rng() % rate == 0 ? 1.f : 0.f;
    w[rng() % w.size()] = 1;
    auto report = tightestPattern(denseView(w.data(), DType::F32, shape));
    expectOk(report);
    ASSERT_EQ(report->axes.size(), shape.size());
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      AxisPattern expected = slow(w, shape, axis);
      const AxisPattern &found = report->axes[axis];
      EXPECT_EQ(found.n * expected.m, expected.n * found.m)
          << shapeString(shape) << " axis " << axis << ": " << found.n << ":"
          << found.m << " expected " << expected.n << ":" << expected.m;
      EXPECT_EQ(found.m, expected.m);
    }
    EXPECT_EQ(report->nonZeros, std::count(w.begin(), w.end(), 1.f));
  }
}

TEST(TightestPattern, FindsKnownPatternsInEveryType) {
  std::mt19937 rng(5);
  for (DType dtype : {DType::F32, DType::BF16, DType::F16, DType::I8}) {
    for (auto [n, m] :
         {std::pair{2, 4}, {1, 4}, {2, 8}, {4, 8}, {1, 16}, {3, 7}}) {
      for (int64_t axis : {0, 1}) {
        WeightDesc desc{{448, 448}, axis, n, m, dtype};
        auto data = randomWeight(desc, rng);
        auto report =
            tightestPattern(denseView(data.data(), dtype, desc.shape));
        expectOk(report);
        EXPECT_EQ(report->best()->axis, axis);
        EXPECT_EQ(report->best()->n, n);
        EXPECT_EQ(report->best()->m, m);
      }
    }
  }
}

TEST(TightestPattern, Extremes) {
  std::vector<float> w(64, 1.f);
  auto report = tightestPattern(denseView(w.data(), DType::F32, {8, 8}));
  EXPECT_FALSE(report->best()->sparse());
  EXPECT_EQ(report->density(), 1.0);
  std::fill(w.begin(), w.end(), -0.f);
  report = tightestPattern(denseView(w.data(), DType::F32, {8, 8}));
  EXPECT_EQ(report->best()->n, 0);
  EXPECT_EQ(report->nonZeros, 0);
  report = tightestPattern(denseView(w.data(), DType::F32, {}));
  expectOk(report);
  EXPECT_EQ(report->best(), nullptr);
  report = tightestPattern(denseView(w.data(), DType::F32, {0, 8}));
  expectOk(report);
  EXPECT_EQ(report->count, 0);
  expectError(tightestPattern(denseView(w.data(), DType::Unknown, {1})),
              {"unknown"});
}

TEST(TightestPattern, TransposedViewsAndMasks) {
  std::vector<float> w(8 * 12, 1.f);
  std::vector<uint8_t> kept(8 * 12);
  for (size_t i = 0; i < kept.size(); i += 4)
    kept[i] = kept[i + 3] = 1;
  Mask mask;
  mask.shape = {8, 12};
  mask.data = kept.data();
  auto report =
      tightestPattern(denseView(w.data(), DType::F32, {8, 12}), &mask);
  expectOk(report);
  EXPECT_EQ(report->best()->n, 1); // 1001 1001: every pair holds one
  EXPECT_EQ(report->best()->m, 2);
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = kept[i];
  TensorView transposed = denseView(w.data(), DType::F32, {8, 12});
  std::swap(transposed.shape[0], transposed.shape[1]);
  std::swap(transposed.strides[0], transposed.strides[1]);
  report = tightestPattern(transposed);
  EXPECT_EQ(report->best()->axis, 0);
  EXPECT_EQ(report->best()->m, 2);
}
