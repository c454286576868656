//===- Admission.cpp - Rules, backlogs, packets that are pushed out -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A scheduler that pushes out holds one packet more than its capacity for a
// moment: what comes in is pushed like any other, and then the walk of a
// dequeue goes down the other ends of the queues. A packet that was pushed out
// keeps its slot until the caller has fetched it.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

bool SchedulerEmitter::hasRule(int id) const {
  for (; id >= 0; id = layout.nodes[id].parent) {
    NodeOp op = layout.nodes[id].op;
    if (op.getAdmit())
      return true;
  }
  return false;
}

bool SchedulerEmitter::hasBacklog(int id) const {
  for (; id >= 0; id = layout.nodes[id].parent) {
    NodeOp op = layout.nodes[id].op;
    if (!op.getBody().front().getOps<BacklogOp>().empty())
      return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Backlogs
//===----------------------------------------------------------------------===//

Value SchedulerEmitter::backlogPointer(const NodeLayout &node,
                                       BacklogOp backlog,
                                       const TransactionContext &at) {
  int64_t offset = node.states.lookup(backlog.getSymName());
  FlatSymbolRefAttr key = backlog.getKeyAttr();
  if (!key)
    return hot(node, at, offset);
  return e.at(cold(node, at, offset), e.shl(keyOf(key, at), 3));
}

void SchedulerEmitter::count(const NodeLayout &node,
                             const TransactionContext &at, int64_t sign) {
  NodeOp op = node.op;
  for (BacklogOp backlog : op.getBody().front().getOps<BacklogOp>()) {
    Value pointer = backlogPointer(node, backlog, at);
    Value by = e.c(1);
    if (backlog.getBytes())
      by = e.cast(readField("length", at.packet), 64);
    Value before = e.load(64, pointer);
    e.store(sign > 0 ? e.add(before, by) : e.sub(before, by), pointer);
  }
}

Value SchedulerEmitter::inside(const NodeLayout &node, StringRef name,
                               TransactionContext at) {
  const NodeLayout *here = &node;
  NodeOp op = node.op;
  BacklogOp backlog = op.getBacklog(name);
  // The ancestors of an instance differ from those of its class in number only.
  while (here->op != backlog->getParentOp()) {
    const NodeLayout &parent = layout.nodes[here->parent];
    Value above = parentPlace(*here, at.instance, {}).first;
    at.instance = parent.count == 1 ? Value() : above;
    here = &parent;
  }
  return e.load(64, backlogPointer(*here, backlog, at));
}

//===----------------------------------------------------------------------===//
// Enqueue
//===----------------------------------------------------------------------===//

Value SchedulerEmitter::isFull(Value memory) {
  Value size = e.load(64, e.at(memory, SchedulerLayout::kSize));
  Value most = e.load(64, e.at(memory, SchedulerLayout::kCapacity));
  if (!layout.keepsDropped)
    return e.cmp(P::uge, size, most);
  Value waiting =
      e.load(64, e.at(memory, layout.dropped + layout.kDroppedCount));
  Value full = e.cmp(P::uge, e.add(size, waiting), most);
  if (!layout.op.getPushOut())
    return full;
  // There is one slot more than the capacity. Something must be inside that can
  // be pushed out.
  Value none = isEmpty(layout.nodes[0], {memory, {}, {}, {}, {}, {}, {}});
  return e.band(full, e.bor(none, e.cmp(P::ne, waiting, 0)));
}

/// `admit(memory, packet, now, child, instance) -> i1`
void SchedulerEmitter::emitAdmit(unsigned id) {
  if (!hasRule(id))
    return;
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32), i1 = e.type(1);
  auto function =
      begin(nodeFunction("admit", id), {ptr, ptr, i64, i32, i64}, i1, false);
  TransactionContext at{function.getArgument(0),
                        function.getArgument(1),
                        function.getArgument(2),
                        node.count == 1 ? Value() : function.getArgument(4),
                        function.getArgument(3),
                        {},
                        {}};
  auto above = [&]() -> SmallVector<Value> {
    if (!hasRule(node.parent))
      return {e.c(1, 1)};
    Value child = op.getTransit() ? at.child : Value();
    auto [parent, number] = parentPlace(node, at.instance, child);
    return {e.call(nodeFunction("admit", node.parent), i1,
                   {at.memory, at.packet, at.now, number, parent})[0]};
  };
  AdmitOp admit = op.getAdmit();
  if (!admit)
    return end(above());
  // Marks are written into the caller's copy: see enterByRules.
  at.out = at.packet;
  Value fits = inlineTransaction(admit.getBody(), node, at);
  end(e.ifElse(fits, i1, above,
               [&]() -> SmallVector<Value> { return {e.c(0, 1)}; }));
}

/// `take(memory, packet, instance)`
void SchedulerEmitter::emitTake(unsigned id) {
  if (!hasBacklog(id))
    return;
  const NodeLayout &node = layout.nodes[id];
  Type ptr = e.ptrType();
  auto function =
      begin(nodeFunction("take", id), {ptr, ptr, e.type(64)}, {}, false);
  TransactionContext at{function.getArgument(0),
                        function.getArgument(1),
                        {},
                        node.count == 1 ? Value() : function.getArgument(2),
                        {},
                        {},
                        {}};
  count(node, at, 1);
  if (hasBacklog(node.parent))
    e.call(nodeFunction("take", node.parent), {},
           {at.memory, at.packet, parentPlace(node, at.instance, {}).first});
  end({});
}

/// Room for a packet in the frame of the function.
Value SchedulerEmitter::packetCopy() {
  OpBuilder::InsertionGuard guard(b);
  auto function =
      b.getInsertionBlock()->getParent()->getParentOfType<func::FuncOp>();
  b.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(b, e.loc, e.ptrType(), e.type(64),
                                e.c(layout.packet.size / 8));
}

Value SchedulerEmitter::enterByRules(unsigned leaf, Value memory, Value packet,
                                     Value now, Value instance) {
  Type i32 = e.type(32);
  // The packet of an enqueue is const. What a rule writes goes to a copy.
  bool writes = false;
  for (int id = leaf; id >= 0; id = layout.nodes[id].parent) {
    NodeOp op = layout.nodes[id].op;
    if (AdmitOp admit = op.getAdmit())
      admit.walk([&](WriteFieldOp) { writes = true; });
  }
  if (writes) {
    Value copy = packetCopy();
    e.copy(copy, packet, layout.packet.size);
    packet = copy;
  }
  auto enter = [&]() -> SmallVector<Value> {
    Value status = e.call(nodeFunction("enter", leaf), i32,
                          {memory, packet, now, e.c(0, 32), instance})[0];
    auto take = [&] {
      e.call(nodeFunction("take", leaf), {}, {memory, packet, instance});
    };
    if (hasBacklog(leaf) && mayBeRefused(layout, leaf))
      e.ifThen(e.cmp(P::eq, status, 0), take);
    else if (hasBacklog(leaf))
      take();
    return {status};
  };
  if (!hasRule(leaf))
    return enter()[0];
  Value fits = e.call(nodeFunction("admit", leaf), e.type(1),
                      {memory, packet, now, e.c(0, 32), instance})[0];
  return e.ifElse(fits, i32, enter, [&]() -> SmallVector<Value> {
    return {e.c(kStatusDropped, 32)};
  })[0];
}

//===----------------------------------------------------------------------===//
// Push-out
//===----------------------------------------------------------------------===//

/// `evict(memory, now, instance) -> i32`: the packet, whose slot is kept.
void SchedulerEmitter::emitEvict(unsigned id) {
  if (!layout.op.getPushOut())
    return;
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(nodeFunction("evict", id), {ptr, i64, i64}, i32, false);
  Value memory = function.getArgument(0), now = function.getArgument(1);
  Value instance = node.count == 1 ? Value() : function.getArgument(2);
  TransactionContext at{memory, {}, now, instance, {}, {}, {}};
  Head head;
  if (op.isLate())
    at.child = longestChild(node, at);
  else if (op.getEligible())
    head = popLastEligible(id, at);
  else if (node.container == Container::Flows)
    head = flowsLast(node, at);
  else
    head = popHeap(node, at, "_pop_last");
  Value packet = head.element;
  if (!node.children.empty()) {
    if (op.isLate()) {
      countChild(node, at, -1);
    } else {
      const Pool &pool = poolOf(node);
      at.child = e.load(32, e.at(slot(pool, memory, head.element), 4));
      release(pool, memory, head.element);
    }
    packet = callChild("evict", node, instance, at.child, {memory, now}, i32);
  }
  at.packet = slot(layout.packets, memory, packet);
  at.rank = head.rank;
  if (EvictOp evict = op.getEvict())
    inlineTransaction(evict.getBody(), node, at);
  count(node, at, -1);
  if (node.children.empty())
    countAt(node, at, at.packet, kDropped);
  end(packet);
}

Value SchedulerEmitter::pushOut(Value memory, Value now) {
  Type i32 = e.type(32);
  Value sizePointer = e.at(memory, SchedulerLayout::kSize);
  Value size = e.load(64, sizePointer);
  Value most = e.load(64, e.at(memory, SchedulerLayout::kCapacity));
  auto evict = [&]() -> SmallVector<Value> {
    Value packet =
        e.call(nodeFunction("evict", 0), i32, {memory, now, e.c(0)})[0];
    e.store(e.sub(size, e.c(1)), sizePointer);
    Value newest = e.load(32, e.at(memory, layout.dropped + layout.kNewest));
    return e.ifElse(
        e.cmp(P::eq, packet, newest), i32,
        [&]() -> SmallVector<Value> {
          release(layout.packets, memory, packet);
          return {e.c(kStatusFull, 32)};
        },
        [&]() -> SmallVector<Value> {
          keepDropped(memory, packet);
          return {e.c(kStatusOk, 32)};
        });
  };
  return e.ifElse(
      e.cmp(P::ugt, size, most), i32, evict,
      [&]() -> SmallVector<Value> { return {e.c(kStatusOk, 32)}; })[0];
}

/// Appends to the linked list of dropped packets. Of an empty list the link of
/// slot 0 is written, which belongs to no packet.
void SchedulerEmitter::keepDropped(Value memory, Value packet) {
  Value pointer = e.at(memory, layout.dropped);
  Value countPointer = e.at(pointer, layout.kDroppedCount);
  Value lastPointer = e.at(pointer, layout.kDroppedLast);
  Value count = e.load(64, countPointer);
  Value isFirst = e.cmp(P::eq, count, 0);
  Value last = e.select(isFirst, e.c(0, 32), e.load(32, lastPointer));
  e.store(packet, link(layout.packets, memory, last));
  e.store(e.select(isFirst, packet, e.load(32, pointer)), pointer);
  e.store(packet, lastPointer);
  e.store(e.add(count, e.c(1)), countPointer);
}

/// Hands back what was dropped.
void SchedulerEmitter::emitDropped() {
  Type ptr = e.ptrType(), i32 = e.type(32);
  auto function = begin(name + "_dropped", {ptr, ptr}, i32, true);
  Value memory = function.getArgument(0);
  if (!layout.keepsDropped)
    return end(e.c(kStatusEmpty, 32));
  Value countPointer = e.at(memory, layout.dropped + layout.kDroppedCount);
  Value count = e.load(64, countPointer);
  Value none = e.cmp(P::eq, count, 0);
  end(e.ifElse(
      none, i32,
      [&]() -> SmallVector<Value> { return {e.c(kStatusEmpty, 32)}; },
      [&]() -> SmallVector<Value> {
        Value packet = e.load(32, e.at(memory, layout.dropped));
        e.copy(function.getArgument(1), slot(layout.packets, memory, packet),
               layout.packet.size);
        e.store(e.load(32, link(layout.packets, memory, packet)),
                e.at(memory, layout.dropped));
        release(layout.packets, memory, packet);
        e.store(e.sub(count, e.c(1)), countPointer);
        return {e.c(kStatusOk, 32)};
      }));
}
