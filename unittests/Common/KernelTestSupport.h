//===- KernelTestSupport.h - Kernels in the simulator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_COMMON_KERNELTESTSUPPORT_H
#define NM_UNITTESTS_COMMON_KERNELTESTSUPPORT_H

#include "Common/SmallDevice.h"
#include "nm/Isa/Builder.h"
#include "nm/Isa/Verify.h"
#include "nm/Simulator/Simulator.h"
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace nm::isa {

using model::Device;

/// Less memory and more MACs beside each other.
inline Device tinyDevice() {
  Device device = model::smallDevice();
  device.name = "tiny";
  device.dram.latencyCycles = 20;
  device.dma.channels = 3;
  device.dma.setupCycles = 4;
  device.scratchpad.bytes = 1 << 16;
  device.scratchpad.bytesPerSecond = 1024e9;
  device.array.cols = 16;
  device.array.packsHeads = false;
  device.array.sparsePatterns = {{2, 4}, {1, 4}, {2, 8}, {4, 8}, {3, 5}};
  device.specialFunction.lanes = 64;
  return device;
}

inline Device deviceOf(const std::string &name) {
  if (name == "tiny")
    return tinyDevice();
  Result<Device> device = model::findDevice(name);
  EXPECT_TRUE(device.ok());
  return *device;
}

/// A program under test with random contents of its tensors.
class KernelTest {
public:
  explicit KernelTest(const Device &device)
      : device(device), builder("test", targetOf(device)) {}
  virtual ~KernelTest() = default;

  TensorId tensor(const std::string &name, Role role, Type type,
                  std::vector<int64_t> shape) {
    Tensor entry;
    entry.name = name;
    entry.role = role;
    entry.type = type;
    entry.shape = std::move(shape);
    if (role == Role::Param)
      entry.key = name;
    return builder.tensor(std::move(entry));
  }
  TensorId input(Type type, std::vector<int64_t> shape, Role role = Role::In) {
    return tensor("t" + std::to_string(count++), role, type, std::move(shape));
  }
  TensorId output(Type type, std::vector<int64_t> shape) {
    return tensor("t" + std::to_string(count++), Role::Out, type,
                  std::move(shape));
  }

  /// Finishes and proves the program, and runs it. With `functional`, inputs
  /// hold random numbers in [-scale, scale] or what fill() gave.
  void run(bool functional, double scale = 1) {
    Result<Program> finished = finish();
    ASSERT_TRUE(finished.ok()) << finished.error().message;
    program = *finished;
    Result<VerifyResult> proof = verifyProgram(program);
    ASSERT_TRUE(proof.ok()) << proof.error().message;
    sim::SimulatorOptions options;
    options.functional = functional;
    sim::Memory memory = sim::Memory::none(program);
    if (functional) {
      Result<sim::Memory> allocated = sim::Memory::allocate(program);
      ASSERT_TRUE(allocated.ok()) << allocated.error().message;
      memory = std::move(*allocated);
      std::mt19937 generator(7);
      for (size_t i = 0; i != program.tensors.size(); ++i) {
        const Tensor &entry = program.tensors[i];
        if (entry.role != Role::In && entry.role != Role::Param)
          continue;
        if (auto found = bytes.find(i); found != bytes.end()) {
          std::copy(found->second.begin(), found->second.end(), memory.data(i));
          continue;
        }
        std::vector<float> content(numElements(entry.shape));
        for (float &value : content)
          value = static_cast<float>(
              scale * (static_cast<double>(generator()) / 2147483648.0 - 1.0));
        sim::writeTensor(entry, memory.data(i), content.data(), Type::F32);
      }
    }
    Result<sim::SimulationResult> ran =
        sim::simulate(program, device, memory, options);
    ASSERT_TRUE(ran.ok()) << ran.error().message;
    result = std::move(*ran);
    if (functional)
      for (size_t i = 0; i != program.tensors.size(); ++i) {
        const Tensor &entry = program.tensors[i];
        std::vector<float> content(numElements(entry.shape));
        sim::readTensor(entry, memory.data(i), content.data(), Type::F32);
        contents[i] = std::move(content);
      }
  }

  void fill(TensorId id, std::vector<uint8_t> content) {
    bytes[id.index] = std::move(content);
  }
  /// After run(true): what the tensor holds, as the program sees it.
  const std::vector<float> &operator[](TensorId id) {
    return contents[id.index];
  }

  /// The program, whole.
  virtual Result<Program> finish() { return builder.finish(); }

  Device device;
  Builder builder;
  Program program;
  sim::SimulationResult result;

private:
  int count = 0;
  std::map<size_t, std::vector<uint8_t>> bytes;
  std::map<size_t, std::vector<float>> contents;
};

/// One rounding to f16, and the rounding of f32 sums.
inline void expectClose(const std::vector<float> &found,
                        const std::vector<double> &expected,
                        double magnitude = 1) {
  ASSERT_EQ(found.size(), expected.size());
  int wrong = 0;
  for (size_t i = 0; i != found.size() && wrong < 5; ++i)
    if (!(std::abs(found[i] - expected[i]) <=
          0.0006 * std::abs(expected[i]) + 1e-4 * magnitude)) {
      ++wrong;
      ADD_FAILURE() << "element " << i << ": found " << found[i]
                    << ", expected " << expected[i];
    }
}

inline double activationOf(UnaryKind kind, double x) {
  switch (kind) {
  case UnaryKind::Copy:
    return x;
  case UnaryKind::Relu:
    return x > 0 ? x : 0;
  case UnaryKind::Gelu:
    return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  case UnaryKind::GeluTanh:
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case UnaryKind::Silu:
    return x / (1 + std::exp(-x));
  case UnaryKind::Tanh:
    return std::tanh(x);
  case UnaryKind::Exp:
    return std::exp(x);
  case UnaryKind::Sqrt:
    return std::sqrt(x);
  case UnaryKind::Erf:
    return std::erf(x);
  case UnaryKind::Log:
    return std::log(x);
  case UnaryKind::Rsqrt:
    return 1 / std::sqrt(x);
  case UnaryKind::Sin:
    return std::sin(x);
  case UnaryKind::Cos:
    return std::cos(x);
  }
  return x;
}

} // namespace nm::isa

#endif // NM_UNITTESTS_COMMON_KERNELTESTSUPPORT_H
