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
#include "nm/Driver/Support.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <dlfcn.h>
#include <omp.h>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Error driver::writeFile(StringRef path, StringRef text) {
  if (path.empty())
    path = "-";
  llvm::Error error = llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << text;
    return llvm::Error::success();
  });
  if (!error)
    return llvm::Error::success();
  return makeError("cannot write '{0}': {1}", path,
                   llvm::toString(std::move(error)));
}

/// The OpenMP runtime that this process uses: compiled code needs the same.
static std::string findOpenMP() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&omp_get_max_threads), &info) &&
      info.dli_fname)
    return info.dli_fname;
  return "-lomp";
}

static llvm::Expected<std::string> findLinker(StringRef wanted) {
  if (!wanted.empty()) {
    auto path = llvm::sys::findProgramByName(wanted);
    if (!path)
      return makeError("no C compiler '{0}' to link with: {1}", wanted,
                       path.getError().message());
    return *path;
  }
  for (StringRef name : {"clang-22", "cc", "gcc", "clang"})
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  return makeError("--emit=so needs a C compiler to link with, and none of "
                   "clang-22, cc, gcc and clang is in PATH; install one, name "
                   "one with --cc, or use --emit=obj and link yourself");
}

llvm::Error driver::linkSharedLibrary(StringRef object, StringRef path,
                                      StringRef wanted) {
  llvm::Expected<std::string> linker = findLinker(wanted);
  if (!linker)
    return linker.takeError();
  // In the target's folder, so that the rename stays within a file system.
  SmallString<128> input, output, log;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("nm-run", "o", input))
    return makeError("cannot make a temporary file: {0}", code.message());
  llvm::FileRemover removeInput(input);
  if (llvm::Error error = writeFile(input, object))
    return error;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("nm-run", "log", log))
    return makeError("cannot make a temporary file: {0}", code.message());
  llvm::FileRemover removeLog(log);
  llvm::sys::fs::createUniquePath(path + "-%%%%%%.tmp", output,
                                  /*MakeAbsolute=*/false);
  llvm::FileRemover removeOutput(output);

  std::string openMP = findOpenMP();
  std::string runPath =
      "-Wl,-rpath," + llvm::sys::path::parent_path(openMP).str();
  std::string name = "-Wl,-soname," + llvm::sys::path::filename(path).str();
  SmallVector<StringRef> arguments = {
      *linker, "-shared", "-o", output, input, name, "-Wl,-z,defs", openMP};
  if (llvm::sys::path::is_absolute(openMP))
    arguments.push_back(runPath);
  arguments.append({"-lm", "-lc"});
  std::string message;
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(log),
                                          StringRef(log)};
  int code = llvm::sys::ExecuteAndWait(*linker, arguments, std::nullopt,
                                       redirects, 0, 0, &message);
  if (code != 0) {
    if (auto text = llvm::MemoryBuffer::getFile(log))
      message += (*text)->getBuffer().trim().str();
    return makeError("'{0}' could not link '{1}': {2}", *linker, path, message);
  }
  if (std::error_code error = llvm::sys::fs::rename(output, path))
    return makeError("cannot write '{0}': {1}", path, error.message());
  return llvm::Error::success();
}

/// libenc.so -> libenc.h.
static std::string headerPath(StringRef path) {
  SmallString<128> header(path);
  llvm::sys::path::replace_extension(header, "h");
  return std::string(header);
}

static llvm::Error emitBinary(const RunOptions &options, const Source &source,
                              ModuleOp module, StringRef object) {
  std::vector<Exported> functions;
  for (const Signature &signature : source.functions) {
    llvm::Expected<std::string> text = getManifest(module, signature.name);
    if (!text)
      return text.takeError();
    auto manifest = rt::parseManifest(*text);
    if (!manifest)
      return toError(manifest.error());
    functions.push_back({&signature, std::move(*manifest)});
  }
  llvm::Expected<std::string> header =
      generateCHeader(llvm::sys::path::filename(options.outputFile), functions);
  if (!header)
    return header.takeError();
  if (llvm::Error error =
          options.emit == EmitKind::Object
              ? writeFile(options.outputFile, object)
              : linkSharedLibrary(object, options.outputFile, options.linker))
    return error;
  return writeFile(headerPath(options.outputFile), *header);
}

llvm::Error driver::emitCode(const RunOptions &options, const Source &source,
                             llvm::Module &module,
                             llvm::TargetMachine &machine) {
  std::string text;
  if (options.emit == EmitKind::LLVMIR) {
    llvm::raw_string_ostream os(text);
    module.print(os, nullptr);
    return writeFile(options.outputFile, text);
  }
  SmallVector<char, 0> code;
  auto type = options.emit == EmitKind::Assembly
                  ? llvm::CodeGenFileType::AssemblyFile
                  : llvm::CodeGenFileType::ObjectFile;
  if (llvm::Error error = generateCode(module, machine, type, code))
    return error;
  StringRef bytes(code.data(), code.size());
  if (options.emit == EmitKind::Assembly)
    return writeFile(options.outputFile, bytes);
  return emitBinary(options, source, *source.module, bytes);
}
