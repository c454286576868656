//===- SimplifyLinalg.cpp - Fusion of what exporters leave behind -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementWork.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_SIMPLIFYLINALG
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// More than enough for what one round leaves to the next. What is not fused by
/// then is right, too.
constexpr int64_t kMostRounds = 64;

/// Whether `operand` is read again along some dimension of its reader, and what
/// computes it takes longer than to read it: a norm's inverse deviation, of
/// which a row has one.
bool repeatsWork(OpOperand &operand, linalg::GenericOp producer) {
  auto reader = cast<linalg::LinalgOp>(operand.getOwner());
  AffineMap map = reader.getMatchingIndexingMap(&operand);
  bool isRepeated = llvm::any_of(
      llvm::enumerate(reader.getStaticLoopRanges()), [&](auto range) {
        return range.value() != 1 && !map.isFunctionOfDim(range.index());
      });
  return isRepeated && llvm::any_of(*producer.getBody(), [](Operation &inner) {
           return isa<arith::DivFOp>(inner) ||
                  isa<math::MathDialect>(inner.getDialect());
         });
}

/// Fuses an elementwise operation into its only reader, which reads it once.
/// Upstream's pattern leaves the operation behind without users, to be erased
/// later: its operands would be found to have one reader in the next round over
/// the function only, and those behind them in the one after that.
struct FuseIntoReader : OpRewritePattern<linalg::GenericOp> {
  FuseIntoReader(MLIRContext *context, int64_t maxBody)
      : OpRewritePattern(context), maxBody(maxBody) {}

  LogicalResult matchAndRewrite(linalg::GenericOp reader,
                                PatternRewriter &rewriter) const override {
    for (OpOperand &operand : reader->getOpOperands()) {
      auto producer = operand.get().getDefiningOp<linalg::GenericOp>();
      // Into several readers, it would be computed several times; and fusion
      // copies bodies: without an end, it would be quadratic.
      if (!producer || !producer->hasOneUse() ||
          !linalg::areElementwiseOpsFusable(&operand) ||
          repeatsWork(operand, producer) ||
          workOf(producer) + workOf(reader) > maxBody)
        continue;
      auto fused = linalg::fuseElementwiseOps(rewriter, &operand);
      if (failed(fused))
        continue;
      for (auto [before, after] : fused->replacements)
        rewriter.replaceUsesWithIf(before, after, [&](OpOperand &use) {
          return use.getOwner() != producer;
        });
      rewriter.eraseOp(reader);
      if (producer->use_empty())
        rewriter.eraseOp(producer);
      return success();
    }
    return rewriter.notifyMatchFailure(reader, "reads nothing to fuse");
  }

  int64_t maxBody;
};

struct SimplifyLinalgPass
    : public nm::impl::SimplifyLinalgBase<SimplifyLinalgPass> {
  using SimplifyLinalgBase::SimplifyLinalgBase;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    generalizeElementwise();
    RewritePatternSet patterns(context);
    patterns.add<FuseIntoReader>(context, maxBody);
    // What else upstream does around fusion.
    linalg::populateElementwiseOpsFusionPatterns(
        patterns, [](OpOperand *) { return false; });
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::populateInlineConstantOperandsPatterns(patterns);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    linalg::FillOp::getCanonicalizationPatterns(patterns, context);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::EmptyOp::getCanonicalizationPatterns(patterns, context);
    context->getLoadedDialect<linalg::LinalgDialect>()
        ->getCanonicalizationPatterns(patterns);
    GreedyRewriteConfig config;
    config.setMaxIterations(kMostRounds);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns), config);
  }

private:
  /// The patterns fuse `linalg.generic` only, and `linalg.add` is as good.
  void generalizeElementwise() {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> named;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::FillOp, linalg::CopyOp>(op) &&
          op.hasPureTensorSemantics() && linalg::isElementwise(op))
        named.push_back(op);
    });
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      (void)linalg::generalizeNamedOp(rewriter, op);
    }
  }
};

} // namespace
