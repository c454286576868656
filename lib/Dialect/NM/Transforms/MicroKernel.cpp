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
  int64_t most = shape.target.getChains() * 3 / 2, sets = shape.stepSlots();
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

SmallVector<Value> mlir::nm::emitMicroKernel(KernelBuilder &b,
                                             const KernelShape &shape,
                                             int64_t vectors, int64_t length,
                                             Value values, Value offsets,
                                             const RowGroup &group, Value panel,
                                             ArrayRef<Value> sums) {
  // Padding slots of sparse weights have an offset; those of dense ones would
  // read past the panel.
  int64_t slots = offsets ? shape.slots(length) : length;
  // Half of a row's are in the link before.
  if (shape.window > 0)
    slots /= 2;
  int64_t step = shape.stepSlots();
  int64_t steps = llvm::divideCeil(slots, step);
  auto sizes = [&](ArrayRef<int64_t> numbers) {
    return getAsIndexOpFoldResult(b.getContext(), numbers);
  };
  auto stored = [&](Value buffer) {
    return b.view(buffer, group.base, sizes({steps, shape.rows, step}),
                  sizes({shape.rows * step, step, 1}));
  };
  Value lhs = stored(values), places;
  if (!offsets) {
    panel = memref::ExpandShapeOp::create(
        b, ArrayRef<int64_t>{length, shape.cols}, panel, {{0, 1}});
  } else if (shape.sharesOffsets) {
    Value first = arith::DivUIOp::create(b, group.base, b.index(shape.rows));
    places = b.view(offsets, first, sizes({steps, step}), sizes({step, 1}));
  } else {
    places = stored(offsets);
  }
  auto tile =
      VectorType::get({shape.rows, vectors, shape.lanes}, shape.accumulator);
  Value product = kernel::TileProductOp::create(
      b, tile, lhs, panel, places, group.common,
      sums.empty() ? b.zero(tile) : b.joinTile(sums, shape.rows), /*unroll=*/1,
      setsOfSums(shape, vectors),
      stepsAhead(shape, !offsets || shape.sharesOffsets));
  return b.splitTile(product);
}

void mlir::nm::emitSums(KernelBuilder &b, const KernelShape &shape,
                        ArrayRef<Value> sums, ArrayRef<Value> rows,
                        Value scratch, Value isFirst) {
  size_t vectors = sums.size() / rows.size();
  auto store = [&](bool adds) {
    for (auto [i, sum] : llvm::enumerate(sums)) {
      SmallVector<Value> at{rows[i / vectors],
                            b.index(int64_t(i % vectors) * shape.lanes)};
      Value all = sum;
      if (adds)
        all = b.addNumbers(b.loadVector(scratch, at, shape.lanes), all);
      vector::StoreOp::create(b, all, scratch, at);
    }
  };
  if (!isFirst)
    return store(false);
  // A branch that is easy to guess; the loads would be from L2. Each side has
  // its stores: values that meet behind it would take registers from the loop.
  b.either(isFirst, [&] { store(false); }, [&] { store(true); });
}
