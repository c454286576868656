//===- KernelBase.td - Dialect definition -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_KERNEL_IR_KERNELBASE_TD
#define NM_DIALECT_KERNEL_IR_KERNELBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::mlir::kernel";
  let summary = "micro-kernels: what a processor does with the tiles that its registers hold";
  let description = [{
    The level between loops over tiles and vector instructions. An operation here reads packed
    operands from memory, keeps its sums in registers, and is one loop over the contraction
    when it is lowered. Sparse and dense products, attention and small batched products are
    loops around the same operations; they differ in how their operands lie in memory.

    Shapes of register tiles, unrolling and the number of independent sums are chosen by whoever
    makes the operation, from the description of the processor (`#nm.cpu`), and stand on it.
    `kernel-lower-to-vector` turns all of them into loops over vectors. Constraints are numbered
    (`tile_product_c2`); verifier messages carry the same numbers. See docs/rationale/Kernel.md.
  }];
}

class Kernel_Op<string mnemonic, list<Trait> traits = []>
    : Op<Kernel_Dialect, mnemonic, traits>;

#endif // NM_DIALECT_KERNEL_IR_KERNELBASE_TD
