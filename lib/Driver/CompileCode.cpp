//===- CompileCode.cpp - The work of nm-compile -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/CompileCode.h"
#include "nm/Driver/CHeader.h"
#include "nm/Driver/Calibrate.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/Emit.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/LibraryEntries.h"
#include "nm/Driver/Modes.h"
#include "nm/Driver/Prune.h"
#include "nm/Driver/Simulate.h"
#include "nm/Driver/Stages.h"
#include "nm/Driver/Support.h"
#include "nm/Isa/Encoding.h"
#include "nm/Runtime/PackedWeights.h"
#include "nm/Support/Progress.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Error driver::lowerFor(llvm::TargetMachine &machine,
                             const CompileOptions &options, Model &model) {
  if (llvm::Error error =
          attachTarget(*model.source.module, machine, options.target))
    return error;
  nameArguments(*model.source.module, model.source.functions);
  if (llvm::Error error =
          lowerToLLVMDialect(*model.source.module, options, model.log))
    return error;
  // The parameters of a function are known from there. What calibration makes
  // of them the caller says.
  bool isPacked = !options.compileTo || *options.compileTo >= Stage::Packed;
  bool isChanged = !options.prune.empty() || !options.quantize.empty();
  return !isChanged || !options.calibrate.empty() || !isPacked ||
                 options.isQuiet
             ? llvm::Error::success()
             : describePruning(*model.source.module, model.source.functions,
                               options, model.log, llvm::errs());
}

static bool isProgram(EmitKind emit) {
  return emit == EmitKind::Program || emit == EmitKind::ProgramAssembly;
}

static llvm::Error checkPrefix(const CodeOptions &options) {
  if (options.prefix.empty())
    return llvm::Error::success();
  if (options.emit == EmitKind::MLIR)
    return makeError("--prefix is for the symbols of --emit=obj, so, llvm and "
                     "asm; drop it");
  if (options.prefix != cIdentifier(options.prefix))
    return makeError("--prefix '{0}' cannot begin a name in C; expected "
                     "letters, digits and _, such as {1}",
                     options.prefix, cIdentifier(options.prefix));
  return llvm::Error::success();
}

/// A module is not written to a file whose name is that of code.
static llvm::Error checkStageFile(const CodeOptions &options) {
  StringRef ending = llvm::sys::path::extension(options.outputFile);
  for (StringRef code : {".so", ".o", ".s", ".ll", ".nmb"})
    if (ending == code)
      return makeError("'{0}' ends as code does, but --compile-to={1} writes a "
                       "module; expected .mlir",
                       options.outputFile, nameOf(*options.compileTo));
  return llvm::Error::success();
}

/// Words of --compile-to.
static std::string stagesOf(bool isAccelerator) {
  SmallVector<StringRef> names;
  for (const StageName &stage : stageNames())
    if (stage.stage != Stage::LLVMDialect &&
        (isAccelerator ? isOfAccelerators(stage.stage)
                       : isOfProcessors(stage.stage)))
      names.push_back(stage.name);
  return llvm::join(ArrayRef(names).drop_back(), ", ") + " or " +
         names.back().str();
}

/// Checks that the output goes where the options say, and fits the target.
static llvm::Error checkOutput(CodeOptions &options, bool isAccelerator) {
  // Both kinds of assembly end in .s.
  if (isAccelerator && options.emit == EmitKind::Assembly &&
      !llvm::is_contained(options.given, "emit"))
    options.emit = EmitKind::ProgramAssembly;
  bool isReached = !options.compileTo ||
                   (isAccelerator ? isOfAccelerators(*options.compileTo)
                                  : isOfProcessors(*options.compileTo));
  if (!isReached)
    return makeError("--compile-to={0} is a stage of {1}, but --target={2} is "
                     "{3}; expected --compile-to={4}",
                     nameOf(*options.compileTo),
                     isAccelerator ? "processors" : "accelerators",
                     options.target,
                     isAccelerator ? "an accelerator" : "a processor",
                     stagesOf(isAccelerator));
  if (options.compileTo)
    return checkStageFile(options);
  if (isAccelerator && !isProgram(options.emit))
    return makeError("--emit is code of processors, but --target={0} is an "
                     "accelerator; expected --emit=attacc or attacc-asm",
                     options.target);
  if (!isAccelerator && isProgram(options.emit))
    return makeError("--emit=attacc needs an accelerator; name one with "
                     "--target, such as --target=edge");
  bool isBinary = options.emit == EmitKind::Object ||
                  options.emit == EmitKind::SharedLibrary ||
                  options.emit == EmitKind::Program;
  if (isBinary && (options.outputFile.empty() || options.outputFile == "-"))
    return makeError("--emit=obj, --emit=so and --emit=attacc write a file; "
                     "name it with -o");
  return checkPrefix(options);
}

