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

/// The number of a free element. There is one: enqueue has compared the number
/// of packets with the capacity, and no pool holds more elements than that.
Value SchedulerEmitter::allocate(const Pool &pool, Value memory) {
  Value freeList = e.at(memory, pool.offset + 8);
  Value used = e.at(memory, pool.offset + 12);
  Value first = e.load(32, freeList);
  return e.ifElse(
      e.cmp(P::ne, first, 0), first.getType(),
      [&]() -> SmallVector<Value> {
        e.store(e.load(32, slot(pool, memory, first)), freeList);
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
  e.store(e.load(32, freeList), slot(pool, memory, element));
  e.store(element, freeList);
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

StringRef SchedulerEmitter::sharedName(bool push) const {
  bool list = layout.nodes.front().container == Container::List;
  if (push)
    return list ? "pifo_list_push" : "pifo_heap_push";
  return list ? "pifo_list_pop" : "pifo_heap_pop";
}

Value SchedulerEmitter::isEmpty(const NodeLayout &node,
                                const Surroundings &at) {
  // The top word of a bitmap and the count of a heap: zero means empty.
  Value some;
  if (node.hasBitmap())
    some = e.load(64, hot(node, at, node.top));
  if (node.hasHeap()) {
    Value count = e.load(64, hot(node, at, node.heap + 8));
    some = some ? e.bor(some, count) : count;
  }
  return e.cmp(P::eq, some, 0);
}

Value SchedulerEmitter::origin(const NodeLayout &node, const Surroundings &at) {
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
                                  const Surroundings &at) {
  Value last = e.load(64, hot(node, at, node.window));
  return e.band(last, e.c(-(int64_t(1) << (node.bitmapBits - 6))));
}

Value SchedulerEmitter::toRank(const NodeLayout &node, Value yielded,
                               const Surroundings &at, Value &refused) {
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
  Value basePointer = hot(node, at, node.base);
  Value empty = isEmpty(node, at);
  if (op.getRule() == RankRule::Window) {
    Value distance = e.sub(value, origin(node, at));
    Value outside = e.cmp(P::ugt, distance, last);
    refused = e.band(outside, e.bxor(empty, e.c(1, 1)));
    return value;
  }
  // The value whose low bits these are, within the window.
  e.ifThen(empty, [&] { e.store(value, basePointer); });
  Value start = origin(node, at);
  return e.add(start, e.mask(e.sub(value, start), bits));
}

//===----------------------------------------------------------------------===//
// Push
//===----------------------------------------------------------------------===//

void SchedulerEmitter::push(const NodeLayout &node, const Surroundings &at,
                            Value element, Value rank) {
  auto pushHeap = [&]() -> SmallVector<Value> {
    e.call(sharedName(true), {}, {hot(node, at, node.heap), rank, element});
    return {};
  };
  if (!node.hasBitmap()) {
    pushHeap();
    return;
  }
  if (!node.hasHeap())
    return pushBitmap(node, at, element, rank);
  e.ifThen(isEmpty(node, at),
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

void SchedulerEmitter::pushBitmap(const NodeLayout &node,
                                  const Surroundings &at, Value element,
                                  Value rank) {
  unsigned bits = node.bitmapBits;
  bool deep = node.isDeep();
  rank = e.mask(rank, bits);
  Value bucket = e.at(cold(node, at, node.buckets), e.shl(rank, 3));
  Value topPointer = hot(node, at, node.top);
  Value wordPointer = topPointer;
  Value bit = e.shl(e.c(1), rank);
  if (deep) {
    wordPointer =
        e.at(cold(node, at, node.words), e.shl(e.shr(rank, node.wordBits), 3));
    bit = e.shl(e.c(1), e.mask(rank, node.wordBits));
  }
  Value word = e.load(64, wordPointer);
  Value there = e.cmp(P::ne, e.band(word, bit), 0);
  // Whether the rank has elements is anyone's guess: no branch. If it has none,
  // what the last one's link would be goes to slot 0, which is nobody's.
  Value lastPointer = e.at(bucket, 4);
  Value last = e.select(there, e.load(32, lastPointer), e.c(0, 32));
  Value first = e.select(there, e.load(32, bucket), element);
  e.store(element, slot(poolOf(node), at.memory, last));
  e.store(first, bucket);
  e.store(element, lastPointer);
  e.store(e.bor(word, bit), wordPointer);
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

SchedulerEmitter::Head SchedulerEmitter::heapHead(const NodeLayout &node,
                                                  const Surroundings &at) {
  Head head;
  Value entries = e.loadPtr(hot(node, at, node.heap));
  head.rank = e.load(64, entries);
  head.element = e.load(32, e.at(entries, 16));
  return head;
}

/// Equal ranks: what is in the heap came while the rank was outside of the
/// window, so before what is in the bitmap.
Value SchedulerEmitter::heapIsFirst(const NodeLayout &node,
                                    const Surroundings &at) {
  Value count = e.load(64, hot(node, at, node.heap + 8));
  return e.ifElse(
      e.cmp(P::eq, count, 0), e.type(1),
      [&]() -> SmallVector<Value> { return {e.c(0, 1)}; },
      [&]() -> SmallVector<Value> {
        Value top = e.load(64, hot(node, at, node.top));
        return {e.ifElse(
            e.cmp(P::eq, top, 0), e.type(1),
            [&]() -> SmallVector<Value> { return {e.c(1, 1)}; },
            [&]() -> SmallVector<Value> {
              return {e.cmp(P::sle, heapHead(node, at).rank,
                            bitmapHead(node, at).rank)};
            })[0]};
      })[0];
}

SchedulerEmitter::Head SchedulerEmitter::head(const NodeLayout &node,
                                              const Surroundings &at) {
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

SchedulerEmitter::Head SchedulerEmitter::bitmapHead(const NodeLayout &node,
                                                    const Surroundings &at) {
  Head head;
  NodeOp op = node.op;
  unsigned bits = node.bitmapBits;
  bool isRing = node.container == Container::Ring;
  bool serial = isRing || op.getRule() != RankRule::Saturate;
  Value top = e.load(64, hot(node, at, node.top));
  Value start;
  if (serial) {
    // The first set bit from the origin on, around the end of the word.
    start = isRing ? ringStart(node, at) : origin(node, at);
    Value turn = e.mask(e.shr(start, bits - 6), 6);
    Value turned =
        LLVM::FshrOp::create(b, e.loc, top.getType(), top, top, turn);
    head.a = e.mask(e.add(e.lowestBit(turned), turn), 6);
  } else {
    head.a = e.lowestBit(top);
  }
  Value rank = head.a;
  if (node.isDeep()) {
    Value wordIndex = head.a;
    if (node.middleBits) {
      head.middleIndex = e.lowestBit(
          e.load(64, e.at(hot(node, at, node.middle), e.shl(head.a, 3))));
      wordIndex = e.bor(e.shl(head.a, node.middleBits), head.middleIndex);
    }
    Value word =
        e.load(64, e.at(cold(node, at, node.words), e.shl(wordIndex, 3)));
    head.wordIndex = wordIndex;
    rank = e.bor(e.shl(wordIndex, node.wordBits), e.lowestBit(word));
  }
  head.bucket = e.at(cold(node, at, node.buckets), e.shl(rank, 3));
  head.element = e.load(32, head.bucket);
  head.rank = serial ? e.add(start, e.mask(e.sub(rank, start), bits)) : rank;
  return head;
}

SchedulerEmitter::Head SchedulerEmitter::popHeap(const NodeLayout &node,
                                                 const Surroundings &at) {
  Head head;
  auto results = e.call(sharedName(false), {e.type(64), e.type(32)},
                        {hot(node, at, node.heap)});
  head.rank = results[0];
  head.element = results[1];
  return head;
}

SchedulerEmitter::Head SchedulerEmitter::pop(const NodeLayout &node,
                                             const Surroundings &at) {
  Head head;
  NodeOp op = node.op;
  if (!node.hasBitmap()) {
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
    e.store(e.op<arith::MaxSIOp>(e.load(64, pointer), head.rank), pointer);
  }
  if (op.getRule() != RankRule::Saturate) {
    Value pointer = hot(node, at, node.base);
    e.store(e.op<arith::MaxSIOp>(e.load(64, pointer), head.rank), pointer);
  }
  return head;
}

SchedulerEmitter::Head SchedulerEmitter::popBitmap(const NodeLayout &node,
                                                   const Surroundings &at) {
  Head head = bitmapHead(node, at);
  auto clear = [&](Value pointer, Value index) {
    Value rest =
        e.band(e.load(64, pointer), e.bxor(e.shl(e.c(1), index), e.c(-1)));
    e.store(rest, pointer);
    return e.cmp(P::eq, rest, 0);
  };
  // Whether this was the last element of its rank is anyone's guess: no
  // branch. If it was, its link means nothing, and nobody reads it.
  Value last = e.load(32, e.at(head.bucket, 4));
  Value isLast = e.cmp(P::eq, head.element, last);
  Value next = e.load(32, slot(poolOf(node), at.memory, head.element));
  e.store(next, head.bucket);
  Value top = hot(node, at, node.top);
  if (node.container == Container::Word) {
    Value bit = e.shl(e.cast(isLast, 64), head.a);
    e.store(e.bxor(e.load(64, top), bit), top);
  } else {
    Value pointer = e.at(cold(node, at, node.words), e.shl(head.wordIndex, 3));
    Value word = e.load(64, pointer);
    // The bit is the lowest of its word.
    Value rest = e.select(isLast, e.band(word, e.sub(word, e.c(1))), word);
    e.store(rest, pointer);
    e.ifThen(e.cmp(P::eq, rest, 0), [&] {
      if (!node.middleBits) {
        clear(top, head.a);
        return;
      }
      Value middle = e.at(hot(node, at, node.middle), e.shl(head.a, 3));
      e.ifThen(clear(middle, head.middleIndex), [&] { clear(top, head.a); });
    });
    // What leaves next, as far as is known: another element of the rank, or
    // the next rank of the word.
    Value some = e.bor(rest, e.c(int64_t(1) << 62));
    Value rank = e.bor(e.shl(head.wordIndex, node.wordBits), e.lowestBit(some));
    e.prefetch(e.at(cold(node, at, node.buckets), e.shl(rank, 3)));
  }
  e.prefetch(slot(poolOf(node), at.memory, next));
  return head;
}
