//===- CompileMain.cpp - nm-compile -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "nm/Driver/CompileCode.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Driver/Tools.h"
#include "nm/Registration.h"
#include "llvm/Support/Path.h"
#include <filesystem>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::CommandLine;

/// A model in one folder: model.so, model.h and model.nmw. It is made before
/// anything is written, since files are; what is not written to goes away.
class ModelFolder {
public:
  explicit ModelFolder(CodeOptions &options) : options(options) {}
  ~ModelFolder() {
    std::error_code ignored;
    if (made)
      std::filesystem::remove(options.folder, ignored); // if it is empty
  }

  llvm::Error make() {
    StringRef output = options.outputFile;
    if (llvm::sys::path::extension(output.rtrim('/')) != ".nm")
      return llvm::Error::success();
    if (options.emit != EmitKind::Execute)
      return makeError("--emit writes a file, but '{0}' is the name of a "
                       "folder of library and weights; drop one of them",
                       output);
    if (!options.weightsFile.empty())
      return makeError("--weights has no effect: '{0}' holds the weights; drop "
                       "it",
                       output);
    options.folder = output.rtrim('/').str();
    std::error_code failure;
    made = std::filesystem::create_directory(options.folder, failure);
    if (!failure && !std::filesystem::is_directory(options.folder))
      failure = std::make_error_code(std::errc::not_a_directory);
    if (failure)
      return makeError("cannot make the folder '{0}': {1}", options.folder,
                       failure.message());
    options.emit = EmitKind::SharedLibrary;
    options.outputFile = options.folder + "/model.so";
    options.weightsFile = options.folder + "/model.nmw";
    return llvm::Error::success();
  }

private:
  CodeOptions &options;
  bool made = false;
};

/// By the ending of the output, where --emit does not say it.
static llvm::Error chooseKind(CodeOptions &options) {
  if (options.compileTo)
    return llvm::Error::success();
  if (options.emit != EmitKind::Execute)
    return llvm::Error::success();
  constexpr std::pair<StringLiteral, EmitKind> endings[] = {
      {".so", EmitKind::SharedLibrary}, {".o", EmitKind::Object},
      {".s", EmitKind::Assembly},       {".ll", EmitKind::LLVMIR},
      {".mlir", EmitKind::MLIR},        {".nmb", EmitKind::Program}};
  StringRef ending = llvm::sys::path::extension(options.outputFile);
  for (auto [known, kind] : endings)
    if (ending == known)
      options.emit = kind;
  if (options.emit != EmitKind::Execute)
    return llvm::Error::success();
  if (options.outputFile.empty())
    return makeError("no output; name one with -o, such as -o libmodel.so, or "
                     "say with --emit what goes to standard output");
  return makeError("the ending of '{0}' does not say what to write; expected "
                   ".nm, .so, .o, .s, .ll, .mlir or .nmb, or --emit",
                   printable(options.outputFile));
}

static llvm::Error compile(CodeOptions &options, const tools::Texts &texts) {
  if (llvm::Error error =
          tools::take(texts, static_cast<CompileOptions &>(options)))
    return error;
  ModelFolder folder(options);
  if (llvm::Error error = folder.make())
    return error;
  if (llvm::Error error = chooseKind(options))
    return error;
  if (llvm::Error error = declareFiles(options))
    return error;
  DialectRegistry registry;
  registerDialects(registry);
  return compileCode(options, registry);
}

static void addOutput(CommandLine &line, CodeOptions &options) {
  line.group("Output");
  line.text(
      "output", options.outputFile, "file",
      "where the code goes (default: standard output, for texts); with the "
      "ending .nm a folder of model.so, model.h and model.nmw, the "
      "packed parameters");
  line.shorthand('o', "output");
  line.choice<EmitKind>(
      "emit", options.emit,
      "what is written (default: by the ending of --output):",
      {{"so", EmitKind::SharedLibrary, "shared library and C header (.so)"},
       {"obj", EmitKind::Object, "object file and C header (.o)"},
       {"asm", EmitKind::Assembly, "assembly (.s)"},
       {"llvm", EmitKind::LLVMIR, "optimised LLVM IR (.ll)"},
       {"mlir", EmitKind::MLIR, "LLVM dialect (.mlir)"},
       {"attacc", EmitKind::Program,
        "program of the accelerator that --target names (.nmb)"},
       {"attacc-asm", EmitKind::ProgramAssembly, "the same as assembly (.s)"}});
  line.text("weights", options.weightsFile, "file",
            "pack the parameters into this file (.nmw), which nm_model_load "
            "and nm_params_open map");
  line.text("prefix", options.prefix, "name",
            "stands before the names of functions in symbols and header, so "
            "that models link into one program");
  line.text("cc", options.linker, "program",
            "C compiler that links libraries (default: cc, gcc, clang-22 or "
            "clang)");
}

int driver::compileMain(int argc, char **argv) {
  tools::registerForeign();
  CodeOptions options;
  tools::Texts texts;
  CommandLine line("nm-compile",
                   "compiles a model ahead of time, for a processor or an "
                   "accelerator",
                   llvmVersion());
  line.example("nm-compile model.mlir --params model.safetensors -o "
               "libmodel.so");
  line.example("nm-compile model.onnx -o model.nm");
  line.example("nm-compile model.onnx --weights model.nmw -o model.so");
  line.example("nm-compile model.onnx --target=aarch64-neon -o model.o");
  line.example("nm-compile model.mlir --target=edge -o model.nmb");
  line.paragraph("Libraries and objects come with a C header of the same "
                 "name. Options of MLIR, such as --mlir-print-ir-after-all and "
                 "--mlir-timing, work as in mlir-opt, with values joined by "
                 "'='.");
  line.positional("model", options.inputFile,
                  "module of MLIR or ONNX model; - is standard input");
  addOutput(line, options);
  line.group("Compiling");
  tools::addParams(line, texts);
  tools::addCompiling(line, options, texts);
  tools::addCalibration(line, options);
  line.group("Masks");
  tools::addMasks(line, options.mask, texts, true);
  line.group("Programs of accelerators");
  tools::addEntry(line, options.entry,
                  "function that becomes the program, or that --calibrate "
                  "runs");
  tools::addElementType(line, options);
  tools::addProof(line, options);
  line.group("Reports");
  tools::addRemarks(line, options);
  tools::addStages(line, options);
  if (std::optional<int> code = tools::parse(line, argc, argv))
    return *code;
  options.given = line.given();
  tools::parseForeign(argv[0], texts);
  return exitCode(compile(options, texts));
}
