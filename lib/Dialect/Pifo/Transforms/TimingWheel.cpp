//===- TimingWheel.cpp - Walks that rest until a time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A hierarchical timing wheel (Varghese and Lauck, SOSP 1987) with bitmaps. A
// time is eleven digits of 6 bits, the sign bit flipped, so that times order as
// unsigned numbers. A walk is filed at the level of the highest digit in which
// its time differs from the time at which the wheel stands, under its own digit
// there. What lies at a lower level is earlier, and so is what lies at a lower
// digit of one level: two counts of trailing zeros find the first bucket.
//
// Where that is not at level 0 and holds more than one walk, the wheel moves on
// to the bucket's first time, and its walks are filed again, at lower levels. A
// walk moves down ten levels at most, mostly two or three, in a list that keeps
// equal times in the order of their arrival.
//
// The wheel may stand later than now, because somebody asked when the first
// walk is due. Walks for times before it go to a heap; all of them are earlier
// than what the wheel holds, at whatever time it stood when they came.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

/// To the order of unsigned numbers, and back.
static Value flipSign(Emitter &e, Value time) {
  return e.bxor(time, e.c(std::numeric_limits<int64_t>::min()));
}

Value SchedulerEmitter::wheelWord(Value memory, Value level) {
  return e.at(e.at(memory, layout.wheel.words), e.shl(level, 3));
}

Value SchedulerEmitter::wheelBucket(Value memory, Value level, Value digit) {
  Value number = e.add(e.shl(level, 6), digit);
  return e.at(e.at(memory, layout.wheel.buckets), e.shl(number, 3));
}

Value SchedulerEmitter::timeOf(Value memory, Value walk) {
  return e.load(64, e.at(slot(layout.suspended, memory, walk),
                         SchedulerLayout::kRestTime));
}

SchedulerEmitter::WheelHead SchedulerEmitter::wheelHead(Value memory) {
  WheelHead head;
  head.level = e.lowestBit(e.load(64, e.at(memory, layout.wheel.levels)));
  head.digit = e.lowestBit(e.load(64, wheelWord(memory, head.level)));
  head.bucket = wheelBucket(memory, head.level, head.digit);
  head.first = e.load(32, head.bucket);
  head.last = e.load(32, e.at(head.bucket, 4));
  return head;
}

/// The first time that belongs into the bucket.
Value SchedulerEmitter::startOf(Value memory, const WheelHead &head) {
  Value shift = e.mul(head.level, e.c(6));
  Value time = e.load(64, e.at(memory, layout.wheel.time));
  Value above = e.band(e.shr(time, shift), e.c(-64));
  return e.shl(e.bor(above, head.digit), shift);
}

void SchedulerEmitter::clearDigit(Value memory, const WheelHead &head) {
  Value pointer = wheelWord(memory, head.level);
  Value rest = e.bxor(e.load(64, pointer), e.shl(e.c(1), head.digit));
  e.store(rest, pointer);
  Value levels = e.at(memory, layout.wheel.levels);
  Value isEmpty = e.cast(e.cmp(P::eq, rest, 0), 64);
  e.store(e.bxor(e.load(64, levels), e.shl(isEmpty, head.level)), levels);
}

/// `wheel_put(memory, walk)`: the walk's time is not before the wheel's.
void SchedulerEmitter::emitWheelPut() {
  auto function =
      begin(name + ".wheel_put", {e.ptrType(), e.type(32)}, {}, false);
  Value memory = function.getArgument(0), walk = function.getArgument(1);
  Value time = timeOf(memory, walk);
  Value differing = e.bxor(time, e.load(64, e.at(memory, layout.wheel.time)));
  Value zeros = LLVM::CountLeadingZerosOp::create(
      b, e.loc, e.type(64), e.bor(differing, e.c(1)), /*is_zero_poison=*/true);
  Value level = e.op<arith::DivUIOp>(e.sub(e.c(63), zeros), e.c(6));
  Value digit = e.mask(e.shr(time, e.mul(level, e.c(6))), 6);
  Value bucket = wheelBucket(memory, level, digit);
  Value wordPointer = wheelWord(memory, level);
  Value word = e.load(64, wordPointer), bit = e.shl(e.c(1), digit);
  Value there = e.cmp(P::ne, e.band(word, bit), 0);
  Value lastPointer = e.at(bucket, 4);
  // The link of slot 0 is nobody's.
  Value last = e.select(there, e.load(32, lastPointer), e.c(0, 32));
  Value first = e.select(there, e.load(32, bucket), walk);
  e.store(walk, slot(layout.suspended, memory, last));
  e.store(first, bucket);
  e.store(walk, lastPointer);
  e.store(e.bor(word, bit), wordPointer);
  Value levels = e.at(memory, layout.wheel.levels);
  e.store(e.bor(e.load(64, levels), e.shl(e.c(1), level)), levels);
  end({});
}

