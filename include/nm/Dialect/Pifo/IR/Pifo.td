//===- Pifo.td - The pifo dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_IR_PIFO_TD
#define NM_DIALECT_PIFO_IR_PIFO_TD

include "nm/Dialect/Pifo/IR/PifoBase.td"
include "nm/Dialect/Pifo/IR/PifoMesh.td"
include "nm/Dialect/Pifo/IR/PifoStructure.td"
include "nm/Dialect/Pifo/IR/PifoTransactions.td"

#endif // NM_DIALECT_PIFO_IR_PIFO_TD
