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

int64_t mlir::nm::setsOfSums(CPUAttr target, int64_t rows, int64_t vectors,
                             int64_t slots, bool sharesLoads) {
  int64_t most = target.getChains() * 3 / 2, sets = slots;
  if (sharesLoads)
    most = std::min(most, target.getRegisters() - rows - vectors);
  while (sets > 1 && rows * vectors * sets > most)
    sets /= 2;
  return sets;
}

/// Steps between what is read of weights and what is asked for: an eighth of
/// L1. They pass once for each panel, and as fast as rows that share what they
/// load of it multiply, the hardware's prefetchers do not bring them from
/// beyond L2. Where each row loads for itself, requests gain from some bytes a
/// cycle on, which are tiles of few vectors: up to 1.9 times with one, 1.1 with
/// two; with four products took 2 to 4 % longer (Zen 5).
static int64_t stepsAhead(const KernelShape &shape, int64_t vectors,
                          bool sharesLoads) {
  constexpr int64_t kForeseen = 4;
  int64_t bits = shape.weightElement.getIntOrFloatBitWidth();
  int64_t slotBytes = llvm::divideCeil(bits, 8) + 2;
  if (!sharesLoads && slotBytes * shape.target.getFmas() < kForeseen * vectors)
    return 0;
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
  bool sharesLoads = !offsets || shape.sharesOffsets;
  Value product = kernel::TileProductOp::create(
      b, tile, lhs, panel, places, group.common,
      sums.empty() ? b.zero(tile) : b.joinTile(sums, shape.rows), /*unroll=*/1,
      setsOfSums(shape.target, shape.rows, vectors, step, sharesLoads),
      stepsAhead(shape, vectors, sharesLoads));
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
