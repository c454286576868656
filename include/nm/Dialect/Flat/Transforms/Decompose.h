//===- Decompose.h - Reference lowering of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_TRANSFORMS_DECOMPOSE_H
#define NM_DIALECT_FLAT_TRANSFORMS_DECOMPOSE_H

#include "nm/Dialect/Flat/IR/FlatDialect.h"

namespace mlir {
class RewriterBase;
namespace flat {

/// Replaces an attention on tensors by linalg that spells out its definition:
/// logits, scores and weights `[B, H, N, S]` exist in memory. Fails, and leaves
/// the op alone, on buffers.
LogicalResult decomposeAttention(RewriterBase &rewriter, AttentionOp op);

/// Replaces the operation by linalg that spells out its definition.
void lowerRows(RewriterBase &rewriter, DequantizeRowsOp op);

} // namespace flat
} // namespace mlir

#endif // NM_DIALECT_FLAT_TRANSFORMS_DECOMPOSE_H
