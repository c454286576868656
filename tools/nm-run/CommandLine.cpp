//===- CommandLine.cpp - The options of nm-run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Machine/Device.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/Options.h"
#include "nm/Support/OutputFile.h"
#include "nm/Support/Text.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace support = ::nm::support;

namespace {

/// What the options fill that RunOptions holds in another form.
struct Texts {
  std::vector<std::string> params, bind, inputs, outputs, expects, suffixes;
  std::string masks;
  /// Of MLIR: --mlir-print-ir-after-all and its like.
  std::vector<std::string> foreign;
};

/// A number from 1.
support::Status parseCount(const std::string &text, int64_t most, int &count) {
  int64_t number = 0;
  if (!support::parseWholeNumber(text, number) || number < 1 || number > most)
    return support::makeError(support::Errc::Argument,
                              "expected a whole number from 1 to ", most);
  count = static_cast<int>(number);
  return {};
}

constexpr const char *kAbout =
    "compiles a model with N:M sparse weights, runs it, compares and times it";
constexpr const char *kUsage =
    R"(  nm-run model.mlir --params model.safetensors --input x.npy --output y.npy
  nm-run model.onnx --input x.npy --output y.npy
  nm-run model.mlir --params model.safetensors --emit=so -o libmodel.so
  nm-run --inspect model.safetensors
  nm-run program.nmb --target=edge --timing-only --report
  nm-run --explore [options]      sweeps the cost model; see --explore --help

Options of MLIR, such as --mlir-print-ir-after-all and --mlir-timing, work as
in mlir-opt, with values joined by '='.

)";

void addData(support::CommandLine &line, RunOptions &options, Texts &texts) {
  line.group("Data");
  line.list("params", texts.params, "[scope=]path",
            "checkpoint of nm.param: safetensors (file, folder or index), npz, "
            "npy or onnx (default: the ONNX model itself)");
  line.list("bind", texts.bind, "argument=[scope=]key",
            "argument, by name or number, that is a parameter of the "
            "checkpoint");
  line.list("size", options.sizes, "name=N",
            "size of a symbolic dimension of an ONNX model, such as batch=1: "
            "code for that size alone, which is faster");
  line.list("input", texts.inputs, "[name=]file.npy",
            "argument by name or number, else in order; uint16 bit patterns "
            "for bf16");
  line.list("output", texts.outputs, "[i=]file.npy",
            "where to write result i, else the next one");
  line.list("expect", texts.expects, "[i=]file.npy",
            "reference for result i: exit code 1 if |a - b| > atol + rtol |b| "
            "anywhere");
  line.real("atol", options.atol, "number",
            "absolute tolerance (default: by element type and depth)");
  line.real("rtol", options.rtol, "number",
            "relative tolerance (default: by element type and depth)");
}

void addMasks(support::CommandLine &line, RunOptions &options, Texts &texts) {
  using ::nm::rt::BitOrder;
  using ::nm::rt::MaskPolicy;
  line.group("Checkpoints and masks");
  line.text("inspect", options.inspect, "checkpoint",
            "list its tensors with dtype, shape, tightest N:M, density and "
            "mask, then exit");
  line.list("pattern", options.patterns, "[KEY=]N:M",
            "pattern of the weights, instead of the one found; KEY names some "
            "(* is any text, ? one character), the first that fits counts; "
            "KEY=dense leaves them");
  line.list("prune", options.prune, "[KEY=]N:M",
            "prune weights by magnitude and say what became of each: the N "
            "largest of every M are kept; KEY as in --pattern");
  line.choice<MaskPolicy>(
      "mask-policy", options.mask.policy, "what to do about masks:",
      {{"if-present", MaskPolicy::IfPresent,
        "use mask tensors; without, weights must satisfy N:M"},
       {"require", MaskPolicy::Require,
        "every weight with a pattern must have a mask tensor"},
       {"derive", MaskPolicy::Derive,
        "without mask tensor, keep the N largest of every M"},
       {"ignore", MaskPolicy::Ignore, "take weights as they are"}});
  line.text("masks", texts.masks, "file",
            "masks in a file of their own, by the weight's name or with a "
            "suffix, such as MaskLLM's npz (--mask-bit-order=msb)");
  line.list("mask-suffix", texts.suffixes, "suffix",
            "suffix of mask tensors, instead of _mask, _sparsity_mask, .mask "
            "and __*_mma_mask (* is the parameter)");
  line.choice<BitOrder>(
      "mask-bit-order", options.mask.bitOrder, "bits of packed masks:",
      {{"lsb", BitOrder::LsbFirst, "least significant bit first"},
       {"msb", BitOrder::MsbFirst, "most significant bit first"}});
  line.optional("cache", options.cache, options.cacheFolder, "folder",
                "keep packed parameters in a file, next to the checkpoint if "
                "no folder is named");
}

