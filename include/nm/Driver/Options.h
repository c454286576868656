//===- Options.h - What the jobs of the driver are asked to do -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_OPTIONS_H
#define NM_DRIVER_OPTIONS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include "nm/Isa/Program.h"
#include "nm/Pipelines/Stages.h"
#include "nm/Runtime/Weight.h"
#include "nm/Support/CommandFiles.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class PassManager;
}
namespace mlir::nm {
struct CPUPipelineOptions;
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

/// Checks a value of --kv-cache: `i8`.
llvm::Error checkKVCache(llvm::StringRef text);

/// Checks a value of --quantize: `i4:64` and the like, or `keep`.
llvm::Error checkQuantize(StringRef text);

/// Checks a value of --pattern or --prune: `[KEY=]N:M` or `KEY=dense`.
llvm::Error checkPatternRule(StringRef text, StringRef option = "pattern");

/// How --quantize rounds.
enum class RoundBy {
  Nearest,
  /// With what --calibrate shows of inputs (nm/Runtime/ErrorFeedback.h).
  Gptq
};

/// What decides which weights a pattern keeps.
enum class PruneBy {
  Magnitude,
  Wanda ///< magnitude times the norm of the input feature (Calibrate.h)
};

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

/// Steps of a program that are followed; the proof of as many takes about a
/// minute.
inline constexpr int64_t kDefaultMaxSteps = int64_t(1) << 26;

/// What every job has.
struct CommandOptions {
  /// Names of the options that were given.
  std::vector<std::string> given;
  /// What the command writes appears together, at its end.
  std::shared_ptr<::nm::support::CommandFiles> files =
      std::make_shared<::nm::support::CommandFiles>();
};

/// Where parameters come from.
struct CheckpointOptions {
  /// `--params [scope=]path`; at most one for each scope.
  std::vector<Binding> params;
  ::nm::rt::MaskOptions mask;
  bool cache = false;
  std::string cacheFolder;
};

/// Arrays in and out, and what is expected of them.
struct DataOptions {
  /// By argument name, or in order for those without a name.
  std::vector<Binding> inputs;
  /// By result number, or in order for those without one.
  std::vector<Binding> outputs, expects;
  /// Negative: a default that depends on the element type of the result.
  double atol = -1, rtol = -1;
  /// Operations one after the other in the function that runs, for the default
  /// tolerances; set when it is known.
  int64_t depth = 1;
  /// Whether --reference computes the same in another way.
  bool hasReference = false;
};

/// The proof of programs of accelerators, and the bound of their runs.
struct ProofOptions {
  /// Programs are not proved before they are run or written.
  bool skipsProof = false;
  /// Executed instructions and barriers after which a proof and a run are given
  /// up.
  int64_t maxSteps = kDefaultMaxSteps;
};

/// What `--in-place RESULT=ARGUMENT` says. Each side may have one `*`, which
/// stands for the same text in both.
struct InPlacePair {
  std::string result, argument;

