//===- Lowering.h - Single operations as plain linalg -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For targets that have instructions for some operations of the dialect only.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_LAYER_TRANSFORMS_LOWERING_H
#define NM_DIALECT_LAYER_TRANSFORMS_LOWERING_H

#include "mlir/IR/PatternMatch.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"

namespace mlir::layer {

/// Replaces `op` by reductions and elementwise operations, as
/// layer-lower-to-linalg does.
void lowerToLinalg(RewriterBase &rewriter, RMSNormOp op);
/// Replaces `op` by slices and elementwise operations of them.
void lowerToLinalg(RewriterBase &rewriter, RotaryOp op);

/// Replaces `op` by a loop over its indices that copies whole rows.
void lowerToLinalg(RewriterBase &rewriter, EmbeddingOp op);

} // namespace mlir::layer

#endif // NM_DIALECT_LAYER_TRANSFORMS_LOWERING_H
