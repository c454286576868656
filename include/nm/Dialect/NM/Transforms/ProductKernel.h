//===- ProductKernel.h - Pieces of a generated matrix product -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A packed matrix product becomes pieces of code: kernel.pack for its
// activations, and what is emitted by one function here each, the micro-kernel
// that accumulates one row group over one contraction block, the transposition
// of the accumulated tile, and the epilogue that writes it. The files of
// Layouts put the loops around them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_TRANSFORMS_PRODUCTKERNEL_H
#define NM_DIALECT_NM_TRANSFORMS_PRODUCTKERNEL_H

#include "nm/Dialect/Kernel/Transforms/KernelBuilder.h"
#include "nm/Dialect/NM/IR/GroupForm.h"
#include "nm/Runtime/Paired.h"

namespace mlir::nm {

using kernel::KernelBuilder;

/// Number of stored slots that a step of the micro-kernel consumes: four values
/// fill a 128-bit register, four u16 offsets one general register.
constexpr int64_t kStepSlots = 4;

/// Everything that shapes the code of one packed matrix product.
struct KernelShape {
  int64_t lanes = 0;       ///< f32 lanes of a vector register
  int64_t rows = 0;        ///< weight rows that the kernel multiplies at once
  int64_t cols = 0;        ///< columns of a panel, a multiple of lanes
  int64_t depth = 0;       ///< contraction block
  int64_t n = 1, m = 1;    ///< the pattern
  int64_t weightRows = 0;  ///< M of the product
  int64_t contraction = 0; ///< K of the product
  /// Weight rows of one task, a multiple of rows and lanes.
  int64_t rowBlock = 0;
  Type accumulator;       ///< f32 or i32
  Type weightElement;     ///< element type of the stored values
  int64_t interleave = 0; ///< steps of the lane layout that alternate in memory
  CPUAttr target;
  bool sharesOffsets = false;    ///< one offset for all rows of a row group
  int64_t window = 0;            ///< rows of a chain; 0: rows in order
  ::nm::rt::GroupForm form = {}; ///< of the grouped layout

  int64_t vectors() const { return cols / lanes; }
  /// Slots of a row that lie side by side: rows that are paired share what
  /// fills whole steps.
  int64_t stepSlots() const {
    return window > 0 ? ::nm::rt::kPairedStep : kStepSlots;
  }
  int64_t rowGroups() const { return (weightRows + rows - 1) / rows; }
  int64_t blocks() const { return (contraction + depth - 1) / depth; }
  int64_t fullBlocks() const { return contraction / depth; }
  /// Elements of K in block `block`.
  int64_t blockDepth(int64_t block) const {
    return block < fullBlocks() ? depth : contraction - fullBlocks() * depth;
  }
  /// Slots stored for a row in a block of `length` elements.
  int64_t slots(int64_t length) const {
    int64_t kept = length / m * n;
    return (kept + kStepSlots - 1) / kStepSlots * kStepSlots;
  }
};

/// A row group of a contraction block.
struct RowGroup {
  Value base;              ///< its first slot
  SmallVector<Value> rows; ///< where the sums of its rows are
  Value common;            ///< steps with common offsets; null: none
};

/// Into how many sets the micro-kernel splits the sums of a tile, over the
/// `slots` that lie side by side: narrow tiles have as many chains as hide the
/// latency of a fused multiply-add, and half as many again for its loads. Where
/// rows share the panel's vectors (`sharesLoads`), the weights of all of them
/// may be in registers at once.
int64_t setsOfSums(CPUAttr target, int64_t rows, int64_t vectors, int64_t slots,
                   bool sharesLoads);

/// `sums`, or zeros where there are none, and the products of one row group
/// with one contraction block: W X, [row][vector]. `values` and `offsets` are
/// the weight's storage, `panel` a 1-D view that starts at the block's first
/// row, of `length`. `offsets` is null for dense weights.
SmallVector<Value> emitMicroKernel(KernelBuilder &b, const KernelShape &shape,
                                   int64_t vectors, int64_t length,
                                   Value values, Value offsets,
                                   const RowGroup &group, Value panel,
                                   ArrayRef<Value> sums = {});

/// Writes the sums of rows, [row][vector], to scratch[row, 0 .. vectors *
/// lanes], plus what is there unless `isFirst` (i1; null: always).
void emitSums(KernelBuilder &b, const KernelShape &shape, ArrayRef<Value> sums,
              ArrayRef<Value> rows, Value scratch, Value isFirst);

/// Products of `groups` row groups from `firstGroup` on with all `columns`
/// columns, by the lane layout: tile[column][row] = sum. `words` holds the
/// indices.
void emitLaneRows(KernelBuilder &b, const KernelShape &shape, int64_t columns,
                  Value values, Value words, Value x, Value firstGroup,
                  Value groups, Value tile);

/// The same for a number of columns that is known when the code runs.
void emitLaneRows(KernelBuilder &b, const KernelShape &shape, Value columns,
                  Value values, Value words, Value x, Value firstGroup,
                  Value groups, Value tile);

/// Bytes of a column that emitPackGrouped writes.
int64_t groupedColumnBytes(const KernelShape &shape);

/// Rounds the columns of `x` (K x N, or N x K if `transposed`) to 8 bits in
/// groups of 32 and writes what emitGroupedRows reads of them to `packed`,
/// bytes.
void emitPackGrouped(KernelBuilder &b, const KernelShape &shape, Value x,
                     bool transposed, int64_t columns, Value packed);

/// Products of `blocks` blocks of rows from `firstBlock` on with all `columns`
/// columns, by the grouped layout: tile[column][row] = sum.
void emitGroupedRows(KernelBuilder &b, const KernelShape &shape,
                     int64_t columns, Value values, Value packed,
                     Value firstBlock, Value blocks, Value tile);

/// Writes `rows` x `cols` (at most the tile's shape) of the accumulated tile to
/// the output at (row0, col0) through the op's epilogue.
void emitEpilogue(KernelBuilder &b, const KernelShape &shape, PackedMatmulOp op,
                  Value tile, Value rows, Value cols, Value row0, Value col0);

/// The same for whole vectors: one of `lanes` columns for each row.
void emitEpilogue(KernelBuilder &b, const KernelShape &shape, PackedMatmulOp op,
                  ArrayRef<Value> rows, Value row0, Value col0);

/// Replaces the first `cols` sums of row `row` of the tile, in whole vectors,
/// by what the op's epilogue makes of them, as at (weightRow, column0 ..) of
/// the weight and of the activations. No epilogue operand depends on the
/// latter.
void emitEpilogueInPlace(KernelBuilder &b, const KernelShape &shape,
                         PackedMatmulOp op, Value tile, Value row, Value cols,
                         Value weightRow, Value column0);

/// Whether the epilogue is worth repeating for each of several vectors.
bool isShortEpilogue(PackedMatmulOp op);

} // namespace mlir::nm

#endif // NM_DIALECT_NM_TRANSFORMS_PRODUCTKERNEL_H
