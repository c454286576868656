//===- FlatDialect.cpp - Registration of the flat dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "nm/Dialect/Common/InlineAnywhere.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::flat;

#include "nm/Dialect/Flat/IR/FlatDialect.cpp.inc"
#include "nm/Dialect/Flat/IR/FlatEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Flat/IR/FlatAttrs.cpp.inc"

void FlatDialect::initialize() {
  addInterfaces<nm::InlineAnywhere>();
#include "nm/Dialect/Flat/IR/FlatRegister.cpp.inc"
}
