//===- Scalars.cpp - What one element is computed by -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scalars.h"
#include "Emit.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"

namespace mlir::nm::onnx {

static bool isReal(Value x) { return isa<FloatType>(x.getType()); }

Value Scalar::number(Value like, double value) {
  return Emit(b, loc).number(like.getType(), value);
}

Value Scalar::infinity(Value like, bool negative) {
  auto type = cast<FloatType>(like.getType());
  return arith::ConstantOp::create(
      b, loc,
      b.getFloatAttr(type,
                     APFloat::getInf(type.getFloatSemantics(), negative)));
}

static Value extreme(OpBuilder &b, Location loc, Type type, bool isUnsigned,
                     bool low) {
  if (auto real = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(
        b, loc,
        b.getFloatAttr(real, APFloat::getInf(real.getFloatSemantics(), low)));
  unsigned width = type.getIntOrFloatBitWidth();
  bool natural = isUnsigned || width == 1;
  APInt value = low       ? natural ? APInt::getMinValue(width)
                                    : APInt::getSignedMinValue(width)
                : natural ? APInt::getMaxValue(width)
                          : APInt::getSignedMaxValue(width);
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
}

Value Scalar::lowest(Type type, bool isUnsigned) {
  return extreme(b, loc, type, isUnsigned, true);
}
Value Scalar::highest(Type type, bool isUnsigned) {
  return extreme(b, loc, type, isUnsigned, false);
}

Value Scalar::add(Value a, Value c) {
  return isReal(a) ? arith::AddFOp::create(b, loc, a, c).getResult()
                   : arith::AddIOp::create(b, loc, a, c);
}
Value Scalar::sub(Value a, Value c) {
  return isReal(a) ? arith::SubFOp::create(b, loc, a, c).getResult()
                   : arith::SubIOp::create(b, loc, a, c);
}
Value Scalar::mul(Value a, Value c) {
  return isReal(a) ? arith::MulFOp::create(b, loc, a, c).getResult()
                   : arith::MulIOp::create(b, loc, a, c);
}

Value Scalar::select(Value condition, Value a, Value c) {
  return arith::SelectOp::create(b, loc, condition, a, c);
}

Value Scalar::compare(arith::CmpFPredicate predicate, Value a, Value c) {
  return arith::CmpFOp::create(b, loc, predicate, a, c);
}

Value Scalar::greater(Value a, Value c, bool isUnsigned) {
  if (isReal(a))
    return compare(arith::CmpFPredicate::OGT, a, c);
  return arith::CmpIOp::create(
      b, loc,
      isUnsigned ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt, a, c);
}

static Value equals(Scalar &s, Value a, double value) {
  return arith::CmpIOp::create(s.b, s.loc, arith::CmpIPredicate::eq, a,
                               s.number(a, value));
}

Value Scalar::div(Value a, Value c, bool isUnsigned) {
  if (isReal(a))
    return arith::DivFOp::create(b, loc, a, c);
  // The processor traps where the quotient does not exist.
  Value zero = equals(*this, c, 0), one = number(c, 1);
  if (isUnsigned) {
    Value divisor = select(zero, one, c);
    Value quotient = arith::DivUIOp::create(b, loc, a, divisor);
    return select(zero, number(a, 0), quotient);
  }
  Value minus = equals(*this, c, -1);
  Value trap = arith::OrIOp::create(b, loc, zero, minus);
  Value quotient = arith::DivSIOp::create(b, loc, a, select(trap, one, c));
  Value nothing = number(a, 0);
  return select(zero, nothing, select(minus, sub(nothing, a), quotient));
}

Value Scalar::remainder(Value a, Value c, bool isUnsigned, bool floor) {
  if (isReal(a))
    return arith::RemFOp::create(b, loc, a, c);
  Value zero = equals(*this, c, 0), one = number(c, 1);
  if (isUnsigned)
    return select(zero, number(a, 0),
                  arith::RemUIOp::create(b, loc, a, select(zero, one, c)));
  Value minus = equals(*this, c, -1);
  Value trap = arith::OrIOp::create(b, loc, zero, minus);
  Value rest = arith::RemSIOp::create(b, loc, a, select(trap, one, c));
  Value nothing = number(a, 0);
  if (floor) {
    Value signs = arith::XOrIOp::create(b, loc, rest, c);
    Value differ = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                         signs, nothing);
    Value some =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, rest, nothing);
    rest =
        select(arith::AndIOp::create(b, loc, differ, some), add(rest, c), rest);
  }
  return select(trap, nothing, rest);
}

Value Scalar::max(Value a, Value c, bool isUnsigned) {
  if (isReal(a))
    return arith::MaximumFOp::create(b, loc, a, c);
  if (isUnsigned || a.getType().isInteger(1))
    return arith::MaxUIOp::create(b, loc, a, c);
  return arith::MaxSIOp::create(b, loc, a, c);
}

