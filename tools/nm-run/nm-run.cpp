//===- nm-run.cpp - Compile and run a model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Run.h"
#include "nm/Model/Explore.h"
#include "nm/Registration.h"

static int nmRun(int argc, char **argv) {
  // Compiles nothing and has options of its own.
  if (argc > 1 && llvm::StringRef(argv[1]) == "--explore")
    return nm::model::exploreMain(argc - 1, argv + 1);
  // Before the options that name passes.
  mlir::nm::registerPasses();
  mlir::registerPassManagerCLOptions();
  mlir::registerAsmPrinterCLOptions();
  auto options = mlir::nm::driver::parseCommandLine(argc, argv);
  if (!options)
    return mlir::nm::driver::reportError(options.takeError());
  if (!*options)
    return 0;
  (*options)->configurePassManager = mlir::applyPassManagerCLOptions;
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  return mlir::nm::driver::run(**options, registry);
}

int main(int argc, char **argv) {
  return mlir::nm::driver::runTool(argc, argv,
                                   [&] { return nmRun(argc, argv); });
}
