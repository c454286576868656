//===- Rows.cpp - Operators on rows -----------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An operator on rows is what it does with values; everything else (blocks,
// transfers, slots, semaphores, addresses) is for the passes of the tile
// dialect.
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"

using namespace mlir;
using namespace mlir::attacc;
using isa::TensorId;

void ProgramEmitter::emitRows(StringRef name, std::vector<TensorId> inputs,
                              TensorId dest, RowsBody body) {
  auto make = [name = name.str(), loc = reason, inputs = std::move(inputs),
               dest,
               body = std::move(body)](OpBuilder &at, ArrayRef<Value> tensors) {
    SmallVector<Value> regions;
    for (TensorId input : inputs)
      regions.push_back(tensors[input.index]);
    tiles::createRows(at, loc, name, regions, tensors[dest.index], body);
  };
  insertions.push_back({b.size(), std::move(make)});
}

void ProgramEmitter::emitUnary(isa::UnaryKind kind, TensorId source,
                               TensorId dest) {
  emitRows("a unary operator", {source}, dest,
           [kind](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
             return t.unary(kind, in[0], to.getElementType());
           });
}

void ProgramEmitter::emitElementwise(isa::BinaryKind kind, TensorId lhs,
                                     TensorId rhs, TensorId dest) {
  emitRows("an element-wise operator", {lhs, rhs}, dest,
           [kind](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
             return t.elementwise(kind, in[0], in[1], to.getElementType());
           });
}
