//===- Scalars.h - What one element is computed by -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_SCALARS_H
#define NM_LIB_IMPORT_ONNX_SCALARS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace mlir::nm::onnx {

/// Arithmetic on scalars of any type inside of a body.
class Scalar {
public:
  Scalar(OpBuilder &b, Location loc) : b(b), loc(loc) {}
  OpBuilder &b;
  Location loc;

  /// A constant of the type of `like`.
  Value number(Value like, double value);
  Value infinity(Value like, bool negative);
  /// The lowest or highest number of a type; infinities for floats.
  Value lowest(Type type, bool isUnsigned);
  Value highest(Type type, bool isUnsigned);

  Value add(Value a, Value c);
  Value sub(Value a, Value c);
  Value mul(Value a, Value c);
  /// Of integers: toward zero; by zero it is 0, as NumPy has it.
  Value div(Value a, Value c, bool isUnsigned);
  /// With the sign of the divisor (`floor`) or of the dividend.
  Value remainder(Value a, Value c, bool isUnsigned, bool floor);
  Value max(Value a, Value c, bool isUnsigned);
  Value min(Value a, Value c, bool isUnsigned);
  Value intPower(Value base, Value exponent);

  Value select(Value condition, Value a, Value c);
  Value compare(arith::CmpFPredicate predicate, Value a, Value c);
  Value greater(Value a, Value c, bool isUnsigned);

  Value exp(Value x);
  Value expm1(Value x);
  Value sigmoid(Value x);
  Value softplus(Value x);
  Value hardSigmoid(Value x, double alpha, double beta);
  Value tanh(Value x);
  Value relu(Value x);
  Value leakyRelu(Value x, double alpha);
  Value thresholdedRelu(Value x, double alpha);
  Value elu(Value x, double alpha);
  Value softsign(Value x);
  Value gelu(Value x);
  Value geluTanh(Value x);
  /// x sigmoid(alpha x).
  Value swish(Value x, double alpha);

  /// Rounds to even, adds the zero point and saturates to an integer type of
  /// ONNX; `x` is f32.
  Value quantize(Value x, Value zeroPoint, Type type, bool isUnsigned);
};

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_SCALARS_H
