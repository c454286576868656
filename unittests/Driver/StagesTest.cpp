//===- StagesTest.cpp - Stages that fail and crash -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Stages.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "nm/Pipelines/Pipelines.h"
#include "nm/Registration.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <csignal>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

namespace {

/// Fails, or ends as a bug would.
class BrokenPass : public PassWrapper<BrokenPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BrokenPass)
  explicit BrokenPass(int signal) : signal(signal) {}
  StringRef getArgument() const override { return "broken"; }
  void runOnOperation() override {
    // What is half done is no reproducer.
    getOperation()->setAttr("test.half_done", UnitAttr::get(&getContext()));
    if (signal)
      std::raise(signal);
    signalPassFailure();
  }

private:
  int signal;
};

class Stages : public testing::Test {
protected:
  Stages() : module(ModuleOp::create(UnknownLoc::get(&context))) {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("nm-stages", folder));
    options.inputFile = "some/model.onnx";
    options.reproducerFolder = folder.str().str();
    auto type = RankedTensorType::get({100}, Float32Type::get(&context));
    SmallVector<float> values;
    for (int i = 0; i < 100; ++i)
      values.push_back(4321.5f + i);
    (*module)->setAttr("test.weights",
                       DenseElementsAttr::get(type, ArrayRef(values)));
  }
  ~Stages() override { llvm::sys::fs::remove_directories(folder); }

  llvm::Error run(int signal) {
    return StageRunner(*module, options, log)
        .run(
            Stage::Named,
            [&](OpPassManager &pm) {
              pm.addPass(createCanonicalizerPass());
              pm.addPass(std::make_unique<BrokenPass>(signal));
            },
            "it did not work");
  }
  std::string reproducer() {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, "model-named.mlir");
    auto buffer = llvm::MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : "";
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  SmallString<128> folder;
  CompileOptions options;
  CompileLog log;
};

TEST_F(Stages, AFailureLeavesAReproducer) {
  std::string message = llvm::toString(run(0));
  EXPECT_NE(
      message.find("it did not work (stage 'named'); a reproducer without "
                   "weights is in '" +
                   options.reproducerFolder),
      std::string::npos)
      << message;
  std::string text = reproducer();
  EXPECT_NE(text.find("builtin.module(canonicalize"), std::string::npos)
      << text;
  EXPECT_NE(text.find("broken"), std::string::npos) << text;
  EXPECT_EQ(text.find("half_done"), std::string::npos) << text;
  EXPECT_NE(text.find("__elided__"), std::string::npos) << text;
  EXPECT_EQ(text.find("4.3215"), std::string::npos) << text;
}

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
// Sanitizers answer these signals themselves.
#if !__has_feature(address_sanitizer)
TEST_F(Stages, ACrashLeavesOneTooAndEndsWithOne) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGILL})
    EXPECT_EXIT((void)llvm::toString(run(signal)), testing::ExitedWithCode(1),
                "error: the compiler crashed in stage 'named'; a reproducer "
                "without weights is in '")
        << signal;
}

TEST_F(Stages, ACrashLeavesNothingOfTheWeights) {
  EXPECT_EXIT((void)llvm::toString(run(SIGSEGV)), testing::ExitedWithCode(1),
              "");
  std::string text = reproducer();
  EXPECT_NE(text.find("__elided__"), std::string::npos) << text;
  EXPECT_EQ(text.find("4.3215"), std::string::npos) << text;
}
#endif

TEST_F(Stages, NothingRunsBehindTheLastStage) {
  options.compileTo = Stage::Linalg;
  StageRunner stages(*module, options, log);
  auto nothing = [](OpPassManager &) {};
  EXPECT_FALSE(stages.run(Stage::Linalg, nothing, "no"));
  EXPECT_TRUE(stages.ended());
  bool built = false;
  EXPECT_FALSE(
      stages.run(Stage::Named, [&](OpPassManager &) { built = true; }, "no"));
  EXPECT_FALSE(built);
}

/// Every pass of every stage by name: or a reproducer could not be read.
TEST(StagePasses, AreRegistered) {
  registerPasses();
  MLIRContext context;
  for (int variant = 0; variant < 8; ++variant) {
    CPUPipelineOptions options;
    options.reference = variant & 1;
    options.parallel = !(variant & 2);
    options.verifyAtRuntime = (variant & 4) != 0;
    auto check = [&](llvm::function_ref<void(OpPassManager &)> build) {
      PassManager written(&context), read(&context);
      build(written);
      std::string text;
      llvm::raw_string_ostream os(text);
      for (Pass &pass : written.getPasses()) {
        os << (text.empty() ? "" : ",");
        pass.printAsTextualPipeline(os);
      }
      EXPECT_TRUE(succeeded(parsePassPipeline(text, read))) << text;
    };
    for (const StagePasses &stage : cpuStages(options))
      check(stage.build);
    check([&](OpPassManager &pm) { buildNMToLogicalPipeline(pm, false); });
  }
}

TEST(StageNames, StandInTheOrderOfTheEnumeration) {
  size_t at = 0;
  for (const StageName &stage : stageNames())
    EXPECT_EQ(static_cast<size_t>(stage.stage), at++) << stage.name.str();
  EXPECT_EQ(at, static_cast<size_t>(Stage::Instructions) + 1);
}

} // namespace
