//===- SchedulerLayout.cpp - Memory of a compiled scheduler -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pifo;

unsigned pifo::storageBytes(unsigned bits) {
  return bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8;
}

PacketLayout::PacketLayout(SchedulerOp scheduler) {
  int64_t offset = 8;
  for (FieldOp op : scheduler.getFields()) {
    unsigned bytes = storageBytes(op.getWidth());
    offset = llvm::alignTo(offset, bytes);
    fields.push_back({op, bytes, offset});
    offset += bytes;
  }
  size = llvm::alignTo(offset, 8);
}

const PacketLayout::Field &PacketLayout::find(StringRef name) const {
  return *llvm::find_if(fields, [&](const Field &field) {
    return field.op.getSymName() == name;
  });
}

static Container chooseContainer(unsigned bits) {
  // Three levels of 64-way bitmaps hold 2^18 ranks, and their lists take 2 MB.
  return bits <= 6    ? Container::Word
         : bits <= 18 ? Container::Bitmap
                      : Container::Heap;
}

static void addNode(SchedulerLayout &layout, NodeOp op, int parent,
                    unsigned childIndex, unsigned depth) {
  unsigned id = layout.nodes.size();
  NodeLayout node{};
  node.op = op;
  node.parent = parent;
  node.childIndex = childIndex;
  node.depth = depth;
  layout.nodes.push_back(std::move(node));
  layout.hasShaping |= bool(op.getShaping());
  for (auto [i, child] : llvm::enumerate(op.getChildren())) {
    layout.nodes[id].children.push_back(layout.nodes.size());
    addNode(layout, child, id, i, depth + 1);
  }
}

SchedulerLayout::SchedulerLayout(SchedulerOp scheduler, Container forced,
                                 bool force)
    : op(scheduler), packet(scheduler) {
  addNode(*this, scheduler.getRoot(), -1, 0, 0);
  int64_t offset = 24;
  auto take = [&](int64_t bytes, int64_t alignment = 8) {
    offset = llvm::alignTo(offset, alignment);
    int64_t begin = offset;
    offset += bytes;
    return begin;
  };
  // What every call touches comes first, and close together.
  packets = {take(16), packet.size + 8};
  suspended = {take(16), packet.size + 8};
  shaping = take(24);
  unsigned depths = 0;
  for (NodeLayout &node : nodes)
    if (!node.children.empty())
      depths = std::max(depths, node.depth + 1);
  for (unsigned depth = 0; depth < depths; ++depth)
    references.push_back({take(16), 8});
  for (NodeLayout &node : nodes) {
    unsigned bits = node.op.getRankWidth();
    node.container = force ? forced : chooseContainer(bits);
    node.base = take(8);
    node.top = take(8);
    node.heap = take(24);
    for (StateOp state : node.op.getBody().front().getOps<StateOp>())
      if (!state.isKeyed())
        node.states[state.getSymName()] =
            take(storageBytes(state.getType().getWidth()),
                 storageBytes(state.getType().getWidth()));
  }
  for (NodeLayout &node : nodes) {
    for (StateOp state : node.op.getBody().front().getOps<StateOp>()) {
      if (!state.isKeyed())
        continue;
      int64_t count = node.children.size();
      if (state.getKeyAttr())
        count = scheduler.getField(*state.getKey()).getMaxValue() + 1;
      node.states[state.getSymName()] =
          take(count * storageBytes(state.getType().getWidth()), 64);
    }
    unsigned bits = node.op.getRankWidth();
    if (node.container == Container::Word) {
      node.buckets = take(int64_t(8) << bits, 64);
    } else if (node.container == Container::Bitmap) {
      // The top word always has 64 bits: `wrap` turns it by whole bits.
      node.wordBits = std::min(6u, bits - 6);
      node.middleBits = bits - 6 - node.wordBits;
      node.middle = take(node.middleBits ? 512 : 0, 64);
      node.words = take(int64_t(8) << (bits - node.wordBits), 64);
      node.buckets = take(int64_t(8) << bits, 64);
    }
  }
  fixedSize = llvm::alignTo(offset, 64);
}
