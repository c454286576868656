//===- Late.cpp - Nodes that decide at dequeue -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Eligibility at dequeue: a node with the rule `late` holds no elements. Before
// something leaves, the children are asked from the root down to the first
// nodes whose order stands; each node notes the child that goes first, and the
// walk of a dequeue follows these notes.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

Value SchedulerEmitter::waitingAt(const NodeLayout &node,
                                  const TransactionContext &at) {
  return e.at(cold(node, at, node.late.waiting),
              e.shl(e.cast(at.child, 64), 3));
}

void SchedulerEmitter::countChild(const NodeLayout &node,
                                  const TransactionContext &at, int64_t by) {
  for (Value pointer :
       {waitingAt(node, at), hot(node, at, node.late.waitingAll)})
    e.store(e.add(e.load(64, pointer), e.c(by)), pointer);
}

void SchedulerEmitter::emitLateEnter(unsigned id,
                                     const TransactionContext &at) {
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  if (WakeOp wake = op.getWake())
    e.ifThen(e.cmp(P::eq, e.load(64, waitingAt(node, at)), 0),
             [&] { inlineValues(wake.getBody(), node, at); });
  countChild(node, at, 1);
  if (node.parent >= 0)
    callParent(node, at.memory, at.packet, at.now, at.instance);
  else
    e.store(at.now, e.at(at.memory, layout.late + layout.kLateNow));
  end(e.c(kStatusOk, 32));
}

/// The offer of a node that decides at enqueue: its first element.
void SchedulerEmitter::emitOfferOfPifo(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(nodeFunction("offer", id), {ptr, i64, i64}, i32, false);
  Value memory = function.getArgument(0);
  TransactionContext at{memory, {}, {}, {}, {}, {}, {}};
  at.instance = node.count == 1 ? Value() : function.getArgument(2);
  Value none = isEmpty(node, at);
  Value offer = e.at(memory, layout.late);
  e.ifThen(e.bxor(none, e.c(1, 1)), [&] {
    e.store(head(node, at).rank, e.at(offer, layout.kOfferRank));
  });
  e.store(e.c(0), e.at(offer, layout.kOfferTie));
  e.store(e.c(kNever), e.at(offer, layout.kOfferAgain));
  end(e.cast(e.bxor(none, e.c(1, 1)), 32));
}

/// `best`: the number of the best child, i32, or -1; its rank and tie; the time
/// at which to ask again. Returns the same with this child considered.
SmallVector<Value> SchedulerEmitter::askChild(const NodeLayout &node,
                                              TransactionContext at,
                                              ValueRange best) {
  NodeOp op = node.op;
  Type i32 = e.type(32);
  Value found =
      callChild("offer", node, at.instance, at.child, {at.memory, at.now}, i32);
  Value offer = e.at(at.memory, layout.late);
  at.rank = e.load(64, e.at(offer, layout.kOfferRank));
  at.tie = e.load(64, e.at(offer, layout.kOfferTie));
  Value again = e.op<arith::MinSIOp>(
      best[3], e.load(64, e.at(offer, layout.kOfferAgain)));
  return e.ifElse(
      e.cmp(P::ne, found, 0), best.getTypes(),
      [&]() -> SmallVector<Value> {
        SelectOp select = op.getSelect();
        bool reads = false;
        select.walk([&](ReadFieldOp) { reads = true; });
        select.walk([&](Operation *read) {
          if (auto lookup = dyn_cast<LookupOp>(read))
            reads |= !op.getTable(lookup.getTable()).isByChild();
          if (auto load = dyn_cast<LoadOp>(read))
            reads |= bool(op.getState(load.getState()).getKeyAttr());
        });
        if (reads) {
          Value packet =
              callChild("look", node, at.instance, at.child, {at.memory}, i32);
          at.packet = slot(layout.packets, at.memory, packet);
        }
        SmallVector<Value> says = inlineValues(select.getBody(), node, at);
        Value later = e.op<arith::MaxSIOp>(says[3], e.add(at.now, e.c(1)));
        Value less = e.bor(e.cmp(P::slt, says[1], best[1]),
                           e.band(e.cmp(P::eq, says[1], best[1]),
                                  e.cmp(P::slt, says[2], best[2])));
        Value first = e.cmp(P::slt, best[0], 0);
        Value wins = e.band(says[0], e.bor(first, less));
        return {e.select(wins, at.child, best[0]),
                e.select(wins, says[1], best[1]),
                e.select(wins, says[2], best[2]),
                e.op<arith::MinSIOp>(again, later)};
      },
      [&]() -> SmallVector<Value> {
        return {best[0], best[1], best[2], again};
      });
}