/// Adds the functions that are exported beside the checked entries.
static llvm::Error addEntries(const CodeOptions &options, const Source &source,
                              llvm::Module &code,
                              const llvm::TargetMachine &machine) {
  for (const Signature &function : source.functions) {
    auto manifest = readManifest(*source.module, function.name);
    if (!manifest)
      return manifest.takeError();
    if (llvm::Error error =
            addCall(code, function, *manifest, options.prefix + function.name))
      return error;
  }
  if (options.emit != EmitKind::SharedLibrary)
    return llvm::Error::success();
  return addModelEntries(code, source.functions, options.prefix, machine);
}

/// The dense model on this machine, whatever processor the code is for.
static llvm::Expected<std::unique_ptr<Calibration>>
observeHere(const CodeOptions &options, DialectRegistry &registry) {
  RunOptions here;
  static_cast<CompileOptions &>(here) = options;
  here.target = "host";
  here.targetCPU.clear();
  return Calibration::observe(here, registry);
}

/// What calibration makes of the parameters of all functions.
static llvm::Error calibrate(const Calibration &calibration, const Model &model,
                             CodeOptions &options, std::string &masks) {
  std::vector<rt::Manifest> manifests;
  for (const Signature &function : model.source.functions) {
    auto manifest = readManifest(*model.source.module, function.name);
    if (!manifest)
      return manifest.takeError();
    manifests.push_back(std::move(*manifest));
  }
  return calibration.apply(rt::mergeManifests(manifests), model, options, masks)
      .takeError();
}

/// `calibration` may be null.
static llvm::Error writeCode(CodeOptions &options, Model &model,
                             const Calibration *calibration) {
  auto machine = createTargetMachine(options.target, options.targetCPU);
  if (!machine)
    return machine.takeError();
  if (llvm::Error error = lowerFor(**machine, options, model))
    return error;
  std::string masks;
  if (calibration)
    if (llvm::Error error = calibrate(*calibration, model, options, masks))
      return error;
  ModuleOp module = *model.source.module;
  if (options.compileTo || options.emit == EmitKind::MLIR)
    return writeFile(options, options.outputFile,
                     printModule(module, /*elides=*/false));
  llvm::LLVMContext context;
  auto code = translate(module, model.source.functions, context, **machine,
                        options.prefix);
  if (!code)
    return code.takeError();
  if (llvm::Error error = addEntries(options, model.source, **code, **machine))
    return error;
  if (llvm::Error error = optimize(**code, **machine))
    return error;
  if (llvm::Error error = dumpCode(options, **code))
    return error;
  return emitCode(options, model.source, **code, **machine);
}

static llvm::Error writeProgram(const CodeOptions &options, Model &model,
                                const ::nm::model::Device &device) {
  auto entry = model.source.findEntry(options.entry);
  if (!entry)
    return entry.takeError();
  ModuleOp module = *model.source.module;
  if (options.compileTo) {
    auto lowered = lowerToProgram(module, **entry, device, options, model.log);
    if (!lowered)
      return lowered.takeError();
    return writeFile(
        options, options.outputFile,
        printModule(*lowered ? **lowered : module, /*elides=*/false));
  }
  auto program = compileProgram(module, **entry, device, options, model.log);
  if (!program)
    return program.takeError();
  if (options.skipsProof && llvm::is_contained(options.given, "max-steps"))
    return makeError("--max-steps bounds the proof, which --no-verify leaves "
                     "out; drop it");
  if (llvm::Error error = proveProgram(*program, options.inputFile,
                                       /*hasLines=*/false, options))
    return error;
  return writeFile(options, options.outputFile,
                   options.emit == EmitKind::Program
                       ? ::nm::isa::writeBinary(*program)
                       : ::nm::isa::writeAssembly(*program));
}

llvm::Error driver::compileCode(CodeOptions options,
                                DialectRegistry &registry) {
  auto file = readModel(options);
  if (!file)
    return file.takeError();
  bool isAccelerator = file->device.has_value();
  if (llvm::Error error = checkUsed(
          options, isAccelerator ? CodeMode::Accelerator : CodeMode::Processor))
    return error;
  if (llvm::Error error = checkOutput(options, isAccelerator))
    return error;
  if (llvm::Error error = applyPrune(options))
    return error;
  std::unique_ptr<Calibration> calibration;
  if (!options.calibrate.empty()) {
    auto observed = observeHere(options, registry);
    if (!observed)
      return observed.takeError();
    calibration = std::move(*observed);
  }
  Model model(options, registry, std::move(file->content));
  auto work = [&]() -> llvm::Error {
    if (llvm::Error error = model.parse())
      return error;
    ::nm::support::Progress progress("compiling " + options.inputFile);
    if (llvm::Error error = isAccelerator
                                ? writeProgram(options, model, *file->device)
                                : writeCode(options, model, calibration.get()))
      return error;
    return commitFiles(options);
  };
  // On failure, too, remarks say why.
  llvm::Error error = work();
  return llvm::joinErrors(std::move(error), model.writeRemarks());
}
