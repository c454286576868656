//===- Run.cpp - The work of nm-run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Run.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "nm/Driver/Arrays.h"
#include "nm/Driver/Bind.h"
#include "nm/Driver/CHeader.h"
#include "nm/Driver/Codegen.h"
#include "nm/Driver/Compare.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Emit.h"
#include "nm/Driver/EntryPoint.h"
#include "nm/Driver/Execute.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Jit.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Modes.h"
#include "nm/Driver/Progress.h"
#include "nm/Driver/Prune.h"
#include "nm/Driver/Report.h"
#include "nm/Driver/Simulate.h"
#include "nm/Driver/Support.h"
#include "nm/Driver/Tenants.h"
#include "nm/Isa/Encoding.h"
#include "nm/Runtime/Inspect.h"
#include "nm/Runtime/Threads.h"
#include "nm/Runtime/nm_runtime.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/SourceMgr.h"
#include <map>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// Combinations that cannot mean anything.
static llvm::Error checkOptions(const RunOptions &options) {
  if (options.inputFile.empty())
    return makeError("no input file; expected an .mlir file, or --inspect "
                     "with a checkpoint; see --help");
  for (const std::string &pattern : options.patterns)
    if (llvm::Error error = checkPatternRule(pattern))
      return error;
  llvm::StringMap<StringRef> scopes;
  for (const Binding &binding : options.params) {
    auto [known, isNew] = scopes.insert({binding.name, binding.path});
    if (!isNew)
      return makeError("--params gives scope '{0}' twice, as '{1}' and '{2}'; "
                       "name one: --params NAME={2}",
                       binding.name, known->second, binding.path);
  }
  bool binary = options.emit == EmitKind::Object ||
                options.emit == EmitKind::SharedLibrary;
  binary |= options.emit == EmitKind::Program;
  if (binary && (options.outputFile.empty() || options.outputFile == "-"))
    return makeError("--emit=obj, --emit=so and --emit=attacc write a file; "
                     "name it with -o");
  if (!options.prefix.empty()) {
    bool hasSymbols = options.emit == EmitKind::Object ||
                      options.emit == EmitKind::SharedLibrary ||
                      options.emit == EmitKind::LLVMIR ||
                      options.emit == EmitKind::Assembly;
    if (!hasSymbols)
      return makeError("--prefix is for the symbols of --emit=obj, so, llvm "
                       "and asm; drop it");
    if (options.prefix != cIdentifier(options.prefix))
      return makeError("--prefix '{0}' cannot begin a name in C; expected "
                       "letters, digits and _, such as {1}",
                       options.prefix, cIdentifier(options.prefix));
  }
  return llvm::Error::success();
}

/// Runs a program of an accelerator, on the one it was made for unless --target
/// names another.
static llvm::Error runProgram(const RunOptions &options,
                              const ::nm::isa::Program &program, bool hasLines,
                              std::optional<::nm::model::Device> device) {
  // By name only: a program opens no other file.
  if (!device && options.target == "host" &&
      llvm::is_contained(::nm::model::builtinDevices(), program.target.name)) {
    auto found = findAccelerator(program.target.name);
    if (!found)
      return found.takeError();
    device = std::move(*found);
  }
  if (!device)
    return makeError("'{0}' is a program for the accelerator {1}; name one "
                     "with --target, such as --target=edge",
                     options.inputFile, program.target.name);
  if (llvm::Error error =
          proveProgram(program, options.inputFile, hasLines, options))
    return error;
  return simulateProgram(program, *device, options);
}

static llvm::Error inspectFile(const RunOptions &options) {
  auto checkpoint = rt::Checkpoint::open(options.inspect);
  if (!checkpoint)
    return toError(checkpoint.error());
  auto rows = rt::inspect(**checkpoint, options.mask);
  if (!rows)
    return toError(rows.error());
  llvm::outs() << rt::formatTable(*rows);
  if (options.reportJson.empty())
    return llvm::Error::success();
  if (llvm::Error error =
          writeFile(options, options.reportJson, rt::formatJson(*rows)))
    return error;
  return commitFiles(options);
}

