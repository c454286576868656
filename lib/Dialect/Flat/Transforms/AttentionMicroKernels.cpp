//===- AttentionMicroKernels.cpp - Register tiles of both products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both products are a kernel.tile_product of tileRows x tileVectors sums. A
// step of the contraction is tileVectors vector loads, tileRows broadcast loads
// and their product of multiply-adds: with 16 registers, eight loads at two a
// cycle hide behind twelve multiply-adds.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Machine/RegisterTile.h"

using namespace mlir;
using namespace mlir::flat;

AttentionBlocking::AttentionBlocking(mlir::nm::CPUAttr target)
    : lanes(target.getLanes()), loadCost(target.getExposedLoadCost()),
      chains(target.getChains()),
      scales(target.hasFeature("avx512f") && lanes == 16) {
  auto tile = ::nm::machine::productTile(target.getRegisters());
  tileRows = tile.rows;
  tileVectors = tile.vectors;
}

/// Steps of the logits' contraction that one loop iteration takes: the loop's
/// own few instructions vanish beside four times a tile of multiply-adds.
constexpr int64_t kUnroll = 4;

/// A register tile of `lhs` times `rhs`, from zero.
static SmallVector<Value> emitTile(AttentionBuilder &b,
                                   const AttentionBlocking &blocking, Value lhs,
                                   Value rhs, int64_t unroll) {
  auto tile =
      VectorType::get({blocking.tileRows, blocking.tileVectors, blocking.lanes},
                      b.getF32Type());
  Value product = kernel::TileProductOp::create(
      b, tile, lhs, rhs, /*offsets=*/Value(), /*common=*/Value(), b.zero(tile),
      unroll, /*sets=*/1);
  return b.splitTile(product);
}

SmallVector<Value> mlir::flat::emitLogits(AttentionBuilder &b,
                                          const AttentionBlocking &blocking,
                                          Value queries, Value k, Value kBase,
                                          Value depth) {
  OpFoldResult size = getAsOpFoldResult(depth), one = b.getIndexAttr(1);
  OpFoldResult panel = b.getIndexAttr(blocking.panel());
  Value keys = b.view(k, kBase, {size, panel}, {panel, one});
  return emitTile(b, blocking, queries, keys, kUnroll);
}

void mlir::flat::emitWeightedValues(AttentionBuilder &b,
                                    const AttentionBlocking &blocking, Value p,
                                    Value pBase, Value v, Value vBase,
                                    Value keys, Value out, Value outBase,
                                    Value outStride) {
  int64_t lanes = blocking.lanes, rows = blocking.tileRows;
  OpFoldResult one = b.getIndexAttr(1),
               panel = b.getIndexAttr(blocking.panel());
  Value steps = arith::DivUIOp::create(b, keys, b.index(lanes));
  Value weights =
      b.view(p, pBase, {steps, b.getIndexAttr(rows), b.getIndexAttr(lanes)},
             {b.getIndexAttr(rows * lanes), b.getIndexAttr(lanes), one});
  Value values = b.view(v, vBase, {keys, panel}, {panel, one});
  SmallVector<Value> places;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t vector = 0; vector < blocking.tileVectors; ++vector)
      places.push_back(
          b.add(b.add(outBase, b.mul(outStride, row)), vector * lanes));
  // From zero, added at the end: the rounding errors of a long sum stay those
  // of its blocks.
  SmallVector<Value> sums = emitTile(b, blocking, weights, values, 1);
  for (auto [sum, place] : llvm::zip(sums, places))
    b.store(b.addf(b.load(out, place, lanes), sum), out, place);
}
