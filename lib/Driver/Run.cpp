//===- Run.cpp - Models that are compiled and run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Run.h"
#include "nm/Driver/Arrays.h"
#include "nm/Driver/CachedLowering.h"
#include "nm/Driver/Calibrate.h"
#include "nm/Driver/Codegen.h"
#include "nm/Driver/Compare.h"
#include "nm/Driver/CompileCode.h"
#include "nm/Driver/EntryPoint.h"
#include "nm/Driver/Execute.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Jit.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Model.h"
#include "nm/Driver/Modes.h"
#include "nm/Driver/Prune.h"
#include "nm/Driver/Report.h"
#include "nm/Driver/Samples.h"
#include "nm/Driver/Sensitivity.h"
#include "nm/Driver/Simulate.h"
#include "nm/Driver/Stages.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/Threads.h"
#include "nm/Runtime/nm_runtime.h"
#include "nm/Support/Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Error driver::checkThreads(int threads) {
  rt::Status status = rt::checkThreadEnvironment();
  if (status && threads > 0)
    status = rt::checkThreadCount("--threads", threads);
  return toError(status);
}

namespace {

/// One compilation and run.
class Runner {
public:
  /// `calibration` may be null.
  Runner(RunOptions &options, Model &model, const Calibration *calibration,
         DialectRegistry &registry)
      : options(options), model(model), source(model.source),
        asked(options.inputs), calibration(calibration), registry(registry) {
    report.inputFile = options.inputFile;
    report.dense = options.dense;
  }

  /// `device` is null to run on this processor.
  llvm::Error run(const ::nm::model::Device *device) {
    OnnxImportOptions onnx;
    onnx.argument = [this](ArrayRef<std::string> names, size_t index) {
      return asked.find(names, index);
    };
    onnx.takesCallSizes = true;
    if (llvm::Error error = model.parse(std::move(onnx)))
      return error;
    if (device)
      return simulate(*device);
    // Before the compilation, so that mistakes are reported at once.
    if (llvm::Error error = readArguments())
      return error;
    if (llvm::Error error = compile())
      return error;
    return execute();
  }

  /// Runs on this processor and reports only how long it took.
  llvm::Expected<Profile> profile() {
    isSilent = true;
    if (llvm::Error error = run(nullptr))
      return std::move(error);
    return std::move(*report.profile);
  }

  /// Runs with every operation's result kept.
  llvm::Expected<Observed> observe() {
    isSilent = isObserved = true;
    if (llvm::Error error = run(nullptr))
      return std::move(error);
    Observed kept;
    size_t own = results.size() - observed.size();
    for (auto [name, result] :
         llvm::zip(observed, ArrayRef(results).drop_front(own)))
      kept[name] = result;
    return kept;
  }

private:
  llvm::Error simulate(const ::nm::model::Device &device);
  llvm::Error readArguments();
  llvm::Error compile();
  llvm::Error generate(llvm::TargetMachine &machine);
  bool usesCodeCache() const;
  llvm::Error calibrate();
  llvm::Error loadParams(std::unique_ptr<rt::Params> &params);
  llvm::Error execute();
  llvm::Error runCode();
  void observeResults(ModuleOp module);
  /// The result of `get` for the same model, run again with other options.
  template <typename T>
  llvm::Expected<T> ofTwin(RunOptions other,
                           llvm::Expected<T> (Runner::*get)());
  llvm::Error compareWithDense();
  llvm::Error compareWithReference();
  llvm::Error writeReport(llvm::Error failed);
  llvm::Error compare(ArrayRef<rt::Tensor> results);

  RunOptions &options;
  Model &model;
  Source &source;
  Report report;
  bool isSilent = false, isObserved = false;
  std::vector<std::string> observed;
  std::vector<rt::Tensor> results;
  const Signature *function = nullptr;
  std::vector<rt::Tensor> inputs;
  /// Arrays that the importer requires, by argument.
  CallArguments asked;
  const Calibration *calibration;
  std::vector<std::pair<size_t, std::string>> outputs, expects;
  SmallVector<char, 0> object;
  /// The masks that pruning made, which options.mask reads.
  std::string masks;
  ProfileSource profiled;
  DialectRegistry &registry;
};

} // namespace

/// The options of a run that a simulation takes over.
static SimulateOptions simulationOf(const RunOptions &run) {
  SimulateOptions options;
  static_cast<CommandOptions &>(options) = run;
  static_cast<CheckpointOptions &>(options) = run;
  static_cast<DataOptions &>(options) = run;
  static_cast<ProofOptions &>(options) = run;
  static_cast<ReportOptions &>(options) = run;
  options.inputFile = run.inputFile;
  options.target = run.target;
  options.threads = run.threads;
  options.timingOnly = run.timingOnly;
  return options;
}

