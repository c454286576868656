//===- Main.h - What the mains of the tools share -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_MAIN_H
#define NM_DRIVER_MAIN_H

#include "nm/Support/Manual.h"
#include "nm/Support/OutputFile.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>

namespace mlir::nm::driver {

/// Runs a tool of LLVM: with closed standard streams, broken pipes and full
/// disks as errors, temporary files removed on signals, and exit code 1 if
/// standard output is lost. Returns the exit code.
int runTool(int argc, char **argv, llvm::function_ref<int()> work);

/// Flushes llvm::outs(): before anything that bypasses it goes to standard
/// output, and at the end. Fails if something that was printed is lost.
llvm::Error flushOutput();

/// "LLVM 22.1.0": the detail of a version.
std::string llvmVersion();

/// Prints "error: ..." after what is on standard output; returns 1.
int reportError(llvm::Error error);
/// What a tool ends with: 0, or an error that is reported.
int exitCode(llvm::Error error);

/// A file as a stream of LLVM; errors appear at commit.
class OutputStream final : public llvm::raw_ostream {
public:
  explicit OutputStream(::nm::support::OutputFile &file) : file(file) {}
  ~OutputStream() override { flush(); }

private:
  void write_impl(const char *data, size_t bytes) override {
    (void)file.write(data, bytes);
    position += bytes;
  }
  uint64_t current_pos() const override { return position; }

  ::nm::support::OutputFile &file;
  uint64_t position = 0;
};

/// Calls `work` with a stream to `path` ("-" is standard output) and commits if
/// it succeeds. An output that is the file `input` is refused.
llvm::Error writeOutput(const std::string &path, const std::string &input,
                        llvm::function_ref<bool(llvm::raw_ostream &)> work,
                        bool &succeeded);

/// Where an option of LLVM's registry stands in a manual, and what of it the
/// registry does not know. Empty: among all others, and its own help.
struct ManualRow {
  std::string group, help;
};

/// `--help=man` and `--help=bash` of a tool whose options LLVM keeps: returns
/// the arguments by which the tool prints its page or its completion instead of
/// working, once its options are registered. `manual` has what the registry
/// has not: name, purpose, files, examples.
char **answerManual(int argc, char **argv, ::nm::support::Manual manual,
                    std::function<ManualRow(llvm::StringRef)> describe = {});

/// nm-opt, nm-translate and nm-lsp-server.
int optMain(int argc, char **argv);
int translateMain(int argc, char **argv);
int languageServerMain(int argc, char **argv);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_MAIN_H