  /// The argument of a result; nothing if the pair is not about it.
  std::optional<std::string> argumentOf(StringRef name) const;
};

/// Caches in the memory of the caller.
struct CacheOptions {
  /// `--in-place result=argument`: results in the memory of arguments.
  std::vector<InPlacePair> inPlace;
  /// `i8`: these caches hold quantised rows; empty: what the model says.
  std::string kvCache;
};

/// What takes part in a compilation.
struct CompileHooks {
  /// Called when a stage is reached, and may change the module.
  std::function<void(Stage, ModuleOp)> atStage;
  /// Called when the patterns are known, with what the pipeline of processors
  /// is to be: whether the code is known already, and nothing else is done.
  std::function<llvm::Expected<bool>(const CPUPipelineOptions &)> findCode;
  /// Applied to each pass manager: the tool's --mlir-* options.
  std::function<LogicalResult(PassManager &)> configurePassManager;
  /// Some of these were given, which look into passes.
  bool watchesPasses = false;
};

/// A model and how it is compiled.
struct CompileOptions : CommandOptions,
                        CheckpointOptions,
                        CacheOptions,
                        CompileHooks {
  std::string inputFile;
  /// `--bind argument=[scope=]key`: arguments that are parameters.
  std::vector<Binding> bind;
  /// `--size name=N`: of symbolic dimensions of an ONNX model.
  std::vector<std::string> sizes;
  std::string entry;
  bool dense = false, reference = false;
  /// `N:M` for every matrix, `KEY=N:M` or `KEY=dense` for the keys that an
  /// expression names; the first that fits a key counts.
  std::vector<std::string> patterns;
  /// The same of weights that are to be pruned by magnitude.
  std::vector<std::string> prune;
  PruneBy pruneBy = PruneBy::Magnitude;
  RoundBy roundBy = RoundBy::Nearest;
  /// `i4:G` or `i8:G`: weights are rounded to so many bits, with a scale for
  /// every G elements along the contraction; `keep`: they are taken as the
  /// checkpoint has them; empty: neither.
  std::string quantize;
  /// Files and folders of inputs that pruning is measured on (Samples.h).
  std::vector<std::string> calibrate;
  /// Where the masks that pruning made go; empty: nowhere.
  std::string masksFile;
  /// The name of a processor that nm describes, "host", or an accelerator: the
  /// name or the file of its description.
  std::string target = "host";
  /// By LLVM's name, in place of the target's. Empty: the target's.
  std::string targetCPU;
  /// Of an accelerator's tensors, whatever the model's.
  ::nm::isa::Type elementType = ::nm::isa::Type::F16;
  /// Regular expression over categories; empty prints none.
  std::string remarksFilter;
  /// YAML remarks for opt-viewer.py; empty writes none.
  std::string remarksFile;
  /// Where the compilation ends; without one it goes on to code.
  std::optional<Stage> compileTo;
  /// Where the module is written after each stage that changes it; empty:
  /// nowhere.
  std::string dumpFolder;
  /// Where reproducers of failures go; empty: the folder of temporary files.
  std::string reproducerFolder;
  /// Whether notes on what was decided are for nobody: the model is compiled
  /// once more, for a comparison.
  bool isQuiet = false;
  /// Measures each operation (nm-insert-measures).
  bool measure = false;
};

/// Code of a model, for processors and accelerators.
struct CodeOptions : CompileOptions, ProofOptions {
  EmitKind emit = EmitKind::Execute;
  /// Empty is standard output, for the texts.
  std::string outputFile;
  /// Where the packed parameters go; empty: nowhere.
  std::string weightsFile;
  /// The folder of library, header and, if there are parameters, weights, which
  /// the two names above are in. Empty: they are on their own.
  std::string folder;
  /// Before the names of functions in symbols and in the C header.
  std::string prefix;
  /// Compiler driver that links libraries; empty: the first one found.
  std::string linker;
};

/// What is told about a run.
struct ReportOptions {
  /// The table, on standard output.
  bool report = false;
  /// Empty writes none. A trace is of accelerators.
  std::string json, htmlFile, traceFile;
  /// Golden vectors of a program go into this folder; empty: none are made.
  std::string goldenFolder;
};

/// A program on a simulated accelerator.
struct SimulateOptions : CommandOptions,
                         CheckpointOptions,
                         DataOptions,
                         ProofOptions,
                         ReportOptions {
  std::string inputFile;
  /// "host": the one that the program was made for.
  std::string target = "host";
  /// 0: all processors, or OMP_NUM_THREADS.
  int threads = 0;
  /// No values: inputs and parameters are not needed.
  bool timingOnly = false;
};

/// A model that is compiled and run, here or on a simulated accelerator.
struct RunOptions : CompileOptions, DataOptions, ProofOptions, ReportOptions {
  /// LLVM IR is written instead, or what else is.
  EmitKind emit = EmitKind::Execute;
  /// 0: all processors, or OMP_NUM_THREADS.
  int threads = 0;
  /// Timed runs. 1 times the only, cold run.
  int repeat = 1;
  /// Compiled code is neither looked for in the cache nor kept there.
  bool skipsCodeCache = false;
  /// Time and work of each operation are told; a page always has them.
  bool profile = false;
  /// Each operation's result is compared with that of the reference code.
  bool check = false;
  /// Measures what each weight costs and gains at each pattern.
  bool sensitivity = false;
  /// Of the results, for the choice of patterns; negative: none is made.
  double maxDifference = -1;
  bool timingOnly = false;
};

/// Programs of tenants that share an accelerator.
struct TenantsOptions : CommandOptions, ProofOptions, ReportOptions {
  /// JSON or CSV.
  std::string requestsFile;
  /// The scheduler that orders them.
  std::string policyFile;
  std::string target = "host";
  /// Where a request can be interrupted.
  enum class Preempt { Barriers, Loops } preempt = Preempt::Barriers;
  /// Microseconds between ends of loops' rounds where it can, at least.
  double quantumUs = 0;
};

/// A file that is listed.
struct InspectOptions : CommandOptions {
  std::string file;
  ::nm::rt::MaskOptions mask;
  std::string json;
  /// Where the checkpoint goes in another form, and which; empty: nowhere.
  std::string convert, format;
};

/// What `--in-place RESULT=ARGUMENT` gives.
llvm::Expected<InPlacePair> parseInPlace(StringRef text);

/// The sizes that `--size NAME=N` gives.
llvm::Expected<llvm::StringMap<int64_t>>
parseSizes(llvm::ArrayRef<std::string> texts);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_OPTIONS_H
