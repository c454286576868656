//===- hierarchy_tb.cpp - Queues in levels against sorted ones ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: hierarchy_tb <cycles> <seed>
// Every pop of a dequeue must give one of the elements of the smallest rank of
// its queue, and a packet what it came with; all ready signals are predicted.
// The parameters of the module are given as macros: DEPTH, QUEUES, WAYS,
// LEVELS, RANK_BITS.
//
//===----------------------------------------------------------------------===//

#include "Vnm_pifo_hierarchy.h"
#include "sorted_queue.h"
#include "testbench.h"
#include "verilated.h"
#include "wide_port.h"
#include <algorithm>
#include <random>
#include <vector>

namespace {
constexpr uint32_t kReference = uint32_t(1) << 31;

/// The module, its queues, and its two walks with the turns that they take.
class Bench {
public:
  explicit Bench(uint64_t seed)
      : random(seed), top(&context), parents(QUEUES), depths(QUEUES) {
    top.clk = 0;
    reset();
  }

  void step(uint64_t cycle) {
    if (left-- == 0)
      nextPhase();
    uint32_t meta = static_cast<uint32_t>(random()) & ~kReference;
    unsigned leaf = leaves[below(usedLeaves)];
    std::vector<uint64_t> walk;
    for (unsigned i = 0; i < DEPTH; ++i)
      walk.push_back((kind == 1   ? 7
                      : kind == 2 ? cycle
                      : kind == 3 ? ~cycle
                                  : below(ranks)) &
                     ((uint64_t(1) << RANK_BITS) - 1));
    bool enqueues = below(8) < enqueueOdds, dequeues = below(8) < dequeueOdds;
    top.enq_valid = enqueues;
    top.enq_queue = leaf;
    top.enq_meta = meta;
    setRanks(walk);
    top.deq_valid = dequeues;
    top.eval();

    // What the tree takes in this cycle.
    bool wantsPush = up.busy, wantsPop = down.busy && down.asks;
    bool canPush = !popping && fillOf(up.queue) != capacity();
    bool canPop = !popping && fillOf(down.queue) != 0;
    bool pushes = wantsPush && canPush && !(wantsPop && canPop && !turn);
    bool pops = wantsPop && canPop && !(wantsPush && canPush && turn);
    bool isTop = pushes && up.queue == 0;
    checkStep(cycle);
    bool leaves = answers && stepIsPacket;
    bool enqueueReady = (!up.busy || isTop) && inside != capacity();
    bool dequeueReady = (!down.busy || leaves) && rooted != 0;
    expect(cycle, "enq_ready", top.enq_ready, enqueueReady);
    expect(cycle, "deq_ready", top.deq_ready, dequeueReady);
    expect(cycle, "out_valid", top.out_valid, left_.valid);
    if (left_.valid) {
      expect(cycle, "out_queue", top.out_queue, left_.queue);
      expect(cycle, "out_meta", top.out_meta, left_.meta);
    }
    bool loads = enqueues && enqueueReady, requests = dequeues && dequeueReady;
    full += enqueues && inside == capacity();
    left_ = {leaves, answerQueue, static_cast<uint32_t>(stepMeta)};
    bool descends = answers && !stepIsPacket;
    unsigned child = stepMeta & ~kReference;
    clock(top);

    // After the clock.
    answers = asked;
    answerQueue = askedQueue;
    asked = pops;
    askedQueue = down.queue;
    popping = pops;
    if (pushes || pops)
      turn = pops;
    if (pushes) {
      queues[up.queue].push(up.ranks[up.level],
                            up.level ? kReference | up.child : up.meta);
      ++sizes[up.queue];
      up.child = up.queue;
      up.queue = parents[up.queue];
      ++up.level;
    }
    if (pops)
      --sizes[down.queue];
    if (isTop)
      up.busy = false;
    if (loads)
      up = {true, leaf, 0, 0, walk, meta};
    if (pops)
      down.asks = false;
    if (leaves)
      down.busy = false;
    if (descends) {
      down.queue = child;
      down.asks = true;
    }
    if (requests)
      down = {true, true, 0};
    rooted += isTop;
    rooted -= requests;
    inside += loads;
    inside -= leaves;
    in += loads;
    out += leaves;
    most = std::max(most, inside);
    expect(cycle, "occupancy", top.occupancy, inside);
    expect(cycle, "empty", top.empty, inside == 0);
  }

