//===- BandwidthTest.cpp - Shares of DRAM and scratchpad ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Simulator/Bandwidth.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <random>

using namespace nm::sim;

namespace {

std::vector<Flow *> pointersOf(std::vector<Flow> &flows) {
  std::vector<Flow *> pointers;
  for (Flow &flow : flows)
    pointers.push_back(&flow);
  return pointers;
}

TEST(Bandwidth, NobodyWaitsWhereThereIsEnough) {
  std::vector<Flow> flows = {{10, 40, 80}, {5, 0, 10}, {8, 24, 0}};
  shareBandwidth(pointersOf(flows), 8, 16);
  for (const Flow &flow : flows) {
    EXPECT_DOUBLE_EQ(flow.rate, 1 / flow.cycles);
    EXPECT_EQ(flow.bound, Bound::Engine);
  }
}

TEST(Bandwidth, WhatOneLeavesIsForTheOthers) {
  // The first needs 1 byte a cycle of 8; the other two share 7.
  std::vector<Flow> flows = {{10, 10, 0}, {1, 100, 0}, {0, 50, 0}};
  shareBandwidth(pointersOf(flows), 8, 16);
  EXPECT_DOUBLE_EQ(flows[0].rate, 0.1);
  EXPECT_DOUBLE_EQ(flows[1].rate * 100, 3.5);
  EXPECT_DOUBLE_EQ(flows[2].rate * 50, 3.5);
  EXPECT_EQ(flows[1].bound, Bound::Dram);
}

TEST(Bandwidth, EachMemoryBoundsItsOwn) {
  std::vector<Flow> flows = {{1, 64, 64}, {1, 0, 640}};
  shareBandwidth(pointersOf(flows), 2, 100);
  EXPECT_EQ(flows[0].bound, Bound::Dram);
  EXPECT_DOUBLE_EQ(flows[0].rate * 64, 2);
  EXPECT_EQ(flows[1].bound, Bound::Scratchpad);
  EXPECT_DOUBLE_EQ(flows[1].rate * 640, 98);
}

/// Nothing is used beyond what there is. Who waits for DRAM finds it used up,
/// and nobody has more bytes of it a cycle; who waits for the scratchpad has an
/// equal share of it or more. And the order says nothing.
TEST(Bandwidth, RandomSharesAreFair) {
  unsigned seed = 7;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto below = [&](unsigned n) { return static_cast<double>(random() % n); };
  for (int round = 0; round != 3000; ++round) {
    double dram = 1 + below(64), pad = 1 + below(256);
    std::vector<Flow> flows(1 + random() % 7);
    for (Flow &flow : flows) {
      flow.cycles = random() % 4 ? 1 + below(100) : 0;
      flow.dram = random() % 3 ? below(4000) : 0;
      flow.scratchpad = random() % 3 ? below(9000) : 0;
      if (flow.cycles + flow.dram + flow.scratchpad == 0)
        flow.cycles = 1;
    }
    shareBandwidth(pointersOf(flows), dram, pad);
    double usedDram = 0, usedPad = 0, mostDram = 0, padUsers = 0;
    for (const Flow &flow : flows) {
      ASSERT_GT(flow.rate, 0);
      usedDram += flow.rate * flow.dram;
      usedPad += flow.rate * flow.scratchpad;
      mostDram = std::max(mostDram, flow.rate * flow.dram);
      padUsers += flow.scratchpad > 0;
    }
    constexpr double kRounding = 1 + 1e-9;
    EXPECT_LE(usedDram, dram * kRounding);
    EXPECT_LE(usedPad, pad * kRounding);
    for (const Flow &flow : flows) {
      if (flow.cycles > 0) {
        EXPECT_LE(flow.rate * flow.cycles, kRounding);
      }
      switch (flow.bound) {
      case Bound::Engine:
        EXPECT_DOUBLE_EQ(flow.rate * flow.cycles, 1);
        break;
      case Bound::Dram:
        EXPECT_GE(usedDram * kRounding, dram);
        EXPECT_GE(flow.rate * flow.dram * kRounding, mostDram);
        break;
      case Bound::Scratchpad:
        EXPECT_GE(flow.rate * flow.scratchpad * kRounding, pad / padUsers);
        break;
      }
    }
    std::vector<Flow> turned(flows.rbegin(), flows.rend());
    shareBandwidth(pointersOf(turned), dram, pad);
    for (size_t i = 0; i != flows.size(); ++i)
      EXPECT_NEAR(turned[flows.size() - 1 - i].rate, flows[i].rate,
                  1e-9 * flows[i].rate);
  }
}
} // namespace
