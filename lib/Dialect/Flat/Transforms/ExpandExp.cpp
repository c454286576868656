//===- ExpandExp.cpp - Exponentials to polynomials -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"

namespace mlir::flat {
#define GEN_PASS_DEF_EXPANDEXP
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"
} // namespace mlir::flat

using namespace mlir;
using namespace mlir::flat;

namespace {

/// Scalars and vectors of fixed length; tensors have no bit casts here.
bool isExpandable(Type type) {
  return type.isF32() || (isa<VectorType>(type) &&
                          cast<VectorType>(type).getElementType().isF32());
}

struct ExpandExpPass : public mlir::flat::impl::ExpandExpBase<ExpandExpPass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<math::ExpOp, math::Exp2Op>(op) &&
          isExpandable(op->getResult(0).getType()))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      AttentionBuilder b(op->getLoc(), op->getContext());
      b.setInsertionPoint(op);
      Value x = op->getOperand(0);
      Value result = isa<math::ExpOp>(op)
                         ? emitExp(b, x)
                         : emitExp2(b, {x}, ExpRange::Full).front();
      op->getResult(0).replaceAllUsesWith(result);
      op->erase();
    }
  }
};

} // namespace
