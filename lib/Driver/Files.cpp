//===- Files.cpp - What a command of the driver reads and writes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

static std::string standardOr(StringRef path) {
  return path.empty() ? "-" : path.str();
}

std::string driver::headerPath(StringRef path) {
  SmallString<128> header(path);
  llvm::sys::path::replace_extension(header, "h");
  return std::string(header);
}

llvm::Error driver::declareFiles(const RunOptions &options) {
  ::nm::support::Status status;
  auto reads = [&](const char *what, const std::string &path) {
    if (status && !path.empty())
      status = options.files->reads(what, path);
  };
  auto writes = [&](const char *what, const std::string &path) {
    if (status && !path.empty())
      status = options.files->writes(what, path);
  };
  reads("the command", options.inputFile);
  reads("--inspect", options.inspect);
  for (const Binding &binding : options.params)
    reads("--params", binding.path);
  for (const Binding &binding : options.inputs)
    reads("--input", binding.path);
  for (const Binding &binding : options.expects)
    reads("--expect", binding.path);
  if (options.mask.source)
    reads("--masks", options.mask.source->path());
  reads("--target", options.target);
  reads("--tenants", options.tenantsFile);
  reads("--policy", options.policyFile);

  for (const Binding &binding : options.outputs)
    writes("--output", binding.path);
  if (options.emit != EmitKind::Execute)
    writes("-o", standardOr(options.outputFile));
  if (options.emit == EmitKind::Object ||
      options.emit == EmitKind::SharedLibrary)
    writes("the C header of -o", headerPath(options.outputFile));
  writes("--report-json", options.reportJson);
  writes("--trace", options.traceFile);
  writes("--html", options.htmlFile);
  writes("--remarks-output-file", options.remarksFile);
  return toError(status);
}

llvm::Error driver::writeFile(const RunOptions &options, StringRef path,
                              StringRef content, unsigned mode) {
  if (llvm::Error error = flushOutput())
    return error;
  ::nm::support::OutputOptions output;
  output.mode = mode;
  return toError(options.files->write(
      standardOr(path), {content.data(), content.size()}, output));
}

llvm::Error driver::writeFile(StringRef path, StringRef content) {
  if (llvm::Error error = flushOutput())
    return error;
  return toError(::nm::support::writeFile(standardOr(path),
                                          {content.data(), content.size()}));
}

llvm::Error driver::commitFiles(const RunOptions &options) {
  if (llvm::Error error = flushOutput())
    return error;
  return toError(options.files->commit());
}
