//===- Passes.td - Conversions from and to the nm dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_CONVERSION_PASSES_TD
#define NM_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertNMToSparseTensor : Pass<"convert-nm-to-sparse-tensor", "ModuleOp"> {
  let summary = "go from #nm.sparsity to upstream's structured[N, M] levels";
  let description = [{
    `#nm.sparsity<N:M, axis = a>` becomes the encoding that stores dimension `a`
    last, as a dense level of groups and a structured level:

    ```mlir
    #sparse_tensor.encoding<{
      map = (i, j) -> (i : dense, j floordiv 4 : dense, j mod 4 : structured[2, 4])
    }>
    ```

    `nm.compress` and `nm.decompress` become `sparse_tensor.convert`, products
    become `linalg.generic` on the sparse operand with the epilogue in a second
    one. What does not carry over is refused with a message: M = 1, which no
    structured level expresses, and `nm.assemble` and `nm.disassemble`, whose
    layouts have no counterpart.

    The upstream lowering of structured levels takes every group for full. On
    groups with fewer than N non-zeros its results are wrong; the pass warns.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::sparse_tensor::SparseTensorDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertSparseTensorToNM : Pass<"convert-sparse-tensor-to-nm", "ModuleOp"> {
  let summary = "go from upstream's structured[N, M] levels to #nm.sparsity";
  let description = [{
    The reverse of `convert-nm-to-sparse-tensor`. Contractions in linalg, named or
    generic, with a structured operand along the contracted dimension become
    `nm.matmul`; a destination that is not known to be zero is added in its
    epilogue. Other linalg operations read the decompressed tensor. Other sparse
    formats (CSR, COO) stay as they are.

    Refused with a message: structured levels that are not an N:M pattern along
    one dimension, linalg operations that write a structured tensor, and the
    other operations of `sparse_tensor` on structured tensors.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::arith::ArithDialect",
                           "::mlir::sparse_tensor::SparseTensorDialect"];
}

def ConvertToAttacc : Pass<"convert-to-attacc", "ModuleOp"> {
  let summary = "make programs of an accelerator of functions on tensors";
  let description = [{
    Each public function of static tensors becomes an `attacc.program` of its
    name. Expects what `nm-raise{dense}`, `nm-fuse-epilogue` and
    `flat-raise-attention` leave, with named linalg operations generalised:
    `nm.matmul`, `flat.attention`, products, elementwise operations and row
    reductions of linalg, `linalg.softmax` and reshapes. The pipeline
    `nm-to-attacc` does all of it.

    Arguments become `in` tensors with the name in the attribute `nm.name`, or
    `arg0`, `arg1`, ...; results the `out` tensors `result0`, `result1`, ...;
    `nm.param` becomes `param` tensors, an N:M weight two of them, values and
    indices. All have `element-type`, whatever the function's: whoever binds
    arrays converts. Elementwise code and row reductions are gathered as
    expressions, in which layer norms, softmax and activations are found however
    they are spelled.

    Tilings of products are the cost model's best; so are dataflows of attention
    without an attribute `#flat.dataflow` (`flat-select-dataflow{target=edge}`
    sets one), but for those whose program is longer than `max-instructions`,
    which the remark `AttentionRejected` names; a program of more than 2^20 is
    not written. Choices are remarks of the category `convert-to-attacc`. Dynamic
    sizes, control flow and what no instruction computes are errors.
  }];
  let dependentDialects = ["::mlir::attacc::AttaccDialect", "::mlir::tiles::TileDialect"];
  let options = [
    Option<"device", "device", "std::string", "\"edge\"",
           "device description by name, or the file of one">,
    Option<"elementType", "element-type", "std::string", "\"f16\"",
           "elements of the program's tensors: f16, bf16 or f32">,
    Option<"maxInstructions", "max-instructions", "int64_t", "1 << 20",
           "instructions, as they stand in a program, that a dataflow of "
           "attention may take to be chosen">
  ];
}

#endif // NM_CONVERSION_PASSES_TD
