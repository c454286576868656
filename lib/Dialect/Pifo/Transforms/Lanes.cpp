//===- Lanes.cpp - A queue for each child, in front of a container -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The ranks of one child climb where they are virtual times of that child, the
// time, or a constant: then its elements are a FIFO queue, and only the heads
// of these queues are to be compared, as the flow scheduler of the paper's
// section 5.2 does. What a queue holds is a rank and a number in the order of
// pushes, 16 bytes, in chunks of a few cache lines, so that memory follows what
// is inside and not the range of ranks. An element that goes back all the same
// joins the node's container; by the numbers, equal ranks leave in the order of
// their pushes wherever they are.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

/// With more lanes, comparing their heads takes longer than a bitmap.
static constexpr size_t kMostLanes = 4;

/// Whether `value` is the larger of others, or a choice among them, one of
/// which is a state that the transaction sets: `start = max(virtual, finish);
/// finish = start + length`. It may have something added.
static bool followsState(Value value, Region &region) {
  Operation *op = value.getDefiningOp();
  if (isa_and_present<arith::AddIOp>(op))
    return followsState(op->getOperand(0), region) ||
           followsState(op->getOperand(1), region);
  if (!isa_and_present<arith::MaxSIOp, arith::MaxUIOp, arith::SelectOp>(op))
    return false;
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    auto load = operand.getDefiningOp<LoadOp>();
    return load && llvm::any_of(region.getOps<StoreOp>(), [&](StoreOp store) {
             return store.getState() == load.getState();
           });
  });
}

/// Whether the ranks of a child mostly grow: the time, a constant of the child,
/// or the successor of a state. A heuristic: a rank that decreases is handled
/// correctly too.
static bool climbs(Value value, Region &region) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<NowOp, ChildOp, arith::ConstantOp>(op))
    return true;
  if (isa<arith::ExtUIOp, arith::ExtSIOp, arith::TruncIOp>(op))
    return climbs(op->getOperand(0), region);
  if (auto lookup = dyn_cast<LookupOp>(op)) {
    TableOp table = op->getParentOfType<NodeOp>().getTable(lookup.getTable());
    return table.isByChild();
  }
  return followsState(value, region);
}

bool pifo::wantsLanes(const NodeLayout &node) {
  NodeOp op = node.op;
  if (node.children.empty() || op.getTransit() || node.handsRankOn ||
      op.getChildren().size() > kMostLanes || op.getRankWidth() <= 6)
    return false;
  SchedulingOp scheduling = op.getScheduling();
  auto yield = cast<YieldOp>(scheduling.getBody().front().getTerminator());
  return climbs(yield->getOperand(0), scheduling.getBody());
}

/// The entry of a child, i64, in one of the arrays of lanes.
Value SchedulerEmitter::lane(const NodeLayout &node,
                             const TransactionContext &at, int64_t array,
                             Value child) {
  return e.at(hot(node, at, array), e.shl(child, 3));
}

/// i1: whether an entry would begin behind the end of its chunk.
static Value isBehindChunk(Emitter &e, Value place) {
  Value address = LLVM::PtrToIntOp::create(e.b, e.loc, e.type(64), place);
  return e.rarely(
      e.cmp(P::eq, e.band(address, e.c(NodeLayout::kChunkBytes - 1)), 0));
}

/// A chunk from the free list, or one never used. There always is one: see
/// partsOf.
Value SchedulerEmitter::takeChunk(const NodeLayout &node, Value memory) {
  Value freePointer = e.at(memory, node.lanes.pool + NodeLayout::kPoolFree);
  Value freshPointer = e.at(memory, node.lanes.pool + NodeLayout::kPoolFresh);
  Value free = e.loadPtr(freePointer);
  Value none =
      LLVM::ICmpOp::create(b, e.loc, LLVM::ICmpPredicate::eq, free,
                           LLVM::ZeroOp::create(b, e.loc, e.ptrType()));
  return e.ifElse(
      none, e.ptrType(),
      [&]() -> SmallVector<Value> {
        Value fresh = e.loadPtr(freshPointer);
        e.store(e.at(fresh, NodeLayout::kChunkBytes), freshPointer);
        return {fresh};
      },
      [&]() -> SmallVector<Value> {
        e.store(e.loadPtr(free), freePointer);
        return {free};
      })[0];
}