void addRunning(support::CommandLine &line, RunOptions &options) {
  line.group("Running");
  line.text("entry", options.entry, "function",
            "function to run (default: the only public one)");
  line.parsed("threads", "count",
              "OpenMP threads (default: OMP_NUM_THREADS, else all processors)",
              [&options](const std::string &text) {
                return parseCount(text, 1000000000, options.threads);
              });
  line.parsed("repeat", "count",
              "timed runs after warm-up; shows median, minimum and spread",
              [&options](const std::string &text) {
                return parseCount(text, 1000000000, options.repeat);
              });
}

void addCompiling(support::CommandLine &line, RunOptions &options) {
  using ::nm::machine::builtinDevices;
  using ::nm::machine::DeviceKind;
  std::vector<std::string> processors = builtinDevices(DeviceKind::Host);
  processors.insert(processors.begin(), "host");
  std::vector<std::string> accelerators =
      builtinDevices(DeviceKind::Accelerator);
  accelerators.push_back("the file of a description");
  line.group("Compiling");
  line.flag("dense", options.dense,
            "treat every weight as dense: the baseline for comparisons");
  line.flag("reference", options.reference,
            "lower without optimisation: slow, the oracle of tests");
  line.choice<EmitKind>(
      "emit", options.emit, "write code instead of running it:",
      {{"mlir", EmitKind::MLIR, "LLVM dialect"},
       {"llvm", EmitKind::LLVMIR, "optimised LLVM IR"},
       {"asm", EmitKind::Assembly, "assembly"},
       {"obj", EmitKind::Object, "object file and C header"},
       {"so", EmitKind::SharedLibrary, "shared library and C header"},
       {"attacc", EmitKind::Program,
        "program of the accelerator that --target names"},
       {"attacc-asm", EmitKind::ProgramAssembly, "the same as assembly"}});
  line.text("o", options.outputFile, "file", "output of --emit");
  line.text(
      "target", options.target, "name",
      "processor to generate code for: " + support::alternatives(processors) +
          "; or accelerator to simulate: " +
          support::alternatives(accelerators));
  line.text("target-cpu", options.targetCPU, "name",
            "as in clang -march (default: the target's)");
  line.text("prefix", options.prefix, "name",
            "stands before the names of functions in --emit's symbols and "
            "header, so that models link into one program");
  line.text("cc", options.linker, "program",
            "C compiler that links --emit=so (default: clang-22, cc, gcc or "
            "clang)");
}

void addSimulating(support::CommandLine &line, RunOptions &options) {
  using ::nm::isa::Type;
  line.group("Simulated accelerators");
  line.choice<Type>("element-type", options.elementType,
                    "of tensors on the accelerator, whatever the model's:",
                    {{"f16", Type::F16, ""},
                     {"bf16", Type::BF16, ""},
                     {"f32", Type::F32, "for devices of 32-bit elements"}});
  line.flag("timing-only", options.timingOnly,
            "compute no values: needs neither inputs nor parameters");
  line.flag("no-verify", options.skipsProof,
            "do not prove programs free of races and deadlocks before they run "
            "or are written");
  line.number("max-steps", options.maxSteps, 1, int64_t(1) << 48, "count",
              "executed instructions and barriers after which a proof and a "
              "run are given up");
  line.text("trace", options.traceFile, "file",
            "write what each engine did and when, for ui.perfetto.dev");
  line.text("html", options.htmlFile, "file",
            "write a page with timeline, roofline, stalls, bytes, energy");
  line.text("tenants", options.tenantsFile, "file",
            "requests of tenants that share the accelerator, as JSON or CSV "
            "(docs/simulator.md)");
  line.text("policy", options.policyFile, "file",
            "PIFO scheduler that orders the tenants' jobs");
}

