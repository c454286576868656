//===- Passes.td - Passes over the kernel dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_KERNEL_TRANSFORMS_PASSES_TD
#define NM_DIALECT_KERNEL_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToVector : Pass<"kernel-lower-to-vector", "func::FuncOp"> {
  let summary = "micro-kernels to loops over vectors";
  let description = [{
    A `kernel.tile_product` becomes one loop over its contraction, or the remainder of one
    beside it, whose iterations load vectors of the panel and multiply them with
    broadcast elements of the rows. What bounds such a loop is loads: per element of the
    contraction, `rows` + `vectors` of them for `rows` * `vectors` multiply-adds where all rows read the same
    panel row; where each row has an offset of its own, `vectors` + 1/2 of them for
    `vectors` multiply-adds, since elements and offsets then come four at a time.

    A `kernel.pack` becomes loops over vectors that are loaded, converted and stored where source and
    panel have the same order, over squares that are transposed in registers where they have not; the
    end of a row is read by a masked load where the target has one, by elements elsewhere.

    Reads `#nm.cpu` of the function or the module for the width of vectors, for masks, and for the
    way to keep a broadcast in its register.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // NM_DIALECT_KERNEL_TRANSFORMS_PASSES_TD
