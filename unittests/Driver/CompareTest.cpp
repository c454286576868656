//===- CompareTest.cpp - Results against a reference -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Compare.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace mlir::nm::driver;
namespace rt = ::nm::rt;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

llvm::Expected<Comparison> compare(const std::vector<float> &a,
                                   const std::vector<float> &b,
                                   Tolerance tolerance) {
  auto view = [](const std::vector<float> &values) {
    return rt::denseView(values.data(), rt::DType::F32,
                         {static_cast<int64_t>(values.size())});
  };
  return compareArrays(view(a), view(b), "ref.npy", tolerance);
}

TEST(Compare, ErrorsAreThoseOfTheDefinition) {
  auto result = compare({1, 2.5f, 4}, {1, 2, 4}, {0.25, 0.125});
  ASSERT_TRUE(bool(result));
  EXPECT_TRUE(result->passed());
  EXPECT_DOUBLE_EQ(result->maxAbsError, 0.5);
  EXPECT_DOUBLE_EQ(result->maxRelError, 0.125);
}

TEST(Compare, NamesTheWorstElementAgainstItsBound) {
  // The first error is larger, but within its bound.
  auto result = compare({110, 0.5f}, {100, 0}, {0.01, 0.2});
  ASSERT_TRUE(bool(result));
  EXPECT_EQ(result->failures, 1);
  EXPECT_EQ(result->worst, std::vector<int64_t>{1});
  EXPECT_DOUBLE_EQ(result->actual, 0.5);
}

TEST(Compare, InfinitiesAgreeOnlyWithThemselves) {
  auto same = compare({inf, -inf}, {inf, -inf}, {0, 0});
  ASSERT_TRUE(bool(same));
  EXPECT_TRUE(same->passed());
  EXPECT_EQ(same->maxAbsError, 0);
  for (float wrong : {-inf, 1.0f, nan}) {
    auto other = compare({wrong}, {inf}, {1, 1});
    ASSERT_TRUE(bool(other));
    EXPECT_FALSE(other->passed()) << wrong;
  }
  auto infinite = compare({inf}, {1}, {1, 1});
  ASSERT_TRUE(bool(infinite));
  EXPECT_FALSE(infinite->passed());
}

TEST(Compare, NaNFailsAndInTheReferenceIsAnError) {
  auto result = compare({nan}, {1}, {1e30, 1});
  ASSERT_TRUE(bool(result));
  EXPECT_FALSE(result->passed());
  auto broken = compare({nan}, {nan}, {1, 1});
  ASSERT_FALSE(bool(broken));
  EXPECT_NE(llvm::toString(broken.takeError()).find("holds NaN at [0]"),
            std::string::npos);
}

TEST(Compare, ShapesMustAgree) {
  auto result = compare({1}, {1, 2}, {1, 1});
  ASSERT_FALSE(bool(result));
  EXPECT_EQ(llvm::toString(result.takeError()),
            "the result has shape [1], but 'ref.npy' has [2]");
}

TEST(Compare, EmptyArraysAgree) {
  auto result = compare({}, {}, {0, 0});
  ASSERT_TRUE(bool(result));
  EXPECT_TRUE(result->passed());
}

TEST(Compare, Uint16StandsForBF16) {
  uint16_t bits = rt::floatToBf16(1.5f);
  auto actual = rt::denseView(&bits, rt::DType::BF16, {1});
  auto pattern = rt::denseView(&bits, rt::DType::U16, {1});
  double value = 1.5;
  auto wide = rt::denseView(&value, rt::DType::F64, {1});
  for (const rt::TensorView &reference : {pattern, wide}) {
    auto result = compareArrays(actual, reference, "ref.npy", {0, 0});
    ASSERT_TRUE(bool(result));
    EXPECT_TRUE(result->passed());
    EXPECT_DOUBLE_EQ(result->expected, 1.5);
  }
}

/// What a block of two layers does in narrow types is within the defaults: its
/// rounding was measured as 8.3e-4 of the largest element in f16 and 6.8e-3 in
/// bf16, at a depth of about 40 operations. A wrong operation is not.
TEST(Compare, DefaultTolerancesGrowWithDepthAndSizeOfNarrowTypes) {
  constexpr int64_t depth = 40;
  constexpr double largest = 5;
  Tolerance half = defaultTolerance(rt::DType::F16, depth, largest);
  Tolerance brain = defaultTolerance(rt::DType::BF16, depth, largest);
  EXPECT_GE(half.atol, 8.3e-4 * largest);
  EXPECT_GE(brain.atol, 6.8e-3 * largest);
  EXPECT_LE(half.atol, 1e-2 * largest);
  EXPECT_LE(brain.atol, 5e-2 * largest);
  // The largest error of many elements is larger than that of one.
  EXPECT_NEAR(defaultTolerance(rt::DType::F16, depth, largest, 1536).atol,
              half.atol * std::sqrt(2 * std::log(1536.0) / 3), 1e-9);
  EXPECT_EQ(defaultTolerance(rt::DType::F16, depth, largest, 4).atol,
            half.atol);
  // One operation is as exact as its rounding.
  EXPECT_EQ(defaultTolerance(rt::DType::F16, 1, 1e4).atol, 1e-3);
  EXPECT_EQ(defaultTolerance(rt::DType::BF16, 1, 1e4).atol, 1e-2);
  EXPECT_EQ(defaultTolerance(rt::DType::F32, depth, largest).atol, 1e-5);
  EXPECT_EQ(defaultTolerance(rt::DType::I32, depth, largest).atol, 0);
}

} // namespace
