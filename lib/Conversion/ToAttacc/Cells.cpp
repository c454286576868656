//===- Cells.cpp - One scalar operation on all elements -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"

using namespace mlir;
using namespace mlir::attacc;
using isa::BinaryKind;
using isa::Strided;
using isa::TensorId;
using isa::UnaryKind;

TensorId ProgramEmitter::temporary(int64_t rows, int64_t cols) {
  isa::Tensor tensor;
  tensor.name = "t" + std::to_string(scratchCount++);
  tensor.type = options.type;
  tensor.shape = {rows, cols};
  return declare(std::move(tensor));
}

LogicalResult ProgramEmitter::emitFill(double value, TensorId dest,
                                       int64_t lasting, Operation *op) {
  isa::Overflow overflow;
  overflow.add(value, b[dest].type, lasting);
  warnOfOverflow(dest, overflow);
  emitRows("a fill", {}, dest,
           [value](tiles::TileBuilder &t, ValueRange, RankedTensorType to) {
             return t.fillRows(static_cast<float>(value), to);
           });
  return success();
}

/// All elements of `dest` from a matrix, a row or a number.
LogicalResult ProgramEmitter::fillMatrix(const Cell &cell, TensorId dest,
                                         Operation *op) {
  if (!cell.tensor)
    return emitFill(cell.number, dest, isa::numElements(b[dest].shape), op);
  if (isMatrix(cell)) {
    emitUnary(UnaryKind::Copy, *cell.tensor, dest);
    return success();
  }
  Strided rows;
  rows.tensor = *cell.tensor;
  rows.sizes = b[dest].shape;
  rows.strides = {0, 1};
  return copy(rows, Strided::inOrder(dest, rows.sizes), op);
}

FailureOr<TensorId> ProgramEmitter::matrixOf(const Cell &cell, int64_t rows,
                                             int64_t cols, Operation *op) {
  if (isMatrix(cell))
    return *cell.tensor;
  TensorId dest = temporary(rows, cols);
  if (failed(fillMatrix(cell, dest, op)))
    return failure();
  return dest;
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::combine(BinaryKind kind, Cell lhs, Cell rhs, int64_t rows,
                        int64_t cols, std::optional<TensorId> dest,
                        Operation *op) {
  // The left side is a matrix; the right side may be a vector.
  bool commutes = kind != BinaryKind::Sub && kind != BinaryKind::Div;
  if (commutes && !isMatrix(lhs) && isMatrix(rhs))
    std::swap(lhs, rhs);
  FailureOr<TensorId> left = matrixOf(lhs, rows, cols, op);
  if (failed(left))
    return failure();
  TensorId right = rhs.tensor ? *rhs.tensor : constantVector(rhs.number, cols);
  TensorId to = dest ? *dest : temporary(rows, cols);
  emitElementwise(kind, *left, right, to);
  return Cell{to, 0};
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::apply(UnaryKind kind, const Cell &source, int64_t rows,
                      int64_t cols, std::optional<TensorId> dest,
                      Operation *op) {
  FailureOr<TensorId> from = matrixOf(source, rows, cols, op);
  if (failed(from))
    return failure();
  TensorId to = dest ? *dest : temporary(rows, cols);
  emitUnary(kind, *from, to);
  return Cell{to, 0};
}
