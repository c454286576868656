//===- nm-lsp-server.cpp - Language server -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "nm/Registration.h"
#include "nm/Version.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "nm-lsp-server " << NM_VERSION << " (LLVM " << LLVM_VERSION_STRING
       << ")\n";
  });
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
