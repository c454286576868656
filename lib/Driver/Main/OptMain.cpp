//===- OptMain.cpp - nm-opt -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Import/Onnx.h"
#include "nm/Registration.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::nm::driver;

static llvm::Error optimise(const std::string &input, const std::string &output,
                            DialectRegistry &registry,
                            const MlirOptMainConfig &config, bool &succeeded) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &message);
  if (!buffer)
    return makeError("{0}", message);
  if (mlir::nm::isOnnxModel(buffer->getBuffer(), input)) {
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    auto module = mlir::nm::importOnnx(buffer->getBuffer(), input, &context);
    if (!module)
      return module.takeError();
    std::string text;
    llvm::raw_string_ostream os(text);
    // With locations: they name the nodes.
    (*module)->print(os, OpPrintingFlags().enableDebugInfo());
    buffer = llvm::MemoryBuffer::getMemBufferCopy(text, input);
  }
  buffer = withPrintableName(std::move(buffer));
  return writeOutput(
      output, input,
      [&](llvm::raw_ostream &os) {
        return mlir::succeeded(
            MlirOptMain(os, std::move(buffer), registry, config));
      },
      succeeded);
}

int mlir::nm::driver::optMain(int argc, char **argv) {
  return runTool(argc, argv, [&] {
    DialectRegistry registry;
    mlir::nm::registerDialects(registry);
    escapeDiagnostics(registry);
    mlir::nm::registerPasses();
    auto [input, output] = registerAndParseCLIOptions(
        argc, argv, "nm optimizer driver\n", registry);
    MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
    // These read and write no file.
    if (config.shouldShowDialects() || config.shouldListPasses())
      return succeeded(MlirOptMain(argc, argv, input, "-", registry)) ? 0 : 1;
    bool succeeded = false;
    if (llvm::Error error =
            optimise(input, output, registry, config, succeeded))
      return reportError(std::move(error));
    return succeeded ? 0 : 1;
  });
}
