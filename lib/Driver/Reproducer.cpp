//===- Reproducer.cpp - What is left of a pipeline that failed -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Stages.h"
#include "nm/Driver/Support.h"
#include "nm/Support/OutputFolder.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstdlib>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// The module, and the pipeline as `nm-opt --run-reproducer` reads it. By hand:
/// the printer leaves long resources out, this one too.
static std::string textOf(ModuleOp module, PassManager &pipeline) {
  std::string passes, text = printModule(module, /*elides=*/true);
  llvm::raw_string_ostream names(passes);
  pipeline.printAsTextualPipeline(names);
  llvm::raw_string_ostream os(text);
  os << "{-#\n  external_resources: {\n    mlir_reproducer: {\n"
     << "      pipeline: \"";
  llvm::printEscapedString(passes, os);
  os << "\",\n      disable_threading: true,\n      verify_each: true\n"
     << "    }\n  }\n#-}\n";
  return text;
}

/// In the folder that the user names: by the model and the stage.
static std::string nameIn(const CompileOptions &options, StringRef stage) {
  StringRef model = llvm::sys::path::stem(options.inputFile);
  SmallString<128> path(options.reproducerFolder);
  llvm::sys::path::append(
      path, (model == "-" || model.empty() ? "model" : model.str()) + "-" +
                stage.str() + ".mlir");
  return path.str().str();
}

static llvm::Expected<std::string> placeFor(const CompileOptions &options,
                                            StringRef stage) {
  if (!options.reproducerFolder.empty()) {
    if (llvm::Error error = toError(::nm::support::makeOutputFolder(
            "--reproducer-to", options.reproducerFolder)))
      return std::move(error);
    return nameIn(options, stage);
  }
  SmallString<128> path;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("nm-" + stage, "mlir", path))
    return makeError("{0}; --reproducer-to names a folder for it",
                     code.message());
  return path.str().str();
}

/// "; a reproducer without weights is in 'file'; ...".
static std::string writeReproducer(ModuleOp module, PassManager &pipeline,
                                   const CompileOptions &options,
                                   StringRef stage) {
  auto path = placeFor(options, stage);
  llvm::Error error =
      path ? writeFile(*path, textOf(module, pipeline)) : path.takeError();
  if (error)
    return "; no reproducer was written: " + llvm::toString(std::move(error));
  return llvm::formatv("; a reproducer without weights is in '{0}', for nm-opt "
                       "--run-reproducer",
                       *path);
}

llvm::Error driver::runGuarded(PassManager &pipeline, ModuleOp module,
                               const CompileOptions &options, StringRef stage,
                               StringRef failure, bool reproduces) {
  // Operations share their constants with the copy.
  OwningOpRef<ModuleOp> before = module.clone();
  LogicalResult result = mlir::failure();
  llvm::CrashRecoveryContext guard;
  guard.DumpStackAndCleanupOnFailure = true;
  llvm::CrashRecoveryContext::Enable();
  bool crashed = !guard.RunSafely([&] { result = pipeline.run(module); });
  llvm::CrashRecoveryContext::Disable();
  if (!crashed && succeeded(result))
    return llvm::Error::success();
  if (!crashed && !reproduces)
    return makeError("{0}", failure);
  std::string where = writeReproducer(*before, pipeline, options, stage);
  if (!crashed)
    return makeError("{0} (stage '{1}'){2}", failure, stage, where);
  std::exit(reportError(
      makeError("the compiler crashed in stage '{0}'{1}", stage, where)));
}
