//===- Files.cpp - What a command of the driver reads and writes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Stages.h"
#include "nm/Driver/Support.h"
#include "nm/Support/OutputFile.h"
#include "nm/Support/OutputFolder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

static std::string standardOr(StringRef path) {
  return path.empty() ? "-" : path.str();
}

std::string driver::headerPath(const CodeOptions &options) {
  bool isLinked = options.emit == EmitKind::Object ||
                  options.emit == EmitKind::SharedLibrary;
  if (!isLinked || !::nm::support::isPlainFile(standardOr(options.outputFile)))
    return "";
  SmallString<128> header(options.outputFile);
  llvm::sys::path::replace_extension(header, "h");
  return std::string(header);
}

namespace {

/// Declares files one after the other and keeps the first error.
class Declaration {
public:
  explicit Declaration(const CommandOptions &options) : files(*options.files) {}

  void reads(const char *what, const std::string &path) {
    if (status && !path.empty())
      status = files.reads(what, path);
  }
  /// Declares one file; opening it reports that it is a folder.
  void readsFile(const std::string &path) {
    if (!llvm::sys::fs::is_directory(path))
      reads("the command", path);
  }
  void reads(const char *what, ArrayRef<Binding> bindings) {
    for (const Binding &binding : bindings)
      reads(what, binding.path);
  }
  void reads(const CheckpointOptions &options) {
    reads("--params", options.params);
    reads(options.mask);
  }
  void reads(const ::nm::rt::MaskOptions &options) {
    if (options.source)
      reads("--masks", options.source->path());
  }
  void reads(const DataOptions &options) {
    reads("--input", options.inputs);
    reads("--expect", options.expects);
  }
  void writes(const char *what, const std::string &path) {
    if (status && !path.empty())
      status = files.writes(what, path);
  }
  void writes(const DataOptions &options) {
    for (const Binding &binding : options.outputs)
      writes("--output", binding.path);
  }
  void writes(const ReportOptions &options) {
    writes("--json", options.json);
    writes("--trace", options.traceFile);
    writes("--html", options.htmlFile);
  }
  void calibrates(const CompileOptions &options) {
    for (const std::string &path : options.calibrate)
      reads("--calibrate", path);
    writes("--save-masks", options.masksFile);
  }
  /// Declares the outputs that show a compilation from inside.
  void looksInto(const CompileOptions &options) {
    using ::nm::support::checkOutputFolder;
    if (const std::string &folder = options.reproducerFolder;
        status && llvm::is_contained(options.given, "reproducer-to"))
      status = checkOutputFolder("--reproducer-to", folder, /*empty=*/false);
    const std::string &folder = options.dumpFolder;
    if (!status || !llvm::is_contained(options.given, "dump-stages-to"))
      return;
    status = checkOutputFolder("--dump-stages-to", folder, /*empty=*/true);
    // No other output may overwrite one of them.
    if (llvm::sys::fs::is_directory(folder))
      for (const std::string &file : dumpFiles(folder))
        writes("--dump-stages-to", file);
  }
  llvm::Error done() { return toError(status); }

private:
  ::nm::support::CommandFiles &files;
  ::nm::support::Status status;
};

} // namespace

llvm::Error driver::declareFiles(const RunOptions &options) {
  Declaration all(options);
  all.readsFile(options.inputFile);
  all.reads(static_cast<const CheckpointOptions &>(options));
  all.reads(static_cast<const DataOptions &>(options));
  all.reads("--target", options.target);
  if ((options.emit != EmitKind::Execute || options.compileTo) &&
      options.outputs.empty())
    all.writes("--output", "-");
  all.writes(static_cast<const DataOptions &>(options));
  all.writes(static_cast<const ReportOptions &>(options));
  all.writes("--remarks-output-file", options.remarksFile);
  all.calibrates(options);
  all.looksInto(options);
  return all.done();
}

llvm::Error driver::declareFiles(const CodeOptions &options) {
  Declaration all(options);
  all.readsFile(options.inputFile);
  all.reads(static_cast<const CheckpointOptions &>(options));
  all.reads("--target", options.target);
  all.writes("--weights", options.weightsFile);
  all.calibrates(options);
  all.writes("--output", standardOr(options.outputFile));
  all.writes("the C header of --output", headerPath(options));
  all.writes("--remarks-output-file", options.remarksFile);
  all.looksInto(options);
  return all.done();
}

llvm::Error driver::declareFiles(const SimulateOptions &options) {
  Declaration all(options);
  all.readsFile(options.inputFile);
  all.reads(static_cast<const CheckpointOptions &>(options));
  all.reads(static_cast<const DataOptions &>(options));
  all.reads("--target", options.target);
  all.writes(static_cast<const DataOptions &>(options));
  all.writes(static_cast<const ReportOptions &>(options));
  return all.done();
}

llvm::Error driver::declareFiles(const TenantsOptions &options) {
  Declaration all(options);
  all.reads("the command", options.requestsFile);
  all.reads("--target", options.target);
  all.reads("--policy", options.policyFile);
  all.writes(static_cast<const ReportOptions &>(options));
  return all.done();
}

llvm::Error driver::declareFiles(const InspectOptions &options) {
  Declaration all(options);
  all.reads("the command", options.file);
  all.reads(options.mask);
  all.writes("--json", options.json);
  all.writes("--convert", options.convert);
  return all.done();
}

llvm::raw_ostream &driver::textStream(const CommandOptions &options) {
  return options.files->writesStandardOutput() ? llvm::errs() : llvm::outs();
}

llvm::Error driver::writeFile(const CommandOptions &options, StringRef path,
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

llvm::Error driver::commitFiles(const CommandOptions &options) {
  if (llvm::Error error = flushOutput())
    return error;
  return toError(options.files->commit());
}
