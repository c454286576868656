//===- RaiseEmbedding.h - Gathers of rows get their name -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_LAYER_TRANSFORMS_RAISEEMBEDDING_H
#define NM_LIB_DIALECT_LAYER_TRANSFORMS_RAISEEMBEDDING_H

#include "mlir/IR/Operation.h"

namespace mlir::layer {

/// Puts a layer.embedding in place of each elementwise operation under `root`
/// that gathers whole rows of a table.
void raiseEmbeddings(Operation *root);

} // namespace mlir::layer

#endif // NM_LIB_DIALECT_LAYER_TRANSFORMS_RAISEEMBEDDING_H
