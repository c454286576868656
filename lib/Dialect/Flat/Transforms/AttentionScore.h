//===- AttentionScore.h - Score functions, several keys at a time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_ATTENTIONSCORE_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_ATTENTIONSCORE_H

#include "AttentionKernel.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"

namespace mlir::flat {

/// The score function of `op`, on buffers, as far as `yielded` (a value of its
/// region; null: none of it), applied to `logits`: scaled logits of one row and
/// `position.lanes` consecutive keys. `keys` is the number of keys; operands
/// are not read beyond it.
Value emitRegion(AttentionBuilder &b, AttentionOp op, Value logits,
                 const AttentionProblem::Position &position, Value keys,
                 Value yielded);
/// A value of the region of `op`, or from outside, that depends on the batch
/// alone.
Value emitOfBatch(AttentionBuilder &b, AttentionOp op, Value value,
                  Value batch);
/// The mask of `op`, applied to `scores`.
Value emitMask(AttentionBuilder &b, AttentionOp op, Value scores,
               const AttentionProblem::Position &position, Value keys);
/// A float operand of `op` at those keys, in f32.
Value emitElements(AttentionBuilder &b, AttentionOp op, Value operand,
                   AffineMap map, const AttentionProblem::Position &position,
                   Value keys);

} // namespace mlir::flat

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_ATTENTIONSCORE_H
