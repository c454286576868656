//===- PlainNumber.h - Numbers in the text of operations -------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_COMMON_PLAINNUMBER_H
#define NM_DIALECT_COMMON_PLAINNUMBER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

namespace mlir::nm {

/// What `custom<Number>` of an assembly format reads: a number without the type
/// that an i64 attribute prints.
inline ParseResult parseNumber(OpAsmParser &parser, IntegerAttr &value) {
  int64_t number;
  if (parser.parseInteger(number))
    return failure();
  value = parser.getBuilder().getI64IntegerAttr(number);
  return success();
}

inline void printNumber(OpAsmPrinter &printer, Operation *, IntegerAttr value) {
  printer << value.getInt();
}

} // namespace mlir::nm

#endif // NM_DIALECT_COMMON_PLAINNUMBER_H
