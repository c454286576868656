//===- Main.cpp - What the mains of the tools share -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Main.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Support.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Support/StandardStreams.h"
#include "nm/Support/Text.h"
#include "nm/Version.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"
#include <csignal>
#include <cstdlib>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace support = ::nm::support;

llvm::Error driver::flushOutput() {
  llvm::raw_fd_ostream &out = llvm::outs();
  out.flush();
  if (!out.has_error())
    return llvm::Error::success();
  std::string why = out.error().message();
  out.clear_error(); // its destructor would end the process
  return makeError("cannot write standard output: {0}", why);
}

std::string driver::llvmVersion() { return "LLVM " LLVM_VERSION_STRING; }

int driver::reportError(llvm::Error error) {
  if (llvm::Error lost = flushOutput())
    error = llvm::joinErrors(std::move(error), std::move(lost));
  llvm::handleAllErrors(std::move(error), [&](const llvm::ErrorInfoBase &info) {
    llvm::WithColor::error() << printableLines(info.message()) << "\n";
  });
  return 1;
}

int driver::exitCode(llvm::Error error) {
  return error ? reportError(std::move(error)) : 0;
}

int driver::runTool(int argc, char **argv, llvm::function_ref<int()> work) {
  // Before InitLLVM, which opens streams that are closed as if they were not.
  support::startTool();
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  std::signal(SIGPIPE, SIG_IGN);
  // https://no-color.org: LLVM asks the terminal alone.
  if (const char *plain = std::getenv("NO_COLOR"); plain && *plain)
    llvm::WithColor::setAutoDetectFunction(
        [](const llvm::raw_ostream &) { return false; });
  std::string tool = llvm::sys::path::filename(argv[0]).str();
  llvm::cl::SetVersionPrinter([tool](llvm::raw_ostream &os) {
    os << tool << " " << NM_VERSION << " (" << llvmVersion() << ")\n";
  });
  // What the libraries bring for tools of their own is not for our help; what
  // is registered from here on is.
  for (auto &entry : llvm::cl::getRegisteredOptions())
    if (entry.second->ArgStr != "help" && entry.second->ArgStr != "version" &&
        entry.second->ArgStr != "help-hidden")
      entry.second->setHiddenFlag(llvm::cl::ReallyHidden);
  int code = work();
  if (llvm::Error lost = flushOutput())
    code = reportError(std::move(lost));
  return support::finishTool(code);
}

llvm::Error
driver::writeOutput(const std::string &path, const std::string &input,
                    llvm::function_ref<bool(llvm::raw_ostream &)> work,
                    bool &succeeded) {
  if (path == "-") {
    succeeded = work(llvm::outs());
    return flushOutput();
  }
  support::CommandFiles files;
  if (support::Status status = files.reads("the command", input); !status)
    return toError(status);
  if (support::Status status = files.writes("-o", path); !status)
    return toError(status);
  auto file = files.open(path);
  if (!file)
    return toError(file.error());
  {
    OutputStream stream(**file);
    succeeded = work(stream);
  }
  return succeeded ? toError(files.commit()) : llvm::Error::success();
}
