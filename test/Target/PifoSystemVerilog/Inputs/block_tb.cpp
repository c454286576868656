//===- block_tb.cpp - The block's SystemVerilog against its model ---------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: block_tb <cycles> <seed>
// Compares every output of every cycle. The parameters of the module are given
// as macros: ELEMENTS, FLOWS, PIFO_BITS, RANK_BITS, ORDER.
//
//===----------------------------------------------------------------------===//

#include "Vnm_pifo_block.h"
#include "nm/Model/PifoMesh/Block.h"
#include "testbench.h"
#include "verilated.h"
#include <random>

using namespace nm::mesh;

namespace {
/// Traffic in phases of a random length; each phase stresses another path.
class Traffic {
public:
  explicit Traffic(uint64_t seed) : random(seed) {}

  Element enqueue;
  PopRequest dequeue;
  unsigned phases[8] = {};

  void next() {
    if (left-- == 0) {
      kind = below(8);
      left = 16 + below(below(4) ? 200 : 6000);
      pifos = 1 + below(below(2) ? 4 : (1u << PIFO_BITS));
      flows = 1 + below(below(2) ? 6 : FLOWS);
      ranks = below(2) ? 4 : 1ull << RANK_BITS;
      enqueueOdds = below(9);
      dequeueOdds = below(9);
      ++phases[kind];
    }
    unsigned flow = below(flows);
    uint64_t rank = below64(ranks);
    bool in = below(8) < enqueueOdds, out = below(8) < dequeueOdds;
    unsigned from = below(pifos);
    switch (kind) {
    case 0:
      break; // anything
    case 1:
      rank = 7;
      break; // ties only
    case 2:
      rank = count;
      break; // growing
    case 3:
      rank = ~count;
      break; // shrinking: always in front
    case 4:
      flow = flow & 1;
      in = true;
      break; // long lists
    case 5:
      out = in = true;
      break; // full rate
    case 6:
      in = count & 1;
      out = true;
      flow = 0;
      from = 0;
      break; // one flow
    case 7:
      in = false;
      out = true;
      break; // drain, pops that miss
    }
    ++count;
    rank &= maskOf(RANK_BITS);
    // A flow lies in one logical PIFO.
    enqueue = {in, flow % (1u << PIFO_BITS) % 37 % (1u << PIFO_BITS), flow,
               rank, random() & 0xffffffff};
    dequeue = {out, from % 37};
  }

private:
  std::mt19937_64 random;
  unsigned kind = 0, left = 0, pifos = 1, flows = 1, enqueueOdds = 4,
           dequeueOdds = 4;
  uint64_t ranks = 4, count = 0;
  unsigned below(unsigned n) { return static_cast<unsigned>(random() % n); }
  uint64_t below64(uint64_t n) { return random() % n; }
};
} // namespace

int main(int argc, char **argv) {
  if (argc != 3)
    return std::fprintf(stderr, "usage: block_tb <cycles> <seed>\n"), 2;
  uint64_t cycles = std::strtoull(argv[1], nullptr, 10);
  Traffic traffic(std::strtoull(argv[2], nullptr, 10));
  VerilatedContext context;
  Vnm_pifo_block top(&context);
  BlockModel model(ELEMENTS, FLOWS, static_cast<Order>(ORDER), RANK_BITS);
  startUp(top);

  uint64_t in = 0, out = 0, refusedIn = 0, refusedOut = 0, mostStored = 0;
  for (uint64_t cycle = 0; cycle < cycles; ++cycle) {
    traffic.next();
    const Element &e = traffic.enqueue;
    top.enq_valid = e.valid;
    top.enq_pifo = e.pifo;
    top.enq_rank = e.rank;
    top.enq_flow = e.flow;
    top.enq_meta = e.data;
    top.deq_valid = traffic.dequeue.valid;
    top.deq_pifo = traffic.dequeue.pifo;
    top.eval();
    bool takes = model.canEnqueue(e.flow);
    bool pops = model.canDequeue(traffic.dequeue.pifo);
    expect(cycle, "enq_ready", top.enq_ready, takes);
    expect(cycle, "deq_ready", top.deq_ready, pops);
    in += e.valid && takes;
    refusedIn += e.valid && !takes;
    refusedOut += traffic.dequeue.valid && !pops;

    clock(top);
    model.step(e, traffic.dequeue);

    const Element &result = model.result();
    expect(cycle, "out_valid", top.out_valid, result.valid);
    if (result.valid) {
      ++out;
      expect(cycle, "out_pifo", top.out_pifo, result.pifo);
      expect(cycle, "out_rank", top.out_rank, result.rank);
      expect(cycle, "out_flow", top.out_flow, result.flow);
      expect(cycle, "out_meta", top.out_meta, result.data);
    }
    Element head = model.head();
    expect(cycle, "head_valid", top.head_valid, head.valid);
    if (head.valid &&
        (top.head_pifo != head.pifo || top.head_rank != head.rank))
      fail(cycle, "head_rank", top.head_rank, head.rank);
    if (top.overflow)
      fail(cycle, "overflow", 1, 0);
    if (model.stored() > mostStored)
      mostStored = model.stored();
  }
  printNumbers("%llu cycles, no mismatch: %llu enqueued, %llu dequeued, "
               "%llu and %llu refused, at most %llu in the rank store\n",
               cycles, in, out, refusedIn, refusedOut, mostStored);
  for (unsigned kind = 0; kind < 8; ++kind)
    std::printf("phase %u: %u times\n", kind, traffic.phases[kind]);
  return 0;
}
