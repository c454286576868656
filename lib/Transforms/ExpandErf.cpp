//===- ExpandErf.cpp - The error function as a polynomial -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// erf(x) = x p(2 x^2 / c^2 - 1) for |x| < c = 3.75, and the sign of x beyond,
// where f32 knows no better. p has degree 14, minimax of the relative error by
// reweighted least squares over Chebyshev polynomials: 5e-8 exactly. In f32,
// fused, at most 2.1e-7 absolute and 2.7e-7 of the value (4.1 ulp); with
// products rounded, 2.5e-7 and 3.0e-7.
//
//===----------------------------------------------------------------------===//

#include "ExpandErf.h"
#include "SplatConstant.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

constexpr double kBound = 3.75;
constexpr double kCoefficients[] = {
    0.377056926,   -0.188030094,   0.139268994,   -0.111938201,
    0.0907363296,  -0.0716234967,  0.0536414124,  -0.0372758918,
    0.0249023717,  -0.0168007091,  0.00916874129, -0.00294811209,
    0.00186481688, -0.00223971577, 0.000883281406};

struct ExpandErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ErfOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (isa<TensorType>(type) || !getElementTypeOrSelf(type).isF32())
      return rewriter.notifyMatchFailure(op, "is not f32 or on tensors");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto number = [&](double value) {
      return splatConstant(b, type, b.getF32FloatAttr(float(value)));
    };
    Value x = op.getOperand();
    Value square = arith::MulFOp::create(b, x, x);
    Value u = math::FmaOp::create(b, square, number(2 / (kBound * kBound)),
                                  number(-1));
    Value p = number(std::end(kCoefficients)[-1]);
    for (double coefficient : llvm::drop_begin(llvm::reverse(kCoefficients)))
      p = math::FmaOp::create(b, p, u, number(coefficient));
    // A NaN is not far, and passes.
    Value isFar =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGE,
                              math::AbsFOp::create(b, x), number(kBound));
    Value sign = math::CopySignOp::create(b, number(1), x);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(
        op, isFar, sign, arith::MulFOp::create(b, x, p));
    return success();
  }
};

} // namespace

void mlir::nm::populateExpandErfPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandErf>(patterns.getContext());
}
