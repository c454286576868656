//===- RaiseAttentionGuard.h - Choices around a softmax -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONGUARD_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONGUARD_H

#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/Transforms/RaiseAttentionTerm.h"

namespace mlir::flat::raise {

/// The parts of a softmax, and the choices that stand between them.
struct SoftmaxForm {
  /// What a choice is made of: its range where the row's scores are neither NaN
  /// nor plus infinity and one of them is finite.
  enum Place {
    Shift,   ///< what is subtracted from the scores: finite
    Divisor, ///< the sum: positive; at least 1 if the maximum was subtracted
    Weight   ///< from 0 to 1
  };
  /// `select`, which keeps its true or its false value.
  struct Choice {
    const Term *select;
    bool keepsTrue;
    Place place;
  };

  const Term *score = nullptr;
  /// The exponentials are of the score times this.
  double factor = 1;
  /// The row maximum that is subtracted; null for none, and in linalg.softmax.
  const Term *maximum = nullptr;
  /// The sum was read in a way that holds only if the maximum is subtracted
  /// wherever it is finite.
  bool needsShift = false;
  SmallVector<Choice> choices;
  /// What conditions may ask about.
  DenseMap<const Term *, Place> parts;

  void bind(const Term *term, Place place) { parts[term] = place; }
};

/// Shows what the choices of `form` do.
class GuardCheck {
public:
  GuardCheck(const SoftmaxForm &form, ArrayRef<Axis> row)
      : form(form), row(row.begin(), row.end()) {}

  /// A choice that may change a row whose scores are neither NaN nor plus
  /// infinity, one of them finite. Null if there is none.
  const Term *findHarmful();
  /// After findHarmful: the maximum, if it is subtracted, is so in every row
  /// where it is finite.
  bool isAlwaysShifted() const { return isShifted || !form.maximum; }
  /// What `weights` are in the other rows; nothing if no guard says it.
  std::optional<Guard> classify(const Term *weights);
  /// Whether a row of nothing but the lowest number is uniform.
  bool takesLowestAsScore(const Term *weights);
  /// Whether rows of nothing but the lowest number, or of it and minus
  /// infinity, give what rows of minus infinity do.
  bool takesLowestAsHidden(const Term *weights);

private:
  enum class Outcome { NaN, Zero, Other };

  std::optional<bool> decide(const Term *condition, bool withHidden = false);
  std::optional<bool> decideRow(const Term *reduction);
  SmallVector<double> sample(const Term *part, ArrayRef<double> constants,
                             bool withHidden);
  Outcome evaluateRow(const Term *weights, ArrayRef<double> scores);
  bool isSoftmax(const Term *weights, ArrayRef<double> scores);
  /// Calls `visit` with an evaluator for each value of the conditions that are
  /// not known. False if there are too many, or one changes along the row.
  bool forEachCase(const Term *weights, ArrayRef<double> scores,
                   function_ref<void(ArrayRef<std::optional<double>>)> visit);

  const SoftmaxForm &form;
  Axes row;
  bool isShifted = false;
};

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONGUARD_H
