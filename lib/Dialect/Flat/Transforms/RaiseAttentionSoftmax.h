//===- RaiseAttentionSoftmax.h - The softmax behind weights -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSOFTMAX_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSOFTMAX_H

#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/Transforms/RaiseAttentionTerm.h"

namespace mlir::flat::raise {

/// Why a product is no attention. `isNear` if it is the product of something
/// that looks like a softmax.
struct Mismatch {
  bool isNear = false;
  std::string reason;
  /// The operation that stopped it; null if that is the product itself.
  Operation *stop = nullptr;
};

/// 'arith.addf', or what stands for a value without an operation.
std::string nameOf(Operation *op);

struct Softmax {
  /// The score of a key, and what it is multiplied by: more than 0.
  const Term *score = nullptr;
  double factor = 1;
  /// Which rows give zeros where IEEE arithmetic gives NaN.
  Guard guard = Guard::None;
  /// Whether the maximum is subtracted, so that a row of nothing but the lowest
  /// number is uniform. Where it never is, the exponential of the lowest number
  /// is zero in every row, as that of minus infinity.
  enum Shift { Always, Sometimes, Never } shift = Always;
};

/// Reads `weights`, elements of a row along the axes `row`, as a softmax: what
/// is exp(s) over its row sum to the algebra of scalars however it is spelled,
/// and `linalg.softmax`, each with the choices that keep NaN out.
///
/// The form is recognised without the guards. Of each guard it is then shown
/// that it changes no row whose scores are neither NaN nor plus infinity, one
/// of them finite; and what the whole gives in the other rows is computed.
std::optional<Softmax> matchSoftmax(const Term *weights, ArrayRef<Axis> row,
                                    const AxisTable &table, Mismatch &mismatch);

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSOFTMAX_H
