//===- LayoutSyntax.h - Layouts in the text of operations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_IR_LAYOUTSYNTAX_H
#define NM_LIB_DIALECT_NM_IR_LAYOUTSYNTAX_H

#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::nm {

/// A layout in the text of an operation: the attribute without its dialect's
/// name. The parser of attributes would take a colon behind it for its own.
ParseResult parseLayout(AsmParser &parser, LayoutAttr &layout);
void printLayout(AsmPrinter &printer, Operation *op, LayoutAttr layout);

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_IR_LAYOUTSYNTAX_H
