//===- LinkLibrary.cpp - Objects into shared libraries -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Emit.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Support.h"
#include "nm/Support/Signals.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <omp.h>
#include <spawn.h>
#include <sys/wait.h>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

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
  // What starts in a third of the time that clang takes comes first.
  for (StringRef name : {"cc", "gcc", "clang-22", "clang"})
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  return makeError("--emit=so needs a C compiler to link with, and none of "
                   "cc, gcc, clang-22 and clang is in PATH; install one, name "
                   "one with --cc, or use --emit=obj and link yourself");
}

/// Runs a program with its output in the file `log`. A signal that ends this
/// process ends it too, with all that it started. Returns the exit code.
static llvm::Expected<int> runProgram(ArrayRef<std::string> arguments,
                                      const std::string &log) {
  std::vector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // The tool ignores these; a program that it starts need not.
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  int code =
      posix_spawn(&child, argv[0], &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (code != 0)
    return makeError("cannot start '{0}': {1}", arguments[0],
                     std::strerror(code));
  ::nm::support::ChildGroup group(child);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

llvm::Error driver::linkSharedLibrary(StringRef object,
                                      const CodeOptions &options) {
  const std::string &path = options.outputFile;
  llvm::Expected<std::string> linker = findLinker(options.linker);
  if (!linker)
    return linker.takeError();
  auto folder = ::nm::support::TemporaryFolder::create();
  if (!folder)
    return toError(folder.error());
  std::string input = folder->file("code.o"), log = folder->file("log");
  std::string output = folder->file("library");
  if (llvm::Error error = writeFile(input, object))
    return error;

  std::string openMP = findOpenMP();
  // A name may have commas, at which -Wl, would cut it.
  std::vector<std::string> arguments = {
      *linker,       "-shared",  "-o",
      output,        input,      "-Xlinker",
      "-soname",     "-Xlinker", llvm::sys::path::filename(path).str(),
      "-Wl,-z,defs", openMP};
  if (llvm::sys::path::is_absolute(openMP))
    arguments.insert(arguments.end(),
                     {"-Xlinker", "-rpath", "-Xlinker",
                      llvm::sys::path::parent_path(openMP).str()});
  arguments.insert(arguments.end(), {"-lm", "-lc"});
  llvm::Expected<int> code = runProgram(arguments, log);
  if (!code)
    return code.takeError();
  if (*code != 0) {
    std::string message = "exit code " + std::to_string(*code);
    if (auto text = llvm::MemoryBuffer::getFile(log))
      if (StringRef said = (*text)->getBuffer().trim(); !said.empty())
        message = said.str();
    return makeError("'{0}' could not link '{1}': {2}", *linker, path, message);
  }
  auto library = llvm::MemoryBuffer::getFile(output);
  if (!library)
    return makeError("'{0}' made no library '{1}': {2}", *linker, path,
                     library.getError().message());
  return writeFile(options, path, (*library)->getBuffer(), 0777);
}
