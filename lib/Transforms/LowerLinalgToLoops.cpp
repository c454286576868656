//===- LowerLinalgToLoops.cpp - linalg on buffers to loops -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorLoops.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_LOWERLINALGTOLOOPS
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

/// Whether the innermost loop sums fewer elements than two vectors have.
static bool reducesShortRows(linalg::LinalgOp op, int64_t lanes) {
  if (op.getNumLoops() == 0 ||
      op.getIteratorTypesArray().back() != utils::IteratorType::reduction)
    return false;
  int64_t size = op.getStaticLoopRanges().back();
  return !ShapedType::isDynamic(size) && size < 2 * lanes;
}

namespace {

struct LowerLinalgToLoopsPass
    : public mlir::nm::impl::LowerLinalgToLoopsBase<LowerLinalgToLoopsPass> {
  using LowerLinalgToLoopsBase::LowerLinalgToLoopsBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    CPUAttr target = getCPUTarget(getOperation());
    VectorLoopOptions vectorOptions;
    vectorOptions.lanes = lanes > 0 ? lanes : target.getLanes();
    vectorOptions.parallel = parallel;
    vectorOptions.minParallelWork =
        minParallelWork < 0 ? target.getParallelIterations() : minParallelWork;
    // What is reduced is loaded: a core starts no more than one a cycle.
    vectorOptions.chains = target.getLatency();
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      // Upstream's lowering does not ask.
      if (!op.hasPureBufferSemantics()) {
        op->emitOpError("works on tensors, expected buffers; run "
                        "--one-shot-bufferize first");
        return signalPassFailure();
      }
      rewriter.setInsertionPoint(op);
      bool isShort = reducesShortRows(op, vectorOptions.lanes);
      if (isShort && succeeded(emitWindowLoops(rewriter, op, vectorOptions)))
        continue;
      if (succeeded(emitVectorLoops(rewriter, op, vectorOptions)))
        continue;
      if (!isShort && succeeded(emitWindowLoops(rewriter, op, vectorOptions)))
        continue;
      if (failed(linalg::linalgOpToLoops(rewriter, op))) {
        op->emitOpError(
            "has no loops, expected an operation that upstream lowers to some");
        return signalPassFailure();
      }
      rewriter.eraseOp(op);
    }
  }
};

} // namespace
