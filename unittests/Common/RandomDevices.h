//===- RandomDevices.h - Machines that can be compared -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_COMMON_RANDOMDEVICES_H
#define NM_UNITTESTS_COMMON_RANDOMDEVICES_H

#include "nm/Machine/Device.h"
#include <cstdlib>
#include <random>

namespace nm::model {

/// From the environment, or `usual`.
inline unsigned seedOf(const char *variable, unsigned usual) {
  const char *text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : usual;
}

/// Whether `a` has at least as much of everything as `b`, and the same array.
inline bool isAtLeast(const Device &a, const Device &b) {
  for (int i = 0; i != kNumStationarities; ++i)
    if (a.array.stepOverhead[i] > b.array.stepOverhead[i])
      return false;
  auto rate = [](int64_t given) { return given ? given : INT64_MAX; };
  return a.frequencyHz >= b.frequencyHz &&
         a.dram.bytesPerSecond >= b.dram.bytesPerSecond &&
         a.dram.latencyCycles <= b.dram.latencyCycles &&
         a.dma.setupCycles <= b.dma.setupCycles &&
         a.dma.channels >= b.dma.channels &&
         a.scratchpad.bytes >= b.scratchpad.bytes &&
         a.scratchpad.bytesPerSecond >= b.scratchpad.bytesPerSecond &&
         a.array.fillCycles <= b.array.fillCycles &&
         rate(a.specialFunction.lanes) >= rate(b.specialFunction.lanes) &&
         rate(a.array.indexDecodesPerCycle) >=
             rate(b.array.indexDecodesPerCycle);
}

/// `count` families of `members` machines with the same array, of which each
/// differs from another one in one or two figures.
inline std::vector<std::vector<Device>>
randomFamilies(unsigned seed, size_t count, size_t members) {
  std::mt19937 random(seed);
  auto pick = [&](std::initializer_list<int64_t> values) {
    return values.begin()[random() % values.size()];
  };
  auto choose = [&](Device &device, unsigned field) {
    switch (field) {
    case 0:
    case 1: // likelier than others
      device.dram.bytesPerSecond =
          1e9 * static_cast<double>(pick({1, 5, 25, 50, 60, 100, 200, 800}));
      break;
    case 2:
    case 3:
      device.scratchpad.bytes =
          pick({8, 16, 24, 32, 48, 64, 100, 128, 256, 512, 2048, 16384}) * 1024;
      break;
    case 4:
      device.scratchpad.bytesPerSecond =
          1e9 * static_cast<double>(pick({50, 200, 1000, 8000}));
      break;
    case 5:
      device.frequencyHz = pick({200, 500, 940, 1000, 1500}) * 1000000;
      break;
    case 6:
      device.specialFunction.lanes = pick({0, 1, 4, 16, 64, 256});
      break;
    case 7:
      device.dram.latencyCycles = pick({0, 3, 20, 100, 300, 1000});
      break;
    case 8:
      device.dma.setupCycles = pick({0, 10, 100});
      break;
    case 9:
      device.array.fillCycles = pick({0, 8, 64});
      break;
    case 10:
      for (int64_t &cycles : device.array.stepOverhead)
        cycles = pick({0, 6, 8, 20});
      break;
    default:
      device.array.indexDecodesPerCycle = pick({0, 4, 64, 1024});
      break;
    }
  };
  constexpr unsigned kFields = 12;
  std::vector<std::vector<Device>> families;
  for (size_t i = 0; i != count; ++i) {
    Device base;
    base.name = "random";
    base.array.rows = pick({4, 8, 16, 32, 100, 128, 256});
    base.array.cols = random() % 2 ? base.array.rows : pick({4, 16, 64, 128});
    base.array.packsHeads = random() % 2;
    base.array.sparsePatterns = {{2, 4}, {1, 4}};
    unsigned stationarities = 1 + random() % 7;
    for (int s = 0; s != kNumStationarities; ++s)
      if (stationarities >> s & 1)
        base.array.stationarities.push_back(static_cast<Stationarity>(s));
    base.dram.burstBytes = pick({1, 32, 64});
    base.dma.channels = pick({1, 2, 4, 8});
    base.scratchpad.banks = 16;
    base.energy = {0.5, 4, 32, 1, 0.1};
    base.staticWatts.array = 0.25 * static_cast<double>(i % 4);
    for (unsigned field = 0; field != kFields; ++field)
      choose(base, field);
    std::vector<Device> family = {base};
    while (family.size() < members) {
      Device next = family[random() % family.size()];
      for (unsigned changes = 1 + random() % 2; changes; --changes)
        choose(next, random() % kFields);
      family.push_back(next);
    }
    families.push_back(std::move(family));
  }
  return families;
}

} // namespace nm::model

#endif // NM_UNITTESTS_COMMON_RANDOMDEVICES_H