void addReporting(support::CommandLine &line, RunOptions &options) {
  line.group("Reports");
  line.flag("report", options.report,
            "print parameters, decisions, passes, errors and times");
  line.text("report-json", options.reportJson, "file",
            "write the report, or the table of --inspect, as JSON");
  line.text("remarks-filter", options.remarksFilter, "regex",
            "print remarks of these categories, such as nm-raise or .*");
  line.text("remarks-output-file", options.remarksFile, "file",
            "write all remarks as YAML, for opt-viewer.py");
}

/// --print-device stands alone.
llvm::Error printDevice(const support::CommandLine &line,
                        const std::string &name) {
  for (const std::string &other : line.given())
    if (other != "print-device")
      return makeError("--print-device prints a description and does nothing "
                       "else; drop --{0}",
                       other);
  auto device = ::nm::machine::findDevice(name);
  if (!device)
    return toError(device.error());
  return toError(support::writeFile("-", ::nm::machine::printDevice(*device)));
}

llvm::Error addBindings(StringRef option, const std::vector<std::string> &texts,
                        std::vector<Binding> &bindings) {
  for (const std::string &text : texts) {
    llvm::Expected<Binding> binding = parseBinding(option, text);
    if (!binding)
      return binding.takeError();
    bindings.push_back(std::move(*binding));
  }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::optional<RunOptions>>
driver::parseCommandLine(int argc, char **argv) {
  RunOptions options;
  Texts texts;
  support::CommandLine line("nm-run", kAbout, kUsage, llvmVersion());
  line.positional(
      "model", options.inputFile,
      "module of MLIR, ONNX model or program of an accelerator; - is "
      "standard input");
  addData(line, options, texts);
  addMasks(line, options, texts);
  addRunning(line, options);
  addCompiling(line, options);
  addSimulating(line, options);
  addReporting(line, options);
  std::string device;
  line.text("print-device", device, "name",
            "print the description of a processor or accelerator (a name that "
            "--target takes, host among them, or a file) as JSON, then exit");
  line.foreign("mlir-", texts.foreign);
  for (int i = 1; i < argc; ++i)
    if (StringRef(argv[i]) == "--explore")
      return makeError("--explore stands first, before its own options: nm-run "
                       "--explore --help lists them");
  auto outcome = line.parse(argc, argv);
  if (!outcome)
    return toError(outcome.error());
  if (*outcome == support::CommandLine::Outcome::Done)
    return std::nullopt;
  if (line.given("print-device")) {
    if (!options.inputFile.empty())
      return makeError("--print-device prints a description and does nothing "
                       "else; drop {0}",
                       support::quotePath(options.inputFile));
    if (llvm::Error error = printDevice(line, device))
      return std::move(error);
    return std::nullopt;
  }
  for (auto [name, values, bindings] :
       {std::tuple("params", &texts.params, &options.params),
        std::tuple("bind", &texts.bind, &options.bind),
        std::tuple("input", &texts.inputs, &options.inputs),
        std::tuple("output", &texts.outputs, &options.outputs),
        std::tuple("expect", &texts.expects, &options.expects)})
    if (llvm::Error error = addBindings(name, *values, *bindings))
      return std::move(error);
  if (!texts.suffixes.empty())
    options.mask.suffixes = texts.suffixes;
  options.given = line.given();
  if (!texts.masks.empty()) {
    if (texts.params.empty() && options.inspect.empty())
      return makeError("--masks holds masks of a checkpoint's weights; give "
                       "one with --params or --inspect");
    if (options.mask.policy == ::nm::rt::MaskPolicy::Ignore)
      return makeError("--masks has no effect with --mask-policy=ignore; drop "
                       "one of them");
    auto opened = ::nm::rt::Checkpoint::open(texts.masks);
    if (!opened)
      return toError(opened.error());
    options.mask.source = std::move(*opened);
  }
  std::vector<const char *> foreign = {argv[0]};
  for (const std::string &argument : texts.foreign)
    foreign.push_back(argument.c_str());
  llvm::cl::ParseCommandLineOptions(static_cast<int>(foreign.size()),
                                    foreign.data());
  return options;
}
