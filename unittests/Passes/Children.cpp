//===- Children.cpp - Random work in processes of its own ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Children.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;

unsigned nm::test::fromEnvironment(const char *name, unsigned usual) {
  const char *text = std::getenv(name);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : usual;
}

std::vector<std::string> nm::test::readModules(MLIRContext &context) {
  std::vector<std::string> paths, modules;
  std::error_code error;
  for (llvm::sys::fs::recursive_directory_iterator at(NM_TEST_TREE, error), end;
       at != end && !error; at.increment(error))
    if (llvm::sys::path::extension(at->path()) == ".mlir")
      paths.push_back(at->path());
  std::sort(paths.begin(), paths.end());
  ScopedDiagnosticHandler quiet(&context,
                                [](Diagnostic &) { return success(); });
  for (const std::string &path : paths) {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer)
      continue;
    SmallVector<StringRef> parts;
    (*buffer)->getBuffer().split(parts, "// -----");
    for (StringRef part : parts)
      if (part.size() < 20000 && parseSourceString<ModuleOp>(part, &context))
        modules.push_back(part.str());
  }
  return modules;
}

unsigned
nm::test::inChildren(const std::string &name, unsigned first, unsigned count,
                     llvm::function_ref<std::string(unsigned, bool &,
                                                    llvm::function_ref<void()>)>
                         work) {
  unsigned tried = 0;
  for (unsigned next = first; next != first + count;) {
    int ends[2];
    if (pipe(ends) != 0)
      return tried;
    pid_t child = fork();
    if (child == 0) {
      llvm::sys::PrintStackTraceOnErrorSignal("NMPassTests");
      close(ends[0]);
      // Sizes that are huge are refused, not allocated.
      rlimit memory{rlim_t(8) << 30, rlim_t(8) << 30};
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer)
      setrlimit(RLIMIT_AS, &memory);
#endif
      (void)memory;
      for (unsigned seed = next; seed != first + count; ++seed) {
        alarm(60);
        bool isTried = false;
        std::string fault = work(seed, isTried, [&] {
          if (write(ends[1], "p", 1) < 0)
            _exit(1);
        });
        std::string line = std::string(isTried ? "1" : "0") + fault + '\0';
        if (write(ends[1], line.data(), line.size()) < 0)
          break;
      }
      close(ends[1]);
      _exit(0);
    }
    close(ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof(buffer))) > 0;)
      text.append(buffer, static_cast<size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    for (size_t at = 0, end; (end = text.find('\0', at)) != std::string::npos;
         at = end + 1, ++next) {
      at += text[at] == 'p';
      tried += text[at] == '1';
      EXPECT_EQ(text.substr(at + 1, end - at - 1), "")
          << name << ", seed " << next;
    }
    if (next == first + count)
      break;
    // What crashes while upstream's operations verify says nothing of ours.
    if (!text.empty() && text.back() == 'p')
      ADD_FAILURE() << name << ", seed " << next << ": "
                    << (WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                            : "exit");
    ++next;
  }
  return tried;
}
