//===- RaiseAttentionMatch.h - Attention found in linalg -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONMATCH_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONMATCH_H

#include "RaiseAttentionSoftmax.h"

namespace mlir::flat::raise {

/// An operand of attention at one of the places from which it could be read;
/// later ones lie further up.
struct Source {
  AxisView view;
  /// What scalars met on the way multiply to.
  double factor = 1.0;
};

/// softmax(score(q k)) v.
struct Match {
  nm::raise::Contraction attend, logit;
  Axes batch, queries, keys, depth, width;
  SmallVector<Source> q, k, v;
  /// The attention's result, as the second product has it.
  SmallVector<Axes> result;
  /// The product of q and k within the score of a key.
  const Term *product = nullptr;
  Softmax softmax;
};

/// Reads `op` as the second product of an attention. `terms` owns the terms of
/// the match.
std::optional<Match> matchAttention(linalg::LinalgOp op, AxisTable &table,
                                    std::unique_ptr<TermBuilder> &terms,
                                    Mismatch &mismatch);

/// Makes the attention at the builder's insertion point. Returns the value of
/// the program that it computes, and what to replace it by; null with a reason
/// if the operands cannot be had in any order of dimensions.
struct Built {
  AttentionOp op;
  Value replaced, replacement;
};
std::optional<Built> buildAttention(const Match &match, AxisTable &table,
                                    OpBuilder &builder, Mismatch &mismatch);

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONMATCH_H
