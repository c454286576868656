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

TEST(Bandwidth, WhatOneMemoryHoldsBackIsForTheOthersOfTheOther) {
  // The first waits for DRAM and draws 2 bytes of the scratchpad; the others
  // share its 98, though the second could draw a little from DRAM as well.
  std::vector<Flow> flows = {{0, 60, 60}, {0, 1, 980}, {0, 0, 50}};
  shareBandwidth(pointersOf(flows), 2.05, 100);
  EXPECT_EQ(flows[0].bound, Bound::Dram);
  EXPECT_NEAR(flows[0].rate * 60, 2, 1e-9);
  EXPECT_EQ(flows[1].bound, Bound::Scratchpad);
  EXPECT_NEAR(flows[1].rate * 980, 49, 1e-9);
  EXPECT_NEAR(flows[2].rate * 50, 49, 1e-9);
}

/// Random flows over random memories: some without an engine's limit, some
/// without bytes of one memory or of both.
struct Case {
  double dram, pad;
  std::vector<Flow> flows;

  explicit Case(std::mt19937 &random) {
    auto below = [&](unsigned n) { return static_cast<double>(random() % n); };
    dram = 1 + below(64);
    pad = 1 + below(256);
    flows.resize(1 + random() % 7);
    for (Flow &flow : flows) {
      flow.cycles = random() % 4 ? 1 + below(100) : 0;
      flow.dram = random() % 3 ? below(4000) : 0;
      flow.scratchpad = random() % 3 ? below(9000) : 0;
      if (flow.cycles + flow.dram + flow.scratchpad == 0)
        flow.cycles = 1;
    }
  }
};

constexpr double kRounding = 1 + 1e-9;

/// The definition: nothing is used beyond what there is; who is slower than its
/// engine waits for a memory that is used up and of which nobody has more bytes
/// a cycle. And the order says nothing.
TEST(Bandwidth, RandomSharesAreMaxMinFair) {
  unsigned seed = 7;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int bothWait = 0;
  for (int round = 0; round != 20000; ++round) {
    Case c(random);
    shareBandwidth(pointersOf(c.flows), c.dram, c.pad);
    double usedDram = 0, usedPad = 0, mostDram = 0, mostPad = 0;
    bool waits[3] = {};
    for (const Flow &flow : c.flows) {
      ASSERT_GT(flow.rate, 0);
      usedDram += flow.rate * flow.dram;
      usedPad += flow.rate * flow.scratchpad;
      mostDram = std::max(mostDram, flow.rate * flow.dram);
      mostPad = std::max(mostPad, flow.rate * flow.scratchpad);
      waits[static_cast<int>(flow.bound)] = true;
    }
    bothWait += waits[1] && waits[2];
    EXPECT_LE(usedDram, c.dram * kRounding);
    EXPECT_LE(usedPad, c.pad * kRounding);
    for (const Flow &flow : c.flows) {
      if (flow.cycles > 0) {
        EXPECT_LE(flow.rate * flow.cycles, kRounding);
      }
      switch (flow.bound) {
      case Bound::Engine:
        EXPECT_DOUBLE_EQ(flow.rate * flow.cycles, 1);
        break;
      case Bound::Dram:
        EXPECT_GE(usedDram * kRounding, c.dram);
        EXPECT_GE(flow.rate * flow.dram * kRounding, mostDram);
        break;
      case Bound::Scratchpad:
        EXPECT_GE(usedPad * kRounding, c.pad);
        EXPECT_GE(flow.rate * flow.scratchpad * kRounding, mostPad);
        break;
      case Bound::Array:
        ADD_FAILURE() << "no flow shares the array";
        break;
      }
    }
    std::vector<Flow> turned(c.flows.rbegin(), c.flows.rend());
    shareBandwidth(pointersOf(turned), c.dram, c.pad);
    for (size_t i = 0; i != c.flows.size(); ++i)
      EXPECT_NEAR(turned[c.flows.size() - 1 - i].rate, c.flows[i].rate,
                  1e-9 * c.flows[i].rate);
  }
  EXPECT_GT(bothWait, 1000);
}

