//===- TestSupport.h - Machines and tensors of tests -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_SIMULATOR_TESTSUPPORT_H
#define NM_UNITTESTS_SIMULATOR_TESTSUPPORT_H

#include "Common/SmallDevice.h"
#include "nm/Isa/Builder.h"
#include "nm/Simulator/Simulator.h"
#include <gtest/gtest.h>
#include <random>

namespace nm::sim {

/// Numbers of a fixed sequence in [-1, 1].
inline std::vector<float> randomFloats(int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values)
    value = static_cast<float>(static_cast<double>(generator()) / 2147483648.0 -
                               1.0);
  return values;
}

inline std::vector<float> contentOf(const Program &program, Memory &memory,
                                    size_t tensor) {
  std::vector<float> values(
      static_cast<size_t>(isa::numElements(program.tensors[tensor].shape)));
  readTensor(program.tensors[tensor], memory.data(tensor), values.data(),
             isa::Type::F32);
  return values;
}

inline double sumOf(const EngineTime &time) {
  return time.busy + time.latency + time.overhead + time.dram +
         time.scratchpad + time.array + time.semaphore + time.barrier +
         time.finished;
}

/// Runs for time alone; fails the test if the run does.
inline SimulationResult timeOf(const Program &program, const Device &device) {
  Memory memory = Memory::none(program);
  SimulatorOptions options;
  options.functional = false;
  options.maxEvents = 1000;
  Result<SimulationResult> result = simulate(program, device, memory, options);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? *result : SimulationResult();
}

} // namespace nm::sim

#endif // NM_UNITTESTS_SIMULATOR_TESTSUPPORT_H
