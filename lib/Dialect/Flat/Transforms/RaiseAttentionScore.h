//===- RaiseAttentionScore.h - From a term to a score region -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSCORE_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSCORE_H

#include "RaiseAttentionMatch.h"

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
  /// What is left for the region, and what stands for the logit in it.
  const Term *body = nullptr, *logit = nullptr;

  bool needsRegion() const { return body != logit || left || right; }
};

ScorePlan planScore(const Match &match, const AxisTable &table);

/// Operands of the region and their maps, and the mask's; null with a reason if
/// one cannot be read by whole dimensions.
struct ScoreOperands {
  Value mask;
  AffineMap maskMap;
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  SmallVector<const Term *> leaves;
};
std::optional<ScoreOperands>
makeScoreOperands(const ScorePlan &plan, ArrayRef<Axes> roles, AxisTable &table,
                  OpBuilder &builder, Location loc, Mismatch &mismatch);

/// Fills the op's region. With `hides` very negative constants that a choice
/// selects become minus infinity. Fails if the term reads a position that the
/// region does not have.
LogicalResult emitScore(AttentionOp op, const ScorePlan &plan,
                        const ScoreOperands &operands, ArrayRef<Axes> roles,
                        const AxisTable &table, bool hides);

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONSCORE_H
