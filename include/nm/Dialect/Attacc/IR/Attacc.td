//===- Attacc.td - The attacc dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_ATTACC_IR_ATTACC_TD
#define NM_DIALECT_ATTACC_IR_ATTACC_TD

include "nm/Dialect/Attacc/IR/AttaccBase.td"
include "nm/Dialect/Attacc/IR/AttaccStructure.td"
include "nm/Dialect/Attacc/IR/AttaccEngines.td"

#endif // NM_DIALECT_ATTACC_IR_ATTACC_TD
