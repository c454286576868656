//===- Passes.td - Passes over the flat dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_TRANSFORMS_PASSES_TD
#define NM_DIALECT_FLAT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def RaiseAttention : Pass<"flat-raise-attention", "func::FuncOp"> {
  let summary = "find attention in linalg on tensors";
  let description = [{
    Two products with a softmax between them become `flat.attention`, however the
    program cuts the chain: named operations, `linalg.softmax`, generic ones that do
    one step or several, what TOSA lowers to. Found along the way:

    * heads split off, merged and transposed by reshapes and transposes before the
      products, keys transposed, keys and values repeated for grouped heads: these
      become `orders` and key heads, and cost nothing any more;
    * a scale before or after the first product, constant or not;
    * masks that are added or selected; causal and windowed ones also where they are
      computed from positions or from constants over queries and keys: truth values,
      numbers that are compared or calculated with, whole or part of a longer
      constant. Every element is looked at;
    * a comparison of keys with one number, which becomes the `length`;
    * any other scalar function of the logit, of positions and of tensors over
      (batch, head, query, key), which becomes the score region;
    * conversions to narrower floats in between, which are left out: the attention
      computes in f32.

    Where every query sees a key, the lowest finite number that a choice selects
    becomes minus infinity. An attention whose logits or weights are also read
    elsewhere stays.

    Remarks (category `flat-raise`): each attention with its sizes, orders and
    score; and each product whose operand holds an exponential, with the operation
    that kept it from being one.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::flat::FlatDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def SelectDataflow : Pass<"flat-select-dataflow", "func::FuncOp"> {
  let summary = "choose the dataflow of every flat.attention with the cost model";
  let description = [{
    Searches FLAT's space (granularity, rows, key tile, staging, stationarity, loop
    order) with the model of docs/model.md for each `flat.attention` that has no
    dataflow yet, and sets the best. For a processor the space is rows and key tiles,
    priced over its cache hierarchy; for an accelerator it is all of
    `#flat.dataflow`. Lengths that are not known are taken as `assume-length`, and
    then keys are visited in tiles. `objective`, `within` and `then` say what the best is, as
    those of `nm-explore` do.

    Remarks (category `flat-select-dataflow`): what was chosen, with cycles, what
    bounds it and its footprint; the next best ones with the ratio; and points that
    do not fit, with the reason.
  }];
  let dependentDialects = ["::mlir::flat::FlatDialect", "::mlir::nm::NMDialect"];
  let options = [
    Option<"target", "target", "std::string", "\"module\"",
           "module (the processor of nm.target), host (this one), edge, cloud, another "
           "description that comes with nm, or the path of one">,
    Option<"assumeLength", "assume-length", "int64_t", "2048",
           "length of sequences that is not known">,
    Option<"threads", "threads", "int64_t", "0",
           "threads that share the work on a processor, 0: its cores">,
    Option<"objective", "objective", "std::string", "\"time\"",
           "what is least: time, energy, edp (the product of the two), or capacity (bytes "
           "on chip)">,
    Option<"within", "within", "int64_t", "0",
           "among dataflows within so many percent of the best, the one best in `then`">,
    Option<"then", "then", "std::string", "\"\"",
           "another objective, for `within` (default: energy, or time if `objective` is "
           "not time)">
  ];
}

def TurnProducts : Pass<"flat-turn-products", "func::FuncOp"> {
  let summary = "let products make queries, keys and values with positions side by side";
  let description = [{
    A `nm.matmul` with an encoded weight whose result only a `flat.attention` reads,
    as queries, keys or values with heads split off, becomes the product of the
    transposed operands, and the attention's `orders` say so. Kernels of packed
    weights make rows of features and have to turn them otherwise; keys are packed
    with positions side by side, and would be turned back.

    Lengths have to be known and 64 or more: few queries read keys and values where
    they lie, by rows of positions. Remarks (category `flat-turn-products`): each
    operand.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::nm::NMDialect"];
}

def TileAttention : Pass<"flat-tile", "func::FuncOp"> {
  let summary = "tile flat.attention by batch, heads and query rows";
  let description = [{
    Loops (`scf.for`) around attentions on slices. Without options the granularity
    of the op's dataflow says how much is computed at a time: a sample, a head, or
    some rows of one; an op without dataflow stays. Keys are not tiled.

    Followed by `flat-decompose-attention` this is the FLAT loop nest on plain
    linalg, of which only one tile of the quadratic intermediate exists at a time.
    `flat-generate-attention` makes its own loops and does not need it.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"batch", "batch", "int64_t", "0", "samples of a tile, 0: all">,
    Option<"heads", "heads", "int64_t", "0", "heads of a tile, 0: all">,
    Option<"rows", "rows", "int64_t", "0", "query rows of a tile, 0: all">
  ];
}

def DecomposeAttention : Pass<"flat-decompose-attention"> {
  let summary = "lower flat.attention on tensors to plain linalg, as the reference";
  let description = [{
    One `linalg.generic` for each sentence of the definition, in f32: logits,
    scores, row maxima, exponentials, sums, weighted values, quotients. The
    quadratic intermediates exist in memory. Exact where the definition is:
    rows that see no key are zeros, and what lies beyond `length` does not
    enter. Differential tests use it as their oracle.

    A `linalg.softmax` that belongs to no attention becomes linalg's own maximum,
    exponentials, sum and quotient: no other pass lowers it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"softmaxOnly", "softmax-only", "bool", "false",
           "leave flat.attention alone, for flat-generate-attention">
  ];
}

def LowerRows : Pass<"flat-lower-rows", "func::FuncOp"> {
  let summary = "lower quantised rows on tensors to plain linalg";
  let description = [{
    `flat.quantize_rows` becomes maxima, scales, integers and the bytes of the scales, `flat.dequantize_rows`
    scales and products. One that reads a cache and was not taken by a `flat.attention` is an
    error, for it would copy the whole cache as floats.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"caches", "caches", "bool", "false",
           "lower those that read caches too: the reference">
  ];
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

    Extra memory is linear in the lengths. `nm.target` describes the caches and
    the vectors. Remarks (category `flat-generate-attention`) say which blocks
    were chosen and why. See docs/rationale/Flat.md.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::kernel::KernelDialect", "::mlir::nm::NMDialect"];
  let options = [
    Option<"parallel", "parallel", "bool", "true", "emit scf.parallel">,
    Option<"minParallelFlops", "min-parallel-flops", "int64_t", "-1",
           "attentions with fewer floating-point operations stay on one thread, -1: the target's">
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
