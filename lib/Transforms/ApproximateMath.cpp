//===- ApproximateMath.cpp - Transcendental functions as polynomials -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandErf.h"
#include "ExpandPowers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;

namespace {

struct ApproximateMathPass
    : public nm::impl::ApproximateMathBase<ApproximateMathPass> {
  void runOnOperation() override {
    // Upstream's patterns mix tensors with scalar constants.
    WalkResult walk = getOperation()->walk([](Operation *op) {
      bool isMath = isa_and_nonnull<math::MathDialect>(op->getDialect());
      if (!isMath ||
          !llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>))
        return WalkResult::advance();
      op->emitOpError() << "is on tensors, expected scalars or vectors; make "
                           "loops of it first (convert-elementwise-to-linalg)";
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    // Upstream's rsqrt makes operations of a dialect that only x86 has and that
    // is not loaded here; a square root and a quotient are exact as well.
    auto wanted = [](StringRef name) {
      return name != math::RsqrtOp::getOperationName() &&
             name != math::FPowIOp::getOperationName();
    };
    populateMathF32ExpansionPatterns(patterns, wanted);
    populateMathPolynomialApproximationPatterns(patterns, [&](StringRef name) {
      return name != math::ErfOp::getOperationName() && wanted(name);
    });
    nm::populateExpandErfPatterns(patterns);
    nm::populateExpandPowersPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