/// `wheel_settle(memory, limit)`: afterwards the first bucket holds walks of
/// one time, or none that is due at `limit`.
void SchedulerEmitter::emitWheelSettle() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(name + ".wheel_settle", {ptr, i64}, {}, false);
  Value memory = function.getArgument(0), limit = function.getArgument(1);
  auto loop = scf::WhileOp::create(b, e.loc, TypeRange(), ValueRange());
  b.createBlock(&loop.getBefore());
  Value levels = e.load(64, e.at(memory, layout.wheel.levels));
  // Neither empty nor level 0.
  Value isCoarse = e.cmp(P::eq, e.band(levels, e.c(1)), 0);
  isCoarse = e.band(isCoarse, e.cmp(P::ne, levels, 0));
  Value goesOn = e.ifElse(
      isCoarse, e.type(1),
      [&]() -> SmallVector<Value> {
        WheelHead head = wheelHead(memory);
        Value mayBeDue = e.cmp(P::ule, startOf(memory, head), limit);
        return {e.band(mayBeDue, e.cmp(P::ne, head.first, head.last))};
      },
      [&]() -> SmallVector<Value> { return {e.c(0, 1)}; })[0];
  scf::ConditionOp::create(b, e.loc, goesOn, ValueRange());
  b.createBlock(&loop.getAfter());
  WheelHead head = wheelHead(memory);
  e.store(startOf(memory, head), e.at(memory, layout.wheel.time));
  clearDigit(memory, head);
  auto list = scf::WhileOp::create(b, e.loc, i32, head.first);
  Block *each = b.createBlock(&list.getBefore(), {}, i32, e.loc);
  Value walk = each->getArgument(0);
  Value next = e.load(32, slot(layout.suspended, memory, walk));
  e.call(name + ".wheel_put", {}, {memory, walk});
  scf::ConditionOp::create(b, e.loc, e.cmp(P::ne, walk, head.last), next);
  Block *again = b.createBlock(&list.getAfter(), {}, i32, e.loc);
  scf::YieldOp::create(b, e.loc, again->getArguments());
  b.setInsertionPointAfter(list);
  scf::YieldOp::create(b, e.loc);
  b.setInsertionPointAfter(loop);
  end({});
}

void SchedulerEmitter::emitWheel() {
  emitWheelPut();
  emitWheelSettle();
}

void SchedulerEmitter::pushWalk(Value memory, Value walk, Value time,
                                Value now) {
  Value heap = e.at(memory, layout.shaping);
  if (!layout.hasWheel) {
    e.call(sharedName("_push", /*serial=*/false), {}, {heap, time, walk});
    return;
  }
  Value order = flipSign(e, time);
  e.store(order, e.at(slot(layout.suspended, memory, walk),
                      SchedulerLayout::kRestTime));
  Value pointer = e.at(memory, layout.wheel.time);
  // Where nothing rests, the wheel may stand at any time.
  e.ifThen(e.bxor(walksRest(memory), e.c(1, 1)), [&] {
    e.store(e.op<arith::MinUIOp>(order, flipSign(e, now)), pointer);
  });
  e.ifElse(
      e.cmp(P::ult, order, e.load(64, pointer)), TypeRange(),
      [&]() -> SmallVector<Value> {
        e.call(sharedName("_push", /*serial=*/false), {}, {heap, time, walk});
        return {};
      },
      [&]() -> SmallVector<Value> {
        e.call(name + ".wheel_put", {}, {memory, walk});
        return {};
      });
}

Value SchedulerEmitter::popWalk(Value memory, Value now) {
  Value heap = e.at(memory, layout.shaping);
  Value some = e.cmp(P::ne, e.load(64, e.at(heap, 8)), 0);
  // The first entry of an empty heap is stale, but memory.
  Value due = e.cmp(P::sle, e.load(64, e.loadPtr(heap)), now);
  auto none = [&]() -> SmallVector<Value> { return {e.c(0, 32)}; };
  auto fromHeap = [&]() -> SmallVector<Value> {
    return {e.call(sharedName("_pop", /*serial=*/false),
                   {e.type(64), e.type(32)}, heap)[1]};
  };
  auto fromWheel = [&]() -> SmallVector<Value> {
    Value limit = flipSign(e, now);
    e.call(name + ".wheel_settle", {}, {memory, limit});
    WheelHead head = wheelHead(memory);
    Value time = timeOf(memory, head.first);
    return e.ifElse(
        e.cmp(P::ule, time, limit), e.type(32),
        [&]() -> SmallVector<Value> {
          e.store(time, e.at(memory, layout.wheel.time));
          e.ifElse(
              e.cmp(P::eq, head.first, head.last), TypeRange(),
              [&]() -> SmallVector<Value> {
                clearDigit(memory, head);
                return {};
              },
              [&]() -> SmallVector<Value> {
                e.store(e.load(32, slot(layout.suspended, memory, head.first)),
                        head.bucket);
                return {};
              });
          return {head.first};
        },
        none);
  };
  return e.ifElse(
      e.band(some, due), e.type(32), fromHeap, [&]() -> SmallVector<Value> {
        if (!layout.hasWheel)
          return none();
        Value levels = e.load(64, e.at(memory, layout.wheel.levels));
        return e.ifElse(e.cmp(P::ne, levels, 0), e.type(32), fromWheel, none);
      })[0];
}

Value SchedulerEmitter::walksRest(Value memory) {
  Value some = e.load(64, e.at(memory, layout.shaping + 8));
  if (layout.hasWheel)
    some = e.bor(some, e.load(64, e.at(memory, layout.wheel.levels)));
  return e.cmp(P::ne, some, 0);
}

Value SchedulerEmitter::firstWalkTime(Value memory) {
  Value heap = e.at(memory, layout.shaping);
  auto fromHeap = [&]() -> SmallVector<Value> {
    return {e.load(64, e.loadPtr(heap))};
  };
  if (!layout.hasWheel)
    return fromHeap()[0];
  return e.ifElse(e.cmp(P::ne, e.load(64, e.at(heap, 8)), 0), e.type(64),
                  fromHeap, [&]() -> SmallVector<Value> {
                    e.call(name + ".wheel_settle", {}, {memory, e.c(-1)});
                    Value first = wheelHead(memory).first;
                    return {flipSign(e, timeOf(memory, first))};
                  })[0];
}
