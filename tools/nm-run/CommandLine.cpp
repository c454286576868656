//===- CommandLine.cpp - The options of nm-run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace cl = llvm::cl;

namespace {

/// Lives on the stack of parseCommandLine: no library has global options.
struct CommandLine {
  cl::OptionCategory data{"Data", "what goes in and what comes out"};
  cl::OptionCategory masks{"Checkpoints and masks"};
  cl::OptionCategory running{"Running"};
  cl::OptionCategory compiling{"Compiling"};
  cl::OptionCategory simulating{"Simulated accelerators"};
  cl::OptionCategory reporting{"Reports"};

  cl::opt<std::string> inputFile{
      cl::Positional, cl::cat(data),
      cl::desc("<model.mlir or program, - for standard input>")};
  cl::list<std::string> params{
      "params", cl::cat(data), cl::value_desc("[scope=]path"),
      cl::desc("checkpoint of nm.param: safetensors (file, folder or index), "
               "npz or npy")};
  cl::list<std::string> bind{
      "bind", cl::cat(data), cl::value_desc("argument=[scope=]key"),
      cl::desc("argument, by name or number, that is a parameter of the "
               "checkpoint")};
  cl::list<std::string> inputs{
      "input", cl::cat(data), cl::value_desc("[name=]file.npy"),
      cl::desc("argument by name or number, else in order; uint16 bit "
               "patterns for bf16")};
  cl::list<std::string> outputs{
      "output", cl::cat(data), cl::value_desc("[i=]file.npy"),
      cl::desc("where to write result i, else the next one")};
  cl::list<std::string> expects{
      "expect", cl::cat(data), cl::value_desc("[i=]file.npy"),
      cl::desc("reference for result i: exit code 1 if |a - b| > atol + rtol "
               "|b| anywhere")};
  cl::opt<double> atol{"atol", cl::cat(data), cl::init(-1),
                       cl::desc("absolute tolerance (default by dtype: 1e-5 "
                                "for f32)")};
  cl::opt<double> rtol{"rtol", cl::cat(data), cl::init(-1),
                       cl::desc("relative tolerance (default by dtype: 1e-5 "
                                "for f32)")};

  cl::opt<std::string> inspect{
      "inspect", cl::cat(masks), cl::value_desc("checkpoint"),
      cl::desc("list its tensors with dtype, shape, tightest N:M, density and "
               "mask, then exit")};
  cl::opt<std::string> pattern{
      "pattern", cl::cat(masks), cl::value_desc("N:M"),
      cl::desc("pattern of the weights, instead of the one found")};
  cl::opt<::nm::rt::MaskPolicy> maskPolicy{
      "mask-policy", cl::cat(masks), cl::desc("what to do about masks:"),
      cl::init(::nm::rt::MaskPolicy::IfPresent),
      cl::values(
          clEnumValN(::nm::rt::MaskPolicy::IfPresent, "if-present",
                     "use mask tensors; without, weights must satisfy N:M"),
          clEnumValN(::nm::rt::MaskPolicy::Require, "require",
                     "every weight with a pattern must have a mask tensor"),
          clEnumValN(::nm::rt::MaskPolicy::Derive, "derive",
                     "without mask tensor, keep the N largest of every M"),
          clEnumValN(::nm::rt::MaskPolicy::Ignore, "ignore",
                     "take weights as they are"))};
  cl::opt<std::string> maskFile{
      "masks", cl::cat(masks), cl::value_desc("file"),
      cl::desc("masks in a file of their own, by the weight's name or with a "
               "suffix, such as MaskLLM's npz (--mask-bit-order=msb)")};
  cl::list<std::string> maskSuffix{
      "mask-suffix", cl::cat(masks), cl::value_desc("suffix"),
      cl::desc("suffix of mask tensors, repeatable, instead of _mask, "
               "_sparsity_mask, .mask and __*_mma_mask (* is the parameter)")};
  cl::opt<::nm::rt::BitOrder> maskBitOrder{
      "mask-bit-order", cl::cat(masks), cl::desc("bits of packed masks:"),
      cl::init(::nm::rt::BitOrder::LsbFirst),
      cl::values(clEnumValN(::nm::rt::BitOrder::LsbFirst, "lsb",
                            "least significant bit first"),
                 clEnumValN(::nm::rt::BitOrder::MsbFirst, "msb",
                            "most significant bit first"))};
  cl::opt<std::string> cache{
      "cache", cl::cat(masks), cl::ValueOptional, cl::value_desc("folder"),
      cl::desc("keep packed parameters in a file, next to the checkpoint if no "
               "folder is named")};

