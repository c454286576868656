//===- StoredTerm.h - What is computed from what is stored -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a product reads is followed up through reshapes, conversions, the
// subtraction of a zero point and the product with a scale. Shapes on the way
// differ; the loops of one of them stand for all: where a tensor is read in an
// iteration is a sum of strides, and reshapes change no place.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_DIALECT_NM_TRANSFORMS_STOREDTERM_H
#define LIB_DIALECT_NM_TRANSFORMS_STOREDTERM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include "nm/Runtime/DerivedKey.h"
#include <optional>

namespace mlir::nm::stored {

using Strides = SmallVector<int64_t>;

/// Tensors that are looked at for one weight: those are a few steps from where
/// they are stored, activations are at the end of all that was computed.
constexpr int kMostVisits = 64;

/// A parameter or constant, read at sum i_k * strides_k; or a number.
struct Leaf {
  Value value;
  Strides strides;
  double number = 0;
  bool isUnsigned = false;
};

/// What is known of a scalar of each iteration.
struct Term {
  enum Kind {
    Integer, ///< `leaf`, of 8 bits when it is stored, or a number
    Centred, ///< (values - zero), as integer or float
    Scaled,  ///< (values - zero) * scale
    Float,   ///< `leaf`, or a number
  } kind;
  Leaf leaf;
  /// Of an integer that was extended or converted.
  std::optional<bool> isUnsigned = {};
  Type type = {};
  // Centred, Scaled.
  Leaf values = {}, zero = {}, scale = {{}, {}, 1};
  Type compute = {}; ///< of the subtraction of floats and of the product
};

using Found = std::optional<Term>;

class Matcher {
public:
  explicit Matcher(ArrayRef<int64_t> loops) : loops(loops) {}

  /// The scalar of `value`, of which an iteration reads the place that
  /// `strides` say.
  Found match(Value value, const Strides &strides);

private:
  /// The strides over `loops` as steps along each dimension of a shape;
  /// nothing if an iteration would carry from one to the next.
  std::optional<SmallVector<Strides>> split(const Strides &strides,
                                            ArrayRef<int64_t> shape);
  Found matchElementwise(linalg::LinalgOp op, const Strides &strides);
  Found evaluate(Operation &op, function_ref<Found(Value)> get);
  static Found convert(Term term, bool isUnsigned, Type type);
  static Found subtract(const Term &l, const Term &r);
  static Found multiply(const Term &l, const Term &r);

  ArrayRef<int64_t> loops;
  int visits = kMostVisits; ///< that are left
};

Strides rowMajor(ArrayRef<int64_t> shape);

/// Calls `replace` with the operands of products that are computed from
/// something, up to where nm-raise stops (weights), and what Matcher finds each
/// to be over the loops of a shape between it and what is stored, the finest
/// first; until it returns that it replaced the weight.
void replaceComputedWeights(
    func::FuncOp func,
    function_ref<bool(Value weight, const Term &term, ArrayRef<int64_t> loops,
                      IRRewriter &rewriter)>
        replace);

/// How a leaf is read, as derived keys say it.
::nm::rt::StoredOperand describe(const Leaf &leaf);

/// Parameters that nobody reads any more are not looked for in a checkpoint.
void eraseUnused(Operation *op, IRRewriter &rewriter);

} // namespace mlir::nm::stored

#endif // LIB_DIALECT_NM_TRANSFORMS_STOREDTERM_H
