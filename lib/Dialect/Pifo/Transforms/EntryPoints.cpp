//===- EntryPoints.cpp - The functions of a scheduler -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

func::FuncOp SchedulerEmitter::begin(const llvm::Twine &name,
                                     TypeRange arguments, TypeRange results,
                                     bool isPublic) {
  auto function = func::FuncOp::create(b, e.loc, name.str(),
                                       b.getFunctionType(arguments, results));
  if (!isPublic) {
    function.setPrivate();
    function->setAttr(
        "llvm.linkage",
        LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
  }
  for (auto [i, type] : llvm::enumerate(arguments))
    if (isa<LLVM::LLVMPointerType>(type))
      function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
  b.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

void SchedulerEmitter::end(ValueRange results) {
  func::ReturnOp::create(b, e.loc, results);
  b.setInsertionPointAfter(b.getInsertionBlock()->getParentOp());
}

/// In a chain of nodes, single calls and batches get the code of a walk inlined
/// into one function.
void SchedulerEmitter::inlineInChain(func::FuncOp function) {
  if (isChain())
    function->setAttr("passthrough", b.getStrArrayAttr({"alwaysinline"}));
}

std::string SchedulerEmitter::nodeFunction(StringRef what, unsigned node) {
  return name + "." + what.str() + "." + std::to_string(node);
}

Value SchedulerEmitter::switchOver(Value index, size_t count, Type result,
                                   llvm::function_ref<Value(unsigned)> select) {
  if (count == 1)
    return select(0);
  index = arith::IndexCastUIOp::create(b, e.loc, b.getIndexType(), index);
  auto cases = llvm::to_vector(llvm::seq<int64_t>(0, count - 1));
  auto choice =
      scf::IndexSwitchOp::create(b, e.loc, result, index, cases, cases.size());
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Region &region, unsigned i) {
    b.createBlock(&region);
    Value value = select(i);
    scf::YieldOp::create(b, e.loc, value);
  };
  for (auto [i, region] : llvm::enumerate(choice.getCaseRegions()))
    fill(region, i);
  fill(choice.getDefaultRegion(), count - 1);
  return choice.getResult(0);
}

Value SchedulerEmitter::callChild(StringRef what, const NodeLayout &node,
                                  Value instance, Value child,
                                  ArrayRef<Value> arguments, Type result) {
  SmallVector<Value> all(arguments);
  if (layout.nodes[node.children.front()].fanOut) {
    unsigned id = node.children.front();
    Value below = e.cast(child, 64);
    if (instance)
      below = e.add(e.mul(instance, e.c(layout.nodes[id].fanOut)), below);
    all.push_back(below);
    return e.call(nodeFunction(what, id), result, all)[0];
  }
  all.push_back(instance ? instance : e.c(0));
  // The class of each child, or of the transit node that it is in.
  SmallVector<unsigned> classes;
  for (unsigned id : node.children) {
    NodeOp op = layout.nodes[id].op;
    classes.append(op.getTransit() ? op.getChildren().size() : 1, id);
  }
  NodeOp op = node.op;
  if (op.getTransit())
    child = e.sub(child, e.c(node.childIndex, 32));
  return switchOver(child, classes.size(), result, [&](unsigned i) {
    return e.call(nodeFunction(what, classes[i]), result, all)[0];
  });
}

SmallVector<Type> SchedulerEmitter::enterTypes(const NodeLayout &node) {
  SmallVector<Type> types{e.type(32)};
  if (node.handsRankOn)
    types.push_back(e.type(64));
  return types;
}

std::pair<Value, Value> SchedulerEmitter::parentPlace(const NodeLayout &node,
                                                      Value instance,
                                                      Value child) {
  if (!child)
    child = e.c(node.childIndex, 32);
  if (!node.fanOut || !instance)
    return {instance ? instance : e.c(0), child};
  Value fanOut = e.c(node.fanOut);
  Value above = e.op<arith::DivUIOp>(instance, fanOut);
  return {above, e.cast(e.op<arith::RemUIOp>(instance, fanOut), 32)};
}

SmallVector<Value> SchedulerEmitter::callParent(const NodeLayout &node,
                                                Value memory, Value packet,
                                                Value now, Value instance,
                                                Value child) {
  Value above;
  std::tie(above, child) = parentPlace(node, instance, child);
  return e.call(nodeFunction("enter", node.parent),
                enterTypes(layout.nodes[node.parent]),
                {memory, packet, now, child, above});
}

//===----------------------------------------------------------------------===//
// Enqueue
//===----------------------------------------------------------------------===//

Value SchedulerEmitter::isUnknown(Value packet) {
  Value unknown;
  for (const PacketLayout::Field &field : layout.packet.fields) {
    FieldOp op = field.op;
    unsigned bits = 8 * field.bytes;
    uint64_t most = op.getMaxValue();
    if (most == llvm::maskTrailingOnes<uint64_t>(bits))
      continue;
    Value value = e.load(bits, e.at(packet, field.offset));
    Value beyond = e.cmp(P::ugt, value, most);
    unknown = unknown ? e.bor(unknown, beyond) : beyond;
  }
  return unknown;
}

void SchedulerEmitter::emitEnqueue() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  emitRoutes();
  auto function = begin(name + "_enqueue", {ptr, ptr, i64}, i32, true);
  Value memory = function.getArgument(0), packet = function.getArgument(1);
  applyChanges(memory);
  Value unknown = isUnknown(packet);
  auto status = e.ifElse(
      isFull(memory), i32,
      [&]() -> SmallVector<Value> { return {e.c(kStatusFull, 32)}; },
      [&]() -> SmallVector<Value> {
        auto enter = [&]() -> SmallVector<Value> {
          Value now = function.getArgument(2);
          Value entered = enterLeaf(memory, packet, now);
          if (!layout.op.getPushOut())
            return {entered};
          return e.ifElse(
              e.cmp(P::eq, entered, 0), i32,
              [&]() -> SmallVector<Value> { return {pushOut(memory, now)}; },
              [&]() -> SmallVector<Value> { return {entered}; });
        };
        if (!unknown)
          return enter();
        return e.ifElse(
            unknown, i32,
            [&]() -> SmallVector<Value> { return {e.c(kStatusUnknown, 32)}; },
            enter);
      });
  end(status);
}

