//===- Flows.cpp - Leaves that keep flows in order -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A packet with a small rank takes those of its flow along that came before it,
// so that what leaves is not at the end of any order that stands. All packets
// inside are looked at, as the switches of pFabric do with their small buffers.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

Value SchedulerEmitter::flowsEntry(const NodeLayout &node,
                                   const TransactionContext &at,
                                   Value element) {
  return e.at(e.loadPtr(hot(node, at, node.late.flows.entries)),
              e.shl(e.cast(element, 64), 4));
}

void SchedulerEmitter::pushFlows(const NodeLayout &node,
                                 const TransactionContext &at, Value element,
                                 Value rank) {
  Value came = hot(node, at, node.late.flows.came);
  Value number = e.add(e.load(64, came), e.c(1));
  e.store(number, came);
  Value entry = flowsEntry(node, at, element);
  e.store(rank, entry);
  e.store(number, e.at(entry, 8));
  Value inside = hot(node, at, node.late.flows.inside);
  e.store(e.add(e.load(64, inside), e.c(1)), inside);
}

void SchedulerEmitter::leaveFlows(const NodeLayout &node,
                                  const TransactionContext &at, Value element) {
  e.store(e.c(0), e.at(flowsEntry(node, at, element), 8));
  Value inside = hot(node, at, node.late.flows.inside);
  e.store(e.sub(e.load(64, inside), e.c(1)), inside);
}

SchedulerEmitter::Head SchedulerEmitter::bestEntry(
    const NodeLayout &node, const TransactionContext &at,
    llvm::function_ref<Value(Value, Value, Value, Value)> isBetter,
    llvm::function_ref<Value(Value)> counts) {
  Value used =
      e.cast(e.load(32, e.at(at.memory, layout.packets.offset + 12)), 64);
  SmallVector<Value> none{e.c(0), e.c(0), e.c(0)};
  auto found = forUpTo(
      e.add(used, e.c(1)), none,
      [&](Value i, ValueRange best) -> SmallVector<Value> {
        Value entry = flowsEntry(node, at, i);
        Value number = e.load(64, e.at(entry, 8));
        return e.ifElse(
            e.cmp(P::ne, number, 0), best.getTypes(),
            [&]() -> SmallVector<Value> {
              Value rank = e.load(64, entry);
              Value isFirst = e.cmp(P::eq, best[0], 0);
              Value better =
                  e.bor(isFirst, isBetter(rank, number, best[1], best[2]));
              if (counts)
                better = e.band(better, counts(i));
              return {e.select(better, i, best[0]),
                      e.select(better, rank, best[1]),
                      e.select(better, number, best[2])};
            },
            [&]() -> SmallVector<Value> { return llvm::to_vector(best); });
      });
  Head head;
  head.element = e.cast(found[0], 32);
  head.rank = found[1];
  return head;
}

SchedulerEmitter::Head SchedulerEmitter::outermost(const NodeLayout &node,
                                                   const TransactionContext &at,
                                                   arith::CmpIPredicate order) {
  return bestEntry(
      node, at,
      [&](Value rank, Value number, Value bestRank, Value bestNumber) {
        Value isEqual = e.cmp(P::eq, rank, bestRank);
        return e.bor(e.cmp(order, rank, bestRank),
                     e.band(isEqual, e.cmp(order, number, bestNumber)));
      },
      {});
}

SchedulerEmitter::Head
SchedulerEmitter::flowsHead(const NodeLayout &node,
                            const TransactionContext &at) {
  Head leader = outermost(node, at, P::slt);
  NodeOp op = node.op;
  auto flowOf = [&](Value element) {
    Value packet = slot(layout.packets, at.memory, element);
    return readField(op.getInOrder().getKey(), packet);
  };
  Value flow = flowOf(leader.element);
  Head head = bestEntry(
      node, at,
      [&](Value, Value number, Value, Value bestNumber) {
        return e.cmp(P::slt, number, bestNumber);
      },
      [&](Value i) { return e.cmp(P::eq, flowOf(i), flow); });
  head.rank = leader.rank;
  return head;
}

/// Leaves at once.
SchedulerEmitter::Head
SchedulerEmitter::flowsLast(const NodeLayout &node,
                            const TransactionContext &at) {
  Head head = outermost(node, at, P::sgt);
  leaveFlows(node, at, head.element);
  return head;
}
