//===- RaiseAttentionScore.h - From a term to a score region -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSCORE_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSCORE_H

#include "RaiseAttentionLimits.h"
#include "RaiseAttentionMatch.h"
#include "RaiseAttentionWindow.h"

namespace mlir::flat::raise {

/// How flat.attention says a score.
struct ScorePlan {
  /// Factor of the logits: a constant, times or over a value if there is one.
  double factor = 1.0;
  Value scale;
  bool dividesByScale = false;
  /// Added (a float), or what has to hold (i1); null if there is none.
  const Term *mask = nullptr;
  /// Keys from query - left to query + right, from a constant mask.
  std::optional<int64_t> left, right;
  /// The window comes from numbers that are very negative, not infinite: it is
  /// one only where each query sees a key, whatever else hides some.
  bool isSoft = false;
  /// The window was added, so that NaN and plus infinity of a hidden key stay.
  bool addsWindow = false;
  /// The keys that a cache holds.
  std::optional<KeyBound> bound;
  /// What is left for the region, and what stands for the logit in it.
  const Term *body = nullptr, *logit = nullptr;
  /// What the whole is multiplied by then, more than 0: of a window and a
  /// choice between minus infinity and the rest it changes nothing.
  double outerFactor = 1.0;

  bool needsRegion() const { return body != logit || left || right; }
};

/// True if a score may be a very negative constant that is finite.
bool hasVeryNegative(const Term *score);

/// True if a tensor of the score may hold a very negative number that is
/// finite, or one is calculated with: it stays that number, where a choice in
/// the region could write minus infinity.
bool keepsVeryNegative(const ScorePlan &plan);

ScorePlan planScore(const Match &match, const AxisTable &table);

/// How very negative numbers in the region are written.
enum class Hidden {
  Same,    ///< as they are
  Infinite ///< as minus infinity
};
/// True if more than the region's window may hide a key: the mask, the length,
/// or a tensor that may be a mask.
bool mayHideMore(const ScorePlan &plan);

/// Operands of the region and their maps, and the mask's; null with a reason if
/// one cannot be read by whole dimensions.
struct ScoreOperands {
  Value mask;
  AffineMap maskMap;
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  SmallVector<const Term *> leaves;
  /// What the region compares keys with, outside of it; null if it does not.
  Value bound;
};
std::optional<ScoreOperands>
makeScoreOperands(const ScorePlan &plan, ArrayRef<Axes> roles, AxisTable &table,
                  OpBuilder &builder, Location loc, Mismatch &mismatch);

/// Fills the op's region. `hidden` says what very negative constants that a
/// choice selects become. Fails if the term reads a position that the
/// region does not have.
LogicalResult emitScore(AttentionOp op, const ScorePlan &plan,
                        const ScoreOperands &operands, ArrayRef<Axes> roles,
                        const AxisTable &table, Hidden hidden);

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSCORE_H