namespace {

/// One compilation and, unless --emit is given, run.
class Runner {
public:
  Runner(const RunOptions &options, MLIRContext &context)
      : options(options), context(context) {
    report.inputFile = options.inputFile;
    report.dense = options.dense;
  }

  llvm::Error collectRemarks() {
    return driver::collectRemarks(context, options, report.log);
  }

  llvm::Error writeRemarks() {
    return options.remarksFile.empty()
               ? llvm::Error::success()
               : writeFile(options.remarksFile, report.log.yaml);
  }

  llvm::Error run(llvm::SourceMgr &sourceMgr) {
    OnnxImportOptions onnx;
    auto sizes = parseSizes(options.sizes);
    if (!sizes)
      return sizes.takeError();
    onnx.sizes = std::move(*sizes);
    if (options.emit == EmitKind::Execute)
      onnx.argument = [this](ArrayRef<std::string> names, size_t index) {
        return argumentOfCall(names, index);
      };
    auto parsed = parseSource(sourceMgr, context, onnx);
    if (!parsed)
      return parsed.takeError();
    source = std::move(*parsed);
    if (llvm::Error error = bindArguments(source, options.bind, options.entry))
      return error;
    auto device = findAccelerator(options.target);
    if (!device)
      return device.takeError();
    auto program = readProgram(*source.module, options.inputFile);
    if (!program)
      return program.takeError();
    if (*program) {
      if (llvm::Error error = checkUsed(options, Mode::Program))
        return error;
      return runProgram(options, **program, /*hasLines=*/true,
                        std::move(*device));
    }
    if (*device)
      return simulate(**device);
    if (options.emit == EmitKind::Program ||
        options.emit == EmitKind::ProgramAssembly)
      return makeError("--emit=attacc needs an accelerator; name one with "
                       "--target, such as --target=edge");
    // Before the long work, so that mistakes show at once.
    if (options.emit == EmitKind::Execute)
      if (llvm::Error error = readArguments())
        return error;
    if (llvm::Error error = compile())
      return error;
    return options.emit == EmitKind::Execute ? execute() : commitFiles(options);
  }

private:
  const rt::Tensor *argumentOfCall(ArrayRef<std::string> names, size_t index);
  llvm::Error simulate(const ::nm::model::Device &device);
  llvm::Error readArguments();
  llvm::Error compile();
  llvm::Error loadParams(std::unique_ptr<rt::Params> &params);
  llvm::Error execute();
  llvm::Error compare(ArrayRef<rt::Tensor> results);

  RunOptions options;
  MLIRContext &context;
  Source source;
  Report report;
  const Signature *function = nullptr;
  std::vector<rt::Tensor> inputs;
  /// Arrays that the import asked for, by argument.
  std::map<size_t, rt::Tensor> asked;
  std::vector<std::pair<size_t, std::string>> outputs, expects;
  SmallVector<char, 0> object;
};

} // namespace

/// The array that this call gives to an argument of the model; null if there is
/// none, which is reported later.
const rt::Tensor *Runner::argumentOfCall(ArrayRef<std::string> names,
                                         size_t index) {
  auto known = asked.find(index);
  if (known != asked.end())
    return &known->second;
  Signature signature;
  for (const std::string &name : names)
    signature.arguments.push_back({name, {}});
  auto files = assignInputs(signature, options.inputs);
  if (!files) {
    llvm::consumeError(files.takeError());
    return nullptr;
  }
  if (!(*files)[index])
    return nullptr;
  auto array = readArray((*files)[index]->path);
  if (!array) {
    llvm::consumeError(array.takeError());
    return nullptr;
  }
  return &asked.emplace(index, std::move(*array)).first->second;
}

