//===- LowerReshapes.cpp - memref.expand_shape of contiguous buffers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_LOWERRESHAPES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;

namespace {

/// The shape that memref.expand_shape carries says everything when the buffer
/// is contiguous: the strides are products of the sizes behind.
struct ExpandContiguous : OpRewritePattern<memref::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override {
    MemRefType type = op.getResultType();
    if (!type.getLayout().isIdentity() ||
        !op.getSrcType().getLayout().isIdentity())
      return rewriter.notifyMatchFailure(op, "not contiguous");
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
    SmallVector<OpFoldResult> strides(sizes.size());
    OpFoldResult stride = rewriter.getIndexAttr(1);
    auto multiply = [&](OpFoldResult a, OpFoldResult b) -> OpFoldResult {
      std::optional<int64_t> x = getConstantIntValue(a),
                             y = getConstantIntValue(b);
      if (x && y)
        return rewriter.getIndexAttr(*x * *y);
      Location loc = op.getLoc();
      return arith::MulIOp::create(
                 rewriter, loc,
                 getValueOrCreateConstantIndexOp(rewriter, loc, a),
                 getValueOrCreateConstantIndexOp(rewriter, loc, b))
          .getResult();
    };
    for (size_t i = sizes.size(); i-- > 0;) {
      strides[i] = stride;
      stride = multiply(stride, sizes[i]);
    }
    // The cast's type has the strides spelled out; the identity layout is the
    // same one.
    auto strided = memref::ReinterpretCastOp::create(
        rewriter, op.getLoc(), op.getSrc(), rewriter.getIndexAttr(0), sizes,
        strides);
    rewriter.replaceOpWithNewOp<memref::CastOp>(op, type, strided);
    return success();
  }
};

struct LowerReshapesPass
    : public mlir::nm::impl::LowerReshapesBase<LowerReshapesPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandContiguous>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
