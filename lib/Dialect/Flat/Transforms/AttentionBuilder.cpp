//===- AttentionBuilder.cpp - Helpers of generated attention kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::flat;

/// Alignment of buffers: a cache line.
constexpr int64_t kAlignment = 64;

Value AttentionBuilder::constant(Type type, double value) {
  TypedAttr attr = getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attr = DenseElementsAttr::get(shaped, attr);
  return arith::ConstantOp::create(*this, attr);
}

Value AttentionBuilder::constantInt(Type type, int64_t value) {
  TypedAttr attr = getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attr = DenseElementsAttr::get(shaped, attr);
  return arith::ConstantOp::create(*this, attr);
}

Value AttentionBuilder::fma(Value a, Value b, Value c) {
  if (isa<VectorType>(a.getType()))
    return vector::FMAOp::create(*this, a, b, c);
  return math::FmaOp::create(*this, a, b, c);
}

// Not arith.maximumf or maxnumf: they cost a compare and a blend more.
Value AttentionBuilder::maxf(Value a, Value b) {
  return select(arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, a, b),
                a, b);
}
Value AttentionBuilder::minf(Value a, Value b) {
  return select(arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, a, b),
                a, b);
}

Value AttentionBuilder::clamp(Value a, Value limit) {
  return min(maxi(a, index(0)), limit);
}

void AttentionBuilder::store(Value value, Value buffer, ValueRange at) {
  if (isa<VectorType>(value.getType()))
    vector::StoreOp::create(*this, value, buffer, at);
  else
    memref::StoreOp::create(*this, value, buffer, at);
}

Value AttentionBuilder::allocate(Value elements) {
  auto type = MemRefType::get({ShapedType::kDynamic}, getF32Type());
  return memref::AllocOp::create(*this, type, ValueRange{elements},
                                 getI64IntegerAttr(kAlignment));
}

SmallVector<Value> AttentionBuilder::reduce(
    Value lower, Value upper, int64_t step, ValueRange init,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, lower, upper, index(step), init);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(*this,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}
