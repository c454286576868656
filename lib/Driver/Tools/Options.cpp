//===- Options.cpp - Options that several tools have -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Machine/Device.h"
#include "nm/Registration.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/Text.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace support = ::nm::support;
using ::nm::machine::builtinDevices;
using ::nm::machine::DeviceKind;
using support::CommandLine;

void tools::addParams(CommandLine &line, Texts &texts) {
  line.list("params", texts.params, "[scope=]path",
            "checkpoint of nm.param: safetensors (file, folder or index), npz, "
            "npy, torch.save or onnx (default: the ONNX model itself)");
}

void tools::addArrays(CommandLine &line, DataOptions &options, Texts &texts,
                      const std::string &what) {
  line.list("input", texts.inputs, "[name=]file.npy",
            "argument by name or number, else in order; uint16 bit patterns "
            "for bf16");
  line.list("output", texts.outputs, "[i=]file.npy", what);
  line.shorthand('o', "output");
  line.list("expect", texts.expects, "[i=]file.npy",
            "reference for result i: exit code 1 if |a - b| > atol + rtol |b| "
            "anywhere");
  line.real("atol", options.atol, "number",
            "absolute tolerance (default: by element type and depth)");
  line.real("rtol", options.rtol, "number",
            "relative tolerance (default: by element type and depth)");
}

void tools::addMasks(CommandLine &line, rt::MaskOptions &options, Texts &texts,
                     bool needsPolicy) {
  if (needsPolicy)
    line.choice<rt::MaskPolicy>(
        "mask-policy", options.policy, "what to do about masks:",
        {{"if-present", rt::MaskPolicy::IfPresent,
          "use mask tensors; without, weights must satisfy N:M"},
         {"require", rt::MaskPolicy::Require,
          "every weight with a pattern must have a mask tensor"},
         {"derive", rt::MaskPolicy::Derive,
          "without mask tensor, keep the N largest of every M"},
         {"ignore", rt::MaskPolicy::Ignore, "take weights as they are"}});
  line.text("masks", texts.masks, "file",
            "masks in a file of their own, by the weight's name or with a "
            "suffix, such as MaskLLM's npz (--mask-bit-order=msb)");
  line.list("mask-suffix", texts.suffixes, "suffix",
            "suffix of mask tensors, instead of _mask, _sparsity_mask, .mask "
            "and __*_mma_mask (* is the parameter)");
  line.choice<rt::BitOrder>(
      "mask-bit-order", options.bitOrder, "bits of packed masks:",
      {{"lsb", rt::BitOrder::LsbFirst, "least significant bit first"},
       {"msb", rt::BitOrder::MsbFirst, "most significant bit first"}});
}

void tools::addCalibration(CommandLine &line, CompileOptions &options) {
  line.list("calibrate", options.calibrate, "file",
            "measure what --prune and --round change on inputs: an npy file, a "
            "folder of them, or a folder of folders with one for each "
            "argument, by name");
  line.choice<PruneBy>(
      "prune-by", options.pruneBy, "what decides which weights --prune keeps:",
      {{"magnitude", PruneBy::Magnitude, "the weight alone"},
       {"wanda", PruneBy::Wanda,
        "the weight times the norm of its input in --calibrate"}});
  line.choice<RoundBy>(
      "round", options.roundBy, "how --quantize rounds weights:",
      {{"nearest", RoundBy::Nearest, "each to the nearest integer"},
       {"gptq", RoundBy::Gptq,
        "one feature after the other, so that those that follow make up for "
        "the error in the products of --calibrate"}});
  line.text("save-masks", options.masksFile, "file",
            "write the masks of --prune with --calibrate as safetensors, for "
            "--masks");
}

