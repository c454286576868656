//===- ReferenceLowering.h - nm operations as plain linalg -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pieces of nm-lower-to-linalg that conversions use as well. They say what
// the operations mean, one linalg.generic for each sentence of the definition;
// speed is no aim.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_TRANSFORMS_REFERENCELOWERING_H
#define NM_DIALECT_NM_TRANSFORMS_REFERENCELOWERING_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::nm {

/// Builder of linalg.generic operations whose iterators follow from the maps.
class ReferenceBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Body = function_ref<Value(ReferenceBuilder &, ValueRange)>;

  Value index(int64_t value);
  Value integer(int64_t value, unsigned width = 32);
  Value zero(Type element);
  /// True for every value but +0 and -0; NaN is no zero.
  Value isNonZero(Value scalar);
  /// Sign-extends or converts an f32, bf16, f16 or i8 scalar to f32 or i32.
  Value widen(Value scalar, Type accumulator);
  /// Index of the loop `dim`, in a body.
  Value loop(int64_t dim);
  Value empty(ArrayRef<OpFoldResult> shape, Type element);
  /// A tensor that holds `element`'s zero everywhere.
  Value zeros(ArrayRef<OpFoldResult> shape, Type element);
  SmallVector<OpFoldResult> sizes(Value tensor);

  /// `init` updated by `body` at every point of the loops; the body takes one
  /// element of each input and the current element of `init`. Loops that
  /// `initMap` does not name are reductions.
  Value generic(ValueRange inputs, ArrayRef<AffineMap> inputMaps, Value init,
                AffineMap initMap, Body body);
};

/// The product `op` of the given operands, which may have other types than the
/// op's own: a zero fill, a contraction in the accumulator's type, and one
/// element-wise linalg.generic that holds the epilogue.
Value emitReferenceMatmul(ReferenceBuilder &b, MatmulOp op, Value lhs,
                          Value rhs, ValueRange epilogueOperands, Value init);

/// Converts each nm.matmul to its reference, on operands as `converter` makes
/// them.
void populateReferenceMatmul(const TypeConverter &converter,
                             RewritePatternSet &patterns);

} // namespace mlir::nm

#endif // NM_DIALECT_NM_TRANSFORMS_REFERENCELOWERING_H
