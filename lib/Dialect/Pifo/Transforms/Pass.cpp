//===- Pass.cpp - Packets that find nobody inside -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A packet that comes when nothing is inside and leaves before the next one
// comes goes through empty queues: only its transactions are left to run. A
// link that is not overloaded mostly sees such packets.

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

/// Whether a packet that is alone leaves at once, whatever its fields say, and
/// nothing but transactions' states and the bases of serial ranks remembers it.
bool SchedulerEmitter::letsPass() const {
  if (hasDeliver() || layout.decidesLate || layout.hasShaping ||
      !layout.parameters.empty() || layout.approximation || layout.counts ||
      SchedulerOp(layout.op).keepsFlowsInOrder())
    return false;
  for (const PacketLayout::Field &field : layout.packet.fields)
    if (FieldOp(field.op).getWritable())
      return false;
  for (const auto &[id, node] : llvm::enumerate(layout.nodes)) {
    NodeOp op = node.op;
    if (op.getTransit() || op.getEligible() || hasRule(id))
      return false;
  }
  return true;
}

/// `pass(memory, packet, now, child, instance) -> i32` (always 0): what
/// entering and leaving an empty node do, here and above.
void SchedulerEmitter::emitPassNode(unsigned id) {
  if (!letsPass())
    return;
  const NodeLayout &node = layout.nodes[id];
  NodeOp op = node.op;
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function =
      begin(nodeFunction("pass", id), {ptr, ptr, i64, i32, i64}, i32, false);
  TransactionContext at{function.getArgument(0),
                        function.getArgument(1),
                        function.getArgument(2),
                        node.count == 1 ? Value() : function.getArgument(4),
                        node.children.empty() ? Value()
                                              : function.getArgument(3),
                        {},
                        {}};
  Value yielded = inlineTransaction(op.getScheduling().getBody(), node, at);
  Value refused;
  // In an empty node the window is placed so that it holds this rank.
  at.rank = op.getRule() == RankRule::Saturate
                ? toRank(node, yielded, at, refused)
                : e.cast(yielded, 64, /*isSigned=*/true);
  if (op.getRule() != RankRule::Saturate)
    e.store(at.rank, hot(node, at, node.base));
  at.out = at.packet;
  if (DequeueOp dequeue = op.getDequeue())
    inlineTransaction(dequeue.getBody(), node, at);
  if (node.parent >= 0) {
    auto [above, child] = parentPlace(node, at.instance, {});
    e.call(nodeFunction("pass", node.parent), i32,
           {at.memory, at.packet, at.now, child, above});
  }
  end(e.c(0, 32));
}

/// `s_pass(memory, packets, times, count) -> i64`.
void SchedulerEmitter::emitPass() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto function = begin(name + "_pass", {ptr, ptr, ptr, i64}, i64, true);
  if (!letsPass())
    return end(e.c(-1));
  Value memory = function.getArgument(0), packets = function.getArgument(1);
  Value times = function.getArgument(2);
  Value size = e.load(64, e.at(memory, SchedulerLayout::kSize));
  // Packets that wait to be handed back take up room.
  if (layout.keepsDropped)
    size = e.bor(
        size, e.load(64, e.at(memory, layout.dropped + layout.kDroppedCount)));
  Value most = e.select(e.cmp(P::eq, size, 0), function.getArgument(3), e.c(0));
  auto classes = leafClasses();
  Value passed = untilRefused(most, [&](Value i) {
    Value packet = packetAt(packets, i);
    auto go = [&]() -> SmallVector<Value> {
      Value place = e.call(routeFunction(layout.op.getRoot()), i32, packet)[0];
      Value instance = e.cast(e.mask(place, 16), 64);
      Value now = e.load(64, e.at(times, e.shl(i, 3)));
      return {
          switchOver(e.shr(place, 16), classes.size(), i32, [&](unsigned leaf) {
            return e.call(nodeFunction("pass", classes[leaf]), i32,
                          {memory, packet, now, e.c(0, 32), instance})[0];
          })};
    };
    Value unknown = isUnknown(packet);
    if (!unknown)
      return go()[0];
    return e.ifElse(
        unknown, i32,
        [&]() -> SmallVector<Value> { return {e.c(kStatusUnknown, 32)}; },
        go)[0];
  })[0];
  end(passed);
}
