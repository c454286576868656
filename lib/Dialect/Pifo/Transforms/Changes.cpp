//===- Changes.cpp - Parameters that change while a scheduler runs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A change is all values at once. Another thread writes them beside those in
// use and sets a flag; the thread that schedules takes them over before its
// next call, so that no call sees a part of a change, and none waits. While the
// flag is set the values belong to the thread that schedules, and then to the
// other.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

Value SchedulerEmitter::isWaiting(Value memory) {
  auto load =
      LLVM::LoadOp::create(b, e.loc, e.type(32), e.at(memory, layout.changes));
  load.setAlignment(4);
  load.setOrdering(LLVM::AtomicOrdering::acquire);
  return e.cmp(P::ne, load, 0);
}

void SchedulerEmitter::setWaiting(Value memory, bool waits) {
  auto store = LLVM::StoreOp::create(b, e.loc, e.c(waits, 32),
                                     e.at(memory, layout.changes));
  store.setAlignment(4);
  store.setOrdering(LLVM::AtomicOrdering::release);
}

void SchedulerEmitter::emitChange() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(name + "_change", {ptr, ptr, i64}, i32, true);
  Value memory = function.getArgument(0);
  Value fits = e.cmp(P::eq, function.getArgument(2), layout.parameterValues);
  auto unknown = [&]() -> SmallVector<Value> {
    return {e.c(kStatusUnknown, 32)};
  };
  if (layout.parameters.empty())
    return end(e.select(fits, e.c(kStatusOk, 32), e.c(kStatusUnknown, 32)));
  auto write = [&]() -> SmallVector<Value> {
    e.copy(e.at(memory, layout.changes + 8), function.getArgument(1),
           8 * layout.parameterValues);
    setWaiting(memory, true);
    return {e.c(kStatusOk, 32)};
  };
  auto full = [&]() -> SmallVector<Value> { return {e.c(kStatusFull, 32)}; };
  end(e.ifElse(
      fits, i32, [&] { return e.ifElse(isWaiting(memory), i32, full, write); },
      unknown));
}

void SchedulerEmitter::emitApply() {
  if (layout.parameters.empty())
    return;
  auto function = begin(name + ".apply", e.ptrType(), {}, false);
  Value memory = function.getArgument(0);
  int64_t from = layout.changes + 8;
  for (const SchedulerLayout::Parameter &parameter : layout.parameters) {
    e.copy(e.at(memory, parameter.offset), e.at(memory, from),
           8 * parameter.count);
    from += 8 * parameter.count;
  }
  setWaiting(memory, false);
  end({});
}

void SchedulerEmitter::applyChanges(Value memory) {
  if (layout.parameters.empty())
    return;
  e.ifThen(isWaiting(memory), [&] { e.call(name + ".apply", {}, memory); });
}
