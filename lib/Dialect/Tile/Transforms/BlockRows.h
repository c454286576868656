//===- BlockRows.h - Kernels of operators on rows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_TILE_TRANSFORMS_BLOCKROWS_H
#define NM_LIB_DIALECT_TILE_TRANSFORMS_BLOCKROWS_H

#include "Storage.h"

namespace mlir::tiles {

/// The kernel that passes blocks of `rows` rows, before `op`.
KernelOp buildKernel(RowsOp op, int64_t rows);

} // namespace mlir::tiles

#endif // NM_LIB_DIALECT_TILE_TRANSFORMS_BLOCKROWS_H
