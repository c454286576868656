//===- Passes.td - Passes over the layer dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_LAYER_TRANSFORMS_PASSES_TD
#define NM_DIALECT_LAYER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def Raise : Pass<"layer-raise", "func::FuncOp"> {
  let summary = "find norms, softmax, activations and embeddings in linalg";
  let description = [{
    However an exporter spells a layer norm, an RMS norm, a softmax, a GELU or a swish, and
    however it cuts them into elementwise operations and reductions, named or generic: the
    elements of each tensor are an expression in a normal form (`nm/Analysis/Expression.h`),
    in which the spellings of one function coincide. What has a name becomes
    `layer.norm`, `layer.rms_norm`, `linalg.softmax`, or an activation in the body where it
    stands. Rows of norms and softmax run along the last dimension, whose size is known;
    constants may be rounded to f32. Says by remark (category `layer-raise`) what it found.

    An elementwise operation that reads a table by an index from a tensor, and all other positions of
    it by its loops, is a `layer.embedding`.

    The named operation rounds less than what it replaces: elements of less than 32 bits are
    computed in f32.
  }];
  let dependentDialects = ["::mlir::layer::LayerDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LowerToLinalg : Pass<"layer-lower-to-linalg", "func::FuncOp"> {
  let summary = "lower norms, embeddings, rotary embeddings and activations to linalg, arith and math";
  let description = [{
    A norm becomes reductions along its rows and one elementwise operation: the mean,
    the mean of the squares (centred first, so that nothing cancels), then the
    quotient, scale and bias at once. A rotary embedding becomes two slices, an
    elementwise operation for each half of the result, and their insertion. An embedding becomes
    loops over its indices, each of which checks one and copies a whole row. An activation becomes its formula, in place; on a
    tensor an elementwise operation of it. This is what the operations mean, and what
    a processor runs.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::nm::NMDialect"];
}

#endif // NM_DIALECT_LAYER_TRANSFORMS_PASSES_TD
