//===- LanguageServerMain.cpp - nm-lsp-server -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ServerReplies.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "nm/Driver/Main.h"
#include "nm/Registration.h"

using namespace mlir;
using namespace mlir::nm::driver;

/// Whether the tool prints about itself and ends, within MLIR's main.
static bool isAboutTheTool(int argc, char **argv) {
  return llvm::any_of(llvm::ArrayRef(argv, argc).drop_front(),
                      [](llvm::StringRef argument) {
                        argument = argument.ltrim('-');
                        return argument.starts_with("help") ||
                               argument.starts_with("version") ||
                               argument.starts_with("print-");
                      });
}

int mlir::nm::driver::languageServerMain(int argc, char **argv) {
  return runTool(argc, argv, [&] {
    ::nm::support::Manual manual;
    manual.tool = "nm-lsp-server";
    manual.about = "tells editors about the dialects of nm, by the language "
                   "server protocol on standard input and output";
    DialectRegistry registry;
    mlir::nm::registerDialects(registry);
    char **arguments = answerManual(argc, argv, manual);
    if (isAboutTheTool(argc, argv))
      return succeeded(MlirLspServerMain(argc, arguments, registry)) ? 0 : 1;
    ReplyStream replies;
    if (llvm::Error error = replies.start())
      return reportError(std::move(error));
    bool isDone = succeeded(MlirLspServerMain(argc, arguments, registry));
    if (llvm::Error error = replies.finish())
      return reportError(std::move(error));
    return isDone ? 0 : 1;
  });
}
