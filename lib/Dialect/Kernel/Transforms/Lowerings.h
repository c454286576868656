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

} // namespace mlir::kernel

#endif // NM_LIB_DIALECT_KERNEL_TRANSFORMS_LOWERINGS_H