/// The place of the next entry to write behind `place`.
Value SchedulerEmitter::nextToWrite(const NodeLayout &node, Value memory,
                                    Value place) {
  Value next = e.at(place, NodeLayout::kEntry);
  return e.ifElse(
      isBehindChunk(e, next), e.ptrType(),
      [&]() -> SmallVector<Value> {
        Value chunk = takeChunk(node, memory);
        e.store(chunk, e.at(next, -NodeLayout::kChunkBytes));
        return {e.at(chunk, NodeLayout::kEntry)};
      },
      [&]() -> SmallVector<Value> { return {next}; })[0];
}

/// The place of the next entry to read behind `place`, whose chunk may have
/// been read to its end.
Value SchedulerEmitter::nextToRead(const NodeLayout &node, Value memory,
                                   Value place) {
  Value next = e.at(place, NodeLayout::kEntry);
  return e.ifElse(
      isBehindChunk(e, next), e.ptrType(),
      [&]() -> SmallVector<Value> {
        Value read = e.at(next, -NodeLayout::kChunkBytes);
        Value chunk = e.loadPtr(read);
        Value freePointer =
            e.at(memory, node.lanes.pool + NodeLayout::kPoolFree);
        e.store(e.loadPtr(freePointer), read);
        e.store(read, freePointer);
        return {e.at(chunk, NodeLayout::kEntry)};
      },
      [&]() -> SmallVector<Value> { return {next}; })[0];
}

/// Rare cases of a node with lanes are functions that are not inlined, so that
/// registers and instruction cache serve the common case.
func::FuncOp SchedulerEmitter::beginAside(StringRef what, unsigned id,
                                          TypeRange arguments,
                                          TypeRange results) {
  func::FuncOp function =
      begin(nodeFunction(what, id), arguments, results, false);
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  return function;
}

void SchedulerEmitter::emitAside(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  if (!node.hasLanes())
    return;
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto contextOf = [&](func::FuncOp function) {
    Value instance = node.count == 1 ? Value() : function.getArgument(1);
    return TransactionContext{
        function.getArgument(0), {}, {}, instance, {}, {}, {}};
  };
  auto push =
      beginAside("push_aside", id, {ptr, i64, i32, i64, i64}, TypeRange());
  TransactionContext at = contextOf(push);
  Value rank = push.getArgument(3), came = push.getArgument(4);
  Value child = e.cast(push.getArgument(2), 64);
  Value occupiedPointer = hot(node, at, node.lanes.occupied);
  Value occupied = e.load(64, occupiedPointer);
  Value bit = e.shl(e.c(1), child);
  e.ifElse(
      e.cmp(P::eq, e.band(occupied, bit), 0), TypeRange(),
      [&]() -> SmallVector<Value> {
        appendToLane(node, at, child, rank, came);
        e.store(e.bor(occupied, bit), occupiedPointer);
        return {};
      },
      [&]() -> SmallVector<Value> {
        Value element = allocate(poolOf(node), at.memory);
        Value place = slot(poolOf(node), at.memory, element);
        e.store(push.getArgument(2), e.at(place, 4));
        e.store(came, e.at(place, NodeLayout::kSlotCame));
        pushBelow(node, at, element, rank);
        e.store(e.bor(occupied, e.c(NodeLayout::kSomeBelow)), occupiedPointer);
        return {};
      });
  end({});

  auto pop = beginAside("pop_aside", id, {ptr, i64}, {i64, i32});
  Head head = popOfBoth(node, contextOf(pop));
  end({head.rank, head.child});
}

void SchedulerEmitter::appendToLane(const NodeLayout &node,
                                    const TransactionContext &at, Value child,
                                    Value rank, Value came) {
  Value tailPointer = lane(node, at, node.lanes.tails, child);
  Value tail = e.loadPtr(tailPointer);
  e.store(rank, tail);
  e.store(came, e.at(tail, NodeLayout::kEntryCame));
  e.store(nextToWrite(node, at.memory, tail), tailPointer);
  e.store(rank, lane(node, at, node.lanes.lasts, child));
}

/// Whether the lane has elements is not checked where the rank grows: it is
/// larger than that of an element that has left, too.
void SchedulerEmitter::pushLanes(const NodeLayout &node,
                                 const TransactionContext &at, Value rank) {
  Value child = e.cast(at.child, 64);
  Value camePointer = hot(node, at, node.lanes.came);
  Value came = e.load(64, camePointer);
  e.store(e.add(came, e.c(1)), camePointer);
  Value last = e.load(64, lane(node, at, node.lanes.lasts, child));
  e.ifElse(
      e.rarely(isBefore(node, rank, last)), TypeRange(),
      [&]() -> SmallVector<Value> {
        e.call(nodeFunction("push_aside", idOf(node)), {},
               {at.memory, at.instance ? at.instance : e.c(0), at.child, rank,
                came});
        return {};
      },
      [&]() -> SmallVector<Value> {
        Value pointer = hot(node, at, node.lanes.occupied);
        e.store(e.bor(e.load(64, pointer), e.shl(e.c(1), child)), pointer);
        appendToLane(node, at, child, rank, came);
        return {};
      });
}

