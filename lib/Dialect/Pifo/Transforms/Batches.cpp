//===- Batches.cpp - Many packets in one call -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Where each level of the tree is one class of nodes, a walk is one piece of
// code, and a batch is a loop around it: no call and no check of the room for
// each packet. The processor overlaps its turns. If lists are in no near cache,
// a batch goes through the tree level by level, and the transactions of all its
// packets say which lists to ask for before any is read: state is private to a
// node and ranks do not depend on what queues hold, so that nobody sees the
// difference.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

/// Whether most pushes and pops wait for a list that does not fit the
/// second-level cache.
static bool waitsForLists(const NodeLayout &node) {
  return !node.hasLanes() && node.hasFarLists();
}

/// Whether some level does: then all packets of a batch pass one level before
/// they enter the next.
static bool goesByLevels(const SchedulerLayout &layout) {
  return llvm::any_of(layout.nodes, waitsForLists);
}

/// Packets that go through a level together.
static constexpr int64_t kTogether = 32;

Value SchedulerEmitter::Row::at(SchedulerEmitter &s, Value i) const {
  return s.e.at(first, s.e.shl(i, 3));
}

SchedulerEmitter::Row SchedulerEmitter::row(int64_t count) {
  return {
      LLVM::AllocaOp::create(b, e.loc, e.ptrType(), e.type(64), e.c(count))};
}

void SchedulerEmitter::keepScalar(scf::ForOp loop) {
  auto vectorize = LLVM::LoopVectorizeAttr::get(
      b.getContext(), b.getBoolAttr(true), {}, {}, {}, {}, {}, {});
  loop->setAttr("loop_annotation",
                LLVM::LoopAnnotationAttr::get(b.getContext(), {}, vectorize, {},
                                              {}, {}, {}, {}, {}, {}, {}, {},
                                              {}, {}, {}, {}));
}

void SchedulerEmitter::forEachBelow(Value count,
                                    llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, e.loc, e.c(0), count, e.c(1));
  keepScalar(loop);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

bool SchedulerEmitter::isChain() const {
  // Admission rules read what is inside when a packet comes, which depends on
  // the packets before it in the batch.
  if (layout.keepsDropped || layout.decidesLate || !layout.parameters.empty() ||
      layout.approximation || SchedulerOp(layout.op).keepsFlowsInOrder())
    return false;
  for (const auto &[id, node] : llvm::enumerate(layout.nodes)) {
    NodeOp op = node.op;
    if (op.getShaping() || mayBeRefused(layout, id) || hasRule(id) ||
        hasBacklog(id) || node.children.size() > 1 ||
        (!node.children.empty() && !layout.nodes[node.children[0]].fanOut))
      return false;
  }
  return true;
}

Value SchedulerEmitter::packetAt(Value packets, Value i) {
  return e.at(packets, e.mul(i, e.c(layout.packet.size)));
}

//===----------------------------------------------------------------------===//
// Level by level
//===----------------------------------------------------------------------===//

/// Packets `packets` to `packets + count`, whose leaves are `instances`, enter.
void SchedulerEmitter::enterTogether(Value memory, Value packets, Value now,
                                     Value count, Row instances, Row yields) {
  for (int id = layout.nodes.size() - 1; id >= 0; --id) {
    const NodeLayout &node = layout.nodes[id];
    NodeOp op = node.op;
    bool isLeaf = node.children.empty();
    unsigned fanOut = isLeaf ? 0 : layout.nodes[node.children[0]].fanOut;
    auto contextOf = [&](Value i, Value instance) {
      Value child;
      if (!isLeaf) {
        // Of the child, so far.
        child = e.cast(e.op<arith::RemUIOp>(instance, e.c(fanOut)), 32);
        instance = e.op<arith::DivUIOp>(instance, e.c(fanOut));
      }
      return TransactionContext{memory, packetAt(packets, i),
                                now,    node.count == 1 ? Value() : instance,
                                child,  {},
                                {}};
    };
    auto run = [&](const TransactionContext &at) {
      return inlineTransaction(op.getScheduling().getBody(), node, at);
    };
    unsigned width = 0;
    if (waitsForLists(node))
      forEachBelow(count, [&](Value i) {
        TransactionContext at =
            contextOf(i, e.load(64, instances.at(*this, i)));
        Value yielded = run(at), index = e.cast(yielded, 64);
        width = e.width(yielded);
        e.store(index, yields.at(*this, i));
        // Most ranks have the low bits of the yielded value, so that those
        // already tell which list to prefetch.
        prefetchRank(node, at, index);
      });
    forEachBelow(count, [&](Value i) {
      Value pointer = instances.at(*this, i);
      TransactionContext at = contextOf(i, e.load(64, pointer));
      if (!isLeaf)
        e.store(at.instance ? at.instance : e.c(0), pointer);
      Value yielded =
          width ? e.cast(e.load(64, yields.at(*this, i)), width) : run(at);
      Value refused;
      emitEnterBody(id, at, toRank(node, yielded, at, refused));
    });
  }
}

