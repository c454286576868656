//===- MicroKernel.cpp - The inner loop over stored slots -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Per stored slot and row: one value is splat and multiplied with `vectors`
// panel vectors whose address is the panel plus the slot's offset. Loads bound
// the loop: vectors + 1/2 of them (values and offsets come four at a time) for
// `vectors` fused multiply-adds, at two loads a cycle. Dense weights share
// panel vectors between rows: rows + vectors loads for rows * vectors
// multiply-adds, which then bound the loop.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "nm/Dialect/NM/Transforms/KernelBuilder.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

struct MicroKernel {
  KernelBuilder &b;
  const KernelShape &shape;
  int64_t vectors;
  Value values, offsets, panel;

  /// Narrow tiles split their sums over slots, for as many chains as hide the
  /// latency of a fused multiply-add, and half as many again for its loads.
  int64_t sets() const {
    int64_t most = shape.target.getChains() * 3 / 2, sets = kStepSlots;
    while (sets > 1 && shape.rows * vectors * sets > most)
      sets /= 2;
    return sets;
  }

  VectorType vectorType() const {
    return VectorType::get({shape.lanes}, shape.accumulator);
  }

  /// Hides from LLVM that a register holds a broadcast: it would otherwise
  /// replace every splat of it by a scalar broadcast load of its own, and loads
  /// are what bounds this loop.
  Value opaque(Value value) {
    if (shape.barrier.empty())
      return value;
    return LLVM::InlineAsmOp::create(
               b, TypeRange{value.getType()}, ValueRange{value}, "",
               "=" + shape.barrier + ",0", /*has_side_effects=*/false,
               /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
               LLVM::AsmDialectAttr(), ArrayAttr())
        .getResult(0);
  }

  /// Four values of a row, repeated in every 128 bits of a register.
  Value loadValues(Value position) {
    Value four = b.convert(b.loadVector(values, position, kStepSlots),
                           shape.accumulator);
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < shape.lanes; ++lane)
      mask.push_back(lane % kStepSlots);
    return opaque(b.shuffle(four, four, mask));
  }

  Value splat(Value fourfold, int64_t slot) {
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < shape.lanes; ++lane)
      mask.push_back(lane / kStepSlots * kStepSlots + slot);
    return b.shuffle(fourfold, fourfold, mask);
  }

  /// Panel positions of four slots: their u16 offsets arrive in one 64-bit
  /// load.
  SmallVector<Value> loadOffsets(Value position) {
    SmallVector<Value> result;
    Value four = b.loadVector(offsets, position, kStepSlots);
    Value bits = vector::BitCastOp::create(
        b, VectorType::get({1}, b.getI64Type()), four);
    Value word = vector::ExtractOp::create(b, bits, ArrayRef<int64_t>{0});
    for (int64_t i = 0; i < kStepSlots; ++i) {
      Value shifted = word;
      if (i != 0)
        shifted = arith::ShRUIOp::create(
            b, word, arith::ConstantOp::create(b, b.getI64IntegerAttr(16 * i)));
      Value narrow = arith::TruncIOp::create(b, b.getI16Type(), shifted);
      result.push_back(
          arith::IndexCastUIOp::create(b, b.getIndexType(), narrow));
    }
    return result;
  }

  /// One step: four slots of every row. `accs` is [set][row][vector].
  SmallVector<Value> step(Value firstSlot, Value base, ValueRange accs) {
    SmallVector<Value> result(accs);
    Value position = b.add(base, b.mul(firstSlot, shape.rows));
    for (int64_t row = 0; row < shape.rows; ++row) {
      Value at = b.add(position, row * kStepSlots);
      Value fourfold = loadValues(at);
      SmallVector<Value> rows = loadOffsets(at);
      for (int64_t slot = 0; slot < kStepSlots; ++slot) {
        Value weight = splat(fourfold, slot);
        for (int64_t v = 0; v < vectors; ++v) {
          Value x = b.loadVector(panel, b.add(rows[slot], v * shape.lanes),
                                 shape.lanes);
          Value &acc =
              result[((slot % sets()) * shape.rows + row) * vectors + v];
          acc = b.multiplyAdd(weight, x, acc);
        }
      }
    }
    return result;
  }

  /// `count` slots of rows that read the same panel rows: those of a dense
  /// weight, where slot k is row k of the panel, and those that share a mask.
  /// The panel's vectors are loaded once for all of them; weights are broadcast
  /// from memory.
  SmallVector<Value> sharedStep(Value firstSlot, int64_t count, Value base,
                                ValueRange accs) {
    SmallVector<Value> result(accs);
    Value position = b.add(base, b.mul(firstSlot, shape.rows));
    SmallVector<Value> panelRows;
    if (offsets)
      panelRows = loadOffsets(b.add(
          arith::DivUIOp::create(b, base, b.index(shape.rows)), firstSlot));
    Value panelRow = b.mul(firstSlot, shape.cols);
    for (int64_t slot = 0; slot < count; ++slot) {
      SmallVector<Value> inputs;
      for (int64_t v = 0; v < vectors; ++v) {
        Value at = offsets
                       ? b.add(panelRows[slot], v * shape.lanes)
                       : b.add(panelRow, slot * shape.cols + v * shape.lanes);
        inputs.push_back(b.loadVector(panel, at, shape.lanes));
      }
      for (int64_t row = 0; row < shape.rows; ++row) {
        Value scalar = memref::LoadOp::create(
            b, values, ValueRange{b.add(position, row * kStepSlots + slot)});
        Value weight = vector::BroadcastOp::create(
            b, vectorType(), b.convert(scalar, shape.accumulator));
        for (int64_t v = 0; v < vectors; ++v) {
          Value &acc =
              result[((slot % sets()) * shape.rows + row) * vectors + v];
          acc = b.multiplyAdd(weight, inputs[v], acc);
        }
      }
    }
    return result;
  }
};

} // namespace