  cl::opt<std::string> entry{
      "entry", cl::cat(running), cl::value_desc("function"),
      cl::desc("function to run (default: the only public one)")};
  cl::opt<int> threads{
      "threads", cl::cat(running), cl::init(0), cl::value_desc("count"),
      cl::desc("OpenMP threads (default: OMP_NUM_THREADS, else all "
               "processors)")};
  cl::opt<int> repeat{
      "repeat", cl::cat(running), cl::init(1), cl::value_desc("count"),
      cl::desc("timed runs after warm-up; shows median, minimum and spread")};

  cl::opt<bool> dense{
      "dense", cl::cat(compiling),
      cl::desc("treat every weight as dense: the baseline for comparisons")};
  cl::opt<bool> reference{
      "reference", cl::cat(compiling),
      cl::desc("lower without optimisation: slow, the oracle of tests")};
  cl::opt<EmitKind> emit{
      "emit", cl::cat(compiling), cl::init(EmitKind::Execute),
      cl::desc("write code instead of running it:"),
      cl::values(
          clEnumValN(EmitKind::MLIR, "mlir", "LLVM dialect"),
          clEnumValN(EmitKind::LLVMIR, "llvm", "optimised LLVM IR"),
          clEnumValN(EmitKind::Assembly, "asm", "assembly"),
          clEnumValN(EmitKind::Object, "obj", "object file and C header"),
          clEnumValN(EmitKind::SharedLibrary, "so",
                     "shared library and C header"),
          clEnumValN(EmitKind::Program, "attacc",
                     "program of the accelerator that --target names"),
          clEnumValN(EmitKind::ProgramAssembly, "attacc-asm",
                     "the same as assembly"))};
  cl::opt<std::string> outputFile{"o", cl::cat(compiling),
                                  cl::value_desc("file"),
                                  cl::desc("output of --emit")};
  cl::opt<std::string> target{
      "target", cl::cat(compiling), cl::value_desc("name"), cl::init("host"),
      cl::desc("processor to generate code for: host (default), x86-64, "
               "x86-64-avx2, x86-64-avx512, aarch64-neon or aarch64-sve256; or "
               "accelerator to simulate: edge, cloud, tpu-v5e, a100 or the "
               "file of a description")};
  cl::opt<std::string> targetCPU{
      "target-cpu", cl::cat(compiling), cl::value_desc("name"),
      cl::desc("as in clang -march (default: the target's)")};
  cl::opt<std::string> linker{
      "cc", cl::cat(compiling), cl::value_desc("program"),
      cl::desc("C compiler that links --emit=so (default: clang-22, cc, gcc or "
               "clang)")};

  cl::opt<::nm::isa::Type> elementType{
      "element-type", cl::cat(simulating), cl::init(::nm::isa::Type::F16),
      cl::desc("of tensors on the accelerator, whatever the model's:"),
      cl::values(clEnumValN(::nm::isa::Type::F16, "f16", "default"),
                 clEnumValN(::nm::isa::Type::BF16, "bf16", ""),
                 clEnumValN(::nm::isa::Type::F32, "f32",
                            "for devices of 32-bit elements"))};
  cl::opt<bool> timingOnly{
      "timing-only", cl::cat(simulating),
      cl::desc("compute no values: needs neither inputs nor parameters")};
  cl::opt<std::string> trace{
      "trace", cl::cat(simulating), cl::value_desc("file"),
      cl::desc("write what each engine did and when, for ui.perfetto.dev")};
  cl::opt<std::string> html{
      "html", cl::cat(simulating), cl::value_desc("file"),
      cl::desc("write a page with timeline, roofline, stalls, bytes, energy")};
  cl::opt<std::string> tenants{
      "tenants", cl::cat(simulating), cl::value_desc("file"),
      cl::desc("requests of tenants that share the accelerator, as JSON or "
               "CSV (docs/simulator.md)")};
  cl::opt<std::string> policy{
      "policy", cl::cat(simulating), cl::value_desc("file"),
      cl::desc("PIFO scheduler that orders the tenants' jobs")};

  cl::opt<bool> report{
      "report", cl::cat(reporting),
      cl::desc("print parameters, decisions, passes, errors and times")};
  cl::opt<std::string> reportJson{
      "report-json", cl::cat(reporting), cl::value_desc("file"),
      cl::desc("write the report, or the table of --inspect, as JSON")};
  cl::opt<std::string> remarksFilter{
      "remarks-filter", cl::cat(reporting), cl::value_desc("regex"),
      cl::desc("print remarks of these categories, such as nm-raise or .*")};
  cl::opt<std::string> remarksFile{
      "remarks-output-file", cl::cat(reporting), cl::value_desc("file"),
      cl::desc("write all remarks as YAML, for opt-viewer.py")};

