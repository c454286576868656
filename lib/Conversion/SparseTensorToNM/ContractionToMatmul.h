//===- ContractionToMatmul.h - linalg contraction to nm.matmul -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_CONVERSION_SPARSETENSORTONM_CONTRACTIONTOMATMUL_H
#define NM_LIB_CONVERSION_SPARSETENSORTONM_CONTRACTIONTOMATMUL_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::nm {

/// Builds `op`, whose operands have become `operands` (two inputs and the
/// destination), as nm.matmul. Returns null if it is no product of matrices
/// with an encoded operand along the contraction.
Value buildMatmulOfContraction(OpBuilder &builder, linalg::LinalgOp op,
                               ValueRange operands);

} // namespace mlir::nm

#endif // NM_LIB_CONVERSION_SPARSETENSORTONM_CONTRACTIONTOMATMUL_H
