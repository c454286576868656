//===- RaiseActivation.h - Activations get their names -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_LAYER_TRANSFORMS_RAISEACTIVATION_H
#define NM_LIB_DIALECT_LAYER_TRANSFORMS_RAISEACTIVATION_H

#include "nm/Analysis/RowExpressions.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"

namespace mlir::layer {

/// `op` once more at `builder`, with the activations of its body by their
/// names; its result, or null if there are none.
Value raiseActivations(OpBuilder &builder, linalg::LinalgOp op,
                       analysis::RowExpressions &rows);

} // namespace mlir::layer

#endif // NM_LIB_DIALECT_LAYER_TRANSFORMS_RAISEACTIVATION_H
