//===- SimulateTest.cpp - Programs with arrays and checkpoints -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Simulate.h"
#include "Common/SmallDevice.h"
#include "nm/Driver/Arrays.h"
#include "nm/Driver/ProgramParams.h"
#include "nm/Isa/Builder.h"
#include "nm/Runtime/Writer.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <gtest/gtest.h>

using namespace mlir::nm::driver;
namespace isa = nm::isa;
namespace model = nm::model;
namespace rt = nm::rt;

namespace {

/// A folder that goes with the test.
class Simulate : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("nm-simulate", folder));
    auto found = model::findDevice("edge");
    ASSERT_TRUE(found.ok());
    device = *found;
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(const char *name) const {
    return (folder + "/" + name).str();
  }
  void write(const char *name, const std::vector<float> &values,
             std::vector<int64_t> shape) {
    rt::Status status = rt::writeNpy(
        path(name), rt::denseView(values.data(), rt::DType::F32, shape));
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  std::vector<float> read(const char *name) {
    auto tensor = readArray(path(name));
    if (!tensor) {
      ADD_FAILURE() << llvm::toString(tensor.takeError());
      return {};
    }
    const float *data = reinterpret_cast<const float *>(tensor->view.data);
    return {data, data + tensor->view.count()};
  }
  std::string text(const char *name) {
    auto buffer = llvm::MemoryBuffer::getFile(path(name));
    return buffer ? (*buffer)->getBuffer().str() : "";
  }

  llvm::SmallString<128> folder;
  model::Device device;
};

isa::Tensor paramOf(const char *name, isa::Part part, isa::Type type,
                    std::vector<int64_t> shape) {
  isa::Tensor tensor = tensorOf(name, isa::Role::Param, type, shape);
  tensor.key = "w";
  tensor.part = part;
  if (part == isa::Part::Values || part == isa::Part::Indices)
    tensor.pattern = {2, 4};
  return tensor;
}

/// y = x times a 2:4 weight [3, 8] and, apart, z = x times the weight
/// transposed and dense.
isa::Program programOf(const model::Device &device) {
  isa::Builder b("products", isa::targetOf(device));
  isa::Tensor input = tensorOf("x", isa::Role::In, isa::Type::F16, {2, 8});
  input.hostShape = {1, 2, 8};
  isa::TensorId x = b.tensor(input),
                y = b.tensor(
                    tensorOf("y", isa::Role::Out, isa::Type::F16, {2, 3})),
                z = b.tensor(
                    tensorOf("z", isa::Role::Out, isa::Type::F32, {2, 3}));
  // Indices first: they do not know the weight's shape.
  isa::TensorId indices =
      b.tensor(paramOf("i", isa::Part::Indices, isa::Type::I8, {3, 1}));
  isa::TensorId values =
      b.tensor(paramOf("v", isa::Part::Values, isa::Type::F16, {3, 4}));
  isa::TensorId turned =
      b.tensor(paramOf("t", isa::Part::Transposed, isa::Type::F16, {8, 3}));
  isa::BufferId bx = b.buffer(isa::Type::F16, {2, 8}),
                bv = b.buffer(isa::Type::F16, {3, 4}),
                bi = b.buffer(isa::Type::I8, {3, 1}),
                bt = b.buffer(isa::Type::F16, {8, 3}),
                by = b.buffer(isa::Type::F16, {2, 3}),
                bz = b.buffer(isa::Type::F32, {2, 3});
  b.load(b.tile(x), b.tile(bx), 0, {});
  b.load(b.tile(values), b.tile(bv), 0, {});
  b.load(b.tile(indices), b.tile(bi), 0, {});
  b.load(b.tile(turned), b.tile(bt), 0, {});
  b.barrier();
  b.nmGemm(isa::Stationarity::Output, {2, 4}, b.tile(bx), b.tile(bv),
           b.tile(bi), b.tile(by), {});
  b.gemm(isa::Stationarity::Output, b.tile(bx), b.tile(bt), b.tile(bz), {});
  b.barrier();
  b.store(b.tile(by), b.tile(y), 0, {});
  b.store(b.tile(bz), b.tile(z), 0, {});
  auto program = b.finish();
  EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
  return program.ok() ? *program : isa::Program();
}

const std::vector<float> kWeight = {0, 1, 0, 2, 3, 4, 0, 0, //
                                    5, 0, 0, 0, 0, 0, 6, 7, //
                                    0, 0, 8, 9, 0, 1, 0, 2};
const std::vector<float> kInput = {1, 2, 3, 4, 5, 6, 7, 8, //
                                   1, 0, 0, 0, 0, 0, 0, 1};
/// kInput times kWeight transposed.
const std::vector<float> kOutput = {49, 103, 82, 0, 12, 2};

} // namespace

