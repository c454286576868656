//===- NMDialect.cpp - Registration of the nm dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "nm/Dialect/Common/InlineAnywhere.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::nm;

#include "nm/Dialect/NM/IR/NMDialect.cpp.inc"
#include "nm/Dialect/NM/IR/NMEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/NM/IR/NMAttrs.cpp.inc"

void NMDialect::initialize() {
  addInterfaces<InlineAnywhere>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "nm/Dialect/NM/IR/NMAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "nm/Dialect/NM/IR/NMOps.cpp.inc"
      >();
}

/// Folds yield plain tensors: arith has constants for them.
Operation *NMDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                          Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}