/// How many of `packets` up to `most`, which have room, enter, and the last
/// status; level by level.
SmallVector<Value> SchedulerEmitter::enterByLevels(Value memory, Value packets,
                                                   Value now, Value most) {
  Type i64 = e.type(64), i32 = e.type(32);
  Row instances = row(kTogether), yields = row(kTogether);
  SmallVector<Type> types{i64, i32};
  auto loop = scf::WhileOp::create(b, e.loc, types,
                                   SmallVector<Value>{e.c(0), e.c(0, 32)});
  SmallVector<Location> locations(2, e.loc);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  Value go = e.band(e.cmp(P::slt, before->getArgument(0), most),
                    e.cmp(P::eq, before->getArgument(1), 0));
  scf::ConditionOp::create(b, e.loc, go, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  Value done = after->getArgument(0);
  Value these = e.op<arith::MinSIOp>(e.sub(most, done), e.c(kTogether));
  Value first = packetAt(packets, done);
  // Up to the first one that no leaf takes.
  auto routes = scf::ForOp::create(b, e.loc, e.c(0), these, e.c(1), these);
  keepScalar(routes);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(routes.getBody());
    Value i = routes.getInductionVar(), good = routes.getRegionIterArg(0);
    Value packet = packetAt(first, i);
    auto find = [&]() -> SmallVector<Value> {
      Value place = e.call(routeFunction(layout.op.getRoot()), i32, packet)[0];
      e.store(e.cast(e.mask(place, 16), 64), instances.at(*this, i));
      return {good};
    };
    if (Value unknown = isUnknown(packet))
      good = e.ifElse(
          unknown, i64,
          [&]() -> SmallVector<Value> {
            return {e.op<arith::MinSIOp>(good, i)};
          },
          find)[0];
    else
      find();
    scf::YieldOp::create(b, e.loc, good);
  }
  Value good = routes.getResult(0);
  enterTogether(memory, first, now, good, instances, yields);
  Value status = e.select(e.cmp(P::eq, good, these), e.c(kStatusOk, 32),
                          e.c(kStatusUnknown, 32));
  scf::YieldOp::create(b, e.loc, ValueRange{e.add(done, good), status});
  b.setInsertionPointAfter(loop);
  return llvm::to_vector_of<Value>(loop.getResults());
}

void SchedulerEmitter::emitEnqueueTogether() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function =
      begin(name + "_enqueue_batch", {ptr, ptr, i64, i64, ptr}, i32, true);
  Value memory = function.getArgument(0), packets = function.getArgument(1);
  Value n = function.getArgument(2), now = function.getArgument(3);
  Value room = e.sub(e.load(64, e.at(memory, SchedulerLayout::kCapacity)),
                     e.load(64, e.at(memory, SchedulerLayout::kSize)));
  Value most = e.op<arith::MinSIOp>(n, room);
  auto enter = [&](Value i) -> Value {
    Value packet = packetAt(packets, i);
    auto go = [&]() -> SmallVector<Value> {
      return {enterLeaf(memory, packet, now)};
    };
    Value unknown = isUnknown(packet);
    if (!unknown)
      return go()[0];
    auto refuse = [&]() -> SmallVector<Value> {
      return {e.c(kStatusUnknown, 32)};
    };
    return e.ifElse(unknown, i32, refuse, go)[0];
  };
  SmallVector<Value> result = goesByLevels(layout)
                                  ? enterByLevels(memory, packets, now, most)
                                  : untilRefused(most, enter);
  Value taken = result[0];
  e.store(taken, function.getArgument(4));
  Value isFull = e.band(e.cmp(P::eq, result[1], 0), e.cmp(P::slt, taken, n));
  end(e.select(isFull, e.c(kStatusFull, 32), result[1]));
}

