//===- MutatedModulesTest.cpp - Each pass on modules that are off ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pass gives IR that verifies, or says what is wrong. Modules of the test
// tree are mutated, and each that still verifies goes through one pass alone.
// Children do the work, so that a crash or a hang is a fault like others.
// NM_MUTATE_SEED and NM_MUTATE_COUNT (for each pass) choose others,
// NM_MUTATE_KEEP is a folder for the modules of faults.
//
//===----------------------------------------------------------------------===//

#include "MutateModule.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "nm/Registration.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;

namespace {

constexpr const char *kPasses[] = {"nm-simplify-linalg",
                                   "nm-vectorize-contractions",
                                   "nm-linalg-to-loops",
                                   "nm-approximate-math",
                                   "nm-lower-reshapes",
                                   "flat-raise-attention",
                                   "flat-select-dataflow",
                                   "flat-tile",
                                   "flat-decompose-attention",
                                   "flat-generate-attention",
                                   "flat-expand-exp",
                                   "pifo-lower-to-cpu",
                                   "nm-attach-target",
                                   "nm-select-layout",
                                   "nm-generate-kernels",
                                   "nm-externalize-params",
                                   "nm-declare-sparsity",
                                   "nm-raise",
                                   "nm-fuse-epilogue",
                                   "nm-lower-to-linalg",
                                   "convert-nm-to-sparse-tensor",
                                   "convert-sparse-tensor-to-nm",
                                   "convert-to-attacc",
                                   "attacc-verify-program",
                                   "pifo-verify-mesh",
                                   "pifo-compile-mesh",
                                   "pifo-embed"};

unsigned fromEnvironment(const char *name, unsigned usual) {
  const char *text = std::getenv(name);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : usual;
}

/// The modules of the test tree that parse, as text; those of a pass's own
/// tests are the first.
std::vector<std::string> readModules(MLIRContext &context) {
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

/// What is wrong with one mutated module and `pass`; empty: nothing.
/// `isTried`: whether a mutation verified. `inPass` is called before the pass.
std::string tryOne(MLIRContext &context, const std::string &text,
                   StringRef pass, unsigned seed, bool &isTried,
                   llvm::function_ref<void()> inPass) {
  std::mt19937 random(seed);
  std::string last;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      last = diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> module;
  for (int attempt = 0; attempt != 20; ++attempt) {
    module = parseSourceString<ModuleOp>(text, &context);
    for (unsigned n = 1 + random() % 3; n; --n)
      ::nm::test::mutate(*module, random);
    // As text says it: an attribute with a default value is never missing.
    std::string printed;
    if (succeeded(verify(*module))) {
      llvm::raw_string_ostream os(printed);
      module->print(os, OpPrintingFlags().printGenericOpForm());
    }
    module = printed.empty() ? OwningOpRef<ModuleOp>()
                             : parseSourceString<ModuleOp>(printed, &context);
    if (module)
      break;
  }
  isTried = bool(module);
  if (!isTried)
    return {};
  if (const char *folder = std::getenv("NM_MUTATE_KEEP")) {
    std::error_code error;
    llvm::raw_fd_ostream os(std::string(folder) + "/" + pass.str() + "-" +
                                std::to_string(seed) + ".mlir",
                            error);
    module->print(os, OpPrintingFlags().printGenericOpForm());
  }
  last.clear();
  PassManager pm(module->getContext(), ModuleOp::getOperationName(),
                 OpPassManager::Nesting::Implicit);
  pm.enableVerifier(false);
  // On the module, or on the operations that the pass is for.
  bool isFound = succeeded(parsePassPipeline(pass, pm, llvm::nulls()));
  for (StringRef anchor : {"func.func", "attacc.program", "pifo.scheduler"})
    isFound = isFound || succeeded(parsePassPipeline(pass, pm.nest(anchor),
                                                     llvm::nulls()));
  if (!isFound)
    return "no such pass";
  inPass();
  if (failed(pm.run(*module)))
    return last.empty() ? "failed without a diagnostic" : "";
  last.clear();
  if (failed(verify(*module)))
    return "its result does not verify: " + last;
  return {};
}

/// Runs seeds [first, first + count) in a child; on a crash or a hang of one
/// goes on after it.
unsigned tryMany(MLIRContext &context, const std::vector<std::string> &modules,
                 StringRef pass, unsigned first, unsigned count) {
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
        std::string fault = tryOne(context, modules[seed % modules.size()],
                                   pass, seed, isTried, [&] {
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
          << "--" << pass.str() << ", seed " << next;
    }
    if (next == first + count)
      break;
    // What crashes while upstream's operations verify says nothing of the pass.
    if (!text.empty() && text.back() == 'p')
      ADD_FAILURE() << "--" << pass.str() << ", seed " << next << ": "
                    << (WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                            : "exit");
    ++next;
  }
  return tried;
}

TEST(MutatedModules, EachPass) {
  unsigned seed = fromEnvironment("NM_MUTATE_SEED", 1);
  unsigned count = fromEnvironment("NM_MUTATE_COUNT", 6);
  DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::nm::registerPasses();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  std::vector<std::string> modules = readModules(context);
  ASSERT_GT(modules.size(), 200u);
  unsigned tried = 0;
  for (unsigned i = 0; i != std::size(kPasses); ++i)
    tried += tryMany(context, modules, kPasses[i], seed * 1000003u + i * 7919u,
                     count);
  std::printf("seed %u, %u mutated modules through %zu passes\n", seed, tried,
              std::size(kPasses));
  EXPECT_GT(tried, count * std::size(kPasses) / 2);
}

} // namespace