  void print() const {
    printNumbers("%llu packets in, %llu out, %llu while it was full, at most "
                 "%llu held, %llu levels\n",
                 in, out, full, most, deepest);
  }

private:
  uint64_t in = 0, out = 0, most = 0, full = 0;
  unsigned deepest = 0;
  struct Up {
    bool busy = false;
    unsigned queue = 0, child = 0, level = 0;
    std::vector<uint64_t> ranks;
    uint32_t meta = 0;
  };
  struct Down {
    bool busy = false, asks = false;
    unsigned queue = 0;
  };
  struct Left {
    bool valid = false;
    unsigned queue = 0;
    uint32_t meta = 0;
  };
  std::mt19937_64 random;
  VerilatedContext context;
  Vnm_pifo_hierarchy top;
  std::vector<Queue> queues;
  /// Without elements that were asked for.
  std::vector<uint64_t> sizes;
  std::vector<unsigned> parents, depths, leaves;
  Up up;
  Down down;
  Left left_;
  bool popping = false, turn = false, asked = false, answers = false;
  unsigned askedQueue = 0, answerQueue = 0;
  bool stepIsPacket = false;
  uint64_t stepMeta = 0, inside = 0, rooted = 0, left = 0, ranks = 4;
  unsigned kind = 0, enqueueOdds = 4, dequeueOdds = 4, usedLeaves = 1;

  uint64_t below(uint64_t n) { return random() % n; }
  uint64_t fillOf(unsigned queue) const { return sizes[queue]; }

  /// An element that was asked for two cycles ago.
  void checkStep(uint64_t cycle) {
    expect(cycle, "step_valid", top.step_valid, answers);
    if (!answers)
      return;
    expect(cycle, "step_queue", top.step_queue, answerQueue);
    Queue &queue = queues[answerQueue];
    expect(cycle, "step_rank", top.step_rank, queue.least());
    stepIsPacket = top.step_packet;
    stepMeta = top.step_meta | (stepIsPacket ? 0 : kReference);
    if (!queue.pop(static_cast<uint32_t>(stepMeta)))
      fail(cycle, "step_meta", top.step_meta, 0);
  }

  void setRanks(const std::vector<uint64_t> &walk) {
    std::vector<uint64_t> words(DEPTH * RANK_BITS / 64 + 2);
    for (unsigned i = 0; i < DEPTH; ++i)
      setBits(words.data(), i * RANK_BITS, RANK_BITS, walk[i]);
    put(top.enq_ranks, words);
  }

  void nextPhase() {
    kind = below(6);
    left = 16 + below(below(4) ? 400 : 16 * capacity());
    ranks = below(2) ? 4 : uint64_t(1) << RANK_BITS;
    enqueueOdds = below(9);
    dequeueOdds = kind == 5 ? 0 : below(9);
    usedLeaves = 1 + below(below(2) ? 2 : leaves.size());
    usedLeaves = std::min<unsigned>(usedLeaves, leaves.size());
    if (below(12) == 0)
      reset();
  }

  /// Another tree of queues, and nothing inside.
  void reset() {
    top.enq_valid = top.deq_valid = 0;
    top.rst = 1;
    top.eval();
    clock(top);
    std::vector<bool> isInner(QUEUES);
    for (unsigned queue = 1; queue < QUEUES; ++queue) {
      unsigned above;
      do
        above = below(2) ? queue - 1 : below(queue);
      while (depths[above] + 1 >= DEPTH);
      parents[queue] = above;
      depths[queue] = depths[above] + 1;
      deepest = std::max(deepest, depths[queue] + 1);
      isInner[above] = true;
      top.set_valid = 1;
      top.set_queue = queue;
      top.set_parent = above;
      top.eval();
      clock(top);
    }
    top.set_valid = 0;
    leaves.clear();
    for (unsigned queue = 1; queue < QUEUES; ++queue)
      if (!isInner[queue])
        leaves.push_back(queue);
    std::shuffle(leaves.begin(), leaves.end(), random);
    top.rst = 0;
    queues.assign(QUEUES, Queue());
    sizes.assign(QUEUES, 0);
    up = Up();
    down = Down();
    left_ = Left();
    popping = turn = asked = answers = false;
    inside = rooted = 0;
  }
};
} // namespace

int main(int argc, char **argv) { return runBench<Bench>(argc, argv); }
