//===- SmallDevice.h - A machine and tensors for tests -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_COMMON_SMALLDEVICE_H
#define NM_UNITTESTS_COMMON_SMALLDEVICE_H

#include "nm/Isa/Program.h"
#include "nm/Machine/Device.h"

namespace nm::model {

/// A small machine with every cost different from zero.
inline Device smallDevice() {
  Device device;
  device.name = "small";
  device.frequencyHz = 1000000000;
  device.dram.bytesPerSecond = 16e9; // 16 bytes a cycle
  device.dram.latencyCycles = 100;
  device.dram.burstBytes = 1;
  device.dma.channels = 2;
  device.dma.setupCycles = 20;
  device.scratchpad.bytes = 1 << 20;
  device.scratchpad.bytesPerSecond = 4096e9;
  device.array.rows = 8;
  device.array.cols = 8;
  device.array.stationarities = {model::Stationarity::Output,
                                 model::Stationarity::Weight,
                                 model::Stationarity::Input};
  device.array.stepOverhead[0] = 6;
  device.array.stepOverhead[1] = 8;
  device.array.stepOverhead[2] = 10;
  device.array.fillCycles = 7;
  device.array.packsHeads = true;
  device.array.sparsePatterns = {{2, 4}, {1, 4}, {2, 8}};
  device.specialFunction.lanes = 4;
  device.specialFunction.expCycles = 3;
  device.energy = {0.5, 4, 32, 2, 0.25};
  return device;
}

} // namespace nm::model

namespace nm::isa {

inline Tensor tensorOf(const std::string &name, Role role, Type type,
                       std::vector<int64_t> shape) {
  Tensor tensor;
  tensor.name = name;
  tensor.role = role;
  tensor.type = type;
  tensor.shape = std::move(shape);
  return tensor;
}

} // namespace nm::isa

namespace nm::sim {
using isa::tensorOf;
using model::smallDevice;
} // namespace nm::sim

#endif // NM_UNITTESTS_COMMON_SMALLDEVICE_H