/// For an accelerator: its program, simulated.
llvm::Error Runner::simulate(const ::nm::model::Device &device) {
  bool isProgram = options.emit == EmitKind::Program ||
                   options.emit == EmitKind::ProgramAssembly;
  if (options.emit != EmitKind::Execute && !isProgram)
    return makeError("--emit is code of processors, but --target={0} is an "
                     "accelerator; expected --emit=attacc or attacc-asm",
                     options.target);
  auto entry = source.findEntry(options.entry);
  if (!entry)
    return entry.takeError();
  options.depth = source.depthOf(**entry);
  auto program = [&] {
    Progress progress("compiling " + options.inputFile);
    return compileProgram(*source.module, **entry, device, options, report.log);
  }();
  if (!program)
    return program.takeError();
  if (isProgram && options.skipsProof &&
      llvm::is_contained(options.given, "max-steps"))
    return makeError(
        "--max-steps bounds the proof and the run, but --no-verify "
        "and --emit leave both out; drop it");
  if (llvm::Error error = proveProgram(*program, options.inputFile,
                                       /*hasLines=*/false, options))
    return error;
  if (isProgram) {
    if (llvm::Error error = writeFile(options, options.outputFile,
                                      options.emit == EmitKind::Program
                                          ? ::nm::isa::writeBinary(*program)
                                          : ::nm::isa::writeAssembly(*program)))
      return error;
    return commitFiles(options);
  }
  return simulateProgram(*program, device, options);
}

llvm::Error Runner::readArguments() {
  if (llvm::Error error = source.checkCallees())
    return error;
  auto entry = source.findEntry(options.entry);
  if (!entry)
    return entry.takeError();
  function = report.function = *entry;
  options.depth = source.depthOf(*function);
  if (!function->unsupported.empty())
    return makeError("function '{0}' cannot be run: {1}", function->name,
                     function->unsupported);
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
  if (options.emit == EmitKind::Execute)
    if (llvm::Error error = checkRunsHere(**machine))
      return error;
  if (llvm::Error error =
          attachTarget(*source.module, **machine, options.target))
    return error;

  Progress progress("compiling " + options.inputFile);
  nameArguments(*source.module, source.functions);
  Stopwatch passes;
  if (llvm::Error error =
          lowerToLLVMDialect(*source.module, options, report.log))
    return error;
  report.pipelineMs = passes.ms();
  if (!options.prune.empty())
    if (llvm::Error error = describePruning(*source.module, source.functions,
                                            options, report.log, llvm::errs()))
      return error;
  if (options.emit == EmitKind::MLIR) {
    std::string text;
    llvm::raw_string_ostream(text) << *source.module << "\n";
    return writeFile(options, options.outputFile, text);
  }

  Stopwatch codegen;
  llvm::LLVMContext llvmContext;
  auto module = translate(*source.module, source.functions, llvmContext,
                          **machine, options.prefix);
  if (!module)
    return module.takeError();
  if (options.emit == EmitKind::Execute)
    if (llvm::Error error = addInvoke(**module, function->name))
      return error;
  if (llvm::Error error = optimize(**module, **machine))
    return error;
  if (options.emit != EmitKind::Execute)
    return emitCode(options, source, **module, **machine);
  if (llvm::Error error = generateCode(
          **module, **machine, llvm::CodeGenFileType::ObjectFile, object))
    return error;
  report.codegenMs = codegen.ms();
  return llvm::Error::success();
}

llvm::Error Runner::loadParams(std::unique_ptr<rt::Params> &params) {
  auto text = getManifest(*source.module, function->name);
  if (!text)
    return text.takeError();
  auto manifest = rt::parseManifest(*text);
  if (!manifest)
    return toError(manifest.error());
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
  Progress progress("loading parameters");
  Stopwatch watch;
  auto loaded =
      rt::Params::load(report.manifest, scopes,
                       {options.mask, options.cache, options.cacheFolder});
  if (!loaded)
    return toError(loaded.error());
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
          llvm::outs() << "result " << index << ": " << comparison.str()
                       << "\n";
        report.comparisons.push_back({index, comparison});
      });
}

