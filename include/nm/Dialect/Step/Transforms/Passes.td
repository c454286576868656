//===- Passes.td - Passes over recipes -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_TRANSFORMS_PASSES_TD
#define NM_DIALECT_STEP_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToLinalg : Pass<"step-lower-to-linalg", "ModuleOp"> {
  let summary = "reference lowering of recipes to linalg";
  let description = [{
    Lowers every operation of the dialect to linalg, tensor and arith, one
    `linalg.generic` for each sentence of its description, written to be read: the
    oracle of the differential tests. A group whose size does not divide a
    dynamic dimension stops the program by `cf.assert`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

#endif // NM_DIALECT_STEP_TRANSFORMS_PASSES_TD
