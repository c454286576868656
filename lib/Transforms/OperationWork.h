//===- OperationWork.h - What an operation on buffers has to do -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_OPERATIONWORK_H
#define NM_LIB_TRANSFORMS_OPERATIONWORK_H

#include "mlir/IR/Builders.h"

namespace mlir::nm {

class PackedMatmulOp;

/// Numbers of a call, constants where the sizes are. nm-insert-measures says
/// what is counted.
struct OperationWork {
  OpFoldResult flops, read, written; ///< operations, bytes, bytes
  bool isCounted = true;
};

/// Builds the numbers at the insertion point of `b`, before `op`.
OperationWork buildWork(OpBuilder &b, Operation *op);

/// Floating-point operations of a body for one element.
int64_t countFlops(Block &body);

/// Work for one column of activations; `isDense`: as if no weight were left
/// out.
int64_t countColumnFlops(PackedMatmulOp op, bool isDense);

/// Bytes of the elements of a memref.
OpFoldResult buildBytes(OpBuilder &b, Location loc, Value memref);

/// a * b, a constant if both are.
OpFoldResult buildProduct(OpBuilder &b, Location loc, OpFoldResult a,
                          OpFoldResult c);

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_OPERATIONWORK_H
