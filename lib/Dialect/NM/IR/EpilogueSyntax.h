//===- EpilogueSyntax.h - Shared syntax and checks of epilogue regions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nm.matmul and nm.packed_matmul carry the same epilogue: operands, one affine
// map each, and a scalar region. Its syntax and constraints stand here once.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_IR_EPILOGUESYNTAX_H
#define NM_LIB_DIALECT_NM_IR_EPILOGUESYNTAX_H

#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::nm::epilogue {

/// Parses a comma-separated `%a, %b : T, U` up to and including `)`, and
/// appends the resolved values.
ParseResult parseTypedOperands(OpAsmParser &parser, OperationState &state,
                               int32_t &count);

/// Parses `epilogue(...) maps [...]` if it stands next.
ParseResult parseEpilogue(OpAsmParser &parser, OperationState &state,
                          int32_t &count);
void printEpilogue(OpAsmPrinter &printer, ValueRange operands, ArrayAttr maps);

/// Parses the optional region, and prints it.
ParseResult parseEpilogueRegion(OpAsmParser &parser, OperationState &state);
void printEpilogueRegion(OpAsmPrinter &printer, Region &region);

/// Constraints c5 (maps) and c6, c7 (region); `prefix` is the op's name for
/// messages ("nm_matmul").
LogicalResult verifyEpilogueMaps(Operation *op, ValueRange operands,
                                 ArrayAttr maps, ShapedType output,
                                 StringRef constraint);
LogicalResult verifyEpilogueRegion(Operation *op, Region &region,
                                   Type accumulator, ValueRange operands,
                                   Type resultElement,
                                   StringRef signatureConstraint,
                                   StringRef purityConstraint);

/// Names of the epilogue block's arguments: acc, then e0, e1, ...
void nameEpilogueArguments(Region &region,
                           function_ref<void(Value, StringRef)> setName);

SmallVector<AffineMap> toAffineMaps(ArrayAttr maps);

} // namespace mlir::nm::epilogue

#endif // NM_LIB_DIALECT_NM_IR_EPILOGUESYNTAX_H
