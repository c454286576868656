//===- LanguageServerMain.cpp - nm-lsp-server -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "nm/Driver/Main.h"
#include "nm/Registration.h"

using namespace mlir;

int mlir::nm::driver::languageServerMain(int argc, char **argv) {
  return runTool(argc, argv, [&] {
    ::nm::support::Manual manual;
    manual.tool = "nm-lsp-server";
    manual.about = "tells editors about the dialects of nm, by the language "
                   "server protocol on standard input and output";
    DialectRegistry registry;
    mlir::nm::registerDialects(registry);
    char **arguments = answerManual(argc, argv, manual);
    return succeeded(MlirLspServerMain(argc, arguments, registry)) ? 0 : 1;
  });
}
