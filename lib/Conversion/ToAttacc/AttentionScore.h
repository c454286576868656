//===- AttentionScore.h - Scores as cap, bias and window -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernel of an accelerator caps a logit, adds a bias to it and hides keys
// outside of a window. A score region that does nothing else becomes these
// three: whatever depends on positions alone is a constant bias, worked out
// here, as programs have no positions; hidden keys that are no window of the
// kernel are minus infinity in it. What depends on operands as well, slopes
// times a distance say, is elementwise code before the attention.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_CONVERSION_TOATTACC_ATTENTIONSCORE_H
#define NM_LIB_CONVERSION_TOATTACC_ATTENTIONSCORE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"

namespace mlir::attacc {

struct ScorePlan {
  /// Queries see the keys up to their own, of these the last `window` (0: all);
  /// the last query sees the last key.
  bool isCausal = false;
  int64_t window = 0;
  double softCap = 0; ///< 0: none
  /// What is added to the logits, a tensor by (b, h, i, j); null if nothing is.
  Value bias;
  AffineMap map;
  /// The operation that computes the bias before the attention; null if there
  /// is none.
  linalg::GenericOp computed;
};

/// Reads mask and score region of `op`, of which `keys` keys from the first on
/// exist and queries begin at position `offset`. New operations stand before
/// it. Emits an error if there is no plan.
FailureOr<ScorePlan> planScore(flat::AttentionOp op, int64_t offset,
                               int64_t keys);

/// Queries times the scale of `op`, which is an element of a tensor known only
/// when the program runs, as its queries; null if it is another value.
linalg::GenericOp scaleQueries(flat::AttentionOp op);

} // namespace mlir::attacc

#endif // NM_LIB_CONVERSION_TOATTACC_ATTENTIONSCORE_H
