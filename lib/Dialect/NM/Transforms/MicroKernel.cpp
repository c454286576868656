//===- MicroKernel.cpp - Row groups of packed weights times panels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row group of a contraction block is one kernel.tile_product: the storage of
// the panel and shared layouts is [step][row][4 slots], offsets too. Dense
// weights have no offsets, slot k is row k of the panel.
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/NM/Transforms/ProductKernel.h"

using namespace mlir;
using namespace mlir::nm;

/// Narrow tiles split their sums over slots, for as many chains as hide the
/// latency of a fused multiply-add, and half as many again for its loads.
static int64_t setsOfSums(const KernelShape &shape, int64_t vectors) {
  int64_t most = shape.target.getChains() * 3 / 2, sets = kStepSlots;
  while (sets > 1 && shape.rows * vectors * sets > most)
    sets /= 2;
  return sets;
}

/// Steps between what is read of weights and what is asked for: an eighth of
/// L1. They pass once for each panel, and as fast as rows that share what they
/// load of it multiply, the hardware's prefetchers do not bring them from
/// beyond L2. Where each row loads for itself, requests take longer than they
/// save.
static int64_t stepsAhead(const KernelShape &shape, bool sharesLoads) {
  if (!sharesLoads)
    return 0;
  int64_t bits = shape.weightElement.getIntOrFloatBitWidth();
  return shape.target.getL1() / (shape.rows * kStepSlots * bits);
}

/// The product of one row group and one panel block, a register tile.
static SmallVector<Value> emitProduct(KernelBuilder &b,
                                      const KernelShape &shape, int64_t vectors,
                                      int64_t length, Value values,
                                      Value offsets, const RowGroup &group,
                                      Value panel) {
  // Padding slots of sparse weights have an offset; those of dense ones would
  // read past the panel.
  int64_t slots = offsets ? shape.slots(length) : length;
  int64_t steps = llvm::divideCeil(slots, kStepSlots);
  auto sizes = [&](ArrayRef<int64_t> numbers) {
    return getAsIndexOpFoldResult(b.getContext(), numbers);
  };
  auto stored = [&](Value buffer) {
    return b.view(buffer, group.base, sizes({steps, shape.rows, kStepSlots}),
                  sizes({shape.rows * kStepSlots, kStepSlots, 1}));
  };
  Value lhs = stored(values), places;
  if (!offsets) {
    panel = memref::ExpandShapeOp::create(
        b, ArrayRef<int64_t>{length, shape.cols}, panel, {{0, 1}});
  } else if (shape.sharesOffsets) {
    Value first = arith::DivUIOp::create(b, group.base, b.index(shape.rows));
    places = b.view(offsets, first, sizes({steps, kStepSlots}),
                    sizes({kStepSlots, 1}));
  } else {
    places = stored(offsets);
  }
  auto tile =
      VectorType::get({shape.rows, vectors, shape.lanes}, shape.accumulator);
  Value product = kernel::TileProductOp::create(
      b, tile, lhs, panel, places, group.common, b.zero(tile), /*unroll=*/1,
      setsOfSums(shape, vectors),
      stepsAhead(shape, !offsets || shape.sharesOffsets));
  return b.splitTile(product);
}

void mlir::nm::emitMicroKernel(KernelBuilder &b, const KernelShape &shape,
                               int64_t vectors, int64_t length, Value values,
                               Value offsets, const RowGroup &group,
                               Value panel, Value scratch, Value isFirst) {
  int64_t chains = shape.rows * vectors;
  SmallVector<Value> sums =
      emitProduct(b, shape, vectors, length, values, offsets, group, panel);
  auto positionOf = [&](int64_t i) -> SmallVector<Value> {
    return {group.rows[i / vectors], b.index(i % vectors * shape.lanes)};
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
