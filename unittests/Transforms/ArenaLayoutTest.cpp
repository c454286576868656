//===- ArenaLayoutTest.cpp - Where buffers lie in one piece of memory -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Transforms/ArenaLayout.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>

using namespace mlir::nm;

static int64_t padded(int64_t bytes) {
  return (std::max<int64_t>(bytes, 1) + 63) / 64 * 64;
}

/// Statement by statement, from the definition.
static int64_t largestLive(const std::vector<Lifetime> &buffers) {
  int64_t most = 0;
  for (const Lifetime &at : buffers) {
    int64_t live = 0;
    for (const Lifetime &buffer : buffers)
      if (buffer.first <= at.first && at.first <= buffer.last)
        live += padded(buffer.bytes);
    most = std::max(most, live);
  }
  return most;
}

/// No two that meet in time meet in space.
static void check(const std::vector<Lifetime> &buffers,
                  const ArenaLayout &layout) {
  ASSERT_EQ(layout.offsets.size(), buffers.size());
  int64_t end = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_GE(layout.offsets[i], 0);
    EXPECT_EQ(layout.offsets[i] % 64, 0);
    end = std::max(end, layout.offsets[i] + padded(buffers[i].bytes));
    for (size_t j = 0; j < i; ++j) {
      bool meet = buffers[i].first <= buffers[j].last &&
                  buffers[j].first <= buffers[i].last;
      bool apart = layout.offsets[i] + buffers[i].bytes <= layout.offsets[j] ||
                   layout.offsets[j] + buffers[j].bytes <= layout.offsets[i];
      EXPECT_TRUE(!meet || apart) << i << " and " << j;
    }
  }
  EXPECT_EQ(layout.bytes, end);
  EXPECT_EQ(layout.largestLive, largestLive(buffers));
}

TEST(ArenaLayout, Empty) {
  ArenaLayout layout = layOut({});
  EXPECT_EQ(layout.bytes, 0);
  EXPECT_TRUE(layout.offsets.empty());
}

TEST(ArenaLayout, ReusesWhatIsFree) {
  // The last use of one and the first of another in one statement: a copy.
  std::vector<Lifetime> buffers = {{0, 1, 100}, {1, 2, 64}, {2, 3, 128}};
  ArenaLayout layout = layOut(buffers);
  check(buffers, layout);
  EXPECT_EQ(layout.offsets, (std::vector<int64_t>{0, 128, 0}));
  EXPECT_EQ(layout.bytes, 192);
}

TEST(ArenaLayout, TakesTheTightestGap) {
  std::vector<Lifetime> buffers = {
      {0, 2, 256}, {1, 9, 64}, {2, 2, 128}, {2, 9, 32}, {3, 4, 128}};
  ArenaLayout layout = layOut(buffers);
  check(buffers, layout);
  EXPECT_EQ(layout.offsets[4], layout.offsets[2]);
}

namespace {
/// Numbers within bounds, of a seed.
struct Draw {
  explicit Draw(unsigned seed) : random(seed) {}
  int64_t operator()(int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random);
  }
  std::mt19937 random;
};
} // namespace

TEST(ArenaLayout, Random) {
  Draw draw(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Lifetime> buffers;
    for (int64_t count = draw(1, 60); count > 0; --count) {
      int64_t first = draw(0, 40);
      buffers.push_back(
          {first, first + draw(0, draw(0, 3) ? 4 : 40), draw(0, 5000)});
    }
    check(buffers, layOut(buffers));
  }
}

/// Chains as models have them, a few sizes and two or three in use at once.
TEST(ArenaLayout, StaysNearTheLargestLiveSet) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    std::vector<Lifetime> buffers;
    int64_t sizes[] = {4096, 16384, 3072, 64};
    for (int64_t i = 0; i < 200; ++i)
      buffers.push_back(
          {i, i + 1 + int64_t(random() % 3), sizes[random() % 4]});
    ArenaLayout layout = layOut(buffers);
    check(buffers, layout);
    EXPECT_LE(layout.bytes, layout.largestLive * 3 / 2);
  }
}

/// Layers that are alike, with what they share in use through all of each: of
/// first uses alone the wide one in the middle finds no gap.
TEST(ArenaLayout, LayersTakeLittleMoreThanTheirLargestLiveSet) {
  std::vector<Lifetime> buffers;
  int64_t narrow = 605184, panel = 786432, wide = 4 * panel;
  for (int64_t layer = 0; layer < 12; ++layer) {
    int64_t at = layer * 20;
    buffers.insert(buffers.end(), {{at, at + 14, narrow},
                                   {at, at + 3, panel},
                                   {at + 1, at + 6, narrow},
                                   {at + 2, at + 6, narrow},
                                   {at + 3, at + 7, narrow},
                                   {at + 6, at + 9, panel},
                                   {at + 8, at + 20, narrow},
                                   {at + 9, at + 12, panel},
                                   {at + 12, at + 17, wide},
                                   {at + 16, at + 21, narrow}});
  }
  ArenaLayout layout = layOut(buffers);
  check(buffers, layout);
  EXPECT_LE(layout.bytes, layout.largestLive * 102 / 100);
}

/// An order holds at sizes that it was not found with.
TEST(ArenaOrder, Random) {
  Draw draw(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::vector<Lifetime>> samples(3);
    for (int64_t count = draw(1, 60); count > 0; --count) {
      int64_t first = draw(0, 40), last = first + draw(0, draw(0, 3) ? 4 : 40);
      for (std::vector<Lifetime> &sample : samples)
        sample.push_back({first, last, draw(0, 5000)});
    }
    std::vector<Lifetime> other = samples.front();
    for (Lifetime &lifetime : other)
      lifetime.bytes = draw(0, 3) ? draw(0, 5000) : 0;
    ArenaOrder order = findOrder(samples);
    check(other, layOut(order, other));
    for (const std::vector<Lifetime> &sample : samples) {
      ArenaLayout layout = layOut(order, sample);
      check(sample, layout);
      EXPECT_LE(double(layout.bytes),
                order.worstRatio * double(layout.largestLive) + 0.5);
    }
  }
}

/// Of one sample an order is as good as the layout.
TEST(ArenaOrder, IsNoWorseThanTheLayout) {
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    std::vector<Lifetime> buffers;
    for (int64_t i = 0; i < 60; ++i)
      buffers.push_back(
          {i, i + 1 + int64_t(random() % 6), int64_t(random() % 3000)});
    std::vector<std::vector<Lifetime>> samples = {buffers};
    EXPECT_LE(layOut(findOrder(samples), buffers).bytes, layOut(buffers).bytes);
  }
}

/// The order of the sample that does well in all is taken.
TEST(ArenaOrder, WeighsItsSamples) {
  // The first ends when the third begins, which fits into its place at some
  // sizes only; the second is between them all the time.
  std::vector<Lifetime> large = {{0, 1, 640}, {0, 3, 64}, {2, 3, 64}};
  std::vector<Lifetime> small = {{0, 1, 64}, {0, 3, 640}, {2, 3, 640}};
  std::vector<std::vector<Lifetime>> samples = {large, small};
  ArenaOrder order = findOrder(samples);
  EXPECT_EQ(layOut(order, large).bytes, 704);
  EXPECT_LE(layOut(order, small).bytes, 1344);
}
