//===- Stages.cpp - A compilation from stage to stage -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Stages.h"
#include "mlir/Pass/PassManager.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Support.h"
#include "nm/Isa/Encoding.h"
#include "nm/Support/OutputFolder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

namespace {

/// Adds up the time of each pass, in order of first run.
class PassTimer : public PassInstrumentation {
public:
  explicit PassTimer(std::vector<PassRecord> &records) : records(records) {}

  void runBeforePass(Pass *pass, Operation *) override {
    running[pass] = Stopwatch();
  }
  void runAfterPass(Pass *pass, Operation *) override {
    StringRef name = pass->getArgument();
    if (name.empty()) // adaptors of nested pipelines
      return;
    double ms = running[pass].ms();
    for (PassRecord &record : records)
      if (record.name == name) {
        record.ms += ms;
        return;
      }
    records.push_back({name.str(), ms});
  }

private:
  std::vector<PassRecord> &records;
  llvm::DenseMap<Pass *, Stopwatch> running;
};

/// What is dumped behind the stages of a module.
struct CodeStage {
  StringLiteral name, ending;
  Stage last; ///< before it
  size_t number() const { return numberOf(last) + 1; }
};
constexpr CodeStage kLLVM = {"llvm", "ll", Stage::LLVMDialect},
                    kProgram = {"attacc-asm", "s", Stage::Instructions};

} // namespace

std::string driver::dumpName(size_t number, StringRef stage, StringRef ending) {
  return llvm::formatv("{0,0+2}-{1}.{2}", number, stage, ending);
}

std::vector<std::string> driver::dumpFiles(StringRef folder) {
  std::vector<std::string> files;
  auto add = [&](const std::string &name) {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    files.push_back(path.str().str());
  };
  for (const StageName &stage : stageNames())
    add(dumpName(numberOf(stage.stage), stage.name, "mlir"));
  for (const CodeStage &code : {kLLVM, kProgram})
    add(dumpName(code.number(), code.name, code.ending));
  return files;
}

std::string driver::printModule(ModuleOp module, bool elides) {
  // Printed as the --mlir-* options say.
  OpPrintingFlags flags;
  if (elides && !flags.getLargeElementsAttrLimit())
    flags.elideLargeElementsAttrs();
  if (elides && !flags.getLargeResourceStringLimit())
    flags.elideLargeResourceString();
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os, flags);
  os << "\n";
  return text;
}

/// Writes at once, not with the outputs at the end of the command: dumps serve
/// commands that fail.
static llvm::Error dump(const CompileOptions &options, const std::string &name,
                        StringRef text) {
  SmallString<128> path(options.dumpFolder);
  llvm::sys::path::append(path, name);
  return writeFile(path, text);
}

static llvm::Error dumpCode(const CompileOptions &options,
                            const CodeStage &stage, StringRef text) {
  return dump(options, dumpName(stage.number(), stage.name, stage.ending),
              text);
}

llvm::Error driver::dumpCode(const CompileOptions &options,
                             llvm::Module &code) {
  if (options.dumpFolder.empty())
    return llvm::Error::success();
  std::string text;
  llvm::raw_string_ostream os(text);
  code.print(os, nullptr);
  return ::dumpCode(options, kLLVM, text);
}

llvm::Error driver::dumpCode(const CompileOptions &options,
                             const ::nm::isa::Program &program) {
  if (options.dumpFolder.empty())
    return llvm::Error::success();
  return ::dumpCode(options, kProgram, ::nm::isa::writeAssembly(program));
}

llvm::Error StageRunner::begin() {
  if (!options.dumpFolder.empty())
    if (llvm::Error error = toError(::nm::support::makeOutputFolder(
            "--dump-stages-to", options.dumpFolder)))
      return error;
  return finish(Stage::Import);
}

llvm::Error StageRunner::run(Stage stage,
                             llvm::function_ref<void(OpPassManager &)> build,
                             StringRef failure, bool reproduces) {
  if (hasEnded)
    return llvm::Error::success();
  PassManager pm(module->getName());
  pm.addInstrumentation(std::make_unique<PassTimer>(log.passes));
  if (options.configurePassManager && failed(options.configurePassManager(pm)))
    return makeError("cannot apply the --mlir-* options");
  build(pm);
  if (llvm::Error error =
          runGuarded(pm, module, options, nameOf(stage), failure, reproduces))
    return error;
  return finish(stage);
}

llvm::Error StageRunner::finish(Stage stage) {
  hasEnded = options.compileTo == stage;
  if (options.atStage)
    options.atStage(stage, module);
  if (options.dumpFolder.empty())
    return llvm::Error::success();
  std::string text = printModule(module, /*elides=*/true);
  if (text == lastDump)
    return llvm::Error::success();
  lastDump = std::move(text);
  return dump(options, dumpName(numberOf(stage), nameOf(stage), "mlir"),
              lastDump);
}
