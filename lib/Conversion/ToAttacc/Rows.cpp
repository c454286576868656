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

FailureOr<std::pair<int64_t, int64_t>>
ProgramEmitter::normalizedRows(Operation *op, RankedTensorType type,
                               uint64_t axis) {
  if (!type.hasStaticShape())
    return op->emitOpError("normalises ")
           << type << ", expected static sizes; programs have no others";
  int64_t cols = ShapedType::getNumElements(
      type.getShape().drop_front(static_cast<int64_t>(axis)));
  return std::pair(type.getNumElements() / cols, cols);
}

LogicalResult ProgramEmitter::emitRMSNorm(layer::RMSNormOp op) {
  FailureOr<std::pair<int64_t, int64_t>> sizes =
      normalizedRows(op, op.getInput().getType(), op.getAxis());
  if (failed(sizes))
    return failure();
  auto [rows, cols] = *sizes;
  FailureOr<TensorId> source = matrix(op.getInput(), rows, cols, op);
  if (failed(source))
    return failure();
  std::vector<TensorId> inputs{*source};
  if (op.getScale()) {
    FailureOr<TensorId> gamma = rowOf(op.getScale(), 1, cols, op);
    if (failed(gamma))
      return failure();
    inputs.push_back(*gamma);
  }
  FailureOr<TensorId> dest = destination(op.getResult(), rows, cols);
  if (failed(dest))
    return failure();
  float epsilon = static_cast<float>(op.getEpsilon().convertToDouble());
  emitRows(
      "an RMS norm", inputs, *dest,
      [epsilon](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
        Value gamma = in.size() > 1 ? in[1] : Value();
        return t.rmsNorm(in[0], gamma, epsilon, to.getElementType());
      });
  define(op.getResult(), *dest);
  return success();
}
