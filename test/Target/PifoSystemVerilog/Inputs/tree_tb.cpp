//===- tree_tb.cpp - The tree block against sorted queues -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: tree_tb <cycles> <seed>
// Every pop must give one of the elements of the smallest rank, two cycles
// later, with what it came with. The parameters of the module are given as
// macros: WAYS, LEVELS, QUEUES, RANK_BITS.
//
//===----------------------------------------------------------------------===//

#include "Vnm_pifo_tree.h"
#include "sorted_queue.h"
#include "testbench.h"
#include "verilated.h"
#include <random>
#include <vector>

namespace {
/// Traffic in phases of a random length; each phase stresses another path.
struct Traffic {
  std::mt19937_64 random;
  unsigned kind = 0, pushOdds = 4, popOdds = 4, queues = 1;
  uint64_t left = 0, ranks = 4, count = 0;
  bool push = false, pop = false, reset = false;
  unsigned pushQueue = 0, popQueue = 0;
  uint64_t rank = 0;
  uint32_t meta = 0;

  explicit Traffic(uint64_t seed) : random(seed) {}
  uint64_t below(uint64_t n) { return random() % n; }

  void next() {
    reset = false;
    if (left-- == 0) {
      reset = below(8) == 0;
      kind = below(8);
      left = 16 + below(below(4) ? 100 : 4 * capacity());
      queues = 1 + below(below(2) ? 2 : QUEUES);
      queues = queues > QUEUES ? QUEUES : queues;
      ranks = below(2) ? 4 : 1ull << RANK_BITS;
      pushOdds = below(9);
      popOdds = below(9);
    }
    push = below(8) < pushOdds || kind == 4 || kind == 5;
    pop = (below(8) < popOdds || kind == 5 || kind == 6) && kind != 4;
    rank = kind == 1   ? 7
           : kind == 2 ? count
           : kind == 3 ? ~count
                       : below(ranks);
    rank &= (1ull << RANK_BITS) - 1;
    pushQueue = below(queues);
    popQueue = below(queues);
    meta = random();
    ++count;
  }
};

/// The module and what it should hold.
class Bench {
public:
  explicit Bench(uint64_t seed) : traffic(seed), top(&context), queues(QUEUES) {
    top.clk = 0;
    reset();
  }

  void step(uint64_t cycle) {
    traffic.next();
    if (traffic.reset)
      reset();
    top.push_valid = traffic.push;
    top.push_queue = traffic.pushQueue;
    top.push_rank = traffic.rank;
    top.push_meta = traffic.meta;
    top.pop_valid = traffic.pop;
    top.pop_queue = traffic.popQueue;
    top.eval();
    checkReady(cycle);
    bool pushes = traffic.push && top.push_ready;
    bool pops = traffic.pop && top.pop_ready;
    clock(top);
    checkOut(cycle);
    waiting = pops;
    waitingQueue = traffic.popQueue;
    if (pushes)
      queues[traffic.pushQueue].push(traffic.rank, traffic.meta);
    inside += pushes;
    inside -= pops;
    in += pushes;
    out += pops;
    lastWasPop = pops ? true : pushes ? false : lastWasPop;
    if (inside > most)
      most = inside;
    expect(cycle, "occupancy", top.occupancy, inside);
    expect(cycle, "empty", top.empty, inside == 0);
  }

  void print() const {
    printNumbers("%llu pushed, %llu popped, %llu into a full queue, %llu from "
                 "an empty one, at most %llu held\n",
                 in, out, full, none, most);
  }

private:
  uint64_t in = 0, out = 0, most = 0, full = 0, none = 0;
  Traffic traffic;
  VerilatedContext context;
  Vnm_pifo_tree top;
  std::vector<Queue> queues;
  uint64_t inside = 0;
  bool waiting = false, lastWasPop = false;
  unsigned waitingQueue = 0;

  /// One cycle; what is inside or asked for is forgotten.
  void reset() {
    top.rst = 1;
    top.eval();
    clock(top);
    top.rst = 0;
    queues.assign(QUEUES, Queue());
    inside = 0;
    waiting = lastWasPop = false;
  }

  /// Two cycles for a pop, one for a push, turns if both can be served.
  void checkReady(uint64_t cycle) {
    bool busy = waiting;
    // An element that was asked for has left.
    uint64_t there = queues[traffic.popQueue].size -
                     (busy && waitingQueue == traffic.popQueue);
    uint64_t room = queues[traffic.pushQueue].size -
                    (busy && waitingQueue == traffic.pushQueue);
    bool canPop = !busy && there != 0, canPush = !busy && room != capacity();
    bool popReady = canPop && !(traffic.push && canPush && lastWasPop);
    bool pushReady = canPush && !(traffic.pop && canPop && !lastWasPop);
    full += traffic.push && room == capacity();
    none += traffic.pop && there == 0;
    expect(cycle, "push_ready", top.push_ready, pushReady);
    expect(cycle, "pop_ready", top.pop_ready, popReady);
  }

  /// What was asked for in the cycle before is on `out` now.
  void checkOut(uint64_t cycle) {
    expect(cycle, "out_valid", top.out_valid, waiting);
    if (!waiting)
      return;
    expect(cycle, "out_queue", top.out_queue, waitingQueue);
    Queue &queue = queues[waitingQueue];
    expect(cycle, "out_rank", top.out_rank, queue.least());
    if (!queue.pop(top.out_meta))
      fail(cycle, "out_meta", top.out_meta, 0);
  }
};
} // namespace

int main(int argc, char **argv) { return runBench<Bench>(argc, argv); }
