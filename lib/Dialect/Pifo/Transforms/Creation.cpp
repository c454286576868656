//===- Creation.cpp - Memory of a scheduler, made and freed -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

/// Linux: MADV_HUGEPAGE, and the size of such a page.
static constexpr int64_t kHugePages = 14, kHugePage = 2 << 20;

/// Initialises what does not start as zero; calloc has cleared the rest.
void SchedulerEmitter::emitInitialState(const NodeLayout &node, Value memory) {
  auto index = [&](int64_t i) -> Value {
    return arith::ConstantIndexOp::create(b, e.loc, i);
  };
  auto forEach = [&](int64_t count, llvm::function_ref<void(Value)> body) {
    auto loop = scf::ForOp::create(b, e.loc, index(0), index(count), index(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    body(arith::IndexCastOp::create(b, e.loc, e.type(64),
                                    loop.getInductionVar()));
  };
  NodeOp op = node.op;
  if (node.hasBitmap())
    forEach(node.count, [&](Value instance) {
      TransactionContext at{memory, {}, {}, instance, {}, {}, {}};
      e.store(e.c(kNoRank), hot(node, at, node.firstRank));
    });
  if (node.hasLanes()) {
    // Each queue begins in a chunk of its own.
    Value first = e.loadPtr(e.at(memory, node.lanes.pool));
    auto chunk = [&](Value i) {
      return e.at(first, e.mul(i, e.c(NodeLayout::kChunkBytes)));
    };
    e.store(chunk(e.c(node.count * node.lanes.count)),
            e.at(memory, node.lanes.pool + NodeLayout::kPoolFresh));
    forEach(node.count, [&](Value instance) {
      TransactionContext at{memory, {}, {}, instance, {}, {}, {}};
      e.store(e.c(NodeLayout::kNoLane), hot(node, at, node.lanes.next));
      for (unsigned child = 0; child < node.lanes.count; ++child) {
        Value number =
            e.add(e.mul(instance, e.c(node.lanes.count)), e.c(child));
        Value begin = e.at(chunk(number), NodeLayout::kEntry);
        e.store(begin, lane(node, at, node.lanes.heads, e.c(child)));
        e.store(begin, lane(node, at, node.lanes.tails, e.c(child)));
      }
    });
  }
  for (TableOp table : op.getBody().front().getOps<TableOp>()) {
    if (!table.getVariable())
      continue;
    Value first =
        LLVM::AddressOfOp::create(b, e.loc, e.ptrType(), tableName(table));
    forEach(node.count, [&](Value instance) {
      TransactionContext at{memory, {}, {}, instance, {}, {}, {}};
      e.copy(cold(node, at, node.states.lookup(table.getSymName())), first,
             8 * table.getValues().getNumElements());
    });
  }
  for (StateOp state : op.getBody().front().getOps<StateOp>()) {
    APInt init = cast<IntegerAttr>(state.getInit()).getValue();
    if (init.isZero())
      continue;
    unsigned bytes = storageBytes(init.getBitWidth());
    Value value = arith::ConstantOp::create(
        b, e.loc, b.getIntegerAttr(e.type(8 * bytes), init.zext(8 * bytes)));
    int64_t entries = 1, offset = node.states.lookup(state.getSymName());
    if (state.getByChild())
      entries = op.getChildren().size();
    else if (state.getKeyAttr())
      entries = layout.op.getField(*state.getKey()).getMaxValue() + 1;
    forEach(node.count, [&](Value instance) {
      TransactionContext at{memory, {}, {}, instance, {}, {}, {}};
      Value first =
          node.isHot(state) ? hot(node, at, offset) : cold(node, at, offset);
      forEach(entries, [&](Value i) {
        e.store(value, e.at(first, e.mul(i, e.c(bytes))));
      });
    });
  }
}

namespace {
/// Bytes for each element of an array, and where the pointer to it is stored.
struct Part {
  int64_t pointer, stride;
  /// Bytes beside those of the elements.
  int64_t fixed = 0;
};
/// The alignment of each part.
constexpr int64_t kPartAlignment = NodeLayout::kChunkBytes;
} // namespace

/// Element 0 is reserved; a release holds one more walk for a moment.
static SmallVector<Part> partsOf(const SchedulerLayout &layout) {
  SmallVector<Part> parts{{layout.packets.offset, layout.packets.stride},
                          {layout.packets.links, 4}};
  if (layout.hasShaping) {
    parts.push_back({layout.suspended.offset, layout.suspended.stride});
    parts.push_back({layout.shaping, kEntryBytes});
  }
  for (const Pool &pool : layout.references)
    parts.push_back({pool.offset, pool.stride});
  // The first and the last chunk of each queue may be partly filled.
  for (const NodeLayout &node : layout.nodes)
    if (node.hasLanes())
      parts.push_back(
          {node.lanes.pool,
           NodeLayout::kChunkBytes * NodeLayout::kEntry /
                   (NodeLayout::kChunkBytes - NodeLayout::kEntry) +
               1,
           2 * NodeLayout::kChunkBytes * node.lanes.count * node.count});
  for (const NodeLayout &node : layout.nodes)
    for (int64_t i = 0; node.hasHeap() && i < node.count; ++i)
      parts.push_back({node.heap + i * node.hotStride, kEntryBytes});
  for (const NodeLayout &node : layout.nodes)
    for (int64_t i = 0; NodeOp(node.op).getEligible() && i < node.count; ++i) {
      parts.push_back({node.late.waiters + i * node.hotStride, kEntryBytes});
      parts.push_back({node.late.ranks + i * node.hotStride, 8});
    }
  for (const NodeLayout &node : layout.nodes)
    for (int64_t i = 0; node.container == Container::Fifos && i < node.count;
         ++i)
      parts.push_back({node.late.near.ranks + i * node.hotStride, 16});
  for (const NodeLayout &node : layout.nodes)
    for (int64_t i = 0; node.container == Container::Flows && i < node.count;
         ++i)
      parts.push_back({node.late.flows.entries + i * node.hotStride, 16});
  return parts;
}

void SchedulerEmitter::emitCreate() {
  Type ptr = e.ptrType(), i32 = e.type(32);
  auto function = begin(name + "_create", e.type(64), ptr, true);
  Value asked = function.getArgument(0);
  Value declared = e.c(layout.op.getCapacity());
  Value capacity = e.select(e.cmp(P::eq, asked, 0), declared, asked);
  Value valid = e.band(e.cmp(P::sge, capacity, 1),
                       e.cmp(P::sle, capacity, layout.op.getLargestCapacity()));
  auto null = [&]() -> SmallVector<Value> {
    return {LLVM::ZeroOp::create(b, e.loc, ptr)};
  };

  SmallVector<Part> parts = partsOf(layout);
  // Random ranks touch a page each: huge pages save address translations.
  bool huge = hugePages && layout.fixedSize >= kHugePage;
  int64_t alignment = huge ? kHugePage : kPartAlignment;
  auto result = e.ifElse(
      valid, ptr,
      [&]() -> SmallVector<Value> {
        Value count = e.add(capacity, e.c(2));
        int64_t strides = 0, fixed = layout.fixedSize + alignment;
        for (const Part &part : parts) {
          strides += part.stride;
          fixed += part.fixed + kPartAlignment;
        }
        Value bytes = e.add(e.mul(count, e.c(strides)), e.c(fixed));
        Value raw = e.call("calloc", ptr, {bytes, e.c(1)})[0];
        auto align = [&](Value pointer, int64_t alignment) {
          Value address =
              LLVM::PtrToIntOp::create(b, e.loc, e.type(64), pointer);
          Value up = e.sub(e.c(0), address);
          return e.at(pointer, e.band(up, e.c(alignment - 1)));
        };
        Value isNull =
            LLVM::ICmpOp::create(b, e.loc, LLVM::ICmpPredicate::eq, raw,
                                 LLVM::ZeroOp::create(b, e.loc, ptr));
        return e.ifElse(isNull, ptr, null, [&]() -> SmallVector<Value> {
          Value memory = align(raw, alignment);
          if (huge)
            e.call("madvise", i32,
                   {memory, e.sub(bytes, e.c(alignment)), e.c(kHugePages, 32)});
          e.store(raw, e.at(memory, SchedulerLayout::kRaw));
          e.store(capacity, e.at(memory, SchedulerLayout::kCapacity));
          Value part = align(e.at(memory, layout.fixedSize), kPartAlignment);
          for (const Part &p : parts) {
            e.store(part, e.at(memory, p.pointer));
            part = align(
                e.at(part, e.add(e.mul(count, e.c(p.stride)), e.c(p.fixed))),
                kPartAlignment);
          }
          if (layout.decidesLate)
            e.store(e.c(kNever), e.at(memory, layout.late + layout.kLateAgain));
          for (const NodeLayout &node : layout.nodes)
            emitInitialState(node, memory);
          return {memory};
        });
      },
      null);
  end(result);
}

void SchedulerEmitter::emitDestroy() {
  auto function = begin(name + "_destroy", e.ptrType(), {}, true);
  Value memory = function.getArgument(0);
  Value isNull =
      LLVM::ICmpOp::create(b, e.loc, LLVM::ICmpPredicate::ne, memory,
                           LLVM::ZeroOp::create(b, e.loc, e.ptrType()));
  e.ifThen(isNull, [&] {
    e.call("free", {}, e.loadPtr(e.at(memory, SchedulerLayout::kRaw)));
  });
  end({});
}

void SchedulerEmitter::emitSize() {
  auto function = begin(name + "_size", e.ptrType(), e.type(64), true);
  end(e.load(64, e.at(function.getArgument(0), SchedulerLayout::kSize)));
}
