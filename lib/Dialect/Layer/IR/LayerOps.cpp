//===- LayerOps.cpp - Constraints of norms and activations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include <cmath>

using namespace mlir;
using namespace mlir::layer;

#define GET_OP_CLASSES
#include "nm/Dialect/Layer/IR/LayerOps.cpp.inc"

static SmallVector<Value> present(ArrayRef<Value> optional) {
  return llvm::to_vector(
      llvm::make_filter_range(optional, [](Value value) { return value; }));
}

SmallVector<Value> NormOp::getVectors() {
  return present({getScale(), getBias()});
}

SmallVector<Value> RMSNormOp::getVectors() { return present({getScale()}); }

/// Whether `vector` may lie along the dimensions of `input` from `axis` on.
static bool liesAlong(RankedTensorType vector, RankedTensorType input,
                      int64_t axis) {
  ArrayRef<int64_t> sizes = input.getShape().drop_front(axis);
  return vector.getElementType() == input.getElementType() &&
         vector.getRank() == static_cast<int64_t>(sizes.size()) &&
         llvm::all_of_zip(vector.getShape(), sizes, [](int64_t a, int64_t b) {
           return a == b || ShapedType::isDynamic(a) ||
                  ShapedType::isDynamic(b);
         });
}

template <typename Op> static LogicalResult verifyNorm(Op op, StringRef name) {
  auto error = [&](int constraint) {
    return op.emitOpError() << name << "_c" << constraint << ": ";
  };
  RankedTensorType type = op.getInput().getType();
  for (auto [what, other] : {std::pair("destination", op.getInit().getType()),
                             {"result", op.getResult().getType()}})
    if (other != type)
      return error(1) << "the " << what << " is " << other
                      << ", expected the input's type " << type;
  auto axis = static_cast<int64_t>(op.getAxis());
  if (axis < 0 || axis >= type.getRank())
    return error(2) << "axis is " << axis << ", expected a dimension of "
                    << type;
  for (Value vector : op.getVectors())
    if (!liesAlong(cast<RankedTensorType>(vector.getType()), type, axis))
      return error(3) << "scale or bias is " << vector.getType()
                      << ", expected the sizes of " << type
                      << " from dimension " << axis
                      << " on and its element type";
  double epsilon = op.getEpsilon().convertToDouble();
  if (!std::isfinite(epsilon) || epsilon < 0)
    return error(4) << "epsilon is " << epsilon
                    << ", expected a finite number of 0 or more";
  return success();
}

LogicalResult NormOp::verify() { return verifyNorm(*this, "layer_norm"); }

LogicalResult RMSNormOp::verify() {
  return verifyNorm(*this, "layer_rms_norm");
}

static bool sizesAgree(int64_t a, int64_t b) {
  return a == b || ShapedType::isDynamic(a) || ShapedType::isDynamic(b);
}

LogicalResult EmbeddingOp::verify() {
  RankedTensorType table = getTable().getType(), type = getInit().getType();
  if (getResult().getType() != type ||
      type.getElementType() != table.getElementType())
    return emitOpError("layer_embedding_c1: the destination is ")
           << type << " and the result " << getResult().getType()
           << ", expected one type with elements of " << table;
  if (table.getRank() < 2)
    return emitOpError("layer_embedding_c2: the table is ")
           << table << ", expected rows: two dimensions or more";
  SmallVector<int64_t> sizes(getIndices().getType().getShape());
  llvm::append_range(sizes, table.getShape().drop_front());
  if (sizes.size() != type.getShape().size() ||
      !llvm::all_of_zip(sizes, type.getShape(), sizesAgree))
    return emitOpError("layer_embedding_c3: the result is ")
           << type << ", expected the sizes of " << getIndices().getType()
           << ", then those of " << table << " but the first";
  return success();
}

LogicalResult RotaryOp::verify() {
  RankedTensorType type = getInput().getType(), angles = getCosines().getType();
  if (getInit().getType() != type || getResult().getType() != type ||
      type.getRank() < 2)
    return emitOpError("layer_rotary_c1: the destination is ")
           << getInit().getType() << " and the result " << getResult().getType()
           << ", expected the input's type " << type << ", of rank 2 or more";
  auto axis = static_cast<int64_t>(getAxis());
  if (axis < (angles.getRank() == 3) || axis >= type.getRank() - 1)
    return emitOpError("layer_rotary_c2: axis is ")
           << axis << ", expected a dimension of " << type
           << " but the last, and not the first, which three dimensions of "
              "angles have too";
  bool fits = angles.getRank() == 2 || angles.getRank() == 3;
  for (int64_t dim = 0; fits && dim + 1 < angles.getRank(); ++dim)
    fits &=
        sizesAgree(angles.getDimSize(dim), type.getDimSize(getInputDim(dim)));
  if (!fits)
    return emitOpError("layer_rotary_c3: cosines are ")
           << angles << ", expected [positions, angles] or [first dimension, "
           << "positions, angles] of " << type << " along dimension " << axis;
  int64_t half = angles.getShape().back(), width = type.getShape().back();
  if (!ShapedType::isDynamic(half) && !ShapedType::isDynamic(width) &&
      2 * half > width)
    return emitOpError("layer_rotary_c4: there are ")
           << half << " angles, expected at most half of " << width
           << " elements";
  return success();
}

LogicalResult SwishOp::verify() {
  if (getAlpha().isFinite())
    return success();
  return emitOpError("layer_swish_c1: alpha is ")
         << getAlpha().convertToDouble() << ", expected a finite number";
}