  llvm::Expected<RunOptions> convert();
};

} // namespace

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

llvm::Expected<RunOptions> CommandLine::convert() {
  RunOptions options;
  options.inputFile = inputFile;
  options.inspect = inspect;
  for (auto [name, texts, bindings] :
       {std::tuple("params", &params, &options.params),
        std::tuple("bind", &bind, &options.bind),
        std::tuple("input", &inputs, &options.inputs),
        std::tuple("output", &outputs, &options.outputs),
        std::tuple("expect", &expects, &options.expects)})
    if (llvm::Error error = addBindings(name, *texts, *bindings))
      return std::move(error);
  for (cl::opt<double> *tolerance : {&atol, &rtol})
    if (tolerance->getNumOccurrences() && !(*tolerance >= 0))
      return makeError("--{0} is {1}; expected a number that is not negative",
                       tolerance->ArgStr, double(*tolerance));
  options.atol = atol;
  options.rtol = rtol;
  if (threads < 0)
    return makeError("--threads is {0}; expected at least 1, or 0 for the "
                     "default",
                     int(threads));
  if (repeat < 1)
    return makeError("--repeat is {0}; expected at least 1", int(repeat));
  options.entry = entry;
  options.threads = threads;
  options.repeat = repeat;
  options.dense = dense;
  options.reference = reference;
  options.pattern = pattern;
  options.mask.policy = maskPolicy;
  options.mask.bitOrder = maskBitOrder;
  if (!maskFile.empty()) {
    if (params.empty() && inspect.empty())
      return makeError("--masks holds masks of a checkpoint's weights; give "
                       "one with --params or --inspect");
    if (maskPolicy == ::nm::rt::MaskPolicy::Ignore)
      return makeError("--masks has no effect with --mask-policy=ignore; drop "
                       "one of them");
    auto opened = ::nm::rt::Checkpoint::open(maskFile);
    if (!opened)
      return toError(opened.error());
    options.mask.source = std::move(*opened);
  }
  if (!maskSuffix.empty())
    options.mask.suffixes = {maskSuffix.begin(), maskSuffix.end()};
  options.cache = cache.getNumOccurrences() > 0;
  options.cacheFolder = cache;
  options.emit = emit;
  options.outputFile = outputFile;
  options.target = target;
  options.targetCPU = targetCPU;
  options.linker = linker;
  options.elementType = elementType;
  options.timingOnly = timingOnly;
  options.traceFile = trace;
  options.htmlFile = html;
  options.tenantsFile = tenants;
  options.policyFile = policy;
  options.report = report;
  options.reportJson = reportJson;
  options.remarksFilter = remarksFilter;
  options.remarksFile = remarksFile;
  return options;
}

/// libLLVM and libMLIR bring global options of tools that they hold; those of
/// our names give way. `line` cannot be asked for the names: making it fails.
static void removeClashingOptions() {
  llvm::DenseMap<StringRef, cl::Option *> known = cl::getRegisteredOptions();
  for (StringRef name : {"params",
                         "bind",
                         "input",
                         "output",
                         "expect",
                         "atol",
                         "rtol",
                         "inspect",
                         "pattern",
                         "mask-policy",
                         "masks",
                         "mask-suffix",
                         "mask-bit-order",
                         "cache",
                         "entry",
                         "threads",
                         "repeat",
                         "dense",
                         "reference",
                         "emit",
                         "o",
                         "target",
                         "target-cpu",
                         "cc",
                         "element-type",
                         "timing-only",
                         "trace",
                         "html",
                         "tenants",
                         "policy",
                         "report",
                         "report-json",
                         "remarks-filter",
                         "remarks-output-file"})
    if (cl::Option *option = known.lookup(name))
      option->removeArgument();
}

llvm::Expected<RunOptions> driver::parseCommandLine(int argc, char **argv) {
  removeClashingOptions();
  CommandLine line;
  cl::HideUnrelatedOptions({&line.data, &line.masks, &line.running,
                            &line.compiling, &line.simulating,
                            &line.reporting});
  cl::ParseCommandLineOptions(
      argc, argv,
      "compiles a model with N:M sparse weights, runs it, compares and times "
      "it\n\n"
      "  nm-run model.mlir --params model.safetensors --input x.npy --output "
      "y.npy\n"
      "  nm-run model.mlir --params model.safetensors --emit=so -o "
      "libmodel.so\n"
      "  nm-run --inspect model.safetensors\n"
      "  nm-run program.nmb --target=edge --timing-only --report\n\n"
      "Options of MLIR, such as --mlir-print-ir-after-all and "
      "--mlir-timing, work as in mlir-opt.\n");
  return line.convert();
}