llvm::Error Runner::execute() {
  nm_set_num_threads(options.threads);
  report.threads = nm_get_num_threads();
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

  std::vector<rt::Tensor> results;
  {
    Progress progress("running " + function->name);
    Stopwatch cold;
    auto first = call->run();
    double coldMs = cold.ms();
    if (!first)
      return first.takeError();
    results = std::move(*first);
    report.timing =
        options.repeat > 1 ? call->time(options.repeat) : Timing::of({coldMs});
  }
  for (auto &[index, path] : outputs)
    if (llvm::Error error = writeArray(options, path, results[index]))
      return error;
  llvm::Error failed = compare(results);
  if (options.report)
    llvm::outs() << formatReport(report);
  else if (options.repeat > 1)
    llvm::outs() << llvm::formatv("median {0:f3} ms, min {1:f3} ms, spread "
                                  "{2:f3} ms (IQR) of {3} runs\n",
                                  report.timing->median, report.timing->min,
                                  report.timing->spread(), report.timing->runs);
  if (!options.reportJson.empty())
    if (llvm::Error error =
            writeFile(options, options.reportJson, formatReportJson(report)))
      return llvm::joinErrors(std::move(failed), std::move(error));
  return llvm::joinErrors(std::move(failed), commitFiles(options));
}

/// An ONNX model holds its weights, unless --params gives others.
static void takeModelAsCheckpoint(RunOptions &options, StringRef content) {
  bool given = llvm::any_of(options.params, [](const Binding &binding) {
    return binding.name.empty();
  });
  if (given || !isOnnxModel(content, options.inputFile))
    return;
  options.params.push_back({"", options.inputFile});
  options.given.push_back("params");
}

static llvm::Error compileAndRun(RunOptions options,
                                 DialectRegistry &registry) {
  if (llvm::Error error = checkOptions(options))
    return error;
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(options.inputFile);
  if (!buffer)
    return makeError("cannot read '{0}': {1}", options.inputFile,
                     buffer.getError().message());
  auto device = findAccelerator(options.target);
  if (!device)
    return device.takeError();
  if (!*device)
    if (llvm::Error error = checkTargetName(options.target))
      return error;
  StringRef content = (*buffer)->getBuffer();
  takeModelAsCheckpoint(options, content);
  if (isProgramFile(content)) {
    if (llvm::Error error = checkUsed(options, Mode::Program))
      return error;
    auto program = readProgram(content, options.inputFile);
    if (!program)
      return program.takeError();
    return runProgram(options, *program, hasLines(content), std::move(*device));
  }
  std::string other = rt::describeContent(content.data(), content.size());
  if (!other.empty())
    return makeError(
        "'{0}' is no model but {1}; weights go to --params, arrays "
        "to --input, and --inspect lists a checkpoint",
        options.inputFile, other);
  if (llvm::Error error =
          checkUsed(options, modeOf(options, false, device->has_value())))
    return error;
  if (llvm::Error error = applyPrune(options))
    return error;
  registerAllToLLVMIRTranslations(registry);
  // One thread, so that the times of passes do not overlap.
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  // A message about a parameter is not followed by the operation and its types.
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sourceMgr;
  sourceMgr.AddNewSourceBuffer(withPrintableName(std::move(*buffer)),
                               llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sourceMgr, &context);
  escapeDiagnostics(context);
  Runner runner(options, context);
  if (llvm::Error error = runner.collectRemarks())
    return error;
  // Remarks say why as well if it failed.
  return llvm::joinErrors(runner.run(sourceMgr), runner.writeRemarks());
}

static llvm::Error runMode(const RunOptions &options,
                           DialectRegistry &registry) {
  rt::Status threads = rt::checkThreadEnvironment();
  if (threads && options.threads > 0)
    threads = rt::checkThreadCount("--threads", options.threads);
  if (!threads)
    return toError(threads.error());
  if (options.inspect.empty() && options.tenantsFile.empty())
    return compileAndRun(options, registry);
  Mode mode = modeOf(options, false, false);
  if (llvm::Error error = checkUsed(options, mode))
    return error;
  return mode == Mode::Inspect ? inspectFile(options)
                               : simulateTenants(options, registry);
}

int driver::run(const RunOptions &options, DialectRegistry &registry) {
  llvm::Error error = declareFiles(options);
  if (!error)
    error = runMode(options, registry);
  return error ? reportError(std::move(error)) : 0;
}