bool pifo::mayBeRefused(const SchedulerLayout &layout, int id) {
  for (; id >= 0; id = layout.nodes[id].parent) {
    NodeOp op = layout.nodes[id].op;
    if (op.getRule() == RankRule::Window || admitsByRank(layout, id))
      return true;
    if (op.getShaping())
      return false;
  }
  return false;
}

/// State is private to a node and ranks do not depend on what queues hold, so
/// that the order in which a node and its parent are entered cannot be
/// observed. Where something may be refused, the parent is entered before this
/// node's push: a refusal farther up then leaves only this node's state to
/// restore. Elsewhere the parent comes last, when nothing of this node has to
/// be kept in registers.
void SchedulerEmitter::emitEnter(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(nodeFunction("enter", id), {ptr, ptr, i64, i32, i64},
                        enterTypes(node), false);
  inlineInChain(function);
  TransactionContext at{function.getArgument(0),
                        function.getArgument(1),
                        function.getArgument(2),
                        node.count == 1 ? Value() : function.getArgument(4),
                        function.getArgument(3),
                        {},
                        {}};
  if (op.getTransit())
    return emitPassThrough(id, at);
  if (op.isLate())
    return emitLateEnter(id, at);
  SmallVector<std::pair<Value, Value>> saved;
  if (mayBeRefused(layout, id)) {
    llvm::SmallDenseSet<StateOp> stored;
    op.getScheduling()->walk(
        [&](StoreOp store) { stored.insert(op.getState(store.getState())); });
    for (StateOp state : op.getBody().front().getOps<StateOp>()) {
      if (!stored.contains(state))
        continue;
      Value pointer = statePointer(node, state, at);
      unsigned bits = 8 * storageBytes(state.getType().getWidth());
      saved.push_back({pointer, e.load(bits, pointer)});
    }
  }
  Value yielded = inlineTransaction(op.getScheduling().getBody(), node, at);
  Value refused;
  Value rank = toRank(node, yielded, at, refused);
  Value refusal = e.c(kStatusRank, 32);
  if (admitsByRank(layout, id)) {
    // A rank outside of the window joins the last ones too.
    Value unwanted = admitNear(node, at, rank);
    refusal = refused ? e.select(refused, refusal, e.c(kStatusDropped, 32))
                      : e.c(kStatusDropped, 32);
    refused = refused ? e.bor(refused, unwanted) : unwanted;
  }
  auto parent = [&]() -> SmallVector<Value> {
    if (node.parent < 0 || op.getShaping())
      return {e.c(kStatusOk, 32)};
    return {callParent(node, at.memory, at.packet, at.now, at.instance)[0]};
  };
  const bool isSure = !mayBeRefused(layout, id);
  if (isSure)
    emitEnterBody(id, at, rank);
  Value status =
      refused
          ? e.ifElse(
                refused, i32, [&]() -> SmallVector<Value> { return {refusal}; },
                parent)[0]
          : parent()[0];
  if (!isSure)
    e.ifElse(
        e.cmp(P::eq, status, 0), TypeRange(),
        [&]() -> SmallVector<Value> {
          emitEnterBody(id, at, rank);
          return {};
        },
        [&]() -> SmallVector<Value> {
          for (auto [pointer, value] : saved)
            e.store(value, pointer);
          return {};
        });
  SmallVector<Value> results{status};
  if (node.handsRankOn)
    results.push_back(rank);
  end(results);
}

