//===- RunProgram.cpp - Programs of accelerators that are run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Model.h"
#include "nm/Driver/Modes.h"
#include "nm/Driver/Run.h"
#include "nm/Driver/Simulate.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/Checkpoint.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

namespace {

/// A program, and whether its instructions know their lines.
struct ProgramFile {
  ::nm::isa::Program program;
  bool hasLines = false;
};

} // namespace

/// From a module of MLIR that holds one.
static llvm::Expected<ProgramFile>
readModule(std::unique_ptr<llvm::MemoryBuffer> content, StringRef path,
           DialectRegistry &registry) {
  std::string other =
      rt::describeContent(content->getBufferStart(), content->getBufferSize());
  if (!other.empty() || isOnnxModel(content->getBuffer(), path))
    return makeError("'{0}' is no program of an accelerator{1}; nm-run {0} "
                     "--target=edge compiles and runs a model",
                     path, other.empty() ? "" : " but " + other);
  ModuleParser parser(registry, std::move(content));
  auto source = parseSource(parser.sources, parser.context);
  if (!source)
    return source.takeError();
  auto program = readProgram(*source->module, path);
  if (!program)
    return program.takeError();
  if (!*program)
    return makeError("'{0}' is a model; nm-run {0} --target=edge compiles it "
                     "for an accelerator and runs it",
                     path);
  return ProgramFile{std::move(**program), true};
}

llvm::Error driver::runProgram(const SimulateOptions &options,
                               DialectRegistry &registry) {
  if (options.inputFile.empty())
    return makeError("no program; expected one as binary, JSON, assembly or a "
                     "module; see --help");
  auto content = readFile(options.inputFile);
  if (!content)
    return content.takeError();
  auto device = findAccelerator(options.target);
  if (!device)
    return device.takeError();
  if (llvm::Error error = checkUsed(options))
    return error;
  ProgramFile file;
  if (StringRef text = (*content)->getBuffer(); isProgramFile(text)) {
    auto program = readProgram(text, options.inputFile);
    if (!program)
      return program.takeError();
    file = {std::move(*program), hasLines(text)};
  } else {
    auto found = readModule(std::move(*content), options.inputFile, registry);
    if (!found)
      return found.takeError();
    file = std::move(*found);
  }
  // By name only: a program opens no other file.
  if (!*device && !llvm::is_contained(options.given, "target") &&
      llvm::is_contained(::nm::model::builtinDevices(),
                         file.program.target.name)) {
    device = findAccelerator(file.program.target.name);
    if (!device)
      return device.takeError();
  }
  if (!*device)
    return makeError("'{0}' is a program for the accelerator {1}; name one "
                     "with --target, such as --target=edge",
                     options.inputFile, file.program.target.name);
  bool reads = llvm::any_of(file.program.tensors, [](const auto &tensor) {
    return tensor.role == ::nm::isa::Role::Param;
  });
  if (!reads && !options.params.empty())
    return makeError("--params has no effect: program '{0}' reads no "
                     "parameters; drop it",
                     file.program.name);
  if (llvm::Error error =
          proveProgram(file.program, options.inputFile, file.hasLines, options))
    return error;
  return simulateProgram(file.program, **device, options);
}
