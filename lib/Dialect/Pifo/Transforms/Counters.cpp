//===- Counters.cpp - What entered and left each leaf -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// One thread writes the counters, any thread reads them: words that are written
// and read whole, in no order to each other.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

void SchedulerEmitter::countAt(const NodeLayout &node,
                               const TransactionContext &at, Value packet,
                               Counter counter) {
  if (!layout.counts)
    return;
  Value bytes;
  for (const PacketLayout::Field &field : layout.packet.fields)
    if (FieldOp(field.op).getSymName() == "length")
      bytes = e.load(8 * field.bytes, e.at(packet, field.offset));
  auto add = [&](int64_t number, Value by) {
    Value pointer = hot(node, at, node.late.counters + 8 * number);
    auto store = LLVM::StoreOp::create(
        b, e.loc, e.add(e.load(64, pointer), e.cast(by, 64)), pointer);
    store.setAlignment(8);
    store.setOrdering(LLVM::AtomicOrdering::monotonic);
  };
  add(2 * counter, e.c(1));
  if (bytes)
    add(2 * counter + 1, bytes);
}

void SchedulerEmitter::emitCounters() {
  if (!layout.counts)
    return;
  SmallVector<APInt> offsets;
  for (const auto &[leaf, place] : layout.leaves) {
    const NodeLayout &node = layout.nodes[place.node];
    offsets.push_back(
        APInt(64, node.late.counters + place.instance * node.hotStride));
  }
  emitTable(name + ".counters", offsets);
  Type ptr = e.ptrType(), i32 = e.type(32);
  auto function = begin(name + "_counters", {ptr, i32, ptr}, i32, true);
  Value memory = function.getArgument(0), leaf = function.getArgument(1);
  Value out = function.getArgument(2);
  constexpr int kCounters = SchedulerLayout::kCounters;
  Value known = e.band(e.cmp(P::ult, leaf, offsets.size()),
                       e.cmp(P::eq, e.load(64, out), 8 * (kCounters + 1)));
  end(e.ifElse(
      known, i32,
      [&]() -> SmallVector<Value> {
        Value table =
            LLVM::AddressOfOp::create(b, e.loc, ptr, name + ".counters");
        Value offset = e.load(64, e.at(table, e.shl(e.cast(leaf, 64), 3)));
        Value first = e.at(memory, offset);
        for (int i = 0; i < kCounters; ++i) {
          auto load =
              LLVM::LoadOp::create(b, e.loc, e.type(64), e.at(first, 8 * i));
          load.setAlignment(8);
          load.setOrdering(LLVM::AtomicOrdering::monotonic);
          e.store(load, e.at(out, 8 * (i + 1)));
        }
        return {e.c(kStatusOk, 32)};
      },
      [&]() -> SmallVector<Value> { return {e.c(kStatusUnknown, 32)}; }));
}