/// The parent computes the rank, and numbers the children itself.
void SchedulerEmitter::emitPassThrough(unsigned id,
                                       const TransactionContext &at) {
  const NodeLayout &node = layout.nodes[id];
  SmallVector<Value> results =
      callParent(node, at.memory, at.packet, at.now, at.instance, at.child);
  auto push = [&] { emitEnterBody(id, at, results[1]); };
  if (mayBeRefused(layout, id))
    e.ifThen(e.cmp(P::eq, results[0], 0), push);
  else
    push();
  if (!node.handsRankOn)
    results.pop_back();
  end(results);
}

/// Field by field where there are few: a wide load of a packet that was just
/// written field by field would stall until all stores are done (no store
/// forwarding). Callers write the fields just before they push, and so was the
/// slot of a packet that leaves soon after it came.
void SchedulerEmitter::storePacket(Value to, Value packet) {
  if (layout.packet.fields.size() > 8)
    return e.copy(to, packet, layout.packet.size);
  e.store(e.load(64, packet), to);
  for (const PacketLayout::Field &field : layout.packet.fields)
    e.store(e.load(8 * field.bytes, e.at(packet, field.offset)),
            e.at(to, field.offset));
}

void SchedulerEmitter::emitEnterBody(unsigned id, TransactionContext at,
                                     Value rank) {
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  Value element, place;
  if (!node.hasLanes()) {
    element = allocate(poolOf(node), at.memory);
    place = slot(poolOf(node), at.memory, element);
  }
  if (node.children.empty()) {
    storePacket(place, at.packet);
    if (layout.op.getPushOut())
      e.store(element, e.at(at.memory, layout.dropped + layout.kNewest));
    Value size = e.at(at.memory, SchedulerLayout::kSize);
    e.store(e.add(e.load(64, size), e.c(1)), size);
    countAt(node, at, at.packet, kEntered);
  } else if (!node.hasLanes()) {
    e.store(at.child, e.at(place, 4));
  }
  if (op.getRule() == RankRule::Window && !op.getTransit())
    e.ifThen(isEmpty(node, at),
             [&] { e.store(rank, hot(node, at, node.base)); });
  if (op.getEligible())
    pushEligible(id, at, element, rank);
  else if (node.hasLanes())
    pushLanes(node, at, rank);
  else
    pushBelow(node, at, element, rank);
  ShapingOp shaping = op.getShaping();
  if (!shaping)
    return;
  Value time = e.cast(inlineTransaction(shaping.getBody(), node, at), 64,
                      /*isSigned=*/true);
  Value walk = allocate(layout.suspended, at.memory);
  Value rest = slot(layout.suspended, at.memory, walk);
  e.store(e.c(id, 16), e.at(rest, SchedulerLayout::kRestNode));
  e.store(at.instance ? e.cast(at.instance, 16) : e.c(0, 16),
          e.at(rest, SchedulerLayout::kRestInstance));
  e.copy(e.at(rest, SchedulerLayout::kRestPacket), at.packet,
         layout.packet.size);
  pushWalk(at.memory, walk, time, at.now);
}

//===----------------------------------------------------------------------===//
// Dequeue
//===----------------------------------------------------------------------===//

