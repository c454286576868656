//===- Stages.h - A compilation from stage to stage -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each stage is a pass pipeline of its own. Between two, the module can be
// dumped, and the compilation can end. If one fails or crashes, the module that
// it began with is written as a reproducer: large constants are left out, and
// weights of a checkpoint are never in a module.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_STAGES_H
#define NM_DRIVER_STAGES_H

#include "mlir/IR/BuiltinOps.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/Options.h"

namespace llvm {
class Module;
}
namespace mlir {
class OpPassManager;
}

namespace mlir::nm::driver {

/// The file of a stage in the folder of --dump-stages-to: "04-packed.mlir".
std::string dumpName(size_t number, StringRef stage, StringRef ending);

/// As text; `elides` leaves out what large constants hold.
std::string printModule(ModuleOp module, bool elides);

/// Code is dumped as a stage behind those of Stage: "09-llvm.ll",
/// "08-attacc-asm.s". Nothing without options.dumpFolder.
llvm::Error dumpCode(const CompileOptions &options, llvm::Module &code);
llvm::Error dumpCode(const CompileOptions &options,
                     const ::nm::isa::Program &program);
/// Every name that dumps of the stages and of code can have.
std::vector<std::string> dumpFiles(StringRef folder);

class StageRunner {
public:
  /// All outlive it.
  StageRunner(ModuleOp module, const CompileOptions &options, CompileLog &log)
      : module(module), options(options), log(log) {}

  /// The module as it was read.
  llvm::Error begin();
  /// Runs what `build` adds, unless the compilation has ended. `failure` is
  /// what the error says.
  llvm::Error run(Stage stage, llvm::function_ref<void(OpPassManager &)> build,
                  StringRef failure, bool reproduces = true);
  /// The module is at a stage.
  llvm::Error finish(Stage stage);
  /// Whether the stage that options.compileTo names is reached.
  bool ended() const { return hasEnded; }

private:
  ModuleOp module;
  const CompileOptions &options;
  CompileLog &log;
  bool hasEnded = false;
  std::string lastDump;
};

/// Runs `pipeline` on the module. If it fails, a reproducer is written into
/// options.reproducerFolder, or the folder for temporary files, and the error
/// says `failure` and where that is; not so without `reproduces`, where the
/// user is told what to change. A crash does the same and ends the process with
/// exit code 1: nothing that the module holds can be relied on then.
llvm::Error runGuarded(PassManager &pipeline, ModuleOp module,
                       const CompileOptions &options, StringRef stage,
                       StringRef failure, bool reproduces = true);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_STAGES_H
