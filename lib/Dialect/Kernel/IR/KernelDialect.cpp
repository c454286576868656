//===- KernelDialect.cpp - Registration of the kernel dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/Common/InlineAnywhere.h"

using namespace mlir;
using namespace mlir::kernel;

#include "nm/Dialect/Kernel/IR/KernelDialect.cpp.inc"

void KernelDialect::initialize() {
  addInterfaces<nm::InlineAnywhere>();
#include "nm/Dialect/Kernel/IR/KernelRegister.cpp.inc"
}