/// Where a transaction does not read the packet, it runs before the packet is
/// found.
void SchedulerEmitter::emitLeave(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function =
      begin(nodeFunction("leave", id), {ptr, i64, ptr, i64}, i32, false);
  inlineInChain(function);
  Value memory = function.getArgument(0), now = function.getArgument(1);
  Value out = function.getArgument(2);
  Value instance = node.count == 1 ? Value() : function.getArgument(3);
  TransactionContext at{memory, {}, now, instance, {}, {}, out};
  DequeueOp dequeue = op.getDequeue();
  const bool isEarly =
      dequeue && !node.children.empty() && !op.isLate() && !waitsForPacket(id);
  Head head;
  Value packet;
  if (op.isLate()) {
    at.child = e.load(32, hot(node, at, node.late.chosen));
    head.rank = e.load(64, hot(node, at, node.late.chosenRank));
  } else {
    head = pop(node, at);
    packet = head.element;
  }
  at.rank = head.rank;
  if (!node.children.empty()) {
    if (node.hasLanes()) {
      at.child = head.child;
    } else if (!op.isLate()) {
      const Pool &pool = poolOf(node);
      at.child = e.load(32, e.at(slot(pool, memory, head.element), 4));
      release(pool, memory, head.element);
    }
    if (isEarly)
      inlineTransaction(dequeue.getBody(), node, at);
    packet =
        callChild("leave", node, instance, at.child, {memory, now, out}, i32);
  }
  Value fields = slot(layout.packets, memory, packet);
  Value isSent;
  if (DeliverOp deliver = op.getDeliver())
    isSent = inlineTransaction(
        deliver.getBody(), node,
        {memory, fields, now, instance, {}, head.rank, fields});
  if (node.children.empty())
    storePacket(out, fields);
  at.packet = fields;
  if (op.isLate())
    countChild(node, at, -1);
  if (dequeue && !isEarly)
    inlineTransaction(dequeue.getBody(), node, at);
  count(node, at, -1);
  if (node.children.empty()) {
    // The fields stay readable until the next packet takes the slot.
    if (!isSent)
      countAt(node, at, fields, kSent);
    if (isSent) {
      e.store(e.cast(e.bxor(isSent, e.c(1, 1)), 32),
              e.at(memory, layout.dropped + layout.kIsDropped));
      e.ifElse(
          isSent, TypeRange(),
          [&]() -> SmallVector<Value> {
            countAt(node, at, fields, kSent);
            release(layout.packets, memory, packet);
            return {};
          },
          [&]() -> SmallVector<Value> {
            countAt(node, at, fields, kDropped);
            keepDropped(memory, packet);
            return {};
          });
    } else {
      if (hasDeliver())
        e.store(e.c(0, 32), e.at(memory, layout.dropped + layout.kIsDropped));
      release(layout.packets, memory, packet);
    }
    Value size = e.at(memory, SchedulerLayout::kSize);
    e.store(e.sub(e.load(64, size), e.c(1)), size);
  }
  end(packet);
}

void SchedulerEmitter::emitLook(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  Type ptr = e.ptrType(), i32 = e.type(32);
  auto function =
      begin(nodeFunction("look", id), {ptr, e.type(64)}, i32, false);
  Value memory = function.getArgument(0);
  Value instance = node.count == 1 ? Value() : function.getArgument(1);
  TransactionContext at{memory, {}, {}, instance, {}, {}, {}};
  NodeOp op = node.op;
  Head first;
  if (!op.isLate())
    first = head(node, at);
  Value packet = first.element;
  if (!node.children.empty()) {
    Value child = first.child;
    if (op.isLate())
      child = e.load(32, hot(node, at, node.late.chosen));
    else if (!node.hasLanes())
      child = e.load(32, e.at(slot(poolOf(node), memory, packet), 4));
    packet = callChild("look", node, instance, child, memory, i32);
  }
  end(packet);
}

void SchedulerEmitter::emitDequeue() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(name + "_dequeue", {ptr, i64, ptr}, i32, true);
  Value memory = function.getArgument(0);
  applyChanges(memory);
  auto isDone = [&] { return this->isDone(memory, function.getArgument(1)); };
  auto leave = [&]() -> SmallVector<Value> {
    e.call(nodeFunction("leave", 0), i32,
           {memory, function.getArgument(1), function.getArgument(2), e.c(0)});
    return {e.c(kStatusOk, 32)};
  };
  auto empty = [&]() -> SmallVector<Value> { return {e.c(kStatusEmpty, 32)}; };
  if (!hasDeliver())
    return end(e.ifElse(isDone(), i32, empty, leave));
  // Until one is sent.
  auto loop = scf::WhileOp::create(b, e.loc, i32, ValueRange());
  b.createBlock(&loop.getBefore());
  Value status = e.ifElse(isDone(), i32, empty, leave)[0];
  Value flag = e.load(32, e.at(memory, layout.dropped + layout.kIsDropped));
  Value again = e.band(e.cmp(P::eq, status, 0), e.cmp(P::ne, flag, 0));
  scf::ConditionOp::create(b, e.loc, again, status);
  b.createBlock(&loop.getAfter(), {}, i32, e.loc);
  scf::YieldOp::create(b, e.loc);
  b.setInsertionPointAfter(loop);
  end(loop.getResult(0));
}

bool SchedulerEmitter::hasDeliver() const {
  return llvm::any_of(layout.nodes, [](const NodeLayout &node) {
    return bool(NodeOp(node.op).getDeliver());
  });
}

