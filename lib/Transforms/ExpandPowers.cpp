//===- ExpandPowers.cpp - Integer powers as products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandPowers.h"
#include "SplatConstant.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

Type withElement(Type type, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(element);
  return element;
}

Value integer(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  return splatConstant(b, type,
                       b.getIntegerAttr(getElementTypeOrSelf(type), value));
}

struct ExpandPower : OpRewritePattern<math::FPowIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FPowIOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (isa<TensorType>(type))
      return rewriter.notifyMatchFailure(op, "is on tensors");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value base = op.getLhs(), exponent = op.getRhs();
    Type wide = type;
    if (getElementTypeOrSelf(type).getIntOrFloatBitWidth() < 32) {
      wide = withElement(type, b.getF32Type());
      base = arith::ExtFOp::create(b, wide, base);
    }
    Value one =
        splatConstant(b, wide, b.getFloatAttr(getElementTypeOrSelf(wide), 1));
    APInt known;
    Value power = matchPattern(exponent, m_ConstantInt(&known))
                      ? constantPower(b, base, one, known)
                      : anyPower(b, base, one, exponent);
    if (wide != type)
      power = arith::TruncFOp::create(b, type, power);
    rewriter.replaceOp(op, power);
    return success();
  }

private:
  static Value constantPower(ImplicitLocOpBuilder &b, Value base, Value one,
                             const APInt &exponent) {
    APInt magnitude = exponent.abs();
    Value power;
    for (unsigned bit = 0, bits = magnitude.getActiveBits(); bit < bits;
         ++bit) {
      if (bit != 0)
        base = arith::MulFOp::create(b, base, base);
      if (magnitude[bit])
        power = power ? arith::MulFOp::create(b, power, base) : base;
    }
    if (!power)
      return one;
    return exponent.isNegative() ? arith::DivFOp::create(b, one, power) : power;
  }

  static Value anyPower(ImplicitLocOpBuilder &b, Value base, Value one,
                        Value exponent) {
    Type type = exponent.getType();
    unsigned bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    Value zero = integer(b, type, 0);
    Value isNegative =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, exponent, zero);
    // The lowest number is its own opposite, and right as an unsigned one.
    Value magnitude = arith::SelectOp::create(
        b, isNegative, arith::SubIOp::create(b, zero, exponent), exponent);
    Value power = one;
    for (unsigned bit = 0; bit < bits; ++bit) {
      if (bit != 0)
        base = arith::MulFOp::create(b, base, base);
      Value digit = arith::AndIOp::create(
          b, arith::ShRUIOp::create(b, magnitude, integer(b, type, bit)),
          integer(b, type, 1));
      Value isSet =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ne, digit, zero);
      power = arith::SelectOp::create(
          b, isSet, arith::MulFOp::create(b, power, base), power);
    }
    return arith::SelectOp::create(b, isNegative,
                                   arith::DivFOp::create(b, one, power), power);
  }
};

} // namespace

void mlir::nm::populateExpandPowersPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandPower>(patterns.getContext());
}