/// Whether the element numbered `came` with that rank leaves before the other.
/// Rank and number are the upper and lower word of one number.
Value SchedulerEmitter::leavesBefore(const NodeLayout &node, Value rank,
                                     Value came, Value otherRank,
                                     Value otherCame) {
  auto both = [&](Value upper, Value lower) {
    return e.bor(e.shl(e.cast(upper, 128), e.c(64, 128)), e.cast(lower, 128));
  };
  Value one = both(rank, came), other = both(otherRank, otherCame);
  return node.isSerial() ? e.cmp(P::slt, e.sub(one, other), 0)
                         : e.cmp(P::slt, one, other);
}

/// The first entry of each lane; of an empty lane, the place of its next entry.
SmallVector<SchedulerEmitter::LaneHead>
SchedulerEmitter::laneHeads(const NodeLayout &node,
                            const TransactionContext &at) {
  SmallVector<LaneHead> heads;
  for (unsigned child = 0; child < node.lanes.count; ++child)
    heads.push_back(laneHeadAt(
        e.c(child), e.loadPtr(lane(node, at, node.lanes.heads, e.c(child)))));
  return heads;
}

SchedulerEmitter::LaneHead SchedulerEmitter::laneHeadAt(Value child,
                                                        Value place) {
  return {child, place, e.load(64, place),
          e.load(64, e.at(place, NodeLayout::kEntryCame))};
}

/// i1: whether the head of lane `child` is the first of all up to it, if it is
/// `less` than the first of those before it.
static Value goesFirst(Emitter &e, unsigned child, Value less, Value occupied) {
  Value isThere = e.cmp(P::ne, e.band(occupied, e.c(int64_t(1) << child)), 0);
  Value noneYet = e.cmp(P::eq, e.mask(occupied, child), 0);
  return e.band(isThere, e.bor(noneYet, less));
}

/// The best of the lanes' heads; empty lanes do not count. `occupied` is null
/// if no lane is empty.
SchedulerEmitter::LaneHead
SchedulerEmitter::firstOfLanes(const NodeLayout &node, ArrayRef<LaneHead> heads,
                               Value occupied) {
  LaneHead best = heads.front();
  for (unsigned child = 1; child < node.lanes.count; ++child) {
    const LaneHead &next = heads[child];
    Value less = leavesBefore(node, next.rank, next.came, best.rank, best.came);
    if (occupied)
      less = goesFirst(e, child, less, occupied);
    best = choose(less, next, best);
  }
  return best;
}

SchedulerEmitter::LaneHead SchedulerEmitter::choose(Value first,
                                                    const LaneHead &one,
                                                    const LaneHead &other) {
  return {e.select(first, one.child, other.child),
          e.select(first, one.place, other.place),
          e.select(first, one.rank, other.rank),
          e.select(first, one.came, other.came)};
}

/// The place of the entry behind `head`, which leaves the lanes, and whether
/// its lane is empty then, i1.
std::pair<Value, Value>
SchedulerEmitter::takeFromLane(const NodeLayout &node,
                               const TransactionContext &at,
                               const LaneHead &head) {
  Value next = nextToRead(node, at.memory, head.place);
  Value tail = e.loadPtr(lane(node, at, node.lanes.tails, head.child));
  Value isLast =
      LLVM::ICmpOp::create(b, e.loc, LLVM::ICmpPredicate::eq, next, tail);
  return {next, e.rarely(isLast)};
}

/// i1: whether the first of all is in the lanes; one is somewhere.
Value SchedulerEmitter::lanesAreFirst(const NodeLayout &node,
                                      const TransactionContext &at,
                                      const LaneHead &best, Value occupied) {
  return e.ifElse(
      e.cmp(P::sge, occupied, 0), e.type(1),
      [&]() -> SmallVector<Value> { return {e.c(1, 1)}; },
      [&]() -> SmallVector<Value> {
        Head other = headBelow(node, at);
        Value place = slot(poolOf(node), at.memory, other.element);
        Value came = e.load(64, e.at(place, NodeLayout::kSlotCame));
        Value some = e.cmp(P::ne, e.mask(occupied, node.lanes.count), 0);
        return {e.band(
            some, leavesBefore(node, best.rank, best.came, other.rank, came))};
      })[0];
}

