//===- FlatOps.cpp - Queries and interfaces of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"

using namespace mlir;
using namespace mlir::flat;

#define GET_OP_CLASSES
#include "nm/Dialect/Flat/IR/FlatOps.cpp.inc"

void AttentionOp::build(OpBuilder &builder, OperationState &state, Value q,
                        Value k, Value v, Value init) {
  state.addOperands({q, k, v, init});
  Properties &properties = state.getOrAddProperties<Properties>();
  llvm::copy(ArrayRef<int32_t>{1, 1, 1, 0, 0, 0, 0, 0, 1},
             properties.operandSegmentSizes.begin());
  properties.score_maps = builder.getAffineMapArrayAttr({});
  state.addRegion();
  if (isa<RankedTensorType>(init.getType()))
    state.addTypes(init.getType());
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

Value AttentionOp::getShaped(Role role) {
  switch (role) {
  case Role::Q:
    return getQ();
  case Role::K:
    return getK();
  case Role::V:
    return getV();
  case Role::Out:
    return getInit();
  }
  llvm_unreachable("unknown role");
}

OrderAttr AttentionOp::getOrder(Role role) {
  OrderAttr order = role == Role::Q   ? getQOrderAttr()
                    : role == Role::K ? getKOrderAttr()
                    : role == Role::V ? getVOrderAttr()
                                      : getOOrderAttr();
  return order ? order : OrderAttr::get(getContext());
}

void AttentionOp::setOrder(Role role, OrderAttr order) {
  if (order && order.isIdentity())
    order = {};
  switch (role) {
  case Role::Q:
    return setQOrderAttr(order);
  case Role::K:
    return setKOrderAttr(order);
  case Role::V:
    return setVOrderAttr(order);
  case Role::Out:
    return setOOrderAttr(order);
  }
}

OpFoldResult AttentionOp::getMixedSize(OpBuilder &builder, Role role,
                                       int64_t dim) {
  Value shaped = getShaped(role);
  int64_t position = getPosition(role, dim);
  if (dim == Width && isQuantized(role))
    return builder.getIndexAttr(getStaticSize(role, dim));
  if (isa<MemRefType>(shaped.getType()))
    return memref::getMixedSize(builder, getLoc(), shaped, position);
  return tensor::getMixedSize(builder, getLoc(), shaped, position);
}

AffineMap AttentionOp::getOrderMap(Role role) {
  SmallVector<unsigned> dims(4);
  for (auto [dim, position] : llvm::enumerate(getOrder(role).getPositions()))
    dims[position] = dim;
  return AffineMap::getPermutationMap(dims, getContext());
}

SmallVector<AffineMap> AttentionOp::getScoreMapArray() {
  return llvm::map_to_vector(getScoreMaps(), [](Attribute attr) {
    return cast<AffineMapAttr>(attr).getValue();
  });
}

std::optional<double> AttentionOp::getConstantScale() {
  if (std::optional<APFloat> value = getScaleValue())
    return value->convertToDouble();
  int64_t depth = getStaticSize(Role::Q, Width);
  if (getScale() || ShapedType::isDynamic(depth) || depth == 0)
    return std::nullopt;
  return 1.0 / std::sqrt(static_cast<double>(depth));
}

Value AttentionOp::getOrCreateScale(OpBuilder &builder) {
  if (Value scale = getScale())
    return scale;
  Location loc = getLoc();
  if (std::optional<double> value = getConstantScale())
    return arith::ConstantOp::create(
        builder, loc, builder.getF32FloatAttr(static_cast<float>(*value)));
  Value depth = getValueOrCreateConstantIndexOp(
      builder, loc, getMixedSize(builder, Role::Q, Width));
  Value integer =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), depth);
  Value number =
      arith::SIToFPOp::create(builder, loc, builder.getF32Type(), integer);
  Value one =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(1.0f));
  return arith::DivFOp::create(builder, loc, one,
                               math::SqrtOp::create(builder, loc, number));
}

//===----------------------------------------------------------------------===//
// Interfaces
//===----------------------------------------------------------------------===//

LogicalResult
AttentionOp::reifyResultShapes(OpBuilder &builder,
                               ReifiedRankedShapedTypeDims &dims) {
  if (!getResult())
    return failure();
  dims.push_back(tensor::getMixedSizes(builder, getLoc(), getInit()));
  return success();
}

void AttentionOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  auto add = [&](OpOperand &operand, MemoryEffects::Effect *effect) {
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(effect, &operand, /*stage=*/0,
                           /*effectOnFullRegion=*/true,
                           SideEffects::DefaultResource::get());
  };
  for (OpOperand *operand : getDpsInputOperands())
    add(*operand, MemoryEffects::Read::get());
  add(getInitMutable(), MemoryEffects::Write::get());
}

Speculation::Speculatability AttentionOp::getSpeculatability() {
  return hasPureTensorSemantics() ? Speculation::Speculatable
                                  : Speculation::NotSpeculatable;
}
