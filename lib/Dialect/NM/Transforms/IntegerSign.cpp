//===- IntegerSign.cpp - How a program reads its integers -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IntegerSign.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::nm;

bool mlir::nm::isReadUnsigned(Value tensor) {
  llvm::SetVector<Value> values;
  values.insert(tensor);
  bool natural = false;
  for (unsigned i = 0; i < values.size(); ++i)
    for (OpOperand &use : values[i].getUses()) {
      Operation *user = use.getOwner();
      if (isa<arith::ExtUIOp, arith::UIToFPOp, arith::ShRUIOp>(user)) {
        natural = true;
      } else if (isa<arith::ExtSIOp, arith::SIToFPOp>(user)) {
        return false;
      } else if (isa<linalg::YieldOp>(user)) {
        values.insert(user->getParentOp()->getResult(use.getOperandNumber()));
      } else if (auto op = dyn_cast<linalg::LinalgOp>(user)) {
        values.insert(op.getMatchingBlockArgument(&use));
      } else if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
                     tensor::ExtractOp, tensor::ExtractSliceOp, tensor::CastOp,
                     tensor::ReshapeOp>(user) &&
                 use.getOperandNumber() == 0) {
        values.insert(user->getResult(0));
      }
    }
  return natural;
}

::nm::support::DType mlir::nm::storedDType(Value tensor) {
  Type element = cast<ShapedType>(tensor.getType()).getElementType();
  Operation *op = tensor.getDefiningOp();
  bool isUnsigned =
      element.isSignlessInteger() &&
      ((op && op->hasAttr(kUnsignedAttrName)) || isReadUnsigned(tensor));
  return toDType(element, isUnsigned);
}
