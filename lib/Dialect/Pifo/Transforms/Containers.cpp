//===- Containers.cpp - Push and pop of one node -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

Value SchedulerEmitter::slot(const Pool &pool, Value memory, Value element) {
  Value slots = e.loadPtr(e.at(memory, pool.offset));
  return e.at(slots, e.mul(e.cast(element, 64), e.c(pool.stride)));
}

/// The address of the link to the next element.
Value SchedulerEmitter::link(const Pool &pool, Value memory, Value element) {
  if (!pool.links)
    return slot(pool, memory, element);
  Value links = e.loadPtr(e.at(memory, pool.links));
  return e.at(links, e.shl(e.cast(element, 64), 2));
}

/// The number of a free element. There always is one: enqueue has compared the
/// number of packets with the capacity, and no pool holds more elements than
/// that.
Value SchedulerEmitter::allocate(const Pool &pool, Value memory) {
  Value freeList = e.at(memory, pool.offset + 8);
  Value used = e.at(memory, pool.offset + 12);
  Value first = e.load(32, freeList);
  return e.ifElse(
      e.cmp(P::ne, first, 0), first.getType(),
      [&]() -> SmallVector<Value> {
        e.store(e.load(32, link(pool, memory, first)), freeList);
        return {first};
      },
      [&]() -> SmallVector<Value> {
        Value fresh = e.add(e.load(32, used), e.c(1, 32));
        e.store(fresh, used);
        return {fresh};
      })[0];
}