TEST_F(Simulate, BindsArraysAndWeights) {
  write("w.npy", kWeight, {3, 8});
  write("x.npy", kInput, {1, 2, 8});
  write("expected.npy", kOutput, {2, 3});
  SimulateOptions options;
  options.params = {{"", path("w.npy")}};
  options.inputs = {{"x", path("x.npy")}};
  options.outputs = {{"z", path("z.npy")}, {"0", path("y.npy")}};
  options.expects = {{"y", path("expected.npy")}, {"z", path("expected.npy")}};
  options.json = path("report.json");
  options.traceFile = path("trace.json");
  options.htmlFile = path("page.html");
  llvm::Error error = simulateProgram(programOf(device), device, options);
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  EXPECT_EQ(read("y.npy"), kOutput);
  EXPECT_EQ(read("z.npy"), kOutput);
  auto report = llvm::json::parse(text("report.json"));
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  const llvm::json::Array *comparisons =
      report->getAsObject()->getArray("comparisons");
  ASSERT_TRUE(comparisons && comparisons->size() == 2);
  EXPECT_EQ((*comparisons)[0].getAsObject()->getBoolean("passed"), true);
  // 2 x 8 by 4 kept of 3, and 8 dense of 3.
  EXPECT_EQ(report->getAsObject()->getInteger("macs"), 2 * 4 * 3 + 2 * 8 * 3);
  EXPECT_TRUE(bool(llvm::json::parse(text("trace.json"))));
  EXPECT_NE(text("page.html").find("<h2>Timeline</h2>"), std::string::npos);
}

TEST_F(Simulate, DifferencesAreFailures) {
  write("w.npy", kWeight, {3, 8});
  write("x.npy", kInput, {1, 2, 8});
  std::vector<float> wrong = kOutput;
  wrong[4] = 13;
  write("expected.npy", wrong, {2, 3});
  SimulateOptions options;
  options.params = {{"", path("w.npy")}};
  options.inputs = {{"", path("x.npy")}};
  options.expects = {{"", path("expected.npy")}};
  std::string message =
      llvm::toString(simulateProgram(programOf(device), device, options));
  EXPECT_NE(message.find("differs from"), std::string::npos) << message;
  EXPECT_NE(message.find("worst at [1, 1]: found 12, expected 13"),
            std::string::npos)
      << message;
}

TEST_F(Simulate, WeightsMustFitTheirPattern) {
  std::vector<float> full = kWeight;
  full[0] = 1; // three of four
  write("w.npy", full, {3, 8});
  write("x.npy", kInput, {1, 2, 8});
  SimulateOptions options;
  options.params = {{"", path("w.npy")}};
  options.inputs = {{"", path("x.npy")}};
  std::string message =
      llvm::toString(simulateProgram(programOf(device), device, options));
  EXPECT_NE(message.find("3"), std::string::npos) << message;
  EXPECT_NE(message.find("derive"), std::string::npos) << message;
  // With the policy that it names, it runs.
  options.mask.policy = rt::MaskPolicy::Derive;
  llvm::Error error = simulateProgram(programOf(device), device, options);
  EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
}

TEST_F(Simulate, TimingNeedsNothing) {
  SimulateOptions options;
  options.timingOnly = true;
  options.json = path("report.json");
  llvm::Error error = simulateProgram(programOf(device), device, options);
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  auto report = llvm::json::parse(text("report.json"));
  ASSERT_TRUE(bool(report));
  EXPECT_GT(report->getAsObject()->getNumber("cycles").value_or(0), 0);
  options.outputs = {{"", path("y.npy")}};
  EXPECT_EQ(llvm::toString(simulateProgram(programOf(device), device, options)),
            "--output and --expect need values, but --timing-only computes "
            "none; drop one of them");
}

TEST_F(Simulate, WhatIsMissingIsNamed) {
  SimulateOptions options;
  auto message = [&] {
    return llvm::toString(simulateProgram(programOf(device), device, options));
  };
  EXPECT_NE(message().find("needs argument 0 ('x'"), std::string::npos)
      << message();
  write("x.npy", kInput, {2, 8});
  options.inputs = {{"", path("x.npy")}};
  EXPECT_NE(message().find("expected [1, 2, 8]"), std::string::npos)
      << message();
  write("x.npy", kInput, {1, 2, 8});
  EXPECT_NE(message().find("reads 2 parameters, such as 'w'"),
            std::string::npos)
      << message();
  options.outputs = {{"q", path("q.npy")}};
  EXPECT_NE(message().find("does not name a result"), std::string::npos)
      << message();
}

TEST_F(Simulate, Manifest) {
  std::vector<int> places;
  isa::Program program = programOf(device);
  auto manifest = manifestOf(program, places);
  ASSERT_TRUE(bool(manifest)) << llvm::toString(manifest.takeError());
  ASSERT_EQ(manifest->params.size(), 2u);
  EXPECT_EQ(places, (std::vector<int>{-1, -1, -1, 0, 0, 1}));
  EXPECT_EQ(manifest->params[0].shape, (std::vector<int64_t>{3, 8}));
  EXPECT_EQ(manifest->params[0].sparsity->axis, 1);
  EXPECT_EQ(manifest->params[1].shape, (std::vector<int64_t>{3, 8}));
  EXPECT_FALSE(manifest->params[1].sparsity.has_value());
  // Indices alone do not tell the shape.
  program.tensors.erase(program.tensors.begin() + 4);
  auto broken = manifestOf(program, places);
  ASSERT_FALSE(bool(broken));
  EXPECT_NE(llvm::toString(broken.takeError()).find("host shape"),
            std::string::npos);
}

TEST(Accelerators, Names) {
  auto found = findAccelerator("edge");
  ASSERT_TRUE(bool(found));
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->name, "edge");
  for (const char *name : {"host", "generic-host", "x86-64-avx2", "nonsense"}) {
    auto other = findAccelerator(name);
    ASSERT_TRUE(bool(other)) << llvm::toString(other.takeError());
    EXPECT_FALSE(other->has_value());
  }
  auto missing = findAccelerator("missing.json");
  EXPECT_FALSE(bool(missing));
  llvm::consumeError(missing.takeError());
}
