//===- StepDialect.cpp - Registration of the step dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Step/IR/StepDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "nm/Dialect/Common/InlineAnywhere.h"

using namespace mlir;
using namespace mlir::step;

#include "nm/Dialect/Step/IR/StepDialect.cpp.inc"
#include "nm/Dialect/Step/IR/StepEnums.cpp.inc"
#include "nm/Dialect/Step/IR/StepInterfaces.cpp.inc"

void StepDialect::initialize() {
  addInterfaces<nm::InlineAnywhere>();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "nm/Dialect/Step/IR/StepOps.cpp.inc"
      >();
}
