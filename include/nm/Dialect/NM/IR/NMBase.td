//===- NMBase.td - Dialect definition -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NMBASE_TD
#define NM_DIALECT_NM_IR_NMBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def NM_Dialect : Dialect {
  let name = "nm";
  let cppNamespace = "::mlir::nm";
  let summary = "N:M structured sparse tensors and their matrix products";
  let description = [{
    A tensor is *N:M sparse along an axis* when every group of M consecutive
    elements along that axis holds at most N non-zeros. The dialect says so in
    the type (`#nm.sparsity`), keeps how such a tensor lies in memory apart from
    it (`#nm.panel` and its kin), and gives the operations that make, take apart and
    multiply such tensors.

    Two levels live here. The *logical* level (`nm.prune`, `nm.compress`,
    `nm.decompress`, `nm.param`, `nm.matmul`) speaks of tensors with an encoding
    and knows no memory layout. The *storage* level (`nm.assemble`,
    `nm.disassemble`, `nm.packed_param`, `nm.packed_matmul`) speaks of the value
    and metadata buffers in a chosen layout; `nm-select-layout` goes from the
    first to the second. No operation names a machine.

    Constraints are numbered (`nm_matmul_c3`); verifier messages carry the same
    numbers.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let hasConstantMaterializer = 1;
}

class NM_Op<string mnemonic, list<Trait> traits = []>
    : Op<NM_Dialect, mnemonic, traits>;

class NM_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<NM_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

#endif // NM_DIALECT_NM_IR_NMBASE_TD
