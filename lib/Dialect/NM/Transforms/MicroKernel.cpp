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
// `vectors` fused multiply-adds, at two loads a cycle.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

struct MicroKernel {
  KernelBuilder &b;
  const KernelShape &shape;
  int64_t vectors;
  Value values, offsets, panel;

  /// Accumulator chains needed to hide the latency of a fused multiply-add
  /// (4 cycles, two a cycle); narrow tiles split their sums over slots.
  int64_t sets() const {
    int64_t chains = shape.rows * vectors;
    if (chains * 2 > 12)
      return 1;
    return chains * 4 > 12 ? 2 : 4;
  }

  VectorType vectorType() const {
    return VectorType::get({shape.lanes}, shape.accumulator);
  }

  Value multiplyAdd(Value a, Value x, Value acc) {
    if (isa<FloatType>(shape.accumulator))
      return vector::FMAOp::create(b, a, x, acc);
    return b.add(acc, b.mul(a, x));
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
  /// load. Dense weights need none: slot k is row k.
  SmallVector<Value> loadOffsets(Value position, Value firstSlot) {
    SmallVector<Value> result;
    if (!offsets) {
      Value row = b.mul(firstSlot, shape.cols);
      for (int64_t i = 0; i < kStepSlots; ++i)
        result.push_back(b.add(row, i * shape.cols));
      return result;
    }
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
      SmallVector<Value> rows = loadOffsets(at, firstSlot);
      for (int64_t slot = 0; slot < kStepSlots; ++slot) {
        Value weight = splat(fourfold, slot);
        for (int64_t v = 0; v < vectors; ++v) {
          Value x = b.loadVector(panel, b.add(rows[slot], v * shape.lanes),
                                 shape.lanes);
          Value &acc =
              result[((slot % sets()) * shape.rows + row) * vectors + v];
          acc = multiplyAdd(weight, x, acc);
        }
      }
    }
    return result;
  }
};

} // namespace

void mlir::nm::emitMicroKernel(KernelBuilder &b, const KernelShape &shape,
                               int64_t vectors, int64_t slots, Value values,
                               Value offsets, Value base, Value panel,
                               Value scratch, Value row) {
  MicroKernel kernel{b, shape, vectors, values, offsets, panel};
  int64_t chains = shape.rows * vectors;
  SmallVector<Value> init(chains * kernel.sets(), b.zero(kernel.vectorType()));
  auto loop = scf::ForOp::create(b, b.index(0), b.index(slots),
                                 b.index(kStepSlots), init);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(
        b, kernel.step(loop.getInductionVar(), base, loop.getRegionIterArgs()));
  }
  for (int64_t r = 0; r < shape.rows; ++r) {
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<Value> at{b.add(row, r), b.index(v * shape.lanes)};
      Value sum = b.loadVector(scratch, at, shape.lanes);
      for (int64_t set = 0; set < kernel.sets(); ++set) {
        Value part = loop.getResult((set * shape.rows + r) * vectors + v);
        sum = isa<FloatType>(shape.accumulator)
                  ? Value(arith::AddFOp::create(b, sum, part))
                  : b.add(sum, part);
      }
      vector::StoreOp::create(b, sum, scratch, at);
    }
  }
}
