//===- SparsityTest.cpp ---------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Sparsity.h"
#include "TestUtil.h"
#include <cmath>

using namespace nm::rt;
using namespace nm::rt::test;

TEST(VerifyPattern, AcceptsUnderFullAndReportsOverFull) {
  std::vector<float> w = {1, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1, 2, 3, 0};
  TensorView view = denseView(w.data(), DType::F32, {2, 8});
  expectError(verifyPattern(view, 1, 2, 4, "w"),
              {"tensor 'w'", "group [1, 1]", "axis 1", "elements 4 to 7",
               "holds 3 non-zeros", "at most 2"});
  w[13] = -0.0f;
  expectOk(verifyPattern(view, 1, 2, 4, "w"));
  w[13] = NAN;
  expectError(verifyPattern(view, 1, 2, 4, "w"), {"holds 3"});
}

TEST(VerifyPattern, FirstFaultInRowMajorOrder) {
  // Axis 0 of a 4 x 3 matrix: columns 1 and 2 are over-full.
  std::vector<int8_t> w = {0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0};
  TensorView view = denseView(w.data(), DType::I8, {4, 3});
  expectError(verifyPattern(view, 0, 1, 2, "w"), {"group [0, 1]"});
}

TEST(VerifyPattern, TransposedAndStridedViews) {
  std::vector<float> w(6 * 8);
  w[1 * 8 + 5] = w[2 * 8 + 5] = 1; // column 5: rows 1 and 2
  TensorView transposed = denseView(w.data(), DType::F32, {6, 8});
  std::swap(transposed.shape[0], transposed.shape[1]);
  std::swap(transposed.strides[0], transposed.strides[1]);
  expectOk(verifyPattern(transposed, 0, 1, 2, "t"));
  expectError(verifyPattern(transposed, 1, 1, 3, "t"),
              {"group [5, 0]", "holds 2"});
  TensorView reversed = denseView(w.data() + 40, DType::F32, {6, 8});
  reversed.strides[0] = -8;
  expectError(verifyPattern(reversed, 0, 1, 6, "r"), {"group [0, 5]"});
}

TEST(VerifyPattern, IllegalPatterns) {
  std::vector<float> w(12);
  TensorView view = denseView(w.data(), DType::F32, {2, 6});
  expectError(verifyPattern(view, 1, 2, 4, "w"), {"does not divide"});
  expectError(verifyPattern(view, 2, 1, 2, "w"), {"axis in [0, 2)"});
  expectError(verifyPattern(view, -1, 1, 2, "w"), {"axis in [0, 2)"});
  expectError(verifyPattern(view, 1, 0, 2, "w"), {"1 <= N"});
  expectError(verifyPattern(view, 1, 3, 2, "w"), {"1 <= N"});
  expectError(verifyPattern(view, 1, 1, 65, "w"), {"M <= 64"});
}

TEST(VerifyMask, EveryForm) {
  uint8_t row = 0b00110111;
  Mask mask;
  mask.form = Mask::Form::RowBits;
  mask.shape = {1, 8};
  mask.data = &row;
  expectError(verifyMask(mask, 1, 2, 4, "m"), {"group [0, 0]", "holds 3"});
  mask.order = BitOrder::MsbFirst;
  expectError(verifyMask(mask, 1, 2, 4, "m"), {"group [0, 1]", "holds 3"});
  expectOk(verifyMask(mask, 1, 3, 4, "m"));
}

TEST(DeriveMask, TiesGoToTheLowerIndex) {
  std::vector<float> w = {1, -1, 1, 1, 0, 0, 0, 0, 0.5f, 2, -3, 2};
  auto mask = deriveMask(denseView(w.data(), DType::F32, {12}), 0, 2, 4);
  expectOk(mask);
  std::vector<int> expected = {1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0};
  for (int64_t i = 0; i < 12; ++i)
    EXPECT_EQ(mask->test(i), expected[size_t(i)] != 0) << i;
}

TEST(DeriveMask, NanIsLargestAndIntegersUseTheirMagnitude) {
  std::vector<float> w = {INFINITY, 5, -NAN, NAN};
  auto mask = deriveMask(denseView(w.data(), DType::F32, {4}), 0, 2, 4);
  expectOk(mask);
  EXPECT_FALSE(mask->test(0));
  EXPECT_TRUE(mask->test(2) && mask->test(3));
  std::vector<int8_t> i = {127, -128, -127, 0};
  mask = deriveMask(denseView(i.data(), DType::I8, {4}), 0, 1, 4);
  expectOk(mask);
  EXPECT_TRUE(mask->test(1));
  mask = deriveMask(denseView(i.data(), DType::I8, {4}), 0, 2, 4);
  EXPECT_TRUE(mask->test(0) && mask->test(1)); // 127 ties with -127
}

TEST(DeriveMask, MatchesSorting) {
  std::mt19937 rng(7);
  std::normal_distribution<float> normal;
  for (auto [n, m] : {std::pair{2, 4}, {1, 16}, {3, 7}, {8, 8}, {5, 64}}) {
    for (int64_t axis : {0, 1, 2}) {
      std::vector<int64_t> shape = {3, 5, 2};
      shape[size_t(axis)] = m * 3;
      std::vector<float> w(size_t(product(shape)));
      for (float &value : w)
        value = std::round(normal(rng) * 3) / 3; // ties are common
      auto mask =
          deriveMask(denseView(w.data(), DType::F32, shape), axis, n, m);
      expectOk(mask);
      int64_t inner = 1;
      for (size_t i = size_t(axis) + 1; i < 3; ++i)
        inner *= shape[i];
      int64_t groups = int64_t(w.size()) / m;
      for (int64_t g = 0; g < groups; ++g) {
        int64_t base = g / inner * m * inner + g % inner;
        std::vector<int64_t> order;
        for (int64_t k = 0; k < m; ++k)
          order.push_back(base + k * inner);
        std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          float x = std::fabs(w[size_t(a)]), y = std::fabs(w[size_t(b)]);
          return x != y ? x > y : a < b;
        });
        for (int64_t j = 0; j < m; ++j)
          EXPECT_EQ(mask->test(order[size_t(j)]), j < n);
      }
    }
  }
}