/// Compiles for an accelerator and simulates the program.
llvm::Error Runner::simulate(const ::nm::model::Device &device) {
  auto entry = source.findEntry(options.entry);
  if (!entry)
    return entry.takeError();
  options.depth = source.depthOf(**entry);
  ::nm::sim::ModelOperations operations;
  auto program = [&] {
    ::nm::support::Progress progress("compiling " + options.inputFile);
    return compileProgram(*source.module, **entry, device, options, model.log,
                          &operations);
  }();
  if (!program)
    return program.takeError();
  if (llvm::Error error = proveProgram(*program, options.inputFile,
                                       /*hasLines=*/false, options))
    return error;
  return simulateProgram(*program, device, simulationOf(options), &operations);
}

llvm::Error Runner::readArguments() {
  auto entry = source.findRunnable(options.entry);
  if (!entry)
    return entry.takeError();
  function = report.function = *entry;
  options.depth = source.depthOf(*function);
  auto arrays = readInputs(*function, options.inputs);
  if (!arrays)
    return arrays.takeError();
  inputs = std::move(*arrays);
  auto writes = assignResults("output", *function, options.outputs);
  if (!writes)
    return writes.takeError();
  outputs = std::move(*writes);
  auto references = assignResults("expect", *function, options.expects);
  if (!references)
    return references.takeError();
  expects = std::move(*references);
  return llvm::Error::success();
}

llvm::Error Runner::compile() {
  auto machine = createTargetMachine(options.target, options.targetCPU);
  if (!machine)
    return machine.takeError();
  report.target = (*machine)->getTargetTriple().getArchName().str() + " " +
                  (*machine)->getTargetCPU().str();
  if (llvm::Error error = checkRunsHere(**machine))
    return error;
  ::nm::support::Progress progress("compiling " + options.inputFile);
  options.atStage = [this](Stage stage, ModuleOp module) {
    if (options.measure)
      profiled.see(stage, module);
    if (isObserved && stage == Stage::Patterns)
      observeResults(module);
  };
  CachedLowering lowering(**machine, options, model, function->name, object);
  if (usesCodeCache())
    if (llvm::Error error = lowering.open())
      return error;
  Stopwatch passes;
  if (llvm::Error error = lowering.lower())
    return error;
  report.pipelineMs = passes.ms();
  if (calibration)
    if (llvm::Error error = calibrate())
      return error;
  if (!lowering.isFound())
    if (llvm::Error error = generate(**machine))
      return error;
  lowering.keep();
  if (auto state = lowering.state())
    report.codeCache = *state;
  return llvm::Error::success();
}

/// From the LLVM dialect to object code.
llvm::Error Runner::generate(llvm::TargetMachine &machine) {
  Stopwatch codegen;
  llvm::LLVMContext context;
  auto module = translate(*source.module, source.functions, context, machine);
  if (!module)
    return module.takeError();
  if (llvm::Error error = addInvoke(**module, function->name))
    return error;
  if (llvm::Error error = optimize(**module, machine))
    return error;
  if (llvm::Error error = dumpCode(options, **module))
    return error;
  if (llvm::Error error = generateCode(
          **module, machine, llvm::CodeGenFileType::ObjectFile, object))
    return error;
  report.codegenMs = codegen.ms();
  return llvm::Error::success();
}

/// Not where the user looks at the compilation or changes the generated code.
bool Runner::usesCodeCache() const {
  return !options.skipsCodeCache && !isSilent && !isObserved &&
         !options.measure && !options.watchesPasses &&
         options.dumpFolder.empty() && options.remarksFile.empty() &&
         options.remarksFilter.empty();
}

/// The function has a result for each operation from there on.
void Runner::observeResults(ModuleOp module) {
  observed =
      observeOperations(module.lookupSymbol<func::FuncOp>(function->name));
  // Behind those, and behind the numbers of rows of caches that grow.
  for (const Signature &each : collectSignatures(module))
    for (Signature &own : source.functions)
      if (own.name == each.name && own.name == function->name)
        own.results.insert(own.results.end(),
                           each.results.end() - observed.size(),
                           each.results.end());
}