void SchedulerEmitter::emitOffer(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  if (op.getEligible())
    return emitOfferOfEligible(id);
  if (!op.isLate()) {
    if (node.parent >= 0 && NodeOp(layout.nodes[node.parent].op).isLate())
      emitOfferOfPifo(id);
    return;
  }
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(nodeFunction("offer", id), {ptr, i64, i64}, i32, false);
  Value memory = function.getArgument(0), now = function.getArgument(1);
  TransactionContext at{memory, {}, now, {}, {}, {}, {}};
  at.instance = node.count == 1 ? Value() : function.getArgument(2);
  SmallVector<Value> none{e.c(-1, 32), e.c(0), e.c(0), e.c(kNever)};
  int64_t children = op.getChildren().size();
  auto loop =
      scf::ForOp::create(b, e.loc, arith::ConstantIndexOp::create(b, e.loc, 0),
                         arith::ConstantIndexOp::create(b, e.loc, children),
                         arith::ConstantIndexOp::create(b, e.loc, 1), none);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    at.child =
        arith::IndexCastOp::create(b, e.loc, i32, loop.getInductionVar());
    ValueRange best = loop.getRegionIterArgs();
    auto results = e.ifElse(
        e.cmp(P::ne, e.load(64, waitingAt(node, at)), 0), best.getTypes(),
        [&] { return askChild(node, at, best); },
        [&]() -> SmallVector<Value> { return llvm::to_vector(best); });
    scf::YieldOp::create(b, e.loc, results);
  }
  Value chosen = loop.getResult(0), rank = loop.getResult(1);
  Value offer = e.at(memory, layout.late);
  e.store(chosen, hot(node, at, node.late.chosen));
  e.store(rank, hot(node, at, node.late.chosenRank));
  e.store(loop.getResult(2), hot(node, at, node.late.chosenTie));
  e.store(rank, e.at(offer, layout.kOfferRank));
  e.store(loop.getResult(2), e.at(offer, layout.kOfferTie));
  e.store(loop.getResult(3), e.at(offer, layout.kOfferAgain));
  end(e.cast(e.cmp(P::sge, chosen, 0), 32));
}

Value SchedulerEmitter::isDone(Value memory, Value now) {
  Value none = isEmpty(layout.nodes[0], {memory, {}, {}, {}, {}, {}, {}});
  if (!layout.decidesLate)
    return none;
  Value late = e.at(memory, layout.late);
  Value againPointer = e.at(late, layout.kLateAgain);
  e.store(now, e.at(late, layout.kLateNow));
  return e.ifElse(
      none, e.type(1),
      [&]() -> SmallVector<Value> {
        e.store(e.c(kNever), againPointer);
        return {none};
      },
      [&]() -> SmallVector<Value> {
        Value found = e.cmp(P::ne,
                            e.call(nodeFunction("offer", 0), e.type(32),
                                   {memory, now, e.c(0)})[0],
                            0);
        Value again = e.load(64, e.at(late, layout.kOfferAgain));
        e.store(e.select(found, e.c(kNever), again), againPointer);
        return {e.bxor(found, e.c(1, 1))};
      })[0];
}

/// A time that has passed is reported once: the next dequeue asks all children.
void SchedulerEmitter::lateRelease(Value memory, Value now) {
  Value late = e.at(memory, layout.late);
  Value againPointer = e.at(late, layout.kLateAgain);
  Value again = e.load(64, againPointer);
  e.store(now, e.at(late, layout.kLateNow));
  e.store(e.select(e.cmp(P::sle, again, now), e.c(kNever), again),
          againPointer);
}

Value SchedulerEmitter::longestChild(const NodeLayout &node,
                                     const TransactionContext &at) {
  NodeOp op = node.op;
  auto index = [&](int64_t i) {
    return arith::ConstantIndexOp::create(b, e.loc, i);
  };
  SmallVector<Value> none{e.c(0, 32), e.c(0)};
  auto loop = scf::ForOp::create(
      b, e.loc, index(0), index(op.getChildren().size()), index(1), none);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  TransactionContext here = at;
  here.child =
      arith::IndexCastOp::create(b, e.loc, e.type(32), loop.getInductionVar());
  ValueRange best = loop.getRegionIterArgs();
  Value waiting = e.load(64, waitingAt(node, here));
  Value wins = e.cmp(P::sge, waiting, best[1]);
  scf::YieldOp::create(b, e.loc,
                       ValueRange{e.select(wins, here.child, best[0]),
                                  e.op<arith::MaxSIOp>(waiting, best[1])});
  return loop.getResult(0);
}
