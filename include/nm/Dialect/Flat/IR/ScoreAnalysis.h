//===- ScoreAnalysis.h - What a score function does -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A score region is free code; most of them say one of few things. This
// analysis finds which keys a query can see at all, so that the others are not
// visited, and what remains to be computed for those it sees.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_IR_SCOREANALYSIS_H
#define NM_DIALECT_FLAT_IR_SCOREANALYSIS_H

#include "nm/Dialect/Flat/IR/FlatDialect.h"

namespace mlir::flat {

/// A bound of the keys that a query sees: the query's absolute position if
/// `followsQuery`, plus `sign` times `term` if there is one, plus `constant`.
struct WindowBound {
  bool followsQuery;
  /// An integer of the region or from outside that depends on nothing but the
  /// batch, such as the length of a sequence.
  Value term;
  int64_t sign, constant;
};

struct ScoreAnalysis {
  /// The query at absolute position p sees at most the keys from p - left to
  /// p + right, both inclusive; either side may be open. Causal attention has
  /// right = 0, a sliding window of w keys left = w - 1 and right = 0. Negative
  /// bounds are possible, and so are windows that hold no key.
  std::optional<int64_t> left, right;
  /// What else the first key that is seen is at least, and the one behind the
  /// last at most. Only if asked for.
  SmallVector<WindowBound> firstKeys, endKeys;
  /// True if the query sees all keys of the window: then `value` says the
  /// score of a key within it, without the comparisons.
  bool isWindowExact = true;
  /// True if keys outside the window may be hidden by adding minus infinity:
  /// NaN and plus infinity that the region has for such a key make its score
  /// NaN.
  bool hidesByAdding = false;
  /// The score of a key that is seen, a value of the region; its first argument
  /// if the logit stays as it is, null if there is no region.
  Value value;

  /// What `value` does, from the outside inwards.
  /// Values of the region that are added and do not depend on the logit:
  /// biases.
  SmallVector<Value> added;
  /// Of these, the slope s of a term s * (key - query), s * -|key - query| or
  /// s * key (ALiBi, arXiv 2108.12409); does not depend on query and key.
  Value alibiSlope;
  /// c of c * tanh(logit / c).
  std::optional<double> softCap;
  /// True if something else happens to the logit.
  bool isGeneric = false;

  bool hasWindow() const {
    return left || right || !firstKeys.empty() || !endKeys.empty();
  }
  bool isCausal() const { return right == 0; }
  /// True if a seen key's score is its logit.
  bool isIdentity() const {
    return isWindowExact && !isGeneric && !softCap && added.empty();
  }
};

/// Analyses the score region of `op`. The mask, `offset` and `length` do not
/// enter: positions are absolute, as the region's arguments are. With
/// `takesBatchValues` comparisons with numbers of each sequence are bounds, too
/// (firstKeys, endKeys); without, they make the window inexact.
ScoreAnalysis analyzeScore(AttentionOp op, bool takesBatchValues = false);

/// c and x of c * tanh(x / c).
std::optional<std::pair<double, Value>> matchSoftCap(Value value);

} // namespace mlir::flat

#endif // NM_DIALECT_FLAT_IR_SCOREANALYSIS_H
