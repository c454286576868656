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
//
// With a backlog no queue is empty, and a push behind others changes no head.
// Then the node knows which queue is next: a pop reads its number and hands it
// down at once, and compares heads for the pop after it while the walk goes on.
// Otherwise a pop compares heads as they are. What the container has to do
// stands aside, in functions.

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

/// The bits of all lanes.
static int64_t allLanes(const NodeLayout &node) {
  return (int64_t(1) << node.lanes.count) - 1;
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
        e.store(e.loadPtr(e.at(free, NodeLayout::kChunkLink)), freePointer);
        return {free};
      })[0];
}

/// The place of the next entry to write behind `place`, where one with `rank`
/// is.
Value SchedulerEmitter::nextToWrite(const NodeLayout &node, Value memory,
                                    Value place, Value rank) {
  Value next = e.at(place, NodeLayout::kEntry);
  return e.ifElse(
      isBehindChunk(e, next), e.ptrType(),
      [&]() -> SmallVector<Value> {
        Value chunk = takeChunk(node, memory);
        e.store(chunk,
                e.at(next, NodeLayout::kChunkLink - NodeLayout::kChunkBytes));
        e.store(rank, chunk);
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
        Value link = e.at(read, NodeLayout::kChunkLink);
        Value chunk = e.loadPtr(link);
        Value freePointer =
            e.at(memory, node.lanes.pool + NodeLayout::kPoolFree);
        e.store(e.loadPtr(freePointer), link);
        e.store(read, freePointer);
        return {e.at(chunk, NodeLayout::kEntry)};
      },
      [&]() -> SmallVector<Value> { return {next}; })[0];
}

/// Rare cases of a node with lanes are functions that are not inlined, so that
/// registers and instruction cache serve the common case: these functions keep
/// all registers, so that those who call them need not save any.
void SchedulerEmitter::emitAside(
    StringRef what, unsigned id, TypeRange arguments, TypeRange results,
    llvm::function_ref<SmallVector<Value>(TransactionContext, ValueRange)>
        body) {
  SmallVector<Type> inputs{e.ptrType(), e.type(64)};
  inputs.append(arguments.begin(), arguments.end());
  auto function = LLVM::LLVMFuncOp::create(
      b, e.loc, nodeFunction(what, id),
      LLVM::LLVMFunctionType::get(asideResult(results), inputs),
      LLVM::Linkage::Internal, /*dsoLocal=*/false, LLVM::CConv::PreserveMost);
  function.setPassthroughAttr(b.getStrArrayAttr({"noinline"}));
  OpBuilder::InsertionGuard guard(b);
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  Value instance =
      layout.nodes[id].count == 1 ? Value() : Value(entry->getArgument(1));
  SmallVector<Value> values =
      body({entry->getArgument(0), {}, {}, instance, {}, {}, {}},
           entry->getArguments().drop_front(2));
  if (values.empty()) {
    LLVM::ReturnOp::create(b, e.loc, ValueRange());
    return;
  }
  Value all = LLVM::UndefOp::create(b, e.loc, asideResult(results));
  for (auto [i, value] : llvm::enumerate(values))
    all = LLVM::InsertValueOp::create(b, e.loc, all, value, i);
  LLVM::ReturnOp::create(b, e.loc, all);
}

/// The type of the results of a function that stands aside.
Type SchedulerEmitter::asideResult(TypeRange results) {
  if (results.empty())
    return LLVM::LLVMVoidType::get(b.getContext());
  return LLVM::LLVMStructType::getLiteral(b.getContext(),
                                          llvm::to_vector(results));
}

SmallVector<Value> SchedulerEmitter::callAside(StringRef what,
                                               const NodeLayout &node,
                                               const TransactionContext &at,
                                               TypeRange results,
                                               ValueRange arguments) {
  SmallVector<Value> inputs{at.memory, at.instance ? at.instance : e.c(0)};
  inputs.append(arguments.begin(), arguments.end());
  SmallVector<Type> types;
  if (!results.empty())
    types.push_back(asideResult(results));
  auto call = LLVM::CallOp::create(
      b, e.loc, types, b.getStringAttr(nodeFunction(what, idOf(node))), inputs);
  call.setCConv(LLVM::CConv::PreserveMost);
  SmallVector<Value> values;
  for (size_t i = 0; i < results.size(); ++i)
    values.push_back(
        LLVM::ExtractValueOp::create(b, e.loc, call.getResult(), i));
  return values;
}

