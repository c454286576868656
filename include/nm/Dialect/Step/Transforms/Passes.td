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

def FuseRecipe : Pass<"step-fuse-recipe", "func::FuncOp"> {
  let summary = "one pass over memory of a recipe";
  let description = [{
    Turns a function over operations of `step` into one loop that reads every
    tensor once and writes every result once. Tensors become memory: f32 a `memref`
    of the tensor's shape, bf16 a `memref` of i16 with its bits, masks a
    `memref<?xi8>` with one bit an element (element i in bit i mod 8 of byte
    i / 8). A result with `step.updates = K`
    is written where argument K lies; the others get memory of their own, as
    further arguments in their order. A result with `step.stored_if = K` is
    written only if the i1 argument K is true. Scalar results stay results.

    The loop works on vectors of 16 elements (of as many whole groups as fit
    into 16, or of one larger group). Where the members of a group lie side by
    side they are ranked within the vector, by rotations and comparisons; groups
    of 8, 16 and 32 in tiles of as many vectors, turned so that every lane holds
    a group. Elsewhere the members are rows, of which every lane holds one
    group, and the rows wait in buffers on the stack until the group is ranked.
    The width does not depend on the instruction set, and no product is
    contracted with a sum: what the code computes is the same, bit by bit, on
    every processor.

    A recipe that fits: one block; all tensors of one shape, of f32, bf16 and
    i1; elementwise operations of `step`, `step.mask` and `step.soft_threshold`
    with single-element blocks and the same groups, statistics, and `arith.extf`,
    `truncf`, `select` and `maximumf` on tensors; arithmetic on scalars before
    and after. Groups of neighbours have at most 64 members.
    `step.change_sum` and `change_product` need the order of elements, which
    the loop keeps without groups and for neighbours in groups of 1, 2, 4, 8
    and multiples of 16. Sizes must be whole groups when the program runs.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // NM_DIALECT_STEP_TRANSFORMS_PASSES_TD
