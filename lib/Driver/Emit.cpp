//===- Emit.cpp - Compiled code into files -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Emit.h"
#include "nm/Driver/CHeader.h"
#include "nm/Driver/Codegen.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/PackWeights.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

static llvm::Error emitBinary(const CodeOptions &options, const Source &source,
                              ModuleOp module, StringRef object) {
  if (source.functions.empty())
    return makeError("'{0}' has no public function with a body to compile",
                     printable(options.inputFile));
  std::vector<Exported> functions;
  for (const Signature &signature : source.functions) {
    auto manifest = readManifest(module, signature.name);
    if (!manifest)
      return manifest.takeError();
    functions.push_back({&signature, std::move(*manifest)});
  }
  llvm::Expected<std::string> header = generateCHeader(
      llvm::sys::path::filename(options.outputFile), functions, options.prefix);
  if (!header)
    return header.takeError();
  if (llvm::Error error = options.emit == EmitKind::Object
                              ? writeFile(options, options.outputFile, object)
                              : linkSharedLibrary(object, options))
    return error;
  if (std::string path = headerPath(options); !path.empty())
    if (llvm::Error error = writeFile(options, path, *header))
      return error;
  std::vector<rt::Manifest> manifests;
  for (Exported &function : functions)
    manifests.push_back(std::move(function.manifest));
  return packWeights(options, std::move(manifests));
}

llvm::Error driver::emitCode(const CodeOptions &options, const Source &source,
                             llvm::Module &module,
                             llvm::TargetMachine &machine) {
  std::string text;
  if (options.emit == EmitKind::LLVMIR) {
    llvm::raw_string_ostream os(text);
    module.print(os, nullptr);
    return writeFile(options, options.outputFile, text);
  }
  SmallVector<char, 0> code;
  auto type = options.emit == EmitKind::Assembly
                  ? llvm::CodeGenFileType::AssemblyFile
                  : llvm::CodeGenFileType::ObjectFile;
  if (llvm::Error error = generateCode(module, machine, type, code))
    return error;
  StringRef bytes(code.data(), code.size());
  if (options.emit == EmitKind::Assembly)
    return writeFile(options, options.outputFile, bytes);
  return emitBinary(options, source, *source.module, bytes);
}