void tools::addCompiling(CommandLine &line, CompileOptions &options,
                         Texts &texts) {
  line.list("bind", texts.bind, "argument=[scope=]key",
            "argument, by name or number, that is a parameter of the "
            "checkpoint");
  line.list("size", options.sizes, "name=N",
            "size of a symbolic dimension of an ONNX model, such as batch=1: "
            "code for that size alone, which is faster");
  line.list("in-place", texts.inPlace, "result=argument",
            "result that is written to the memory of an argument, such as a "
            "cache that grows in place; * in both is the same text");
  line.text("kv-cache", options.kvCache, "i8",
            "hold the caches of --in-place as eight-bit rows: D integers and "
            "their scale in D + 4 bytes, quantised when a call writes them "
            "and read as they are by attention");
  line.list("pattern", options.patterns, "[KEY=]N:M",
            "pattern of the weights, instead of the one found; KEY names some "
            "(* is any text, ? one character), the first that fits counts; "
            "KEY=dense leaves them");
  line.list("prune", options.prune, "[KEY=]N:M",
            "prune weights by magnitude and say what became of each: the N "
            "largest of every M are kept; KEY as in --pattern");
  line.text("quantize", options.quantize, "i4:G|i8:G|keep",
            "round f32 matrices, 2:4, 1:4 or dense, to four or eight bits with "
            "a scale for every G (32, 64, 128) elements along the contraction, "
            "after pruning, and say what became of each; keep: round none, but "
            "take as integers those that the checkpoint has so. Their products "
            "with up to 16 columns round activations to 8 bits");
  line.flag("dense", options.dense,
            "treat every weight as dense: the baseline for comparisons");
  line.flag("reference", options.reference,
            "lower without optimisation: slow, the oracle of tests");
  std::vector<std::string> processors = builtinDevices(DeviceKind::Host);
  processors.insert(processors.begin(), "host");
  std::vector<std::string> accelerators =
      builtinDevices(DeviceKind::Accelerator);
  std::vector<std::string> all = processors;
  all.insert(all.end(), accelerators.begin(), accelerators.end());
  accelerators.push_back("the file of a description");
  line.text(
      "target", options.target, "name",
      "processor to generate code for: " + support::alternatives(processors) +
          "; or accelerator: " + support::alternatives(accelerators));
  line.suggest("target", all);
  line.text("target-cpu", options.targetCPU, "name",
            "as in clang -march (default: the target's)");
  line.foreign("mlir-", texts.foreign);
}

void tools::addElementType(CommandLine &line, CompileOptions &options) {
  using ::nm::isa::Type;
  line.choice<Type>("element-type", options.elementType,
                    "of tensors on an accelerator, whatever the model's:",
                    {{"f16", Type::F16, ""},
                     {"bf16", Type::BF16, ""},
                     {"f32", Type::F32, "for devices of 32-bit elements"}});
}

void tools::addStages(CommandLine &line, CompileOptions &options) {
  std::vector<support::Word<std::optional<Stage>>> words;
  for (const StageName &stage : stageNames())
    if (stage.stage != Stage::LLVMDialect) // nm-compile --emit=mlir
      words.push_back({stage.name.str(), stage.stage, stage.holds.str()});
  line.choice<std::optional<Stage>>(
      "compile-to", options.compileTo,
      "stop after a stage and print the module:", words);
  line.text("dump-stages-to", options.dumpFolder, "folder",
            "write the module after each stage that changes it, without large "
            "constants, into a new or empty folder");
  line.text("reproducer-to", options.reproducerFolder, "folder",
            "where to write a reproducer, without weights, if a stage fails "
            "(default: where temporary files go)");
}

void tools::addRemarks(CommandLine &line, CompileOptions &options) {
  line.text("remarks-filter", options.remarksFilter, "regex",
            "print remarks of these categories, such as nm-raise or .*");
  line.text("remarks-output-file", options.remarksFile, "file",
            "write all remarks as YAML, for opt-viewer.py");
}

void tools::addEntry(CommandLine &line, std::string &entry,
                     const std::string &help) {
  line.text("entry", entry, "function",
            help + " (default: the only public one)");
}

void tools::addThreads(CommandLine &line, int &threads) {
  addCount(line, "threads", threads,
           "OpenMP threads (default: OMP_NUM_THREADS, else all processors)");
}

void tools::addCount(CommandLine &line, const char *name, int &count,
                     const char *help) {
  line.parsed(name, "count", help, [&count](const std::string &text) {
    constexpr int64_t most = 1000000000;
    int64_t number = 0;
    if (!support::parseWholeNumber(text, number) || number < 1 || number > most)
      return support::Status(support::makeError(
          support::Errc::Argument, "expected a whole number from 1 to ", most));
    count = static_cast<int>(number);
    return support::Status();
  });
}

void tools::addProof(CommandLine &line, ProofOptions &options) {
  line.flag("no-verify", options.skipsProof,
            "do not prove programs free of races and deadlocks before they run "
            "or are written");
  line.number("max-steps", options.maxSteps, 1, int64_t(1) << 48, "count",
              "executed instructions and barriers after which a proof and a "
              "run are given up");
}

