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

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::CommandLine;

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
                   ".so, .o, .s, .ll, .mlir or .nmb, or --emit",
                   options.outputFile);
}

static llvm::Error compile(CodeOptions &options, const tools::Texts &texts) {
  if (llvm::Error error =
          tools::take(texts, static_cast<CompileOptions &>(options)))
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
  line.text("output", options.outputFile, "file",
            "where the code goes (default: standard output, for texts)");
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
            "C compiler that links libraries (default: clang-22, cc, gcc or "
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
  line.group("Masks");
  tools::addMasks(line, options.mask, texts, true);
  line.group("Programs of accelerators");
  tools::addEntry(line, options.entry, "function that becomes the program");
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
