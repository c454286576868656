//===- RaiseAttentionValue.h - Terms over a row of known scores -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a guard around a softmax does cannot be read off its form: a choice of 0
// where the maximum is minus infinity, where it is not finite, where the sum is
// zero, where the weight is NaN, where all scores are minus infinity. It can be
// computed: a term is evaluated over a row of few keys whose scores are given.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONVALUE_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONVALUE_H

#include "nm/Dialect/Flat/Transforms/RaiseAttentionTerm.h"

namespace mlir::flat::raise {

/// Computes terms in f64, integers and truth values (0 or 1) as well. A term is
/// unknown where it depends on what is neither given nor constant, unless it is
/// the same whatever that is.
class TermEvaluator {
public:
  /// `keys` is the number of elements of the row.
  explicit TermEvaluator(unsigned keys) : keys(keys) {}

  /// `term` is `values[key]` at each key.
  void bind(const Term *term, ArrayRef<double> values) {
    given[term].assign(values.begin(), values.end());
  }
  /// `term` is `value` along the whole row.
  void bind(const Term *term, double value) { given[term].assign(keys, value); }
  std::optional<double> evaluate(const Term *term, unsigned key);
  /// Conditions of choices that were met and not known, in order.
  ArrayRef<const Term *> getUnknownConditions() const {
    return unknownConditions.getArrayRef();
  }

private:
  std::optional<double> compute(const Term *term, unsigned key);
  std::optional<double> apply(const Term *term, unsigned key);
  std::optional<double> choose(const Term *term, unsigned key);
  std::optional<double> reduce(const Term *term);
  std::optional<double> softmax(const Term *term, unsigned key);

  unsigned keys;
  DenseMap<const Term *, SmallVector<double>> given;
  DenseMap<std::pair<const Term *, unsigned>, std::optional<double>> known;
  llvm::SmallSetVector<const Term *, 4> unknownConditions;
};

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONVALUE_H