/// Masks and rounded weights from what calibration saw, and what they change.
llvm::Error Runner::calibrate() {
  auto manifest = readManifest(*source.module, function->name);
  if (!manifest)
    return manifest.takeError();
  auto changed = calibration->apply(*manifest, model, options, masks);
  if (!changed)
    return changed.takeError();
  report.pruning = std::move(*changed);
  return llvm::Error::success();
}

llvm::Error Runner::loadParams(std::unique_ptr<rt::Params> &params) {
  auto manifest = readManifest(*source.module, function->name);
  if (!manifest)
    return manifest.takeError();
  report.manifest = std::move(*manifest);
  if (report.manifest.params.empty())
    return llvm::Error::success();
  if (options.params.empty())
    return makeError("function '{0}' reads {1} parameters, such as '{2}', from "
                     "a checkpoint; give --params model.safetensors",
                     function->name, report.manifest.params.size(),
                     report.manifest.params.front().key);
  std::vector<rt::ScopePath> scopes;
  scopes.reserve(options.params.size());
  for (const Binding &binding : options.params)
    scopes.push_back({binding.name, binding.path});
  ::nm::support::Progress progress("loading parameters");
  Stopwatch watch;
  auto loaded =
      rt::Params::load(report.manifest, scopes,
                       {options.mask, options.cache, options.cacheFolder});
  if (!loaded)
    return toError(loaded.error());
  if (!isSilent)
    for (const std::string &note : (*loaded)->notes())
      llvm::WithColor::note() << note << '\n';
  report.loadMs = watch.ms();
  params = std::move(*loaded);
  report.cacheState = params->cacheState();
  for (size_t i = 0; i < params->size(); ++i) {
    const rt::Param &param = (*params)[i];
    report.paramBytes.push_back(param.valuesBytes + param.metadataBytes);
    report.maskSources.push_back(param.maskSource);
  }
  return llvm::Error::success();
}

llvm::Error Runner::compare(ArrayRef<rt::Tensor> results) {
  return compareResults(
      expects, results, options,
      [&](size_t index) { return results[index].view.dtype; },
      [&](size_t index, const Comparison &comparison) {
        if (!options.report)
          textStream(options)
              << "result " << index << ": " << comparison.str() << "\n";
        report.comparisons.push_back({index, comparison});
      });
}

/// Runs as often as --repeat says, and unloads the code.
llvm::Error Runner::runCode() {
  std::unique_ptr<rt::Params> params;
  if (llvm::Error error = loadParams(params))
    return error;
  Stopwatch link;
  auto jit = Jit::load(StringRef(object.data(), object.size()));
  if (!jit)
    return jit.takeError();
  report.linkMs = link.ms();
  auto call = Call::prepare(*function, jit->entry(), inputs, report.manifest,
                            params.get());
  if (!call)
    return call.takeError();
  Recorder recorder(profiled.count());
  if (options.measure)
    call->recordTo(recorder);

  ::nm::support::Progress progress("running " + function->name);
  Stopwatch cold;
  auto first = call->run();
  double coldMs = cold.ms();
  if (!first)
    return first.takeError();
  results = std::move(*first);
  report.timing =
      options.repeat > 1 ? call->time(options.repeat) : Timing::of({coldMs});
  if (!options.measure)
    return llvm::Error::success();
  auto device = ::nm::machine::findDevice(options.target);
  if (!device)
    return toError(device.error());
  report.profile = makeProfile(
      profiled, recorder, report.manifest, function->arguments.size(),
      model.log, ::nm::machine::measureBounds(*device, report.threads));
  return llvm::Error::success();
}

template <typename T>
llvm::Expected<T> Runner::ofTwin(RunOptions other,
                                 llvm::Expected<T> (Runner::*get)()) {
  other.calibrate.clear();
  other.outputs.clear();
  other.expects.clear();
  auto content = readFile(other.inputFile);
  if (!content)
    return content.takeError();
  Model twin(other, registry, std::move(*content));
  return (Runner(other, twin, nullptr, registry).*get)();
}

/// Where a weight has a pattern, the same model runs with every weight dense.
llvm::Error Runner::compareWithDense() {
  if (llvm::none_of(report.profile->operations,
                    [](const auto &row) { return row.isSparse(); }))
    return llvm::Error::success();
  if (options.inputFile == "-") {
    llvm::WithColor::note() << "what patterns gain is not measured: the model "
                               "would be compiled twice, but standard input is "
                               "read once\n";
    return llvm::Error::success();
  }
  RunOptions dense = denseOptions(options);
  dense.measure = true;
  auto profile = ofTwin(std::move(dense), &Runner::profile);
  if (!profile)
    return profile.takeError();
  driver::compareWithDense(*report.profile, *profile);
  return llvm::Error::success();
}

