//===- nm-lsp-server.cpp - Language server -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "nm/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