void SchedulerEmitter::emitPeek() {
  Type ptr = e.ptrType(), i32 = e.type(32);
  auto function = begin(name + "_peek", {ptr, ptr}, i32, true);
  Value memory = function.getArgument(0);
  end(e.ifElse(
      isDone(memory, layout.decidesLate ? lateNow(memory) : Value()), i32,
      [&]() -> SmallVector<Value> { return {e.c(kStatusEmpty, 32)}; },
      [&]() -> SmallVector<Value> {
        Value packet =
            e.call(nodeFunction("look", 0), i32, {memory, e.c(0)})[0];
        e.copy(function.getArgument(1), slot(layout.packets, memory, packet),
               layout.packet.size);
        return {e.c(kStatusOk, 32)};
      }));
}

//===----------------------------------------------------------------------===//
// Release
//===----------------------------------------------------------------------===//

void SchedulerEmitter::emitRelease() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(name + "_release", {ptr, i64}, i64, true);
  Value memory = function.getArgument(0), now = function.getArgument(1);
  applyChanges(memory);
  if (layout.decidesLate)
    lateRelease(memory, now);
  if (!layout.hasShaping)
    return end(e.c(0));
  SmallVector<Type> types{i64, i32};
  SmallVector<Location> locations(2, e.loc);
  auto loop = scf::WhileOp::create(b, e.loc, types, ValueRange{e.c(0)});
  Block *before = b.createBlock(&loop.getBefore(), {}, i64, e.loc);
  Value walk = popWalk(memory, now);
  scf::ConditionOp::create(b, e.loc, e.cmp(P::ne, walk, 0),
                           ValueRange{before->getArgument(0), walk});
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  walk = after->getArgument(1);
  Value rest = slot(layout.suspended, memory, walk);
  Value packet = e.at(rest, SchedulerLayout::kRestPacket);
  Value node = e.load(16, e.at(rest, SchedulerLayout::kRestNode));
  Value instance =
      e.cast(e.load(16, e.at(rest, SchedulerLayout::kRestInstance)), 64);
  for (const auto &[id, shaped] : llvm::enumerate(layout.nodes)) {
    NodeOp op = shaped.op;
    if (!op.getShaping())
      continue;
    e.ifThen(e.cmp(P::eq, node, id), [&, &shaped = shaped] {
      // Nobody above refuses (pifo_node_c5).
      callParent(shaped, memory, packet, now,
                 shaped.count == 1 ? Value() : instance);
    });
  }
  release(layout.suspended, memory, walk);
  scf::YieldOp::create(b, e.loc, e.add(after->getArgument(0), e.c(1)));
  b.setInsertionPointAfter(loop);
  end(loop.getResult(0));
}

void SchedulerEmitter::emitNextRelease() {
  Type ptr = e.ptrType(), i32 = e.type(32);
  auto function = begin(name + "_next_release", {ptr, ptr}, i32, true);
  Value memory = function.getArgument(0), some = e.c(0, 1), time = e.c(kNever);
  if (layout.hasShaping) {
    some = walksRest(memory);
    auto first = [&]() -> SmallVector<Value> {
      return {firstWalkTime(memory)};
    };
    time = e.ifElse(some, e.type(64), first,
                    [&]() -> SmallVector<Value> { return {e.c(kNever)}; })[0];
  }
  if (layout.decidesLate) {
    // Walks may rest for ever.
    Value again = e.load(64, e.at(memory, layout.late + layout.kLateAgain));
    some = e.bor(some, e.cmp(P::ne, again, kNever));
    time = e.op<arith::MinSIOp>(time, again);
  }
  e.ifThen(some, [&] { e.store(time, function.getArgument(1)); });
  end(e.cast(some, 32));
}

void SchedulerEmitter::emitAll() {
  emitTables();
  emitCounters();
  emitApply();
  emitChange();
  if (layout.hasWheel)
    emitWheel();
  for (unsigned id = 0; id < layout.nodes.size(); ++id) {
    emitAside(id);
    emitEnter(id);
    emitLeave(id);
    emitLook(id);
    emitMature(id);
    emitOffer(id);
    emitAdmit(id);
    emitTake(id);
    emitEvict(id);
    emitPassNode(id);
  }
  emitCreate();
  emitDestroy();
  emitSize();
  emitDisorder();
  emitEnqueue();
  emitClass();
  emitDequeue();
  emitPeek();
  emitDropped();
  emitRelease();
  emitNextRelease();
  emitBatches();
  emitPass();
}
