//===- Passes.td - Passes over the layer dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_LAYER_TRANSFORMS_PASSES_TD
#define NM_DIALECT_LAYER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToLinalg : Pass<"layer-lower-to-linalg", "func::FuncOp"> {
  let summary = "lower norms and activations to linalg, arith and math";
  let description = [{
    A norm becomes reductions along its rows and one elementwise operation: the mean,
    the mean of the squares (centred first, so that nothing cancels), then the
    quotient, scale and bias at once. An activation becomes its formula, in place; on a
    tensor an elementwise operation of it. This is what the operations mean, and what
    a processor runs.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::nm::NMDialect"];
}

#endif // NM_DIALECT_LAYER_TRANSFORMS_PASSES_TD
