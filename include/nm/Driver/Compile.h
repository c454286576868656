//===- Compile.h - From source to the LLVM dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_COMPILE_H
#define NM_DRIVER_COMPILE_H

#include "mlir/IR/BuiltinOps.h"
#include "nm/Driver/Options.h"
#include "nm/Driver/Signature.h"
#include "nm/Isa/Program.h"
#include "nm/Runtime/Params.h"
#include <string>
#include <vector>

namespace nm::sim {
struct ModelOperations;
}

namespace mlir::nm::driver {

/// A remark as the report prints it.
struct RemarkRecord {
  /// "passed", "missed", "failed", "analysis".
  std::string kind;
  std::string category, name, location, message;
  /// Operations of the model that it is about (namesOf).
  std::vector<std::string> names;
  /// What it says, by key.
  std::vector<std::pair<std::string, std::string>> arguments;

  /// "" if there is none.
  StringRef argument(StringRef key) const;
};

/// Names of the operations of a model that a location holds, in order and
/// without repetition; "file:line:column" for those without names.
std::vector<std::string> namesOf(Location location);

/// Total time of a pass over all operations it ran on.
struct PassRecord {
  std::string name;
  double ms = 0;
};

/// What happened on the way down.
struct CompileLog {
  std::vector<RemarkRecord> remarks;
  std::vector<PassRecord> passes;
  std::string yaml; ///< the remarks, if options.remarksFile wants them
};

/// Routes the remarks of `context` to `log`, to stderr (those whose category
/// matches options.remarksFilter) and to options.remarksFile. `log` must live
/// until the last pass has run.
llvm::Error collectRemarks(MLIRContext &context, const CompileOptions &options,
                           CompileLog &log);

/// Gives the arguments of `module`'s functions the names of their signatures,
/// for messages: source names are not part of the IR.
void nameArguments(ModuleOp module, ArrayRef<Signature> functions);

/// The module of the program of `function` behind it, as far as
/// options.compileTo says; none if that ends before.
llvm::Expected<OwningOpRef<ModuleOp>>
lowerToProgram(ModuleOp module, const Signature &function,
               const ::nm::model::Device &device, const CompileOptions &options,
               CompileLog &log);

/// Declares the parameters' patterns from the checkpoints, then runs the
/// pipeline of processors, as far as options.compileTo says; only the first if
/// options.findCode knows the code. The module has `nm.manifest` either way.
llvm::Error lowerToLLVMDialect(ModuleOp module, const CompileOptions &options,
                               CompileLog &log);

/// The same for an accelerator, as far as Stage::Named.
llvm::Error lowerToLogical(ModuleOp module, const CompileOptions &options,
                           CompileLog &log);

/// Declares the parameters' patterns from the checkpoints, then makes the
/// program of `function` for an accelerator. Its arguments become tensors with
/// their names. `model`, if not null, receives which operation of the model
/// each instruction is of.
llvm::Expected<::nm::isa::Program>
compileProgram(ModuleOp module, const Signature &function,
               const ::nm::model::Device &device, const CompileOptions &options,
               CompileLog &log, ::nm::sim::ModelOperations *model = nullptr);

/// The entry of `function` in the module attribute `nm.manifest`, as the
/// runtime library reads it.
llvm::Expected<std::string> getManifest(ModuleOp module, StringRef function);

/// The same, parsed.
llvm::Expected<::nm::rt::Manifest> readManifest(ModuleOp module,
                                                StringRef function);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_COMPILE_H
