//===- StepElementwise.cpp - Arithmetic of the elementwise operations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of the operations below is part of the dialect: the descriptions in
// TableGen, the portable kernels of the runtime and torch's single-tensor
// optimizers (1.13) write the same.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "nm/Dialect/Step/IR/StepDialect.h"

using namespace mlir;
using namespace mlir::step;

static Value add(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::AddFOp::create(b, x, y);
}

static Value mul(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::MulFOp::create(b, x, y);
}

/// 0, an element or a vector as `like` is.
static Value zero(ImplicitLocOpBuilder &b, Value like) {
  return arith::ConstantOp::create(b, b.getZeroAttr(like.getType()));
}

/// w + (-rate * m) / d.
static Value descendBy(ImplicitLocOpBuilder &b, Value w, Value rate, Value m,
                       Value d) {
  Value step = mul(b, arith::NegFOp::create(b, rate), m);
  return add(b, w, arith::DivFOp::create(b, step, d));
}

Value EffectiveOp::emitElement(ImplicitLocOpBuilder &b, ValueRange operands) {
  Value x = operands[0], keep = operands[1];
  Value dropped = zero(b, x);
  if (operands.size() > 2) {
    Value decay = operands[2];
    Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, decay,
                                       zero(b, decay));
    dropped = arith::SelectOp::create(b, none, dropped, mul(b, decay, x));
  }
  return arith::SelectOp::create(b, keep, x, dropped);
}

Value StraightThroughOp::emitElement(ImplicitLocOpBuilder &b,
                                     ValueRange operands) {
  Value g = operands[0], w = operands[1], keep = operands[2];
  Value pulled = add(b, g, mul(b, operands[3], w));
  return arith::SelectOp::create(b, keep, g, pulled);
}

Value WeightDecayOp::emitElement(ImplicitLocOpBuilder &b, ValueRange operands) {
  return add(b, operands[0], mul(b, operands[2], operands[1]));
}

Value ScaleOp::emitElement(ImplicitLocOpBuilder &b, ValueRange operands) {
  return mul(b, operands[0], operands[1]);
}

Value MomentOp::emitElement(ImplicitLocOpBuilder &b, ValueRange operands) {
  return add(b, mul(b, operands[0], operands[2]),
             mul(b, operands[1], operands[3]));
}

Value SecondMomentOp::emitElement(ImplicitLocOpBuilder &b,
                                  ValueRange operands) {
  Value g = operands[1];
  return add(b, mul(b, operands[0], operands[2]),
             mul(b, mul(b, operands[3], g), g));
}

Value AdamUpdateOp::emitElement(ImplicitLocOpBuilder &b, ValueRange operands) {
  Value root = math::SqrtOp::create(b, operands[2]);
  Value d = add(b, arith::DivFOp::create(b, root, operands[4]), operands[5]);
  return descendBy(b, operands[0], operands[3], operands[1], d);
}

Value FrozenUpdateOp::emitElement(ImplicitLocOpBuilder &b,
                                  ValueRange operands) {
  Value v = operands[2], eps = operands[4];
  Value d = getDenominator() == Denominator::Inside
                ? math::SqrtOp::create(b, add(b, v, eps)).getResult()
                : add(b, math::SqrtOp::create(b, v), eps);
  return descendBy(b, operands[0], operands[3], operands[1], d);
}

Value DescendOp::emitElement(ImplicitLocOpBuilder &b, ValueRange operands) {
  Value rate = arith::NegFOp::create(b, operands[2]);
  return add(b, operands[0], mul(b, rate, operands[1]));
}