/// What the model computes, operation by operation, in either way.
llvm::Error Runner::compareWithReference() {
  Observed both[2];
  for (bool isReference : {false, true}) {
    RunOptions quiet = quietOptions(options);
    quiet.reference = isReference;
    quiet.repeat = 1;
    auto kept = ofTwin(std::move(quiet), &Runner::observe);
    if (!kept)
      return kept.takeError();
    both[isReference] = std::move(*kept);
  }
  driver::compareWithReference(*report.profile, both[0], both[1]);
  return llvm::Error::success();
}

llvm::Error Runner::execute() {
  report.log = model.log;
  nm_set_num_threads(options.threads);
  report.threads = nm_get_num_threads();
  if (llvm::Error error = runCode())
    return error;
  if (isSilent)
    return llvm::Error::success();
  for (auto &[index, path] : outputs)
    if (llvm::Error error = writeArray(options, path, results[index]))
      return error;
  llvm::Error failed = compare(results);
  if (options.measure)
    if (llvm::Error error = compareWithDense())
      return llvm::joinErrors(std::move(failed), std::move(error));
  if (options.check)
    if (llvm::Error error = compareWithReference())
      return llvm::joinErrors(std::move(failed), std::move(error));
  return writeReport(std::move(failed));
}

/// Writes the report, also where a comparison has `failed`.
llvm::Error Runner::writeReport(llvm::Error failed) {
  if (options.report)
    textStream(options) << formatReport(report);
  else if (options.repeat > 1)
    textStream(options) << llvm::formatv(
        "median {0:f3} ms, min {1:f3} ms, spread "
        "{2:f3} ms (IQR) of {3} runs\n",
        report.timing->median, report.timing->min, report.timing->spread(),
        report.timing->runs);
  if (!options.json.empty())
    if (llvm::Error error =
            writeFile(options, options.json, formatReportJson(report)))
      return llvm::joinErrors(std::move(failed), std::move(error));
  if (!options.htmlFile.empty())
    if (llvm::Error error =
            writeFile(options, options.htmlFile, formatReportHtml(report)))
      return llvm::joinErrors(std::move(failed), std::move(error));
  return llvm::joinErrors(std::move(failed), commitFiles(options));
}

/// The code that would run, as LLVM IR: what nm-compile writes.
static llvm::Error showCode(const RunOptions &run, DialectRegistry &registry) {
  CodeOptions options;
  static_cast<CompileOptions &>(options) = run;
  options.emit = run.emit;
  if (run.outputs.size() > 1)
    return makeError("--{0} has one output, but {1} are named; drop all but "
                     "one --output",
                     run.compileTo ? "compile-to" : "emit", run.outputs.size());
  if (!run.outputs.empty())
    options.outputFile = run.outputs.front().path;
  return compileCode(std::move(options), registry);
}

llvm::Error driver::runModel(RunOptions options, DialectRegistry &registry) {
  auto file = readModel(options);
  if (!file)
    return file.takeError();
  bool emits = options.emit != EmitKind::Execute || options.compileTo;
  if (emits && file->device)
    return makeError("--{0} shows code of processors, but --target={1} is an "
                     "accelerator; nm-compile --{2} writes its program",
                     options.compileTo ? "compile-to" : "emit", options.target,
                     options.compileTo ? "compile-to" : "emit=attacc-asm");
  RunMode mode = file->device ? RunMode::Simulate
                 : emits      ? RunMode::Emit
                              : RunMode::Run;
  if (llvm::Error error = checkUsed(options, mode))
    return error;
  if (emits)
    return showCode(options, registry);
  if (llvm::Error error = applyPrune(options))
    return error;
  options.hasReference = !file->device && !options.reference;
  Model model(options, registry, std::move(file->content));
  if (options.sensitivity)
    return measureSensitivity(options, registry);
  std::unique_ptr<Calibration> calibration;
  if (!options.calibrate.empty()) {
    auto observed = Calibration::observe(options, registry);
    if (!observed)
      return observed.takeError();
    calibration = std::move(*observed);
  }
  options.measure =
      !file->device && (options.profile || !options.htmlFile.empty());
  Runner runner(options, model, calibration.get(), registry);
  llvm::Error error = runner.run(file->device ? &*file->device : nullptr);
  // On failure, too, remarks say why.
  return llvm::joinErrors(std::move(error), model.writeRemarks());
}
