//===- FlatBase.td - Dialect definition -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_IR_FLATBASE_TD
#define NM_DIALECT_FLAT_IR_FLATBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Flat_Dialect : Dialect {
  let name = "flat";
  let cppNamespace = "::mlir::flat";
  let summary = "attention as one fused loop nest";
  let description = [{
    `flat.attention` says what attention computes: logits, score function, mask,
    softmax and weighted values, for many heads. `#flat.dataflow` says how a
    machine goes about it: the space of FLAT (arXiv 2107.06419), in which the
    logit and the attend operator are fused at batch, sample, head or row
    granularity, plus key tiles with online softmax. The operation carries the
    dataflow as an optional attribute: it never changes the meaning.

    Constraints are numbered (`flat_attention_c3`); verifier messages carry the
    same numbers.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect"];
}

class Flat_Op<string mnemonic, list<Trait> traits = []>
    : Op<Flat_Dialect, mnemonic, traits>;

class Flat_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Flat_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

#endif // NM_DIALECT_FLAT_IR_FLATBASE_TD