/// Water filling by halving, one memory inside the other, which knows nothing
/// of who waits where: the highest level of the scratchpad that it can give,
/// with the highest level of DRAM that DRAM can give beside it.
class WaterFilling {
public:
  explicit WaterFilling(const Case &c) : c(c) {
    pad = highest(c.pad, [&](double level) {
      pad = level;
      fillDram();
      return sum(&Flow::scratchpad);
    });
    fillDram();
  }

  double rate(const Flow &flow) const {
    double rate = 1e300;
    if (flow.cycles > 0)
      rate = 1 / flow.cycles;
    if (flow.dram > 0)
      rate = std::min(rate, dram / flow.dram);
    if (flow.scratchpad > 0)
      rate = std::min(rate, pad / flow.scratchpad);
    return rate;
  }

private:
  void fillDram() {
    dram = highest(c.dram, [&](double level) {
      dram = level;
      return sum(&Flow::dram);
    });
  }
  double sum(double Flow::*bytes) const {
    double total = 0;
    for (const Flow &flow : c.flows)
      total += rate(flow) * (flow.*bytes);
    return total;
  }
  /// Nobody draws more than everything.
  template <typename Use> static double highest(double capacity, Use use) {
    double low = 0, high = capacity;
    for (int step = 0; step != 100; ++step) {
      double middle = (low + high) / 2;
      (use(middle) <= capacity ? low : high) = middle;
    }
    return low;
  }

  const Case &c;
  double dram = 0, pad = 0;
};

TEST(Bandwidth, EqualsWaterFilling) {
  unsigned seed = 11;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round != 500; ++round) {
    Case c(random);
    WaterFilling oracle(c);
    shareBandwidth(pointersOf(c.flows), c.dram, c.pad);
    for (const Flow &flow : c.flows)
      EXPECT_NEAR(flow.rate / oracle.rate(flow), 1, 1e-6) << "round " << round;
  }
}

/// Whoever asks for less than half of the PEs gets it, the other the rest, and
/// nobody more than alone.
TEST(Bandwidth, ProductsAndSoftmaxShareTheArray) {
  std::mt19937 random(5);
  auto real = [&](double least, double most) {
    return std::uniform_real_distribution<double>(least, most)(random);
  };
  int shared = 0;
  for (int i = 0; i != 2000; ++i) {
    double pad = real(10, 100);
    std::vector<Flow> flows(3);
    for (size_t f = 0; f != flows.size(); ++f) {
      flows[f].alone = real(1, 50);
      flows[f].scratchpad = real(1, 2000);
      flows[f].array = f < 2 ? flows[f].alone : 0;
    }
    std::vector<Flow *> pointers = {&flows[0], &flows[1], &flows[2]};
    shareMachine(pointers, 10, pad);
    double array = 0, bytes = 0;
    for (const Flow &flow : flows) {
      EXPECT_LE(flow.rate * flow.alone, 1 + 1e-9);
      array += flow.rate * flow.array;
      bytes += flow.rate * flow.scratchpad;
    }
    EXPECT_LE(array, 1 + 1e-9);
    EXPECT_LE(bytes, pad * (1 + 1e-9));
    // Who is held back has no less than the other, and nothing is left over.
    for (const Flow &flow : flows)
      if (flow.bound == Bound::Array) {
        ++shared;
        EXPECT_GE(flow.rate * flow.array, array / 2 - 1e-9);
        EXPECT_GE(array, 1 - 1e-6);
      }
  }
  EXPECT_GT(shared, 100);
  // Without a memory that anybody waits for: halves, and what is left.
  std::vector<Flow> two(2);
  two[0].alone = two[0].array = 8;
  two[1].alone = two[1].array = 100;
  shareMachine({&two[0], &two[1]}, 10, 10);
  EXPECT_DOUBLE_EQ(two[0].rate * 8, 0.5);
  EXPECT_DOUBLE_EQ(two[1].rate * 100, 0.5);
  two[0].alone = 40; // as slow as a fifth of the PEs
  shareMachine({&two[0], &two[1]}, 10, 10);
  EXPECT_DOUBLE_EQ(two[0].rate * 8, 0.2);
  EXPECT_DOUBLE_EQ(two[1].rate * 100, 0.8);
}
} // namespace
