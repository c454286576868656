//===- Eligible.cpp - Elements that wait for their time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A leaf with `pifo.eligible` has two containers: elements whose time has come,
// by rank, and the others, by time. Time moves on only between calls, so that
// each element moves over once, before anyone looks at the first ones.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

Value SchedulerEmitter::rankOf(const NodeLayout &node,
                               const TransactionContext &at, Value element) {
  return e.at(e.loadPtr(hot(node, at, node.late.ranks)),
              e.shl(e.cast(element, 64), 3));
}

void SchedulerEmitter::emitMature(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  if (!NodeOp(node.op).getEligible())
    return;
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(nodeFunction("mature", id), {ptr, i64, i64}, {}, false);
  TransactionContext at{function.getArgument(0), {}, {}, {}, {}, {}, {}};
  at.instance = node.count == 1 ? Value() : function.getArgument(2);
  Value now = function.getArgument(1);
  Value waiters = hot(node, at, node.late.waiters);
  auto loop = scf::WhileOp::create(b, e.loc, TypeRange(), ValueRange());
  b.createBlock(&loop.getBefore());
  // Without an element there is no time to compare.
  Value count = e.load(64, e.at(waiters, 8));
  Value isDue = e.ifElse(
      e.cmp(P::eq, count, 0), e.type(1),
      [&]() -> SmallVector<Value> { return {e.c(0, 1)}; },
      [&]() -> SmallVector<Value> {
        return {e.cmp(P::sle, e.load(64, e.loadPtr(waiters)), now)};
      })[0];
  scf::ConditionOp::create(b, e.loc, isDue, ValueRange());
  b.createBlock(&loop.getAfter());
  Value element = e.call(sharedName("_pop", false), {i64, i32}, waiters)[1];
  Value rank = e.load(64, rankOf(node, at, element));
  e.call(sharedName("_push", false), {},
         {hot(node, at, node.heap), rank, element});
  scf::YieldOp::create(b, e.loc);
  b.setInsertionPointAfter(loop);
  end({});
}

void SchedulerEmitter::mature(unsigned id, const TransactionContext &at) {
  e.call(nodeFunction("mature", id), {},
         {at.memory, at.now, at.instance ? at.instance : e.c(0)});
}

void SchedulerEmitter::pushEligible(unsigned id, const TransactionContext &at,
                                    Value element, Value rank) {
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  Value time = e.cast(inlineTransaction(op.getEligible().getBody(), node, at),
                      64, /*isSigned=*/true);
  // Elements that have become eligible since then leave before this one.
  mature(id, at);
  e.store(rank, rankOf(node, at, element));
  Value may = e.cmp(P::sle, time, at.now);
  Value heap =
      e.select(may, hot(node, at, node.heap), hot(node, at, node.late.waiters));
  e.call(sharedName("_push", false), {},
         {heap, e.select(may, rank, time), element});
  if (node.parent < 0)
    e.store(at.now, e.at(at.memory, layout.late + layout.kLateNow));
}

void SchedulerEmitter::emitOfferOfEligible(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(nodeFunction("offer", id), {ptr, i64, i64}, i32, false);
  Value memory = function.getArgument(0), now = function.getArgument(1);
  TransactionContext at{memory, {}, now, {}, {}, {}, {}};
  at.instance = node.count == 1 ? Value() : function.getArgument(2);
  mature(id, at);
  Value offer = e.at(memory, layout.late);
  Value some = e.cmp(P::ne, e.load(64, hot(node, at, node.heap + 8)), 0);
  e.ifThen(some, [&] {
    e.store(heapHead(node, at).rank, e.at(offer, layout.kOfferRank));
  });
  e.store(e.c(0), e.at(offer, layout.kOfferTie));
  Value waiters = hot(node, at, node.late.waiters);
  Value again = e.ifElse(
      e.cmp(P::eq, e.load(64, e.at(waiters, 8)), 0), i64,
      [&]() -> SmallVector<Value> { return {e.c(kNever)}; },
      [&]() -> SmallVector<Value> {
        return {e.load(64, e.loadPtr(waiters))};
      })[0];
  e.store(again, e.at(offer, layout.kOfferAgain));
  end(e.cast(some, 32));
}

SchedulerEmitter::Head
SchedulerEmitter::popLastEligible(unsigned id, const TransactionContext &at) {
  const NodeLayout &node = layout.nodes[id];
  mature(id, at);
  Value waiters = hot(node, at, node.late.waiters);
  SmallVector<Type> types{e.type(64), e.type(32)};
  auto last = e.ifElse(
      e.cmp(P::eq, e.load(64, e.at(waiters, 8)), 0), types,
      [&]() -> SmallVector<Value> {
        Head head = popHeap(node, at, "_pop_last");
        return {head.rank, head.element};
      },
      [&]() -> SmallVector<Value> {
        Value element =
            e.call(sharedName("_pop_last", false), types, waiters)[1];
        return {e.load(64, rankOf(node, at, element)), element};
      });
  Head head;
  head.rank = last[0];
  head.element = last[1];
  return head;
}
