//===- Model.cpp - A model and what its messages need -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Model.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "nm/Driver/Bind.h"
#include "nm/Driver/Codegen.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/InPlace.h"
#include "nm/Driver/Simulate.h"
#include "nm/Driver/Support.h"
#include "nm/Import/Onnx.h"
#include "nm/Runtime/Checkpoint.h"
#include "nm/Support/Text.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
driver::readFile(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer)
    return makeError("cannot read {0}: {1}",
                     ::nm::support::quotePath(path.str()),
                     buffer.getError().message());
  return std::move(*buffer);
}

/// Combinations that cannot mean anything.
static llvm::Error checkOptions(const CompileOptions &options) {
  if (options.inputFile.empty())
    return makeError("no model; expected an .mlir or .onnx file; see --help");
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
  return llvm::Error::success();
}

/// An ONNX model holds its weights, unless --params gives others.
static void takeModelAsCheckpoint(CompileOptions &options, StringRef content) {
  bool given = llvm::any_of(options.params, [](const Binding &binding) {
    return binding.name.empty();
  });
  if (given || !isOnnxModel(content, options.inputFile))
    return;
  options.params.push_back({"", options.inputFile});
  options.given.push_back("params");
}

static llvm::Error isProgramError(StringRef path) {
  return makeError("'{0}' is a program of an accelerator, which is compiled "
                   "already; write: nm-sim {0}",
                   path);
}

llvm::Expected<ModelFile> driver::readModel(CompileOptions &options) {
  if (llvm::Error error = checkOptions(options))
    return std::move(error);
  auto content = readFile(options.inputFile);
  if (!content)
    return content.takeError();
  auto device = findAccelerator(options.target);
  if (!device)
    return device.takeError();
  if (!*device)
    if (llvm::Error error = checkTargetName(options.target))
      return std::move(error);
  StringRef text = (*content)->getBuffer();
  takeModelAsCheckpoint(options, text);
  if (isProgramFile(text))
    return isProgramError(options.inputFile);
  std::string other = rt::describeContent(text.data(), text.size());
  if (!other.empty())
    return makeError("'{0}' is no model but {1}; weights go to --params, "
                     "arrays to --input of nm-run, and nm-inspect lists a "
                     "checkpoint",
                     options.inputFile, other);
  return ModelFile{std::move(*content), std::move(*device)};
}

static DialectRegistry &withTranslations(DialectRegistry &registry) {
  registerAllToLLVMIRTranslations(registry);
  return registry;
}

// One thread, so that the times of passes do not overlap.
ModuleParser::ModuleParser(const DialectRegistry &registry,
                           std::unique_ptr<llvm::MemoryBuffer> content)
    : context(registry, MLIRContext::Threading::DISABLED),
      handler(sources, &context) {
  // A message about a parameter is not followed by the operation and its types.
  context.printOpOnDiagnostic(false);
  sources.AddNewSourceBuffer(withPrintableName(std::move(content)),
                             llvm::SMLoc());
  escapeDiagnostics(context);
}

Model::Model(const CompileOptions &options, DialectRegistry &registry,
             std::unique_ptr<llvm::MemoryBuffer> content)
    : options(options), parser(withTranslations(registry), std::move(content)) {
}

llvm::Error Model::parse(OnnxImportOptions onnx) {
  auto sizes = parseSizes(options.sizes);
  if (!sizes)
    return sizes.takeError();
  for (const auto &size : *sizes)
    if (size.second == OnnxImportOptions::kOpenSize && !onnx.takesCallSizes)
      return makeError("option '--size {0}=?' has no effect: sizes are open "
                       "unless --size gives them",
                       size.first());
  onnx.sizes = std::move(*sizes);
  onnx.isInPlace = [this](StringRef result, StringRef argument) {
    return llvm::any_of(options.inPlace, [&](const InPlacePair &pair) {
      return pair.argumentOf(result) == argument.str();
    });
  };
  if (llvm::Error error = collectRemarks(parser.context, options, log))
    return error;
  auto parsed = parseSource(parser.sources, parser.context, onnx);
  if (!parsed)
    return parsed.takeError();
  source = std::move(*parsed);
  auto program = readProgram(*source.module, options.inputFile);
  if (!program)
    return program.takeError();
  if (*program)
    return isProgramError(options.inputFile);
  if (llvm::Error error = bindArguments(source, options.bind, options.entry))
    return error;
  return tieResults(source, options.inPlace, options.entry, options.kvCache);
}

llvm::Error Model::writeRemarks() const {
  return options.remarksFile.empty() ? llvm::Error::success()
                                     : writeFile(options.remarksFile, log.yaml);
}
