//===- RegionVectorizer.cpp - Widening of scalar regions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Transforms/RegionVectorizer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

bool mlir::nm::isVectorizable(Block &block) {
  return llvm::all_of(block.without_terminator(), [](Operation &op) {
    bool scalar = llvm::all_of(op.getResultTypes(),
                               [](Type type) { return type.isIntOrFloat(); });
    return scalar && (matchPattern(&op, m_Constant()) ||
                      OpTrait::hasElementwiseMappableTraits(&op));
  });
}

Value mlir::nm::broadcastTo(OpBuilder &builder, Location loc, Value value,
                            int64_t lanes) {
  if (lanes == 1 || isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(
      builder, loc, VectorType::get({lanes}, value.getType()), value);
}

void mlir::nm::cloneWide(OpBuilder &builder, Operation &inner, int64_t lanes,
                         IRMapping &mapping) {
  if (lanes == 1 || matchPattern(&inner, m_Constant())) {
    // Constants stay scalar until an operation needs them wide.
    builder.clone(inner, mapping);
    return;
  }
  SmallVector<Value> operands;
  for (Value operand : inner.getOperands())
    operands.push_back(broadcastTo(builder, inner.getLoc(),
                                   mapping.lookupOrDefault(operand), lanes));
  SmallVector<Type> types;
  for (Type type : inner.getResultTypes())
    types.push_back(VectorType::get({lanes}, type));
  OperationState state(inner.getLoc(), inner.getName(), operands, types,
                       inner.getAttrs());
  mapping.map(inner.getResults(), builder.create(state)->getResults());
}
