//===- Lowerings.h - Lowerings of single micro-kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_KERNEL_TRANSFORMS_LOWERINGS_H
#define NM_LIB_DIALECT_KERNEL_TRANSFORMS_LOWERINGS_H

#include "nm/Dialect/Kernel/IR/KernelDialect.h"

namespace mlir::kernel {

/// Puts loops over vectors in place of a pack.
void lowerPack(PackOp op);

/// Puts the loop of a product over vectors in its place. Fails, with a message,
/// where the target has no registers or permutes for it.
LogicalResult lowerLaneProduct(LaneProductOp op);

/// Puts `vectors`, those of a tile row by row, in place of the result of `op`,
/// whose tile of sums was `acc`: who takes vectors of it gets them.
void replaceTile(Operation *op, Value acc, ArrayRef<Value> vectors);

} // namespace mlir::kernel

#endif // NM_LIB_DIALECT_KERNEL_TRANSFORMS_LOWERINGS_H
