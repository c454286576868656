//===- AttentionMicroKernels.cpp - Register tiles of both products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both products keep tileRows x tileVectors accumulators. A step of the
// contraction is tileVectors vector loads, tileRows broadcast loads and their
// product of multiply-adds: with 16 registers, eight loads at two a cycle hide
// behind twelve multiply-adds.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "nm/Machine/RegisterTile.h"

using namespace mlir;
using namespace mlir::flat;

AttentionBlocking::AttentionBlocking(mlir::nm::CPUAttr target)
    : lanes(target.getLanes()), loadCost(target.getExposedLoadCost()),
      chains(target.getChains()) {
  auto tile = ::nm::machine::productTile(target.getRegisters());
  tileRows = tile.rows;
  tileVectors = tile.vectors;
}

/// Steps of the logits' contraction that one loop iteration takes: the loop's
/// own few instructions vanish beside four times a tile of multiply-adds.
constexpr int64_t kUnroll = 4;

SmallVector<Value> mlir::flat::emitLogits(AttentionBuilder &b,
                                          const AttentionBlocking &blocking,
                                          Value q, Value qBase, Value k,
                                          Value kBase, Value depth) {
  auto type = VectorType::get({blocking.lanes}, b.getF32Type());
  SmallVector<Value> init(blocking.tileRows * blocking.tileVectors,
                          b.zero(type));
  SmallVector<Value> rows{qBase};
  for (int64_t row = 1; row < blocking.tileRows; ++row)
    rows.push_back(b.add(qBase, b.mul(depth, row)));
  return b.reduceUnrolled(
      depth, kUnroll, init, [&](Value d, ValueRange carried) {
        SmallVector<Value> accs(carried), keys;
        Value at = b.add(kBase, b.mul(d, blocking.panel()));
        for (int64_t v = 0; v < blocking.tileVectors; ++v)
          keys.push_back(
              b.load(k, b.add(at, v * blocking.lanes), blocking.lanes));
        for (int64_t row = 0; row < blocking.tileRows; ++row) {
          Value query =
              b.splat(b.loadScalar(q, b.add(rows[row], d)), blocking.lanes);
          for (int64_t v = 0; v < blocking.tileVectors; ++v) {
            Value &acc = accs[row * blocking.tileVectors + v];
            acc = b.fma(query, keys[v], acc);
          }
        }
        return accs;
      });
}

void mlir::flat::emitWeightedValues(AttentionBuilder &b,
                                    const AttentionBlocking &blocking, Value p,
                                    Value pBase, Value v, Value vBase,
                                    Value keys, Value out, Value outBase,
                                    Value outStride) {
  int64_t lanes = blocking.lanes;
  // Fresh accumulators, added at the end: the rounding errors of a long sum
  // stay those of its blocks.
  auto type = VectorType::get({lanes}, b.getF32Type());
  SmallVector<Value> init(blocking.tileRows * blocking.tileVectors,
                          b.zero(type)),
      places;
  for (int64_t row = 0; row < blocking.tileRows; ++row)
    for (int64_t vector = 0; vector < blocking.tileVectors; ++vector)
      places.push_back(
          b.add(b.add(outBase, b.mul(outStride, row)), vector * lanes));
  SmallVector<Value> sums = b.reduce(
      b.index(0), keys, lanes, init, [&](Value key, ValueRange carried) {
        SmallVector<Value> accs(carried);
        Value pAt = b.add(pBase, b.mul(key, blocking.tileRows));
        Value vAt = b.add(vBase, b.mul(key, blocking.panel()));
        for (int64_t lane = 0; lane < lanes; ++lane) {
          SmallVector<Value> values;
          for (int64_t vector = 0; vector < blocking.tileVectors; ++vector)
            values.push_back(
                b.load(v, b.add(vAt, lane * blocking.panel() + vector * lanes),
                       lanes));
          for (int64_t row = 0; row < blocking.tileRows; ++row) {
            Value weight =
                b.splat(b.loadScalar(p, b.add(pAt, row * lanes + lane)), lanes);
            for (int64_t vector = 0; vector < blocking.tileVectors; ++vector) {
              Value &acc = accs[row * blocking.tileVectors + vector];
              acc = b.fma(weight, values[vector], acc);
            }
          }
        }
        return accs;
      });
  for (auto [sum, place] : llvm::zip(sums, places))
    b.store(b.addf(b.load(out, place, lanes), sum), out, place);
}
