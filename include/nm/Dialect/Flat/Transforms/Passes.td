//===- Passes.td - Passes over the flat dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_TRANSFORMS_PASSES_TD
#define NM_DIALECT_FLAT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def DecomposeAttention : Pass<"flat-decompose-attention"> {
  let summary = "lower flat.attention on tensors to plain linalg, as the reference";
  let description = [{
    One `linalg.generic` for each sentence of the definition, in f32: logits,
    scores, row maxima, exponentials, sums, weighted values, quotients. The
    quadratic intermediates exist in memory. Exact where the definition is:
    rows that see no key are zeros, and what lies beyond `length` does not
    enter. Differential tests use it as their oracle.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def GenerateAttention : Pass<"flat-generate-attention", "func::FuncOp"> {
  let summary = "lower flat.attention on buffers to fused parallel loops and vector kernels";
  let description = [{
    Each `flat.attention` on memrefs becomes one loop nest whose logits exist for
    one block of query rows at a time: keys and values are packed once per key
    head, the blocks of rows of all heads that share them run in parallel
    (`scf.parallel`). The op's dataflow says how many rows, and whether all keys
    are visited at once (FLAT's row granularity) or in tiles with an online
    softmax; without one the caches decide. Keys that the score function hides
    from a whole block are skipped, and only tiles in which some are hidden pay
    for masking. Few query rows (decoding) stream keys and values from memory
    without packing.

    Extra memory is linear in the lengths. See docs/rationale/Flat.md.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "8", "f32 lanes of a vector register">,
    Option<"parallel", "parallel", "bool", "true", "emit scf.parallel">,
    Option<"minParallelFlops", "min-parallel-flops", "int64_t", "2000000",
           "attentions with fewer floating-point operations stay on one thread">,
    Option<"cacheBytes", "cache-bytes", "int64_t", "524288",
           "bytes of the cache that holds a block of logits (L2 of one core)">
  ];
}

def ExpandExp : Pass<"flat-expand-exp", "func::FuncOp"> {
  let summary = "expand f32 math.exp and math.exp2 to polynomials within 2 ulp";
  let description = [{
    Scalars and vectors; the whole range, with subnormal results, infinities and
    NaN. The exponentials of the attention kernels, for use elsewhere.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // NM_DIALECT_FLAT_TRANSFORMS_PASSES_TD