/// Prefetches what the first pops from these instances will read.
void SchedulerEmitter::prefetchHeads(const NodeLayout &node, Value memory,
                                     Value count, Row instances) {
  forEachBelow(count, [&](Value i) {
    TransactionContext at{memory, {}, {}, {}, {}, {}, {}};
    at.instance = e.load(64, instances.at(*this, i));
    Head head = bitmapHead(node, at);
    prefetchRank(node, at, head.rank);
    e.prefetch(slot(poolOf(node), memory, head.element));
  });
}

/// Whether a transaction reads the packet, or keeps states by its fields.
static bool looksAtPacket(Region &body, NodeOp node) {
  return body
      .walk([&](Operation *op) {
        bool looks = isa<ReadFieldOp, WriteFieldOp>(op);
        if (auto lookup = dyn_cast<LookupOp>(op))
          looks = bool(node.getTable(lookup.getTable()).getKeyAttr());
        else if (auto load = dyn_cast<LoadOp>(op))
          looks = bool(node.getState(load.getState()).getKeyAttr());
        else if (auto store = dyn_cast<StoreOp>(op))
          looks = bool(node.getState(store.getState()).getKeyAttr());
        return looks ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// A transaction of an inner node runs at once unless it reads the packet,
/// which is known only at the leaf.
bool SchedulerEmitter::waitsForPacket(unsigned id) const {
  NodeOp op = layout.nodes[id].op;
  DequeueOp dequeue = op.getDequeue();
  return dequeue && !layout.nodes[id].children.empty() &&
         looksAtPacket(dequeue.getBody(), op);
}

/// Dequeues `count` packets; there are as many.
void SchedulerEmitter::leaveTogether(Value memory, Value now, Value out,
                                     Value count, ArrayRef<LevelRows> rows) {
  for (const auto &[id, node] : llvm::enumerate(layout.nodes)) {
    const LevelRows &here = rows[id];
    if (waitsForLists(node) && node.count > 1)
      prefetchHeads(node, memory, count, here.instance);
    NodeOp op = node.op;
    DequeueOp dequeue = op.getDequeue();
    forEachBelow(count, [&, &node = node, id = id](Value i) {
      TransactionContext at{memory, {}, now, {}, {}, {}, {}};
      if (node.count > 1)
        at.instance = e.load(64, here.instance.at(*this, i));
      Head head = pop(node, at);
      at.rank = head.rank;
      if (waitsForPacket(id))
        e.store(head.rank, here.rank.at(*this, i));
      if (node.children.empty()) {
        Value fields = slot(layout.packets, memory, head.element);
        storePacket(packetAt(out, i), fields);
        at.packet = fields;
        at.out = packetAt(out, i);
        if (dequeue)
          inlineTransaction(dequeue.getBody(), node, at);
        // The fields stay readable until the next packet takes the slot.
        e.store(fields, here.child.at(*this, i));
        countAt(node, at, fields, kSent);
        release(layout.packets, memory, head.element);
        return;
      }
      at.child = head.child;
      if (!node.hasLanes()) {
        at.child =
            e.load(32, e.at(slot(poolOf(node), memory, head.element), 4));
        release(poolOf(node), memory, head.element);
      }
      if (dequeue && !waitsForPacket(id))
        inlineTransaction(dequeue.getBody(), node, at);
      Value below = e.cast(at.child, 64);
      e.store(below, here.child.at(*this, i));
      if (at.instance)
        below =
            e.add(e.mul(at.instance, e.c(layout.nodes[id + 1].fanOut)), below);
      e.store(below, rows[id + 1].instance.at(*this, i));
    });
  }
  transactWithPackets(memory, now, out, count, rows);
}

/// The transactions of inner nodes that read the packets, after these have
/// left.
void SchedulerEmitter::transactWithPackets(Value memory, Value now, Value out,
                                           Value count,
                                           ArrayRef<LevelRows> rows) {
  for (int id = layout.nodes.size() - 1; id >= 0; --id) {
    const NodeLayout &node = layout.nodes[id];
    NodeOp op = node.op;
    DequeueOp dequeue = op.getDequeue();
    if (!waitsForPacket(id))
      continue;
    forEachBelow(count, [&](Value i) {
      TransactionContext at{memory, {}, now, {}, {}, {}, packetAt(out, i)};
      at.packet = e.loadPtr(rows.back().child.at(*this, i));
      at.rank = e.load(64, rows[id].rank.at(*this, i));
      if (node.count > 1)
        at.instance = e.load(64, rows[id].instance.at(*this, i));
      if (!node.children.empty())
        at.child = e.cast(e.load(64, rows[id].child.at(*this, i)), 32);
      inlineTransaction(dequeue.getBody(), node, at);
    });
  }
}

void SchedulerEmitter::emitDequeueTogether() {
  Type ptr = e.ptrType(), i64 = e.type(64);
  auto function =
      begin(name + "_dequeue_batch", {ptr, i64, ptr, i64}, i64, true);
  Value memory = function.getArgument(0), now = function.getArgument(1);
  Value out = function.getArgument(2);
  Value size = e.at(memory, SchedulerLayout::kSize);
  // Nothing rests below the root.
  Value inside = e.load(64, size);
  Value most = e.op<arith::MaxSIOp>(
      e.op<arith::MinSIOp>(function.getArgument(3), inside), e.c(0));
  if (!goesByLevels(layout)) {
    forEachBelow(most, [&](Value i) {
      e.call(nodeFunction("leave", 0), e.type(32),
             {memory, now, packetAt(out, i), e.c(0)});
    });
    return end(most);
  }
  SmallVector<LevelRows> rows;
  for (unsigned id = 0; id < layout.nodes.size(); ++id)
    rows.push_back({row(kTogether), row(kTogether), row(kTogether)});
  auto loop = scf::ForOp::create(b, e.loc, e.c(0), most, e.c(kTogether));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value done = loop.getInductionVar();
    Value these = e.op<arith::MinSIOp>(e.sub(most, done), e.c(kTogether));
    leaveTogether(memory, now, packetAt(out, done), these, rows);
  }
  e.store(e.sub(inside, most), size);
  end(most);
}

//===----------------------------------------------------------------------===//
// One by one
//===----------------------------------------------------------------------===//

SmallVector<Value>
SchedulerEmitter::untilRefused(Value n, llvm::function_ref<Value(Value)> step) {
  SmallVector<Type> types{e.type(64), e.type(32)};
  SmallVector<Value> init{e.c(0), e.c(0, 32)};
  auto op = scf::WhileOp::create(b, e.loc, types, init);
  SmallVector<Location> locations(2, e.loc);
  Block *before = b.createBlock(&op.getBefore(), {}, types, locations);
  Value go = e.band(e.cmp(P::slt, before->getArgument(0), n),
                    e.cmp(P::eq, before->getArgument(1), 0));
  scf::ConditionOp::create(b, e.loc, go, before->getArguments());
  Block *after = b.createBlock(&op.getAfter(), {}, types, locations);
  Value status = step(after->getArgument(0));
  Value done = e.cast(e.cmp(P::eq, status, 0), 64);
  scf::YieldOp::create(b, e.loc,
                       ValueRange{e.add(after->getArgument(0), done), status});
  b.setInsertionPointAfter(op);
  return llvm::to_vector_of<Value>(op.getResults());
}

void SchedulerEmitter::emitOneByOne() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto enqueue =
      begin(name + "_enqueue_batch", {ptr, ptr, i64, i64, ptr}, i32, true);
  auto result = untilRefused(enqueue.getArgument(2), [&](Value i) {
    return e.call(name + "_enqueue", i32,
                  {enqueue.getArgument(0), packetAt(enqueue.getArgument(1), i),
                   enqueue.getArgument(3)})[0];
  });
  e.store(result[0], enqueue.getArgument(4));
  end(result[1]);

  auto dequeue =
      begin(name + "_dequeue_batch", {ptr, i64, ptr, i64}, i64, true);
  result = untilRefused(dequeue.getArgument(3), [&](Value i) {
    return e.call(name + "_dequeue", i32,
                  {dequeue.getArgument(0), dequeue.getArgument(1),
                   packetAt(dequeue.getArgument(2), i)})[0];
  });
  end(result[0]);
}

void SchedulerEmitter::emitBatches() {
  if (!isChain())
    return emitOneByOne();
  emitEnqueueTogether();
  emitDequeueTogether();
}
