//===- PifoDialect.cpp - Registration of the pifo dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pifo;

#include "nm/Dialect/Pifo/IR/PifoDialect.cpp.inc"
#include "nm/Dialect/Pifo/IR/PifoEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Pifo/IR/PifoAttrs.cpp.inc"

void PifoDialect::initialize() {
#include "nm/Dialect/Pifo/IR/PifoRegister.cpp.inc"
}