void SchedulerEmitter::emitAside(unsigned id) {
  const NodeLayout &node = layout.nodes[id];
  if (!node.hasLanes())
    return;
  Type i64 = e.type(64), i32 = e.type(32);
  emitAside("push_aside", id, {i32, i64}, {},
            [&](TransactionContext at, ValueRange inputs) {
              at.child = inputs[0];
              pushBehindLanes(node, at, inputs[1]);
              return SmallVector<Value>();
            });
  emitAside("pop_aside", id, {}, {i64, i32},
            [&](TransactionContext at, ValueRange) {
              Head head = popOfBoth(node, at);
              return SmallVector<Value>{head.rank, head.child};
            });
}

/// The number of what is pushed next.
Value SchedulerEmitter::countPush(const NodeLayout &node,
                                  const TransactionContext &at) {
  Value pointer = hot(node, at, node.lanes.came);
  Value came = e.load(64, pointer);
  e.store(e.add(came, e.c(1)), pointer);
  return came;
}

/// Writes an entry at `tail`, the place of the next one of lane `child`.
void SchedulerEmitter::appendToLane(const NodeLayout &node,
                                    const TransactionContext &at, Value child,
                                    Value tail, Value rank) {
  e.store(rank, tail);
  e.store(countPush(node, at), e.at(tail, NodeLayout::kEntryCame));
  e.store(nextToWrite(node, at.memory, tail, rank),
          lane(node, at, node.lanes.tails, child));
}

/// A push into the container.
void SchedulerEmitter::pushBehindLanes(const NodeLayout &node,
                                       const TransactionContext &at,
                                       Value rank) {
  Value element = allocate(poolOf(node), at.memory);
  Value place = slot(poolOf(node), at.memory, element);
  e.store(at.child, e.at(place, 4));
  e.store(countPush(node, at), e.at(place, NodeLayout::kSlotCame));
  pushBelow(node, at, element, rank);
}

/// The rank that came last in a lane whose next entry is to be at `tail`.
static Value lastRank(Emitter &e, Value tail) {
  return e.load(64, e.at(tail, -NodeLayout::kEntry));
}

/// A push wherever lanes and container stand. `value` is what the transaction
/// yields, if ranks wrap; else the rank.
void SchedulerEmitter::pushAnywhere(const NodeLayout &node,
                                    const TransactionContext &at, Value value) {
  NodeOp op = node.op;
  Value rank =
      op.getRule() == RankRule::Wrap ? wrapRank(node, value, at) : value;
  Value child = e.cast(at.child, 64), bit = e.shl(e.c(1), child);
  Value occupiedPointer = hot(node, at, node.lanes.occupied);
  Value occupied = e.load(64, occupiedPointer);
  Value tail = e.loadPtr(lane(node, at, node.lanes.tails, child));
  Value goesBack = e.band(e.cmp(P::ne, e.band(occupied, bit), 0),
                          isBefore(node, rank, lastRank(e, tail)));
  Value nextPointer = hot(node, at, node.lanes.next);
  e.ifElse(
      e.rarely(goesBack), TypeRange(),
      [&]() -> SmallVector<Value> {
        e.store(e.bor(occupied, e.c(NodeLayout::kSomeBelow)), occupiedPointer);
        e.store(e.c(NodeLayout::kNoLane), nextPointer);
        return callAside("push_aside", node, at, {}, {at.child, rank});
      },
      [&]() -> SmallVector<Value> {
        appendToLane(node, at, child, tail, rank);
        Value after = e.bor(occupied, bit);
        e.store(after, occupiedPointer);
        e.ifThen(e.cmp(P::eq, after, allLanes(node)), [&] {
          e.store(firstOfLanes(node, laneHeads(node, at), {}).child,
                  nextPointer);
        });
        return {};
      });
}

