//===- Options.h - Options that several tools have -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DRIVER_TOOLS_OPTIONS_H
#define NM_LIB_DRIVER_TOOLS_OPTIONS_H

#include "nm/Driver/Files.h"
#include "nm/Driver/Options.h"
#include "nm/Driver/Run.h"
#include "nm/Registration.h"
#include "nm/Support/Options.h"
#include <optional>

namespace mlir::nm::driver::tools {

/// What options fill that the jobs hold in another form; take() says what is
/// wrong with them.
struct Texts {
  std::vector<std::string> params, bind, inPlace, inputs, outputs, expects,
      suffixes;
  std::string masks;
  /// Of MLIR: --mlir-print-ir-after-all and its like.
  std::vector<std::string> foreign;
};

void addParams(::nm::support::CommandLine &line, Texts &texts);
/// Arrays in and out. `what` is --output's help.
void addArrays(::nm::support::CommandLine &line, DataOptions &options,
               Texts &texts, const std::string &what);
/// How masks are found and read; `needsPolicy`: what is done about them too.
void addMasks(::nm::support::CommandLine &line, ::nm::rt::MaskOptions &options,
              Texts &texts, bool needsPolicy);
/// How a model is compiled.
void addCompiling(::nm::support::CommandLine &line, CompileOptions &options,
                  Texts &texts);
/// What is measured on inputs: how weights are pruned and rounded.
void addCalibration(::nm::support::CommandLine &line, CompileOptions &options);
/// What can be seen of a compilation: --compile-to, --dump-stages-to and
/// --reproducer-to.
void addStages(::nm::support::CommandLine &line, CompileOptions &options);
void addRemarks(::nm::support::CommandLine &line, CompileOptions &options);
void addElementType(::nm::support::CommandLine &line, CompileOptions &options);
void addEntry(::nm::support::CommandLine &line, std::string &entry,
              const std::string &help);
void addThreads(::nm::support::CommandLine &line, int &threads);
/// A number from 1.
void addCount(::nm::support::CommandLine &line, const char *name, int &count,
              const char *help);
void addProof(::nm::support::CommandLine &line, ProofOptions &options);
/// --timing-only and --trace.
void addSimulating(::nm::support::CommandLine &line, bool &timingOnly,
                   ReportOptions &options);
/// --target, for an accelerator.
void addAccelerator(::nm::support::CommandLine &line, std::string &target,
                    const std::string &help);

/// Parses the command line; what to exit with if that was all: --help and its
/// like, or an error, which is reported.
std::optional<int> parse(::nm::support::CommandLine &line, int argc,
                         char **argv);

/// Declares the --mlir-* options of LLVM; before parsing.
void registerForeign();
/// Gives them what was among the texts.
void parseForeign(const char *tool, const Texts &texts);

llvm::Error take(const Texts &texts, CheckpointOptions &options);
llvm::Error take(const Texts &texts, ::nm::rt::MaskOptions &options);
llvm::Error take(const Texts &texts, DataOptions &options);
llvm::Error take(const Texts &texts, CompileOptions &options);
llvm::Error take(const Texts &texts, RunOptions &options);
llvm::Error take(const Texts &texts, SimulateOptions &options);

/// `job(options, registry)` with what the command line says, once files and
/// threads are known to be there.
template <typename Options, typename Job>
llvm::Error runJob(Options &options, const Texts &texts, Job job) {
  if (llvm::Error error = take(texts, options))
    return error;
  if (llvm::Error error = declareFiles(options))
    return error;
  if (llvm::Error error = checkThreads(options.threads))
    return error;
  DialectRegistry registry;
  registerDialects(registry);
  return job(options, registry);
}

} // namespace mlir::nm::driver::tools

#endif // NM_LIB_DRIVER_TOOLS_OPTIONS_H
