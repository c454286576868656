//===- LowerToLinalg.cpp - Reference lowering of the step dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LowerToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "nm/Dialect/Step/Transforms/Passes.h"

namespace mlir::step {
#define GEN_PASS_DEF_LOWERTOLINALG
#include "nm/Dialect/Step/Transforms/Passes.h.inc"
} // namespace mlir::step

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::step;

void step::assertMultiple(ReferenceBuilder &b, Value tensor, int64_t dim,
                          int64_t divisor, StringRef what) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim) || divisor == 1)
    return;
  Value size = tensor::DimOp::create(b, tensor, dim);
  Value rest = arith::RemUIOp::create(b, size, b.index(divisor));
  Value fits =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rest, b.index(0));
  cf::AssertOp::create(b, fits,
                       (what + ": the size of dimension " + Twine(dim) +
                        " is no multiple of " + Twine(divisor))
                           .str());
}

/// One linalg.generic over the tensors; scalars are captured.
static Value lowerElementwise(ReferenceBuilder &b,
                              step::ElementwiseOpInterface op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<Value> tensors;
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      tensors.push_back(operand);
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineMap> maps(tensors.size(), identity);
  Value init = b.empty(b.sizes(tensors.front()), type.getElementType());
  return b.generic(tensors, maps, init, identity,
                   [&](ReferenceBuilder &body, ValueRange args) {
                     SmallVector<Value> operands;
                     for (Value operand : op->getOperands()) {
                       bool isTensor = isa<RankedTensorType>(operand.getType());
                       operands.push_back(isTensor ? args.front() : operand);
                       args = args.drop_front(isTensor);
                     }
                     return op.emitElement(body, operands);
                   });
}

static SmallVector<Value> lower(ReferenceBuilder &b, Operation *op) {
  if (auto elementwise = dyn_cast<step::ElementwiseOpInterface>(op))
    return {lowerElementwise(b, elementwise)};
  if (auto mask = dyn_cast<MaskOp>(op))
    return {MaskLowering(b, mask.getSource(), mask.getPattern(), mask.getN())
                .mask()};
  if (auto soft = dyn_cast<SoftThresholdOp>(op))
    return {MaskLowering(b, soft.getSource(), soft.getPattern(), soft.getN())
                .softThreshold(soft.getScale())};
  if (auto mask = dyn_cast<TransposableMaskOp>(op))
    return {lowerTransposableMask(b, mask)};
  if (auto sum = dyn_cast<ChangeSumOp>(op))
    return {lowerChangeSum(b, sum)};
  if (auto product = dyn_cast<ChangeProductOp>(op))
    return lowerChangeProduct(b, product);
  return {lowerCountNonfinite(b, cast<CountNonfiniteOp>(op))};
}

namespace {

struct LowerToLinalgPass
    : public step::impl::LowerToLinalgBase<LowerToLinalgPass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa_and_nonnull<StepDialect>(op->getDialect()))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops) {
      ReferenceBuilder b(op->getLoc(), &getContext());
      b.setInsertionPoint(op);
      rewriter.replaceOp(op, lower(b, op));
    }
    // Where results end up is of no concern to tensors.
    getOperation().walk([](FunctionOpInterface func) {
      for (unsigned i = 0; i < func.getNumResults(); ++i)
        for (StringRef name : {kUpdatesAttrName, kStoredIfAttrName})
          func.removeResultAttr(i, StringAttr::get(func.getContext(), name));
    });
  }
};

} // namespace
