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

#include "Children.h"
#include "MutateModule.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "nm/Registration.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <gtest/gtest.h>

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
                                   "tile-fuse-rows",
                                   "tile-block-rows",
                                   "tile-assign-engines",
                                   "tile-choose-slots",
                                   "tile-insert-sync",
                                   "tile-allocate",
                                   "tile-to-attacc",
                                   "pifo-verify-mesh",
                                   "pifo-compile-mesh",
                                   "pifo-embed",
                                   "nm-split-bodies",
                                   "nm-outline-loops"};

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

TEST(MutatedModules, EachPass) {
  unsigned seed = ::nm::test::fromEnvironment("NM_MUTATE_SEED", 1);
  unsigned count = ::nm::test::fromEnvironment("NM_MUTATE_COUNT", 6);
  DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::nm::registerPasses();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  std::vector<std::string> modules = ::nm::test::readModules(context);
  ASSERT_GT(modules.size(), 200u);
  unsigned tried = 0;
  for (unsigned i = 0; i != std::size(kPasses); ++i)
    tried += ::nm::test::inChildren(
        std::string("--") + kPasses[i], seed * 1000003u + i * 7919u, count,
        [&](unsigned at, bool &isTried, llvm::function_ref<void()> inPass) {
          return tryOne(context, modules[at % modules.size()], kPasses[i], at,
                        isTried, inPass);
        });
  std::printf("seed %u, %u mutated modules through %zu passes\n", seed, tried,
              std::size(kPasses));
  EXPECT_GT(tried, count * std::size(kPasses) / 2);
}

} // namespace
