//===- Arithmetic.cpp - Bits of magnitudes and of changes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Step/IR/Arithmetic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::step;

using arith::CmpIPredicate;

/// f32 without its sign, and infinity.
static constexpr int64_t kMagnitudeBits = 0x7fffffff;
static constexpr int64_t kInfinity = 0x7f800000;
static constexpr int64_t kSmallestNormal = 0x00800000;
/// A quiet NaN of bf16.
static constexpr int64_t kHalfNaN = 0x7fc0;

Type step::withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Value step::emitConstant(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  auto element = cast<IntegerType>(getElementTypeOrSelf(type));
  TypedAttr attr = b.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, ArrayRef<Attribute>(attr));
  return arith::ConstantOp::create(b, attr);
}

static Value bitsOf(ImplicitLocOpBuilder &b, Value x) {
  unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  Type type = withElement(x.getType(), b.getIntegerType(width));
  return arith::BitcastOp::create(b, type, x);
}

static Value andWith(ImplicitLocOpBuilder &b, Value bits, int64_t mask) {
  return arith::AndIOp::create(b, bits, emitConstant(b, bits.getType(), mask));
}

static Value magnitudeBits(ImplicitLocOpBuilder &b, Value x) {
  return andWith(b, bitsOf(b, x), kMagnitudeBits);
}

static Value toFloat(ImplicitLocOpBuilder &b, Value bits) {
  return arith::BitcastOp::create(
      b, withElement(bits.getType(), b.getF32Type()), bits);
}

Value step::emitMagnitude(ImplicitLocOpBuilder &b, Value x) {
  Value bits = magnitudeBits(b, x);
  return arith::MinSIOp::create(b, bits,
                                emitConstant(b, bits.getType(), kNaNMagnitude));
}

Value step::emitAbs(ImplicitLocOpBuilder &b, Value x) {
  return toFloat(b, magnitudeBits(b, x));
}

Value step::emitSoftThreshold(ImplicitLocOpBuilder &b, Value x, Value keep,
                              Value threshold, Value scale) {
  Value rest = arith::SubFOp::create(b, emitAbs(b, x), toFloat(b, threshold));
  Value soft =
      arith::MulFOp::create(b, scale, math::CopySignOp::create(b, rest, x));
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(x.getType()));
  return arith::SelectOp::create(b, keep, soft, zero);
}

Value step::emitWiden(ImplicitLocOpBuilder &b, Value half) {
  Type i32 = withElement(half.getType(), b.getI32Type());
  Value bits = arith::ExtUIOp::create(b, i32, half);
  return toFloat(b, arith::ShLIOp::create(b, bits, emitConstant(b, i32, 16)));
}

Value step::emitRound(ImplicitLocOpBuilder &b, Value x) {
  Value bits = bitsOf(b, x);
  Type type = bits.getType();
  Value half = emitConstant(b, type, 16);
  Value odd = andWith(b, arith::ShRUIOp::create(b, bits, half), 1);
  Value bias = arith::AddIOp::create(b, odd, emitConstant(b, type, 0x7fff));
  Value rounded =
      arith::ShRUIOp::create(b, arith::AddIOp::create(b, bits, bias), half);
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  Value chosen = arith::SelectOp::create(
      b, isNaN, emitConstant(b, type, kHalfNaN), rounded);
  return arith::TruncIOp::create(b, withElement(type, b.getI16Type()), chosen);
}

Value step::emitChange(ImplicitLocOpBuilder &b, Value before, Value after) {
  return emitAbs(b, arith::SubFOp::create(b, after, before));
}

Value step::emitIsNormal(ImplicitLocOpBuilder &b, Value x) {
  // One unsigned comparison: bits from the smallest normal number up to, but
  // not including, infinity.
  Value bits = bitsOf(b, x);
  Type type = bits.getType();
  Value above =
      arith::SubIOp::create(b, bits, emitConstant(b, type, kSmallestNormal));
  return arith::CmpIOp::create(
      b, CmpIPredicate::ult, above,
      emitConstant(b, type, kInfinity - kSmallestNormal));
}

Value step::emitIsNonfinite(ImplicitLocOpBuilder &b, Value x) {
  Value bits = magnitudeBits(b, x);
  return arith::CmpIOp::create(b, CmpIPredicate::sge, bits,
                               emitConstant(b, bits.getType(), kInfinity));
}

std::pair<Value, Value> step::emitSplit(ImplicitLocOpBuilder &b, Value x) {
  bool isDouble = getElementTypeOrSelf(x.getType()).isF64();
  int64_t digits = isDouble ? 52 : 23, bias = isDouble ? 1023 : 127;
  Value bits = bitsOf(b, x);
  Type type = bits.getType();
  Value one = emitConstant(b, type, bias << digits);
  Value mantissa = arith::OrIOp::create(
      b, andWith(b, bits, (int64_t(1) << digits) - 1), one);
  Value exponent = arith::SubIOp::create(
      b, arith::ShRUIOp::create(b, bits, emitConstant(b, type, digits)),
      emitConstant(b, type, bias));
  return {arith::BitcastOp::create(b, x.getType(), mantissa), exponent};
}

Value step::emitCombineLanes(ImplicitLocOpBuilder &b, ArrayRef<Value> lanes,
                             function_ref<Value(Value, Value)> combine) {
  assert(lanes.size() == kStatisticLanes && "one value for each lane");
  SmallVector<Value> left(lanes);
  for (size_t half = left.size() / 2; half; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane)
      left[lane] = combine(left[lane], left[lane + half]);
    left.truncate(half);
  }
  return left.front();
}

std::pair<Value, Value> step::emitCombineProducts(ImplicitLocOpBuilder &b,
                                                  ArrayRef<Value> lanes,
                                                  Value exponent) {
  auto normalise = [&](Value product) -> Value {
    auto [mantissa, more] = emitSplit(b, product);
    exponent = arith::AddIOp::create(b, exponent, more);
    return mantissa;
  };
  SmallVector<Value> mantissas = llvm::map_to_vector(lanes, normalise);
  Value product = emitCombineLanes(b, mantissas, [&](Value x, Value y) {
    return arith::MulFOp::create(b, x, y).getResult();
  });
  return {product, exponent};
}
