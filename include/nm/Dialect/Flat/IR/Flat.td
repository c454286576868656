//===- Flat.td - The flat dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_IR_FLAT_TD
#define NM_DIALECT_FLAT_IR_FLAT_TD

include "nm/Dialect/Flat/IR/FlatBase.td"
include "nm/Dialect/Flat/IR/FlatAttrs.td"
include "nm/Dialect/Flat/IR/FlatOps.td"
include "nm/Dialect/Flat/IR/FlatRows.td"

#endif // NM_DIALECT_FLAT_IR_FLAT_TD
