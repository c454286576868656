//===- AttentionExp.cpp - Exponentials by polynomial -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 2^x = 2^n 2^f with n the nearest integer and f in [-1/2, 1/2]. Adding
// 1.5 * 2^23 rounds to n and leaves n in the low mantissa bits, whence it is
// shifted into an exponent. 2^f is 1 + f q(f) with q of degree 5, minimax of
// the relative error by Remez exchange: 2.6e-9 exactly, 2.1e-8 with f32
// coefficients; the constant term 1 makes 2^0 exactly 1.
//
// AVX-512 has two instructions for this: x - floor(x), and p times 2^floor(x).
// There f is in [0, 1); q's coefficients are found in the same way, with an
// error of 2.0e-9.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"

using namespace mlir;
using namespace mlir::flat;

namespace {

constexpr double kCoefficients[] = {0.693147242,   0.240226522,
                                    0.0555031039,  0.00961769279,
                                    0.00134066434, 0.000155946778};
/// For f in [0, 1).
constexpr double kFloorCoefficients[] = {
    0.6931470632553101,   0.2402293086051941,    0.055485282093286514,
    0.009675451554358006, 0.0012467846972867846, 0.00021612914861179888};
constexpr double kRound = 12582912.0; ///< 1.5 * 2^23

struct Exponential {
  AttentionBuilder &b;
  Type type;

  Value constant(double value) { return b.constant(type, value); }
  Type wordType() {
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.cloneWith(std::nullopt, b.getI32Type());
    return b.getI32Type();
  }
  Value word(int64_t value) { return b.constantInt(wordType(), value); }
  Value bits(Value value) {
    return arith::BitcastOp::create(b, wordType(), value);
  }

  /// The float 2^n for an exponent field n + 127 in the low bits of `field`.
  Value powerOfTwo(Value field) {
    Value shifted = arith::ShLIOp::create(b, field, word(23));
    return arith::BitcastOp::create(b, type, shifted);
  }

  /// p 2^n with n the integer that `rounded` = n + kRound holds; the two
  /// factors are normal numbers for any n from -252 to 254.
  Value scale(Value p, Value rounded) {
    // The low bits of kRound are zero: a subtraction leaves n.
    Value n = arith::SubIOp::create(b, bits(rounded), word(0x4b400000));
    Value half = arith::ShRSIOp::create(b, n, word(1));
    Value rest = arith::SubIOp::create(b, n, half);
    Value first = powerOfTwo(arith::AddIOp::create(b, half, word(127)));
    Value second = powerOfTwo(arith::AddIOp::create(b, rest, word(127)));
    return b.mulf(b.mulf(p, first), second);
  }
};

/// Applies `compute` to every place of `to`.
template <typename Compute>
void each(SmallVectorImpl<Value> &to, Compute compute) {
  for (size_t i = 0; i < to.size(); ++i)
    to[i] = compute(i);
}

/// Horner's rule on all of `f` side by side.
SmallVector<Value> emitPolynomials(Exponential &e, ArrayRef<Value> f,
                                   ArrayRef<double> coefficients) {
  SmallVector<Value> p(f.size(), e.constant(coefficients.back()));
  for (int64_t c = int64_t(coefficients.size()) - 2; c >= -1; --c) {
    Value coefficient = e.constant(c < 0 ? 1.0 : coefficients[c]);
    each(p, [&](size_t i) { return e.b.fma(p[i], f[i], coefficient); });
  }
  return p;
}

/// 2^x, x <= 0, by AVX-512's vreduceps and vscalefps.
SmallVector<Value> emitExp2ByScaling(Exponential &e, ArrayRef<Value> x) {
  AttentionBuilder &b = e.b;
  constexpr int64_t kFloorQuietly = 9;    ///< rounding of vreduceps
  constexpr int64_t kCurrentRounding = 4; ///< no other than MXCSR's
  Value all = b.constantInt(b.getI16Type(), -1);
  Value mode = b.constantInt(b.getI32Type(), kFloorQuietly);
  Value rounding = b.constantInt(b.getI32Type(), kCurrentRounding);
  Value zero = e.constant(0.0), smallest = e.constant(-126.0);
  SmallVector<Value> f(x), isLost(x);
  // What would be subnormal slows down the products that take it.
  each(isLost, [&](size_t i) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x[i], smallest);
  });
  each(f, [&](size_t i) {
    return b.callIntrinsic("llvm.x86.avx512.mask.reduce.ps.512", e.type,
                           {x[i], mode, zero, all, rounding});
  });
  SmallVector<Value> p = emitPolynomials(e, f, kFloorCoefficients);
  each(p, [&](size_t i) {
    Value scaled = b.callIntrinsic("llvm.x86.avx512.mask.scalef.ps.512", e.type,
                                   {p[i], x[i], zero, all, rounding});
    return b.select(isLost[i], zero, scaled);
  });
  return p;
}

} // namespace

SmallVector<Value> mlir::flat::emitExp2(AttentionBuilder &b,
                                        ArrayRef<Value> inputs, ExpRange range,
                                        bool scales) {
  Exponential e{b, inputs.front().getType()};
  if (scales && range == ExpRange::NonPositive)
    return emitExp2ByScaling(e, inputs);
  SmallVector<Value> f(inputs), rounded(inputs);
  bool isFull = range == ExpRange::Full;
  // With 127 in the rounding constant its low bits are an exponent field; at
  // n = -127 the field is 0 and so is the power.
  Value low = e.constant(isFull ? -151.0 : -127.0);
  Value magic = e.constant(isFull ? kRound : kRound + 127.0);
  // The bounds come first: a NaN passes.
  each(f, [&](size_t i) { return b.maxf(low, f[i]); });
  if (isFull)
    each(f, [&](size_t i) { return b.minf(e.constant(129.0), f[i]); });
  each(rounded, [&](size_t i) { return b.addf(f[i], magic); });
  SmallVector<Value> p(inputs);
  each(p, [&](size_t i) { return b.subf(rounded[i], magic); });
  each(f, [&](size_t i) { return b.subf(f[i], p[i]); });
  if (!isFull)
    each(rounded, [&](size_t i) { return e.powerOfTwo(e.bits(rounded[i])); });
  p = emitPolynomials(e, f, kCoefficients);
  each(p, [&](size_t i) {
    return isFull ? e.scale(p[i], rounded[i]) : b.mulf(p[i], rounded[i]);
  });
  return p;
}

Value mlir::flat::emitExp(AttentionBuilder &b, Value x) {
  Exponential e{b, x.getType()};
  // e^-104 is under half the smallest subnormal, e^89 over the largest number.
  x = b.minf(e.constant(89.0), b.maxf(e.constant(-104.5), x));
  // log2(e) in two parts, as its rounding error alone would grow to 90 ulp.
  const double high = 1.44269502162933349609375, low = 1.9259629911266175e-8;
  Value product = b.mulf(x, e.constant(high));
  Value error = b.fma(x, e.constant(high), b.subf(e.constant(-0.0), product));
  error = b.fma(x, e.constant(low), error);
  Value rounded = b.addf(product, e.constant(kRound));
  Value f = b.subf(product, b.subf(rounded, e.constant(kRound)));
  f = b.addf(f, error);
  return e.scale(emitPolynomials(e, f, kCoefficients).front(), rounded);
}
