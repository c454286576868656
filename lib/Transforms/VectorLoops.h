//===- VectorLoops.h - Vector loop nests for linalg on buffers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_VECTORLOOPS_H
#define NM_LIB_TRANSFORMS_VECTORLOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::nm {

struct VectorLoopOptions {
  int64_t lanes = 8;
  bool parallel = true;
  /// Iterations under which an operation stays on one thread.
  int64_t minParallelWork = 0;
  /// Partial sums of a reduction.
  int64_t chains = 1;
};

/// Replaces `op`, on buffers, by loops whose innermost dimension is vectorised:
/// elementwise when it is parallel, as a reduction into vector accumulators
/// when it is a reduction. The remainder runs scalar. Fails without change if
/// the accesses along the innermost dimension are neither contiguous nor
/// constant, or the body does not widen.
LogicalResult emitVectorLoops(RewriterBase &rewriter, linalg::LinalgOp op,
                              const VectorLoopOptions &options);

/// Replaces `op`, a reduction on buffers, by loops that hold a vector of
/// neighbouring results in a register while the loops of the reduction go
/// inside: convolutions and pooling, whose windows are shorter than a vector.
/// The remainder runs in narrower vectors. Fails without change if the operands
/// are neither contiguous nor constant along the results' last dimension, or
/// the body does not widen.
LogicalResult emitWindowLoops(RewriterBase &rewriter, linalg::LinalgOp op,
                              const VectorLoopOptions &options);

/// What both make their loops of: whether loop `loop` is longer than one and
/// the whole worth several threads, the places of an operand at the loops
/// `ivs`, and what is read there: one element if `lanes` is 1, else neighbours.
bool isWorthThreads(linalg::LinalgOp op, unsigned loop,
                    const VectorLoopOptions &options);
SmallVector<Value> indicesAt(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                             OpOperand &operand, ValueRange ivs);
Value loadLanes(ImplicitLocOpBuilder &b, Value memref, ValueRange indices,
                int64_t lanes);
void storeLanes(ImplicitLocOpBuilder &b, Value value, Value memref,
                ValueRange indices, int64_t lanes);

/// Replaces `op` by what an `Emitter` of either makes of it.
template <typename Emitter>
LogicalResult replaceByLoops(RewriterBase &rewriter, linalg::LinalgOp op,
                             const VectorLoopOptions &options) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Emitter emitter(rewriter, op, options);
  if (failed(emitter.check()))
    return failure();
  emitter.emit();
  rewriter.eraseOp(op);
  return success();
}

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_VECTORLOOPS_H
