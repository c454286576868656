//===- TimingTest.cpp - Order statistics of timed runs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Execute.h"
#include "nm/Driver/Report.h"
#include "gtest/gtest.h"

using namespace mlir::nm::driver;

TEST(Timing, QuartilesInterpolateAsNumPy) {
  Timing timing = Timing::of({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(timing.min, 1);
  EXPECT_DOUBLE_EQ(timing.max, 4);
  EXPECT_DOUBLE_EQ(timing.median, 2.5);
  EXPECT_DOUBLE_EQ(timing.lowerQuartile, 1.75);
  EXPECT_DOUBLE_EQ(timing.spread(), 1.5);
}

TEST(Timing, OneSampleHasNoSpread) {
  Timing timing = Timing::of({7});
  EXPECT_DOUBLE_EQ(timing.median, 7);
  EXPECT_DOUBLE_EQ(timing.spread(), 0);
  EXPECT_EQ(Timing::of({}).runs, 0);
}

TEST(Report, Bytes) {
  EXPECT_EQ(byteText(1023), "1023 B");
  EXPECT_EQ(byteText(1536), "1.5 KiB");
  EXPECT_EQ(byteText(int64_t(3) << 30), "3.0 GiB");
}