Value Scalar::min(Value a, Value c, bool isUnsigned) {
  if (isReal(a))
    return arith::MinimumFOp::create(b, loc, a, c);
  if (isUnsigned || a.getType().isInteger(1))
    return arith::MinUIOp::create(b, loc, a, c);
  return arith::MinSIOp::create(b, loc, a, c);
}

/// By squaring; a negative exponent leaves what integer division leaves.
Value Scalar::intPower(Value base, Value exponent) {
  Emit e(b, loc);
  Type index = b.getIndexType();
  Value begin = e.integer(index, 0), end = e.integer(index, 64),
        step = e.integer(index, 1);
  Value one = number(base, 1), none = number(exponent, 0);
  Value negative =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, exponent, none);
  auto loop = scf::ForOp::create(
      b, loc, begin, end, step, ValueRange{one, base, exponent},
      [&](OpBuilder &n, Location w, Value, ValueRange v) {
        Scalar s(n, w);
        Value odd = arith::AndIOp::create(n, w, v[2], s.number(v[2], 1));
        Value isOdd = equals(s, odd, 1);
        Value next = s.select(isOdd, s.mul(v[0], v[1]), v[0]);
        Value rest = arith::ShRUIOp::create(n, w, v[2], s.number(v[2], 1));
        scf::YieldOp::create(n, w, ValueRange{next, s.mul(v[1], v[1]), rest});
      });
  // 1 and -1 have inverses.
  Value odd = equals(
      *this, arith::AndIOp::create(b, loc, exponent, number(exponent, 1)), 1);
  Value minus = number(base, -1);
  Value inverse =
      select(equals(*this, base, 1), one,
             select(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                          base, minus),
                    select(odd, minus, one), number(base, 0)));
  return select(negative, inverse, loop.getResult(0));
}

Value Scalar::exp(Value x) { return math::ExpOp::create(b, loc, x); }
Value Scalar::expm1(Value x) { return math::ExpM1Op::create(b, loc, x); }

Value Scalar::sigmoid(Value x) {
  Value negative = arith::NegFOp::create(b, loc, x);
  Value one = number(x, 1);
  return div(one, add(one, exp(negative)), false);
}

/// log(1 + exp(x)), without overflow: max(x, 0) + log1p(exp(-|x|)).
Value Scalar::softplus(Value x) {
  Value size = math::AbsFOp::create(b, loc, x);
  Value small = exp(arith::NegFOp::create(b, loc, size));
  Value rest = math::Log1pOp::create(b, loc, small);
  return add(max(x, number(x, 0), false), rest);
}

Value Scalar::hardSigmoid(Value x, double alpha, double beta) {
  Value line = add(mul(x, number(x, alpha)), number(x, beta));
  return max(number(x, 0), min(number(x, 1), line, false), false);
}

Value Scalar::tanh(Value x) { return math::TanhOp::create(b, loc, x); }

Value Scalar::relu(Value x) { return max(x, number(x, 0), false); }

Value Scalar::leakyRelu(Value x, double alpha) {
  return select(greater(number(x, 0), x, false), mul(x, number(x, alpha)), x);
}

Value Scalar::thresholdedRelu(Value x, double alpha) {
  return select(greater(x, number(x, alpha), false), x, number(x, 0));
}

Value Scalar::elu(Value x, double alpha) {
  return select(greater(number(x, 0), x, false),
                mul(number(x, alpha), expm1(x)), x);
}

Value Scalar::softsign(Value x) {
  Value size = math::AbsFOp::create(b, loc, x);
  return div(x, add(number(x, 1), size), false);
}

Value Scalar::gelu(Value x) { return layer::GeluOp::create(b, loc, x); }
Value Scalar::geluTanh(Value x) { return layer::GeluTanhOp::create(b, loc, x); }
Value Scalar::swish(Value x, double alpha) {
  return layer::SwishOp::create(b, loc, x, b.getF64FloatAttr(alpha));
}

Value Scalar::quantize(Value x, Value zeroPoint, Type type, bool isUnsigned) {
  unsigned width = type.getIntOrFloatBitWidth();
  double low = isUnsigned ? 0 : -std::exp2(width - 1);
  double high = isUnsigned ? std::exp2(width) - 1 : std::exp2(width - 1) - 1;
  Value rounded = add(math::RoundEvenOp::create(b, loc, x), zeroPoint);
  Value fitted =
      min(max(rounded, number(x, low), false), number(x, high), false);
  Value whole = arith::FPToSIOp::create(b, loc, b.getI32Type(), fitted);
  return width == 32 ? whole
                     : arith::TruncIOp::create(b, loc, type, whole).getResult();
}

} // namespace mlir::nm::onnx