void tools::addSimulating(CommandLine &line, bool &timingOnly,
                          ReportOptions &options) {
  line.flag("timing-only", timingOnly,
            "compute no values: needs neither inputs nor parameters");
  line.text("trace", options.traceFile, "file",
            "write what each engine did and when, for ui.perfetto.dev");
}

void tools::addAccelerator(CommandLine &line, std::string &target,
                           const std::string &help) {
  std::vector<std::string> names = builtinDevices(DeviceKind::Accelerator);
  line.parsed("target", "name",
              help + ": " + support::alternatives(names) +
                  ", or the file of a description",
              [&target](const std::string &text) {
                target = text;
                return support::Status();
              });
  line.suggest("target", names);
}

std::optional<int> tools::parse(CommandLine &line, int argc, char **argv) {
  auto outcome = line.parse(argc, argv);
  if (!outcome)
    return reportError(toError(outcome.error()));
  if (*outcome == CommandLine::Outcome::Done)
    return 0;
  return std::nullopt;
}

void tools::registerForeign() {
  // Before the options that name passes.
  registerPasses();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  registerAsmPrinterCLOptions();
}

void tools::parseForeign(const char *tool, const Texts &texts) {
  std::vector<const char *> foreign = {tool};
  for (const std::string &argument : texts.foreign)
    foreign.push_back(argument.c_str());
  llvm::cl::ParseCommandLineOptions(static_cast<int>(foreign.size()),
                                    foreign.data());
}

static llvm::Error addBindings(StringRef option,
                               const std::vector<std::string> &texts,
                               std::vector<Binding> &bindings) {
  for (const std::string &text : texts) {
    llvm::Expected<Binding> binding = parseBinding(option, text);
    if (!binding)
      return binding.takeError();
    bindings.push_back(std::move(*binding));
  }
  return llvm::Error::success();
}

llvm::Error tools::take(const Texts &texts, rt::MaskOptions &options) {
  if (!texts.suffixes.empty())
    options.suffixes = texts.suffixes;
  if (texts.masks.empty())
    return llvm::Error::success();
  if (options.policy == rt::MaskPolicy::Ignore)
    return makeError("--masks has no effect with --mask-policy=ignore; drop "
                     "one of them");
  auto opened = rt::Checkpoint::open(texts.masks);
  if (!opened)
    return toError(opened.error());
  options.source = std::move(*opened);
  return llvm::Error::success();
}

llvm::Error tools::take(const Texts &texts, CheckpointOptions &options) {
  if (llvm::Error error = addBindings("params", texts.params, options.params))
    return error;
  return take(texts, options.mask);
}

namespace {
/// Of all stages together; reported when the options go.
struct PassTimes {
  PassTimes() {
    applyDefaultTimingManagerCLOptions(manager);
    root = manager.getRootScope();
  }
  DefaultTimingManager manager;
  TimingScope root;
};
} // namespace

llvm::Error tools::take(const Texts &texts, CompileOptions &options) {
  auto times = std::make_shared<PassTimes>();
  options.configurePassManager = [times](PassManager &pm) {
    pm.enableTiming(times->root);
    return applyPassManagerCLOptions(pm);
  };
  options.watchesPasses = !texts.foreign.empty();
  if (llvm::Error error = addBindings("bind", texts.bind, options.bind))
    return error;
  for (const std::string &text : texts.inPlace) {
    llvm::Expected<InPlacePair> pair = parseInPlace(text);
    if (!pair)
      return pair.takeError();
    options.inPlace.push_back(std::move(*pair));
  }
  if (!options.kvCache.empty())
    if (llvm::Error error = checkKVCache(options.kvCache))
      return error;
  return take(texts, static_cast<CheckpointOptions &>(options));
}

llvm::Error tools::take(const Texts &texts, DataOptions &options) {
  for (auto [name, values, bindings] :
       {std::tuple("input", &texts.inputs, &options.inputs),
        std::tuple("output", &texts.outputs, &options.outputs),
        std::tuple("expect", &texts.expects, &options.expects)})
    if (llvm::Error error = addBindings(name, *values, *bindings))
      return error;
  return llvm::Error::success();
}

llvm::Error tools::take(const Texts &texts, RunOptions &options) {
  if (llvm::Error error = take(texts, static_cast<CompileOptions &>(options)))
    return error;
  return take(texts, static_cast<DataOptions &>(options));
}

llvm::Error tools::take(const Texts &texts, SimulateOptions &options) {
  if (llvm::Error error =
          take(texts, static_cast<CheckpointOptions &>(options)))
    return error;
  return take(texts, static_cast<DataOptions &>(options));
}
