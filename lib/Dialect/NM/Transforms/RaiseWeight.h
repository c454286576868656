//===- RaiseWeight.h - The N:M operand of a product -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_DIALECT_NM_TRANSFORMS_RAISEWEIGHT_H
#define LIB_DIALECT_NM_TRANSFORMS_RAISEWEIGHT_H

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/RaiseView.h"

namespace mlir::nm::raise {

/// Name of the attribute, on an operation with one result or on a function's
/// argument, that promises a pattern.
inline constexpr llvm::StringLiteral kSparsityAttrName = "nm.sparsity";

/// A tensor that is known to satisfy a pattern along the contraction.
struct Weight {
  View view;
  SparsityAttr sparsity;
  /// How the pattern is known, for remarks.
  StringRef origin;
  /// What the product is to be multiplied by: none follows the contraction.
  SmallVector<View> scales = {};
};

struct WeightOptions {
  /// Take dense parameters and constants too, as 1:1.
  bool dense = false;
  /// Look for patterns in constants.
  bool detect = true;
};

/// Follows an operand of a product to a tensor whose pattern lies along the
/// loop `k`. Null, with a reason, if there is none. Fails, after a diagnostic,
/// on an attribute that promises an impossible pattern.
FailureOr<std::optional<Weight>> findWeight(View view, unsigned k,
                                            const WeightOptions &options,
                                            std::string &reason);

/// The dimensions that a constant weight keeps when it is encoded: those of the
/// contraction `k` and of the weight's own loop `free` if all others are of
/// size 1, else all.
SmallVector<unsigned> getKeptDims(AffineMap map, unsigned k, unsigned free,
                                  ArrayRef<int64_t> loopSizes);

/// Makes encoded values, one for each weight however many products share it.
class WeightEncoder {
public:
  /// The encoded tensor of `weight`. A constant keeps the dimensions that
  /// getKeptDims says; the view is updated.
  Value encode(Weight &weight, unsigned k, unsigned free,
               ArrayRef<int64_t> loopSizes, RewriterBase &rewriter);

private:
  llvm::DenseMap<std::pair<Value, Type>, Value> made;
};

} // namespace mlir::nm::raise

#endif // LIB_DIALECT_NM_TRANSFORMS_RAISEWEIGHT_H
