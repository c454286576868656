//===- AttaccDialect.h - The attacc dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_ATTACC_IR_ATTACCDIALECT_H
#define NM_DIALECT_ATTACC_IR_ATTACCDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::attacc {
class ProgramOp;

/// attacc_program_c1 of an instruction, and the shape of its attributes. The
/// program asks the rules of nm/Isa for all that it holds.
LogicalResult verifyInProgram(Operation *op);
} // namespace mlir::attacc

#include "nm/Dialect/Attacc/IR/AttaccDialect.h.inc"
#include "nm/Dialect/Attacc/IR/AttaccEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccInterfaces.h.inc"
#include "nm/Dialect/Attacc/IR/AttaccTypes.h.inc"
#define GET_OP_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccOps.h.inc"

#endif // NM_DIALECT_ATTACC_IR_ATTACCDIALECT_H