/// Where all lanes have elements, those inside lie in the window of serial
/// ranks: a value behind one of them is its own rank unless it is too far on.
void SchedulerEmitter::pushLanes(const NodeLayout &node,
                                 const TransactionContext &at, Value value) {
  NodeOp op = node.op;
  Value child = e.cast(at.child, 64);
  Value tail = e.loadPtr(lane(node, at, node.lanes.tails, child));
  Value isRare =
      e.bor(isBefore(node, value, lastRank(e, tail)),
            e.cmp(P::slt, e.load(64, hot(node, at, node.lanes.next)), 0));
  if (op.getRule() == RankRule::Wrap) {
    Value ahead = e.sub(value, e.load(64, hot(node, at, node.base)));
    isRare = e.bor(
        isRare, e.cmp(P::uge, ahead, int64_t(31) << (op.getRankWidth() - 6)));
  }
  e.ifElse(
      e.rarely(isRare), TypeRange(),
      [&]() -> SmallVector<Value> {
        pushAnywhere(node, at, value);
        return {};
      },
      [&]() -> SmallVector<Value> {
        appendToLane(node, at, child, tail, value);
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

/// Removes the head of a lane where some are empty, or the container has
/// elements.
SchedulerEmitter::Head
SchedulerEmitter::popOfLanes(const NodeLayout &node,
                             const TransactionContext &at, const LaneHead &best,
                             Value occupied) {
  auto [next, isLast] = takeFromLane(node, at, best);
  e.store(next, lane(node, at, node.lanes.heads, best.child));
  e.ifThen(isLast, [&] {
    e.store(e.bxor(occupied, e.shl(e.c(1), best.child)),
            hot(node, at, node.lanes.occupied));
  });
  return {{}, best.rank, e.cast(best.child, 32)};
}

/// The first element wherever it is.
SchedulerEmitter::Head
SchedulerEmitter::popOfBoth(const NodeLayout &node,
                            const TransactionContext &at) {
  Value pointer = hot(node, at, node.lanes.occupied);
  Value occupied = e.load(64, pointer);
  LaneHead best = firstOfLanes(node, laneHeads(node, at), occupied);
  auto results = e.ifElse(
      lanesAreFirst(node, at, best, occupied), {e.type(64), e.type(32)},
      [&]() -> SmallVector<Value> {
        Head head = popOfLanes(node, at, best, occupied);
        return {head.rank, head.child};
      },
      [&]() -> SmallVector<Value> {
        Head head = popBelow(node, at);
        Value place = slot(poolOf(node), at.memory, head.element);
        Value child = e.load(32, e.at(place, 4));
        release(poolOf(node), at.memory, head.element);
        Value none = e.cast(isEmptyBelow(node, at), 64);
        Value left = e.bxor(occupied, e.shl(none, 63));
        e.store(left, pointer);
        Value isFull = e.cmp(P::eq, left, allLanes(node));
        e.store(e.select(isFull, best.child, e.c(NodeLayout::kNoLane)),
                hot(node, at, node.lanes.next));
        return {head.rank, child};
      });
  return {{}, results[0], results[1]};
}

/// A pop of lane `child`, the next one where all have elements, and what is
/// next then.
SchedulerEmitter::Head
SchedulerEmitter::popNextLane(const NodeLayout &node,
                              const TransactionContext &at, Value child) {
  Value nextPointer = hot(node, at, node.lanes.next);
  LaneHead head =
      laneHeadAt(child, e.loadPtr(lane(node, at, node.lanes.heads, child)));
  SmallVector<Value> places;
  for (unsigned i = 0; i < node.lanes.count; ++i)
    places.push_back(e.loadPtr(lane(node, at, node.lanes.heads, e.c(i))));
  auto [place, isLast] = takeFromLane(node, at, head);
  e.store(place, lane(node, at, node.lanes.heads, child));
  LaneHead next;
  if (node.lanes.count == 2) {
    // The entry behind, or the head of the other lane, which stays.
    Value sibling = e.bxor(child, e.c(1));
    LaneHead mine = laneHeadAt(child, place);
    LaneHead other = laneHeadAt(
        sibling, e.loadPtr(lane(node, at, node.lanes.heads, sibling)));
    next =
        choose(leavesBefore(node, mine.rank, mine.came, other.rank, other.came),
               mine, other);
  } else {
    // Read where it is known before the store of the place is done.
    SmallVector<LaneHead> heads;
    for (unsigned i = 0; i < node.lanes.count; ++i)
      heads.push_back(laneHeadAt(
          e.c(i), e.select(e.cmp(P::eq, child, i), place, places[i])));
    next = firstOfLanes(node, heads, {});
  }
  e.store(next.child, nextPointer);
  e.ifThen(isLast, [&] {
    e.store(e.bxor(e.c(allLanes(node)), e.shl(e.c(1), child)),
            hot(node, at, node.lanes.occupied));
    e.store(e.c(NodeLayout::kNoLane), nextPointer);
  });
  return {{}, head.rank, e.cast(child, 32)};
}

SchedulerEmitter::Head
SchedulerEmitter::popWithLanes(const NodeLayout &node,
                               const TransactionContext &at) {
  Value next = e.load(64, hot(node, at, node.lanes.next));
  SmallVector<Type> types{e.type(64), e.type(32)};
  auto values = [](const Head &head) -> SmallVector<Value> {
    return {head.rank, head.child};
  };
  auto results = e.ifElse(
      e.rarely(e.cmp(P::slt, next, 0)), types,
      [&]() -> SmallVector<Value> {
        Value occupied = e.load(64, hot(node, at, node.lanes.occupied));
        return e.ifElse(
            e.rarely(e.cmp(P::slt, occupied, 0)), types,
            [&] { return callAside("pop_aside", node, at, types, {}); },
            [&] {
              LaneHead best = firstOfLanes(node, laneHeads(node, at), occupied);
              return values(popOfLanes(node, at, best, occupied));
            });
      },
      [&] { return values(popNextLane(node, at, next)); });
  return {{}, results[0], results[1]};
}
