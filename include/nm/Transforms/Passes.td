//===- Passes.td - Passes over linalg on the way to CPU code -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRANSFORMS_PASSES_TD
#define NM_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SimplifyLinalg : Pass<"nm-simplify-linalg", "func::FuncOp"> {
  let summary = "fuse elementwise operations and drop what exporters leave behind";
  let description = [{
    Fuses chains of elementwise `linalg.generic`s, removes results that nobody
    reads (the argmax beside a softmax maximum), folds unit dimensions' reshapes
    and forwards fills. Runs after raising, so that it cannot hide a pattern.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::affine::AffineDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def ForwardDestinations : Pass<"nm-forward-destinations", "func::FuncOp"> {
  let summary = "replace bufferization.materialize_in_destination on tensors by its source";
  let description = [{
    On tensors the operation is its source, and says in which tensor's buffer it should end up.
    nm plans buffers itself, and the operation would stand between a product and its
    epilogue. The form that writes to a memref stays.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::tensor::TensorDialect"];
}

def VectorizeContractions : Pass<"nm-vectorize-contractions", "func::FuncOp"> {
  let summary = "tile and vectorise the dense products that no kernel takes";
  let description = [{
    Matrix products between activations (the logits and the weighted values of
    attention), on buffers, become loops around register tiles of outer products.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::affine::AffineDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
                           "::mlir::nm::NMDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "0",
           "f32 lanes of a vector register, 0: the target's">,
    Option<"parallel", "parallel", "bool", "true", "distribute the outer loops over threads">
  ];
}

def LowerLinalgToLoops : Pass<"nm-linalg-to-loops", "func::FuncOp"> {
  let summary = "lower linalg on buffers to loops, the outer one parallel";
  let description = [{
    Every `linalg` operation on buffers becomes a loop nest. Its innermost dimension
    is vectorised explicitly: elementwise, or into vector accumulators when it is a
    reduction (sums are thereby reassociated). Operations whose body or accesses do
    not widen become scalar loops. The outermost dimension of an operation with enough
    work becomes `scf.parallel`.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::affine::AffineDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect",
                           "::mlir::nm::NMDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "0",
           "f32 lanes of a vector register, 0: the target's">,
    Option<"parallel", "parallel", "bool", "true", "emit scf.parallel">,
    Option<"minParallelWork", "min-parallel-work", "int64_t", "32768",
           "iterations under which an operation stays on one thread">
  ];
}

def ApproximateMath : Pass<"nm-approximate-math", "func::FuncOp"> {
  let summary = "expand exp, erf, tanh and their kin to vectorisable polynomials";
  let description = [{
    Upstream's f32 approximations, for scalars and vectors alike, so that the
    remainder of a loop rounds as its vector part does. bf16 and f16 are computed
    in f32. Integer powers become products of squares.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def LowerReshapes : Pass<"nm-lower-reshapes", "func::FuncOp"> {
  let summary = "lower memref.expand_shape of contiguous buffers";
  let description = [{
    Becomes `memref.reinterpret_cast` with the sizes that the operation carries. The
    upstream `expand-strided-metadata` derives them instead, which it cannot (22.1: it
    crashes) when two sizes of one group are dynamic, as a batch and a sequence are.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

#endif // NM_TRANSFORMS_PASSES_TD