void SchedulerEmitter::release(const Pool &pool, Value memory, Value element) {
  Value freeList = e.at(memory, pool.offset + 8);
  e.store(e.load(32, freeList), link(pool, memory, element));
  e.store(element, freeList);
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

std::string SchedulerEmitter::sharedName(StringRef what, bool serial) const {
  // All nodes of a scheduler have the same kind of container.
  Container container = Container::Heap;
  for (const NodeLayout &node : layout.nodes)
    if (node.container == Container::List || node.container == Container::Ends)
      container = node.container;
  StringRef kind = container == Container::List   ? "list"
                   : container == Container::Ends ? "ends"
                                                  : "heap";
  return ("pifo_" + StringRef(serial ? "serial_" : "") + kind + what).str();
}

/// Serial numbers compare by the sign of their distance.
Value SchedulerEmitter::isBefore(const NodeLayout &node, Value a, Value b) {
  return node.isSerial() ? e.cmp(P::slt, e.sub(a, b), 0) : e.cmp(P::slt, a, b);
}

Value SchedulerEmitter::later(const NodeLayout &node, Value a, Value b) {
  if (!node.isSerial())
    return e.op<arith::MaxSIOp>(a, b);
  return e.select(isBefore(node, b, a), a, b);
}

Value SchedulerEmitter::isEmpty(const NodeLayout &node,
                                const TransactionContext &at) {
  if (node.hasLanes())
    return e.cmp(P::eq, e.load(64, hot(node, at, node.lanes.occupied)), 0);
  return isEmptyBelow(node, at);
}

Value SchedulerEmitter::isEmptyBelow(const NodeLayout &node,
                                     const TransactionContext &at) {
  NodeOp op = node.op;
  if (op.isLate())
    return e.cmp(P::eq, e.load(64, hot(node, at, node.late.waitingAll)), 0);
  if (op.getEligible())
    return e.cmp(P::eq,
                 e.bor(e.load(64, hot(node, at, node.heap + 8)),
                       e.load(64, hot(node, at, node.late.waiters + 8))),
                 0);
  if (node.container == Container::Fifos)
    return e.cmp(P::eq, e.load(64, hot(node, at, node.late.near.inside)), 0);
  if (node.container == Container::Flows)
    return e.cmp(P::eq, e.load(64, hot(node, at, node.late.flows.inside)), 0);
  // The first element of a bitmap and the count of a heap: zero means none.
  if (!node.hasHeap())
    return e.cmp(P::eq, e.load(32, hot(node, at, node.first)), 0);
  Value some = e.load(64, hot(node, at, node.heap + 8));
  if (node.hasBitmap())
    some = e.bor(some, e.cast(e.load(32, hot(node, at, node.first)), 64));
  return e.cmp(P::eq, some, 0);
}

Value SchedulerEmitter::origin(const NodeLayout &node,
                               const TransactionContext &at) {
  NodeOp op = node.op;
  unsigned bits = op.getRankWidth();
  Value base = e.load(64, hot(node, at, node.base));
  Value half = e.sub(base, e.c(int64_t(1) << (bits - 1)));
  return e.band(half, e.c(-(int64_t(1) << (bits - 6))));
}

/// A multiple of what a bit of the top word stands for, so that the ring is in
/// order from this bit on. No rank in the bitmap lies before it: what left was
/// the least of all.
Value SchedulerEmitter::ringStart(const NodeLayout &node,
                                  const TransactionContext &at) {
  Value last = e.load(64, hot(node, at, node.window));
  return e.band(last, e.c(-(int64_t(1) << (node.bitmapBits - 6))));
}

Value SchedulerEmitter::toRank(const NodeLayout &node, Value yielded,
                               const TransactionContext &at, Value &refused) {
  NodeOp op = node.op;
  unsigned bits = op.getRankWidth(), from = e.width(yielded);
  int64_t last = (uint64_t(1) << bits) - 1;
  if (op.getRule() == RankRule::Saturate) {
    if (from <= bits)
      return e.cast(yielded, 64);
    Value wide = e.cast(yielded, 64, /*isSigned=*/true);
    return e.op<arith::MinSIOp>(e.op<arith::MaxSIOp>(wide, e.c(0)), e.c(last));
  }
  Value value = e.cast(yielded, 64, /*isSigned=*/true);
  if (op.getRule() == RankRule::Window) {
    Value distance = e.sub(value, origin(node, at));
    Value outside = e.cmp(P::ugt, distance, last);
    refused = e.band(outside, e.bxor(isEmpty(node, at), e.c(1, 1)));
    return value;
  }
  return node.hasLanes() && from == 64 ? value : wrapRank(node, yielded, at);
}

Value SchedulerEmitter::wrapRank(const NodeLayout &node, Value yielded,
                                 const TransactionContext &at) {
  unsigned bits = NodeOp(node.op).getRankWidth();
  Value value = e.cast(yielded, 64, /*isSigned=*/true);
  Value basePointer = hot(node, at, node.base);
  e.ifThen(isEmpty(node, at), [&] {
    e.store(value, basePointer);
    if (node.keepsRankOfNone())
      e.store(e.add(value, e.c(1)), hot(node, at, node.firstRank));
  });
  auto wrapped = [&]() -> SmallVector<Value> {
    Value start = origin(node, at);
    return {e.add(start, e.mask(e.sub(value, start), bits))};
  };
  if (e.width(yielded) < 64)
    return wrapped()[0];
  // A value of all bits mostly is in the window, wherever that begins exactly.
  const int64_t granule = int64_t(1) << (bits - 6);
  Value ahead = e.add(e.sub(value, e.load(64, basePointer)), e.c(32 * granule));
  return e.ifElse(e.rarely(e.cmp(P::uge, ahead, 63 * granule)), e.type(64),
                  wrapped, [&]() -> SmallVector<Value> { return {value}; })[0];
}

//===----------------------------------------------------------------------===//
// Push
//===----------------------------------------------------------------------===//

void SchedulerEmitter::prefetchRank(const NodeLayout &node,
                                    const TransactionContext &at, Value rank) {
  Value index = e.mask(rank, node.bitmapBits);
  e.prefetch(bucketAt(node, at, index));
  e.prefetch(wordOf(node, at, index));
}

Value SchedulerEmitter::bucketAt(const NodeLayout &node,
                                 const TransactionContext &at, Value index) {
  if (!node.isSparse)
    return e.at(cold(node, at, node.buckets), e.shl(index, 3));
  return bucketIn(node, at, e.load(32, e.at(wordOf(node, at, index), 8)),
                  index);
}

Value SchedulerEmitter::bucketIn(const NodeLayout &node,
                                 const TransactionContext &at, Value block,
                                 Value index) {
  Value list = e.bor(e.shl(e.cast(block, 64), node.wordBits),
                     e.mask(index, node.wordBits));
  return e.at(e.at(at.memory, node.sparse.blocks), e.shl(list, 3));
}

void SchedulerEmitter::pushBelow(const NodeLayout &node,
                                 const TransactionContext &at, Value element,
                                 Value rank) {
  if (node.container == Container::Fifos)
    return pushNear(node, at, element, rank);
  if (node.container == Container::Flows)
    return pushFlows(node, at, element, rank);
  auto pushHeap = [&]() -> SmallVector<Value> {
    e.call(sharedName("_push", node.isSerial()), {},
           {hot(node, at, node.heap), rank, element});
    return {};
  };
  if (!node.hasBitmap()) {
    pushHeap();
    return;
  }
  if (!node.hasHeap())
    return pushBitmap(node, at, element, rank);
  e.ifThen(isEmptyBelow(node, at),
           [&] { e.store(rank, hot(node, at, node.window)); });
  Value distance = e.sub(rank, ringStart(node, at));
  e.ifElse(
      e.cmp(P::ult, distance, int64_t(1) << node.bitmapBits), TypeRange(),
      [&]() -> SmallVector<Value> {
        pushBitmap(node, at, element, rank);
        return {};
      },
      pushHeap);
}

/// The pushed element becomes the head if its rank is less than the head's:
/// equal ranks leave in the order of arrival. A branch, which predicts well
/// with a backlog: a select would make the next pop wait for the rank, which
/// may depend on the pop before.
void SchedulerEmitter::keepHead(const NodeLayout &node,
                                const TransactionContext &at, Value element,
                                Value rank) {
  Value elementPointer = hot(node, at, node.first);
  Value rankPointer = hot(node, at, node.firstRank);
  Value less = isBefore(node, rank, e.load(64, rankPointer));
  // A serial number may be as large as the rank of none.
  if (node.isSerial() && !node.keepsRankOfNone())
    less = e.bor(less, e.cmp(P::eq, e.load(32, elementPointer), 0));
  e.ifThen(less, [&] {
    e.store(element, elementPointer);
    e.store(rank, rankPointer);
  });
}

void SchedulerEmitter::pushBitmap(const NodeLayout &node,
                                  const TransactionContext &at, Value element,
                                  Value rank) {
  unsigned bits = node.bitmapBits;
  bool deep = node.isDeep();
  Value whole = rank;
  rank = e.mask(rank, bits);
  Value topPointer = hot(node, at, node.top);
  Value wordPointer = topPointer;
  Value bit = e.shl(e.c(1), rank);
  if (deep) {
    wordPointer = wordOf(node, at, rank);
    bit = e.shl(e.c(1), e.mask(rank, node.wordBits));
  }
  Value word = e.load(64, wordPointer);
  Value bucket;
  if (node.isSparse) {
    // Whether it is the first of its word is unpredictable: no branch.
    Value isNew = e.cmp(P::eq, word, 0);
    Value usedPointer = e.at(at.memory, node.sparse.usedBlocks);
    Value used = e.load(64, usedPointer);
    Value fresh = e.load(
        32, e.at(e.at(at.memory, node.sparse.freeBlocks), e.shl(used, 2)));
    Value block = e.select(isNew, e.bxor(fresh, e.cast(used, 32)),
                           e.load(32, e.at(wordPointer, 8)));
    e.store(block, e.at(wordPointer, 8));
    e.store(e.add(used, e.cast(isNew, 64)), usedPointer);
    bucket = bucketIn(node, at, block, rank);
  } else {
    bucket = bucketAt(node, at, rank);
  }
  Value there = e.cmp(P::ne, e.band(word, bit), 0);
  Value lastPointer = e.at(bucket, 4);
  // Whether the rank has elements already is unpredictable: no branch, except
  // where lists are in blocks of a pool. A second-level cache holds the lists
  // of one node that are in use, of 2 MB at most. If the rank has none, the
  // link of its last element is written to slot 0, which belongs to no element.
  Value last, first;
  if (node.isSparse) {
    auto list = e.ifElse(
        there, {e.type(32), e.type(32)},
        [&]() -> SmallVector<Value> {
          return {e.load(32, lastPointer), e.load(32, bucket)};
        },
        [&]() -> SmallVector<Value> { return {e.c(0, 32), element}; });
    last = list[0], first = list[1];
  } else {
    last = e.select(there, e.load(32, lastPointer), e.c(0, 32));
    first = e.select(there, e.load(32, bucket), element);
  }
  e.store(element, link(poolOf(node), at.memory, last));
  e.store(first, bucket);
  e.store(element, lastPointer);
  e.store(e.bor(word, bit), wordPointer);
  keepHead(node, at, element, whole);
  if (!deep)
    return;
  Value topIndex = e.shr(rank, bits - 6);
  if (node.middleBits) {
    Value pointer = e.at(hot(node, at, node.middle), e.shl(topIndex, 3));
    Value middleBit = e.shl(e.c(1), e.mask(e.shr(rank, 6), node.middleBits));
    e.store(e.bor(e.load(64, pointer), middleBit), pointer);
  }
  e.store(e.bor(e.load(64, topPointer), e.shl(e.c(1), topIndex)), topPointer);
}

//===----------------------------------------------------------------------===//
// Pop
//===----------------------------------------------------------------------===//

SchedulerEmitter::Head
SchedulerEmitter::heapHead(const NodeLayout &node,
                           const TransactionContext &at) {
  Head head;
  Value entries = e.loadPtr(hot(node, at, node.heap));
  head.rank = e.load(64, entries);
  head.element = e.load(32, e.at(entries, 16));
  return head;
}

/// Of equal ranks the one in the heap came first: it came while the rank was
/// outside of the window.
Value SchedulerEmitter::heapIsFirst(const NodeLayout &node,
                                    const TransactionContext &at) {
  Value count = e.load(64, hot(node, at, node.heap + 8));
  return e.ifElse(
      e.cmp(P::eq, count, 0), e.type(1),
      [&]() -> SmallVector<Value> { return {e.c(0, 1)}; },
      [&]() -> SmallVector<Value> {
        Head other = bitmapHead(node, at);
        Value none = e.cmp(P::eq, other.element, 0);
        Value later = isBefore(node, other.rank, heapHead(node, at).rank);
        return {e.bor(none, e.bxor(later, e.c(1, 1)))};
      })[0];
}

SchedulerEmitter::Head SchedulerEmitter::head(const NodeLayout &node,
                                              const TransactionContext &at) {
  return node.hasLanes() ? headWithLanes(node, at) : headBelow(node, at);
}

SchedulerEmitter::Head
SchedulerEmitter::headBelow(const NodeLayout &node,
                            const TransactionContext &at) {
  if (node.container == Container::Fifos)
    return nearHead(node, at);
  if (node.container == Container::Flows)
    return flowsHead(node, at);
  if (!node.hasBitmap())
    return heapHead(node, at);
  if (!node.hasHeap())
    return bitmapHead(node, at);
  auto values = [](const Head &head) -> SmallVector<Value> {
    return {head.rank, head.element};
  };
  auto results = e.ifElse(
      heapIsFirst(node, at), {e.type(64), e.type(32)},
      [&] { return values(heapHead(node, at)); },
      [&] { return values(bitmapHead(node, at)); });
  Head head;
  head.rank = results[0];
  head.element = results[1];
  return head;
}

SchedulerEmitter::Head
SchedulerEmitter::bitmapHead(const NodeLayout &node,
                             const TransactionContext &at) {
  Head head;
  head.element = e.load(32, hot(node, at, node.first));
  head.rank = e.load(64, hot(node, at, node.firstRank));
  return head;
}

SchedulerEmitter::Head SchedulerEmitter::popHeap(const NodeLayout &node,
                                                 const TransactionContext &at,
                                                 StringRef what) {
  Head head;
  auto results = e.call(sharedName(what, node.isSerial()),
                        {e.type(64), e.type(32)}, {hot(node, at, node.heap)});
  head.rank = results[0];
  head.element = results[1];
  return head;
}

SchedulerEmitter::Head SchedulerEmitter::pop(const NodeLayout &node,
                                             const TransactionContext &at) {
  Head head = node.hasLanes() ? popWithLanes(node, at) : popBelow(node, at);
  NodeOp op = node.op;
  if (op.getRule() != RankRule::Saturate && !op.getTransit()) {
    Value pointer = hot(node, at, node.base);
    Value goesBack = isBefore(node, head.rank, e.load(64, pointer));
    e.ifElse(
        e.rarely(goesBack), TypeRange(),
        [&]() -> SmallVector<Value> { return {}; },
        [&]() -> SmallVector<Value> {
          e.store(head.rank, pointer);
          return {};
        });
  }
  return head;
}

SchedulerEmitter::Head
SchedulerEmitter::popBelow(const NodeLayout &node,
                           const TransactionContext &at) {
  Head head;
  if (node.container == Container::Fifos) {
    head = popNear(node, at);
  } else if (node.container == Container::Flows) {
    head = flowsHead(node, at);
    leaveFlows(node, at, head.element);
  } else if (!node.hasBitmap()) {
    head = popHeap(node, at);
  } else if (!node.hasHeap()) {
    head = popBitmap(node, at);
  } else {
    auto values = [](const Head &head) -> SmallVector<Value> {
      return {head.rank, head.element};
    };
    auto results = e.ifElse(
        heapIsFirst(node, at), {e.type(64), e.type(32)},
        [&] { return values(popHeap(node, at)); },
        [&] { return values(popBitmap(node, at)); });
    head.rank = results[0];
    head.element = results[1];
    Value pointer = hot(node, at, node.window);
    e.store(later(node, e.load(64, pointer), head.rank), pointer);
  }
  return head;
}

/// The next set bit of a top word after bit `from`, which is clear, around the
/// end of the word: no rank in the bitmap lies before the one that left.
Value SchedulerEmitter::nextBit(const NodeLayout &node, Value word,
                                Value from) {
  if (!node.isSerial())
    return e.lowestBit(word);
  Value turned =
      LLVM::FshrOp::create(b, e.loc, word.getType(), word, word, from);
  return e.mask(e.add(e.lowestBit(turned), from), 6);
}

/// The rank of index `to` of the bitmap, the next one after `index`, which is
/// that of `rank`.
Value SchedulerEmitter::rankAt(const NodeLayout &node, Value rank, Value index,
                               Value to) {
  if (!node.isSerial())
    return to;
  return e.add(rank, e.mask(e.sub(to, index), node.bitmapBits));
}

/// The first word that is not empty, or -1: `index` if not `isEmpty`, which
/// costs no branch.
Value SchedulerEmitter::nextWord(const NodeLayout &node,
                                 const TransactionContext &at, Value index,
                                 Value isEmpty) {
  Value topIndex = e.shr(index, node.middleBits);
  auto middleAt = [&](Value topIndex) {
    return e.at(hot(node, at, node.middle), e.shl(topIndex, 3));
  };
  auto wordBelow = [&](Value topIndex, Value middle) {
    return e.bor(e.shl(topIndex, node.middleBits), e.lowestBit(middle));
  };
  // `isEmpty`: i1, whether nothing is left below the bit of the top word.
  auto nextTop = [&](Value isEmpty) -> SmallVector<Value> {
    Value pointer = hot(node, at, node.top);
    Value rest =
        e.bxor(e.load(64, pointer), e.shl(e.cast(isEmpty, 64), topIndex));
    e.store(rest, pointer);
    return e.ifElse(
        e.cmp(P::eq, rest, 0), e.type(64),
        [&]() -> SmallVector<Value> { return {e.c(-1)}; },
        [&]() -> SmallVector<Value> {
          Value next = nextBit(node, rest, topIndex);
          if (!node.middleBits)
            return {next};
          return {wordBelow(next, e.load(64, middleAt(next)))};
        });
  };
  if (!node.middleBits)
    return nextTop(isEmpty)[0];
  // The bit is the lowest of its word.
  Value middle = e.load(64, middleAt(topIndex));
  Value rest = e.select(isEmpty, e.band(middle, e.sub(middle, e.c(1))), middle);
  e.store(rest, middleAt(topIndex));
  return e.ifElse(
      e.cmp(P::ne, rest, 0), e.type(64),
      [&]() -> SmallVector<Value> { return {wordBelow(topIndex, rest)}; },
      [&] { return nextTop(e.c(1, 1)); })[0];
}

/// Removes the first element and finds the next one at once, so that it is
/// known when the next call needs it.
SchedulerEmitter::Head
SchedulerEmitter::popBitmap(const NodeLayout &node,
                            const TransactionContext &at) {
  Head head = bitmapHead(node, at);
  Head next = takeFromBitmap(node, at, head);
  keepBitmapHead(node, at, next);
  return head;
}

void SchedulerEmitter::keepBitmapHead(const NodeLayout &node,
                                      const TransactionContext &at,
                                      const Head &head) {
  e.store(head.element, hot(node, at, node.first));
  e.store(head.rank, hot(node, at, node.firstRank));
}

/// The successor of `head`, which leaves.
SchedulerEmitter::Head SchedulerEmitter::takeFromBitmap(
    const NodeLayout &node, const TransactionContext &at, const Head &head) {
  Value index =
      node.isSerial() ? e.mask(head.rank, node.bitmapBits) : head.rank;
  Value here = bucketAt(node, at, index);
  Value next = e.load(32, link(poolOf(node), at.memory, head.element));
  // Whether this was the last element of its rank is unpredictable: no branch.
  // If it was, its link is meaningless and is not used.
  Value isLast = e.cmp(P::eq, head.element, e.load(32, e.at(here, 4)));
  e.store(next, here);
  auto elementAt = [&](Value index) {
    return e.load(32, bucketAt(node, at, index));
  };
  Value top = hot(node, at, node.top);
  auto none = [&]() -> SmallVector<Value> {
    return {e.c(0, 32), e.c(kNoRank)};
  };
  SmallVector<Type> types{e.type(32), e.type(64)};
  SmallVector<Value> found;
  if (node.container == Container::Word) {
    Value bit = e.shl(e.cast(isLast, 64), index);
    Value rest = e.bxor(e.load(64, top), bit);
    e.store(rest, top);
    found = e.ifElse(e.cmp(P::eq, rest, 0), types, none,
                     [&]() -> SmallVector<Value> {
                       Value following = nextBit(node, rest, index);
                       return {elementAt(following),
                               rankAt(node, head.rank, index, following)};
                     });
  } else {
    Value wordIndex = e.shr(index, node.wordBits);
    Value pointer = wordAt(node, at, wordIndex);
    Value word = e.load(64, pointer);
    // The bit is the lowest of its word.
    Value rest = e.select(isLast, e.band(word, e.sub(word, e.c(1))), word);
    e.store(rest, pointer);
    if (node.isSparse) {
      // The last one of a word returns its block to the pool. If this is not
      // the last one, the entry belongs to a block in use, and is never read.
      Value usedPointer = e.at(at.memory, node.sparse.usedBlocks);
      Value used = e.load(64, usedPointer), below = e.sub(used, e.c(1));
      Value block = e.load(32, e.at(pointer, 8));
      e.store(e.bxor(block, e.cast(below, 32)),
              e.at(e.at(at.memory, node.sparse.freeBlocks), e.shl(below, 2)));
      e.store(e.sub(used, e.cast(e.cmp(P::eq, rest, 0), 64)), usedPointer);
    }
    auto search = [&](Value isEmpty) -> SmallVector<Value> {
      Value following = nextWord(node, at, wordIndex, isEmpty);
      return e.ifElse(
          e.cmp(P::slt, following, 0), types, none,
          [&]() -> SmallVector<Value> {
            Value low = e.lowestBit(e.load(64, wordAt(node, at, following)));
            Value to = e.bor(e.shl(following, node.wordBits), low);
            return {elementAt(to), rankAt(node, head.rank, index, to)};
          });
    };
    // With three levels ranks are sparse: whether the word has more is
    // unpredictable. With two it mostly has.
    if (node.middleBits) {
      found = search(e.cmp(P::eq, rest, 0));
    } else {
      found = e.ifElse(
          e.cmp(P::ne, rest, 0), types,
          [&]() -> SmallVector<Value> {
            int64_t within = (int64_t(1) << node.wordBits) - 1;
            Value low = e.lowestBit(rest);
            return {elementAt(e.bor(e.band(index, e.c(~within)), low)),
                    e.bor(e.band(head.rank, e.c(~within)), low)};
          },
          [&] { return search(e.c(1, 1)); });
    }
  }
  e.prefetch(slot(poolOf(node), at.memory, found[0]));
  Head behind;
  behind.element = found[0];
  behind.rank = found[1];
  return behind;
}
