//===- nm-opt.cpp - Pass driver -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "nm/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::nm::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "nm optimizer driver\n", registry));
}