void mlir::nm::emitMicroKernel(KernelBuilder &b, const KernelShape &shape,
                               int64_t vectors, int64_t length, Value values,
                               Value offsets, Value base, Value panel,
                               Value scratch, Value row, Value isFirst) {
  MicroKernel kernel{b, shape, vectors, values, offsets, panel};
  int64_t chains = shape.rows * vectors;
  SmallVector<Value> init(chains * kernel.sets(), b.zero(kernel.vectorType()));
  // Padding slots of sparse weights have an offset; those of dense ones would
  // read past the panel.
  int64_t end =
      offsets ? shape.slots(length) : length / kStepSlots * kStepSlots;
  auto loop = scf::ForOp::create(b, b.index(0), b.index(end),
                                 b.index(kStepSlots), init);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value slot = loop.getInductionVar();
    ValueRange accs = loop.getRegionIterArgs();
    scf::YieldOp::create(b,
                         offsets && !shape.sharesOffsets
                             ? kernel.step(slot, base, accs)
                             : kernel.sharedStep(slot, kStepSlots, base, accs));
  }
  SmallVector<Value> sums(loop.getResults());
  if (!offsets && end < length)
    sums = kernel.sharedStep(b.index(end), length - end, base, sums);
  for (int64_t set = 1; set < kernel.sets(); ++set)
    for (int64_t i = 0; i < chains; ++i)
      sums[i] = b.addNumbers(sums[i], sums[set * chains + i]);
  sums.truncate(chains);
  auto positionOf = [&](int64_t i) -> SmallVector<Value> {
    return {b.add(row, i / vectors), b.index(i % vectors * shape.lanes)};
  };
  auto storeSums = [&](bool adds) {
    for (int64_t i = 0; i < chains; ++i) {
      Value sum = sums[i];
      if (adds)
        sum = b.addNumbers(b.loadVector(scratch, positionOf(i), shape.lanes),
                           sum);
      vector::StoreOp::create(b, sum, scratch, positionOf(i));
    }
  };
  if (!isFirst)
    return storeSums(false);
  // A branch that is easy to guess; the loads would be from L2. Each side has
  // its stores: values that meet behind it would take registers from the loop.
  auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  storeSums(false);
  b.setInsertionPointToStart(branch.elseBlock());
  storeSums(true);
}
