//===- Block.h - Cycle-level model of a PIFO block --------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// "Programmable Packet Scheduling at Line Rate" (SIGCOMM 2016), section 5: a
// block is a flow scheduler (flip-flops, the head of every flow, sorted) and a
// rank store (SRAM, the rest of every flow in arrival order). Every `step` is
// one clock cycle; what it returns is what the registers show after it. The
// generated SystemVerilog is compared with these classes cycle by cycle.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_BLOCK_H
#define NM_MODEL_PIFOMESH_BLOCK_H

#include "nm/Model/PifoMesh/Config.h"
#include <cstdint>
#include <deque>
#include <vector>

namespace nm::mesh {

struct Element {
  bool valid = false;
  unsigned pifo = 0;
  unsigned flow = 0;
  uint64_t rank = 0;
  /// Opaque here: an index into the mesh's packets, or any number in a test.
  uint64_t data = 0;
};

struct PopRequest {
  bool valid = false;
  unsigned pifo = 0;
};

/// True if `a` sorts strictly after `b`.
bool sortsAfter(const Element &a, const Element &b, Order order,
                unsigned rankBits);

/// The sorted array of flow heads. Accepts one pop and two pushes a cycle; each
/// is a pipeline of two stages (compare, shift). Requests of one cycle act in
/// the order pop, push 1, push 2; elements of equal rank leave in the order of
/// their pushes.
class FlowScheduler {
public:
  FlowScheduler(unsigned capacity, Order order, unsigned rankBits)
      : capacity(capacity), order(order), rankBits(rankBits) {}

  /// One cycle: performs the shifts of the previous cycle's requests, takes new
  /// ones. `result` then holds what the pop of the previous cycle found.
  void step(const PopRequest &pop, const Element &push1, const Element &push2);

  const Element &result() const { return popped; }
  /// The smallest element over all logical PIFOs that has been shifted in.
  Element head() const { return array.empty() ? Element() : array.front(); }
  size_t size() const { return array.size(); }
  /// A push found the array full, and the last element was lost. Never within
  /// a block, whose flows are as many as the array's entries.
  bool overflowed() const { return overflow; }

private:
  unsigned capacity;
  Order order;
  unsigned rankBits;
  std::vector<Element> array;
  PopRequest pendingPop;
  Element pending1, pending2, popped;
  bool overflow = false;

  void insert(const Element &element);
};

/// One block: one enqueue and one dequeue a cycle.
class BlockModel {
public:
  BlockModel(unsigned elements, unsigned flows, Order order, unsigned rankBits);

  /// What a request of this cycle would be answered.
  bool canEnqueue(unsigned flow) const;
  /// False in the three cycles after a dequeue of the same logical PIFO: pop,
  /// read of the rank store and reinsertion take four.
  bool canDequeue(unsigned pifo) const;

  /// One cycle. Requests that cannot be served are ignored.
  void step(const Element &enqueue, const PopRequest &dequeue);

  /// The element dequeued two cycles ago; invalid if its logical PIFO was
  /// empty.
  const Element &result() const { return scheduler.result(); }
  Element head() const { return scheduler.head(); }
  /// Elements waiting in the rank store.
  unsigned stored() const { return storedElements; }
  /// Elements whose rank was below their predecessor's in the same flow. A
  /// block does not sort within a flow, so each of them may leave late.
  uint64_t rankInversions() const { return inversions; }

private:
  struct Flow {
    bool active = false; ///< its head is in the flow scheduler, or on the way
    bool hasLast = false;
    uint64_t lastRank = 0;
    std::deque<Element> rest;
  };
  unsigned elements;
  Order order;
  unsigned rankBits;
  FlowScheduler scheduler;
  std::vector<Flow> flows;
  unsigned storedElements = 0;
  Element read; ///< leaving the rank store, reinserted this cycle
  PopRequest recent[3];
  uint64_t inversions = 0;
};

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_BLOCK_H
