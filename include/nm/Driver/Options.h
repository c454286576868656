//===- Options.h - What nm-run was asked to do -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_OPTIONS_H
#define NM_DRIVER_OPTIONS_H

#include "mlir/Support/LLVM.h"
#include "nm/Isa/Program.h"
#include "nm/Runtime/Weight.h"
#include "nm/Support/CommandFiles.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class PassManager;
}

namespace mlir::nm::driver {

/// An option value of the form `[name=]path`.
struct Binding {
  /// Empty when the value had no name.
  std::string name;
  std::string path;
};

/// Splits `[name=]path`. What stands before the first `=` is a name unless it
/// holds a path separator.
llvm::Expected<Binding> parseBinding(StringRef option, StringRef text);

/// N:M as the user wrote it, 1 <= N <= M <= 64.
struct WeightPattern {
  int64_t n, m;
};
llvm::Expected<WeightPattern> parsePattern(StringRef text);

/// Checks a value of --pattern or --prune: `[KEY=]N:M` or `KEY=dense`.
llvm::Error checkPatternRule(StringRef text, StringRef option = "pattern");

enum class EmitKind {
  Execute,
  MLIR,
  LLVMIR,
  Assembly,
  Object,
  SharedLibrary,
  Program,        ///< of an accelerator, binary
  ProgramAssembly ///< the same as text
};

/// Steps of a program that nm-run follows; the proof of as many takes about a
/// minute.
inline constexpr int64_t kDefaultMaxSteps = int64_t(1) << 26;

/// The command line of nm-run; the tool fills it, the library reads it.
struct RunOptions {
  std::string inputFile;
  /// Names of the options that were given.
  std::vector<std::string> given;
  /// Checkpoint to list instead of compiling anything.
  std::string inspect;

  /// `--params [scope=]path`; at most one for each scope.
  std::vector<Binding> params;
  /// `--bind argument=[scope=]key`: arguments that are parameters.
  std::vector<Binding> bind;
  /// `--size name=N`: of symbolic dimensions of an ONNX model.
  std::vector<std::string> sizes;
  /// By argument name, or in order for those without a name.
  std::vector<Binding> inputs;
  /// By result number, or in order for those without one.
  std::vector<Binding> outputs, expects;
  /// Negative: a default that depends on the element type of the result.
  double atol = -1, rtol = -1;

  /// Operations one after the other in the function that runs, for the default
  /// tolerances; set when it is known.
  int64_t depth = 1;

  std::string entry;
  /// 0: all processors, or OMP_NUM_THREADS.
  int threads = 0;
  /// Timed runs. 1 times the only, cold run.
  int repeat = 1;

  bool dense = false, reference = false;
  /// `N:M` for every matrix, `KEY=N:M` or `KEY=dense` for the keys that an
  /// expression names; the first that fits a key counts.
  std::vector<std::string> patterns;
  /// The same of weights that are to be pruned by magnitude.
  std::vector<std::string> prune;
  ::nm::rt::MaskOptions mask;
  bool cache = false;
  std::string cacheFolder;

  EmitKind emit = EmitKind::Execute;
  /// Output of --emit; empty is standard output, for the texts.
  std::string outputFile;
  /// The name of a processor that nm describes, "host", or an accelerator: the
  /// name or the file of its description.
  std::string target = "host";
  /// By LLVM's name, in place of the target's. Empty: the target's.
  std::string targetCPU;
  /// Before the names of functions in symbols and in the C header of --emit.
  std::string prefix;
  /// Compiler driver that links --emit=so; empty: the first one found.
  std::string linker;

  // Of runs on simulated accelerators.
  /// Of a program's tensors, whatever the model's.
  ::nm::isa::Type elementType = ::nm::isa::Type::F16;
  /// Programs are not proved before they are run or written.
  bool skipsProof = false;
  /// Executed instructions and barriers after which a proof and a run are given
  /// up.
  int64_t maxSteps = kDefaultMaxSteps;
  /// No values: inputs and parameters are not needed.
  bool timingOnly = false;
  /// Chrome trace and HTML page; empty writes none.
  std::string traceFile, htmlFile;
  /// Requests of tenants that share the accelerator, and the scheduler that
  /// orders them.
  std::string tenantsFile, policyFile;

  bool report = false;
  std::string reportJson;
  /// Regular expression over categories; empty prints none.
  std::string remarksFilter;
  /// YAML remarks for opt-viewer.py; empty writes none.
  std::string remarksFile;

  /// What the command writes appears together, at its end.
  std::shared_ptr<::nm::support::CommandFiles> files =
      std::make_shared<::nm::support::CommandFiles>();

  /// Applied to each pass manager: the tool's --mlir-* options.
  std::function<LogicalResult(PassManager &)> configurePassManager;
};

/// The sizes that `--size NAME=N` gives.
llvm::Expected<llvm::StringMap<int64_t>>
parseSizes(llvm::ArrayRef<std::string> texts);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_OPTIONS_H
