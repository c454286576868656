//===- OptMain.cpp - nm-opt -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Import/Onnx.h"
#include "nm/Registration.h"
#include "nm/Support/Text.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::nm::driver;

static llvm::Error optimise(const std::string &input, const std::string &output,
                            DialectRegistry &registry,
                            const MlirOptMainConfig &config, bool &succeeded) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &message);
  if (!buffer)
    return makeError("{0}", ::nm::support::printable(message));
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

static ManualRow describePass(llvm::StringRef name) {
  if (const PassInfo *pass = PassInfo::lookup(name))
    return {"Passes", pass->getPassDescription().str()};
  if (const PassPipelineInfo *pipeline = PassPipelineInfo::lookup(name))
    return {"Pipelines", pipeline->getPassDescription().str()};
  return {};
}

static ::nm::support::Manual manual() {
  ::nm::support::Manual manual;
  manual.tool = "nm-opt";
  manual.about =
      "runs passes over MLIR or an ONNX model, and prints the result";
  manual.examples = {"nm-opt model.mlir --nm-to-cpu -o lowered.mlir",
                     "nm-opt model.onnx --nm-raise --flat-raise-attention",
                     "nm-opt --list-passes"};
  ::nm::support::Manual::Entry input;
  input.value = "model";
  input.help = "MLIR, as text or bytecode, or ONNX; - is standard input";
  manual.files = {input};
  return manual;
}

int mlir::nm::driver::optMain(int argc, char **argv) {
  return runTool(argc, argv, [&] {
    DialectRegistry registry;
    mlir::nm::registerDialects(registry);
    escapeDiagnostics(registry);
    mlir::nm::registerPasses();
    std::string header = registerCLIOptions("nm optimizer driver\n", registry);
    // parseCLIOptions() declares -o itself: nothing could be its alias before.
    llvm::cl::opt<std::string> named("output", llvm::cl::desc("the same as -o"),
                                     llvm::cl::value_desc("filename"));
    auto [input, output] = parseCLIOptions(
        argc, answerManual(argc, argv, manual(), describePass), header);
    if (named.getNumOccurrences()) {
      if (output != "-")
        return reportError(makeError("-o is '{0}' and --output is '{1}'; drop "
                                     "one of them",
                                     output, named.getValue()));
      output = named;
    }
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
