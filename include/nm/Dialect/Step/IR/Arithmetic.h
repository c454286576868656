//===- Arithmetic.h - Bits of magnitudes and of changes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the reference lowering computes on scalars and fused loops on vectors:
// every function takes and returns elements or vectors of them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_ARITHMETIC_H
#define NM_DIALECT_STEP_IR_ARITHMETIC_H

#include "nm/Dialect/Step/IR/StepDialect.h"

namespace mlir::step {

/// `value` as an element or a vector of `type`.
Value emitConstant(ImplicitLocOpBuilder &b, Type type, int64_t value);

/// `type` with `element` in place of its elements.
Type withElement(Type type, Type element);

/// The i32 by which step.mask compares magnitudes; never negative.
Value emitMagnitude(ImplicitLocOpBuilder &b, Value x);

/// |x|.
Value emitAbs(ImplicitLocOpBuilder &b, Value x);

/// scale * copysign(|x| - threshold, x) where `keep`, else +0; `threshold` is a
/// magnitude as emitMagnitude gives it.
Value emitSoftThreshold(ImplicitLocOpBuilder &b, Value x, Value keep,
                        Value threshold, Value scale);

/// The f32 that the bits of a bf16, an i16, stand for.
Value emitWiden(ImplicitLocOpBuilder &b, Value half);

/// The bits of the nearest bf16, ties to even, NaN quiet. Bit operations alone:
/// AVX-512's conversion flushes subnormal numbers, others call a function.
Value emitRound(ImplicitLocOpBuilder &b, Value x);

/// |after - before|.
Value emitChange(ImplicitLocOpBuilder &b, Value before, Value after);

/// Whether x >= 0 is a normal number: neither subnormal nor zero, infinite or
/// NaN.
Value emitIsNormal(ImplicitLocOpBuilder &b, Value x);

/// Whether x is infinite or NaN.
Value emitIsNonfinite(ImplicitLocOpBuilder &b, Value x);

/// A positive normal number: its mantissa from 1 to 2 in its own type, and its
/// unbiased exponent as i32 (f32) or i64 (f64).
std::pair<Value, Value> emitSplit(ImplicitLocOpBuilder &b, Value x);

/// The last step of step.change_product and step.change_sum: `lanes` combined
/// pairwise by `combine`, for h = 4, 2, 1.
Value emitCombineLanes(ImplicitLocOpBuilder &b, ArrayRef<Value> lanes,
                       function_ref<Value(Value, Value)> combine);

/// The product of `lanes`, positive f64, times 2^exponent, as a number from 1
/// to 256 and an exponent (i64).
std::pair<Value, Value> emitCombineProducts(ImplicitLocOpBuilder &b,
                                            ArrayRef<Value> lanes,
                                            Value exponent);

} // namespace mlir::step

#endif // NM_DIALECT_STEP_IR_ARITHMETIC_H
