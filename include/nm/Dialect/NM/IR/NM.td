//===- NM.td - The nm dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NM_TD
#define NM_DIALECT_NM_IR_NM_TD

include "nm/Dialect/NM/IR/NMBase.td"
include "nm/Dialect/NM/IR/NMAttrs.td"
include "nm/Dialect/NM/IR/NMLayouts.td"
include "nm/Dialect/NM/IR/NMMeasureOps.td"
include "nm/Dialect/NM/IR/NMOps.td"
include "nm/Dialect/NM/IR/NMPackedOps.td"

#endif // NM_DIALECT_NM_IR_NM_TD
