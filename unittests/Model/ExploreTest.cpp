//===- ExploreTest.cpp - Sweeps and charts ---------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Explore.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace nm::model;

namespace {

Sweep smallSweep() {
  Sweep sweep;
  sweep.devices = {*findDevice("edge"), *findDevice("cloud")};
  sweep.models = {paperModels()[0], paperModels()[3]};
  sweep.lengths = {512, 2048};
  sweep.bufferBytes = {0, 1 << 20};
  sweep.dramBandwidths = {0};
  sweep.lanes = {-1};
  sweep.methods = {Method::Naive, Method::Flex, Method::Flat};
  return sweep;
}

TEST(Explore, PointsAreTheProductOfTheAxes) {
  Sweep sweep = smallSweep();
  EXPECT_EQ(sweep.size(), 2 * 2 * 2 * 2 * 3);
  SweepPoint first = evaluatePoint(sweep, 0), last = evaluatePoint(sweep, 47);
  EXPECT_EQ(first.device, "edge");
  EXPECT_EQ(first.bufferBytes, 512 << 10);
  EXPECT_EQ(first.method, Method::Naive);
  EXPECT_EQ(last.device, "cloud");
  EXPECT_EQ(last.model, "XLM");
  EXPECT_EQ(last.length, 2048);
  EXPECT_EQ(last.bufferBytes, 1 << 20);
  EXPECT_EQ(last.method, Method::Flat);
  EXPECT_GT(last.cost.cycles, 0);
  EXPECT_DOUBLE_EQ(last.seconds, last.cost.cycles / 940e6);
}

TEST(Explore, RowsReadBack) {
  Sweep sweep = smallSweep();
  SweepPoint point = evaluatePoint(sweep, 7);
  std::string row = csvRow(sweep, point);
  SweepPoint again = evaluatePoint(sweep, 7);
  again.cost = Cost();
  ASSERT_TRUE(parseCsvRow(sweep, row, again));
  EXPECT_NEAR(again.cost.cycles, point.cost.cycles, 1e-9 * point.cost.cycles);
  EXPECT_NEAR(again.cost.dramBytes, point.cost.dramBytes,
              1e-9 * point.cost.dramBytes);
  // Torn at any place, or another point's: refused.
  for (size_t size = 0; size + 1 < row.size(); ++size)
    if (row[size] != '"' || size + 2 < row.size())
      EXPECT_FALSE(parseCsvRow(sweep, row.substr(0, size), again)) << size;
  SweepPoint other = evaluatePoint(sweep, 8);
  EXPECT_FALSE(parseCsvRow(sweep, row, other));
}

TEST(Explore, ParetoFrontEqualsTheDefinition) {
  std::vector<SweepPoint> points;
  uint32_t state = 1;
  auto random = [&] { return (state = state * 1664525 + 1013904223) >> 28; };
  for (int i = 0; i != 200; ++i) {
    SweepPoint p;
    p.model = i % 2 ? "a" : "b";
    p.seconds = random();
    p.cost.energyPj = random();
    p.bufferBytes = random();
    if (i % 17 == 0)
      p.error = "no mapping";
    points.push_back(p);
  }
  markPareto(points);
  for (const SweepPoint &p : points) {
    bool beaten = !p.error.empty();
    for (const SweepPoint &q : points)
      beaten |= q.error.empty() && q.model == p.model &&
                q.seconds <= p.seconds && q.cost.energyPj <= p.cost.energyPj &&
                q.bufferBytes <= p.bufferBytes &&
                (q.seconds < p.seconds || q.cost.energyPj < p.cost.energyPj ||
                 q.bufferBytes < p.bufferBytes);
    EXPECT_EQ(p.pareto, !beaten);
  }
}

} // namespace