SchedulerEmitter::Head
SchedulerEmitter::headWithLanes(const NodeLayout &node,
                                const TransactionContext &at) {
  Value occupied = e.load(64, hot(node, at, node.lanes.occupied));
  LaneHead best = firstOfLanes(node, laneHeads(node, at), occupied);
  auto results = e.ifElse(
      lanesAreFirst(node, at, best, occupied), {e.type(64), e.type(32)},
      [&]() -> SmallVector<Value> {
        return {best.rank, e.cast(best.child, 32)};
      },
      [&]() -> SmallVector<Value> {
        Head head = headBelow(node, at);
        Value place = slot(poolOf(node), at.memory, head.element);
        return {head.rank, e.load(32, e.at(place, 4))};
      });
  return {{}, results[0], results[1]};
}

SchedulerEmitter::Head SchedulerEmitter::popOfLanes(
    const NodeLayout &node, const TransactionContext &at,
    ArrayRef<LaneHead> heads, const LaneHead &best, Value occupied) {
  auto [next, isLast] = takeFromLane(node, at, best);
  auto store = [&](Value place, Value child) {
    e.store(place, lane(node, at, node.lanes.heads, child));
  };
  // Of two, also the place that stays: where a store goes is known before the
  // comparison is, and loads of the next pop need not wait for it. Of more,
  // that takes longer than it spares.
  if (heads.size() > 2)
    store(next, best.child);
  else
    for (const LaneHead &head : heads)
      store(e.select(e.cmp(P::eq, head.child, best.child), next, head.place),
            head.child);
  e.ifThen(isLast, [&] {
    e.store(e.bxor(occupied, e.shl(e.c(1), best.child)),
            hot(node, at, node.lanes.occupied));
  });
  return {{}, best.rank, e.cast(best.child, 32)};
}

/// The first element where the container may hold some, too.
SchedulerEmitter::Head
SchedulerEmitter::popOfBoth(const NodeLayout &node,
                            const TransactionContext &at) {
  Value pointer = hot(node, at, node.lanes.occupied);
  Value occupied = e.load(64, pointer);
  SmallVector<LaneHead> heads = laneHeads(node, at);
  LaneHead best = firstOfLanes(node, heads, occupied);
  auto results = e.ifElse(
      lanesAreFirst(node, at, best, occupied), {e.type(64), e.type(32)},
      [&]() -> SmallVector<Value> {
        Head head = popOfLanes(node, at, heads, best, occupied);
        return {head.rank, head.child};
      },
      [&]() -> SmallVector<Value> {
        Head head = popBelow(node, at);
        Value place = slot(poolOf(node), at.memory, head.element);
        Value child = e.load(32, e.at(place, 4));
        release(poolOf(node), at.memory, head.element);
        Value none = e.cast(isEmptyBelow(node, at), 64);
        e.store(e.bxor(occupied, e.shl(none, 63)), pointer);
        return {head.rank, child};
      });
  return {{}, results[0], results[1]};
}

SchedulerEmitter::Head
SchedulerEmitter::popWithLanes(const NodeLayout &node,
                               const TransactionContext &at) {
  Value occupied = e.load(64, hot(node, at, node.lanes.occupied));
  SmallVector<Type> types{e.type(64), e.type(32)};
  auto first = [&](Value asked) -> SmallVector<Value> {
    SmallVector<LaneHead> heads = laneHeads(node, at);
    LaneHead best = firstOfLanes(node, heads, asked);
    Head head = popOfLanes(node, at, heads, best, occupied);
    return {head.rank, head.child};
  };
  // With a backlog no lane is empty, and no element is in the container.
  const int64_t all = (int64_t(1) << node.lanes.count) - 1;
  auto results = e.ifElse(
      e.rarely(e.cmp(P::ne, occupied, all)), types,
      [&]() -> SmallVector<Value> {
        return e.ifElse(
            e.cmp(P::slt, occupied, 0), types,
            [&]() -> SmallVector<Value> {
              return e.call(nodeFunction("pop_aside", idOf(node)), types,
                            {at.memory, at.instance ? at.instance : e.c(0)});
            },
            [&] { return first(occupied); });
      },
      [&] { return first({}); });
  return {{}, results[0], results[1]};
}
