//===- BlockTest.cpp - The block's model against sorted lists -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Block.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <map>
#include <random>

using namespace nm::mesh;

namespace {
Element element(unsigned pifo, uint64_t rank, unsigned flow, uint64_t data) {
  return {true, pifo, flow, rank, data};
}

/// A PIFO as the definition has it: stable, sorted by rank.
class SortedList {
public:
  void push(const Element &e) {
    auto at = std::upper_bound(
        list.begin(), list.end(), e,
        [](const Element &a, const Element &b) { return a.rank < b.rank; });
    list.insert(at, e);
  }
  Element pop() {
    if (list.empty())
      return {};
    Element e = list.front();
    list.erase(list.begin());
    return e;
  }
  size_t size() const { return list.size(); }

private:
  std::vector<Element> list;
};

TEST(FlowScheduler, PopsBeforeItPushesAndKeepsTiesInOrder) {
  FlowScheduler s(8, Order::Plain, 16);
  // All in one cycle: the pop finds nothing, push 1 is before push 2.
  s.step({true, 0}, element(0, 5, 1, 10), element(0, 5, 2, 20));
  s.step({true, 0}, {}, {});
  EXPECT_FALSE(s.result().valid);
  s.step({true, 0}, element(0, 5, 3, 30), {});
  EXPECT_EQ(s.result().data, 10u);
  s.step({true, 0}, {}, {});
  EXPECT_EQ(s.result().data, 20u);
  s.step({}, {}, {});
  EXPECT_EQ(s.result().data, 30u);
  s.step({}, {}, {});
  EXPECT_FALSE(s.result().valid);
}

TEST(FlowScheduler, AResultTakesTwoCycles) {
  FlowScheduler s(4, Order::Plain, 16);
  s.step({}, element(3, 1, 0, 7), {});
  s.step({true, 3}, {}, {}); // first stage
  EXPECT_FALSE(s.result().valid);
  s.step({}, {}, {}); // second
  EXPECT_TRUE(s.result().valid);
  EXPECT_EQ(s.result().data, 7u);
}

TEST(FlowScheduler, EqualsOneSortedListPerLogicalPifo) {
  std::mt19937 random(1);
  FlowScheduler s(64, Order::Plain, 16);
  std::map<unsigned, SortedList> lists;
  size_t held = 0;
  Element expected, before;
  unsigned found = 0;
  for (unsigned cycle = 0; cycle < 20000; ++cycle) {
    PopRequest pop{random() % 2 == 0, static_cast<unsigned>(random() % 5)};
    Element pushes[2];
    for (Element &push : pushes)
      if (held + 2 < 64 && random() % 3 == 0) {
        push = element(random() % 5, random() % 20, random() % 64, cycle);
        push.data = 2 * cycle + (&push - pushes);
      }
    s.step(pop, pushes[0], pushes[1]);
    // The result of the pop of the previous step.
    expected = before;
    before = pop.valid ? lists[pop.pifo].pop() : Element();
    held -= before.valid;
    for (const Element &push : pushes)
      if (push.valid) {
        lists[push.pifo].push(push);
        ++held;
      }
    ASSERT_EQ(s.result().valid, expected.valid) << "cycle " << cycle;
    if (expected.valid) {
      ASSERT_EQ(s.result().data, expected.data) << "cycle " << cycle;
      ++found;
    }
  }
  EXPECT_GT(found, 5000u);
  EXPECT_FALSE(s.overflowed());
}

TEST(FlowScheduler, AFullArrayLosesItsLastAndSaysSo) {
  FlowScheduler s(2, Order::Plain, 16);
  s.step({}, element(0, 2, 0, 0), element(0, 3, 1, 1));
  s.step({}, element(0, 1, 2, 2), {});
  EXPECT_FALSE(s.overflowed());
  s.step({}, {}, {});
  EXPECT_TRUE(s.overflowed());
  EXPECT_EQ(s.size(), 2u);
  EXPECT_EQ(s.head().data, 2u);
}

TEST(FlowScheduler, SerialRanksWrapPerLogicalPifo) {
  FlowScheduler s(8, Order::SerialPerPifo, 16);
  s.step({}, element(0, 3, 0, 1), element(0, 0xfffe, 1, 2));
  s.step({}, element(1, 0x8001, 2, 3), element(1, 0x7fff, 3, 4));
  s.step({true, 0}, {}, {});
  s.step({true, 1}, {}, {});
  EXPECT_EQ(s.result().data, 2u); // 0xfffe is before 3
  s.step({}, {}, {});
  EXPECT_EQ(s.result().data, 4u);
}

/// Random traffic at one enqueue and one dequeue a cycle. Ranks grow within a
/// flow and are distinct, as a block asks.
void runBlock(unsigned flows, unsigned pifos, unsigned cycles, unsigned seed) {
  std::mt19937 random(seed);
  const unsigned elements = 256;
  BlockModel block(elements, flows, Order::Plain, 32);
  std::vector<SortedList> lists(pifos);
  std::vector<uint64_t> last(flows);
  unsigned held = 0, popped = 0;
  uint64_t salt = 0;
  Element pipeline[2];
  for (unsigned cycle = 0; cycle < cycles; ++cycle) {
    PopRequest pop{random() % 8 != 0, static_cast<unsigned>(random() % pifos)};
    pop.valid &= block.canDequeue(pop.pifo);
    Element enqueue;
    // Phases of filling and of draining.
    if (random() % 8 < ((cycle / 512) % 2 ? 2 : 7)) {
      unsigned flow = random() % flows;
      last[flow] += 1 + random() % 64;
      // Distinct over flows: the low bits count.
      enqueue = element(flow % pifos,
                        last[flow] * 65536 % (1ull << 32) + (salt++ & 0xffff),
                        flow, cycle);
      enqueue.valid = last[flow] < 65536 && block.canEnqueue(flow);
      // Beyond the rank store a block refuses.
      ASSERT_TRUE(enqueue.valid || last[flow] >= 65536 || held >= elements);
    }
    block.step(enqueue, pop);
    pipeline[1] = pipeline[0];
    pipeline[0] = pop.valid ? lists[pop.pifo].pop() : Element();
    held -= pipeline[0].valid;
    if (enqueue.valid) {
      lists[enqueue.pifo].push(enqueue);
      ++held;
    }
    ASSERT_EQ(block.result().valid, pipeline[1].valid) << "cycle " << cycle;
    if (pipeline[1].valid) {
      ASSERT_EQ(block.result().data, pipeline[1].data) << "cycle " << cycle;
      ++popped;
    }
  }
  EXPECT_GT(popped, cycles / 8);
  EXPECT_EQ(block.rankInversions(), 0u);
}

TEST(Block, EqualsSortedLists) {
  runBlock(1024, 16, 40000, 1);
  runBlock(64, 5, 40000, 2);
  runBlock(8, 4, 20000, 3);
}

TEST(Block, OneLogicalPifoAnswersEveryFourthCycle) {
  BlockModel block(16, 4, Order::Plain, 16);
  for (unsigned i = 0; i < 4; ++i)
    block.step(element(0, i, 0, i), {});
  std::vector<unsigned> accepted;
  for (unsigned cycle = 0; cycle < 13; ++cycle) {
    if (block.canDequeue(0))
      accepted.push_back(cycle);
    block.step({}, {true, 0});
  }
  EXPECT_EQ(accepted, (std::vector<unsigned>{0, 4, 8, 12}));
}

TEST(Block, DistinctLogicalPifosAnswerEveryCycle) {
  BlockModel block(16, 4, Order::Plain, 16);
  for (unsigned i = 0; i < 4; ++i)
    block.step(element(i, 9 - i, i, i), {});
  for (unsigned i = 0; i < 4; ++i) {
    ASSERT_TRUE(block.canDequeue(i));
    block.step({}, {true, i});
    if (i > 0)
      EXPECT_EQ(block.result().data, i - 1);
  }
}

TEST(Block, RanksThatFallWithinAFlowAreCounted) {
  BlockModel block(16, 4, Order::Plain, 16);
  block.step(element(0, 7, 1, 0), {});
  block.step(element(0, 5, 1, 1), {});
  EXPECT_EQ(block.rankInversions(), 1u);
}

// What the hardware gives up: the second element of a flow joins the sorted
// array when the first leaves, behind equal ranks of other flows that came
// after it. A PIFO would answer 0, 1, 2.
TEST(Block, EqualRanksOfDifferentFlowsMayOvertake) {
  BlockModel block(16, 4, Order::Plain, 16);
  block.step(element(0, 5, 0, 0), {});
  block.step(element(0, 5, 0, 1), {});
  block.step(element(0, 5, 1, 2), {});
  std::vector<uint64_t> order;
  for (unsigned cycle = 0; cycle < 16; ++cycle) {
    block.step({}, {true, 0});
    if (block.result().valid)
      order.push_back(block.result().data);
  }
  EXPECT_EQ(order, (std::vector<uint64_t>{0, 2, 1}));
}

TEST(Block, AFullRankStoreRefuses) {
  BlockModel block(2, 4, Order::Plain, 16);
  for (unsigned i = 0; i < 3; ++i) {
    ASSERT_TRUE(block.canEnqueue(0));
    block.step(element(0, i, 0, i), {});
  }
  EXPECT_FALSE(block.canEnqueue(0));
  EXPECT_TRUE(block.canEnqueue(1)); // its head needs no place in the store
  EXPECT_EQ(block.stored(), 2u);
}
} // namespace
