//===- MonotonicTestSupport.h - Programs on better machines -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Simulated times of an operator on random machines of which one has at least
// as much of everything: those of one program, and those of the programs that
// are chosen. NM_SEED chooses other machines.
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_COMMON_MONOTONICTESTSUPPORT_H
#define NM_UNITTESTS_COMMON_MONOTONICTESTSUPPORT_H

#include "Common/KernelTestSupport.h"
#include "Common/RandomDevices.h"
#include <cstdio>
#include <functional>

namespace nm::isa {

/// The program for a machine, with the cycles that the cost model predicts, or
/// 0 if it does not; nothing if there is none.
struct Made {
  Program program;
  double predicted = 0;
};
using Maker = std::function<std::optional<Made>(const Device &)>;

inline double secondsOf(const Program &program, const Device &device) {
  sim::SimulatorOptions options;
  options.functional = false;
  sim::Memory memory = sim::Memory::none(program);
  auto result = sim::simulate(program, device, memory, options);
  EXPECT_TRUE(result.ok()) << result.error().message;
  return result ? result->cycles / static_cast<double>(device.frequencyHz) : 0;
}

/// The worst ratios that were seen.
struct Worst {
  double same = 1, chosen = 1, over = 1, under = 1;
  int64_t pairs = 0;
};

inline Worst compare(const Maker &make, unsigned seed) {
  Worst worst;
  for (const std::vector<Device> &family :
       model::randomFamilies(seed, 15, 10)) {
    std::vector<std::optional<Made>> made;
    std::vector<double> seconds;
    for (const Device &device : family) {
      made.push_back(make(device));
      seconds.push_back(made.back() ? secondsOf(made.back()->program, device)
                                    : 0);
      if (!made.back() || !made.back()->predicted)
        continue;
      double cycles = seconds.back() * static_cast<double>(device.frequencyHz);
      worst.over = std::max(worst.over, cycles / made.back()->predicted);
      worst.under = std::min(worst.under, cycles / made.back()->predicted);
    }
    for (size_t i = 0; i != family.size(); ++i)
      for (size_t j = 0; j != family.size(); ++j) {
        if (i == j || !made[i] || !model::isAtLeast(family[j], family[i]))
          continue;
        ++worst.pairs;
        EXPECT_TRUE(made[j].has_value()) << "vanishes from\n"
                                         << printDevice(family[i]) << "to\n"
                                         << printDevice(family[j]);
        worst.same = std::max(
            worst.same, secondsOf(made[i]->program, family[j]) / seconds[i]);
        worst.chosen = std::max(worst.chosen, seconds[j] / seconds[i]);
      }
  }
  return worst;
}

inline void expectMonotonic(const char *what, const Maker &make, double same,
                            double chosen) {
  unsigned seed = model::seedOf("NM_SEED", 1);
  Worst worst = compare(make, seed);
  std::printf("%s, seed %u: %ld pairs, the same program at worst %.4f times as "
              "long, the one chosen %.4f; simulated over predicted %.3f to "
              "%.3f\n",
              what, seed, static_cast<long>(worst.pairs), worst.same,
              worst.chosen, worst.under, worst.over);
  EXPECT_GT(worst.pairs, 150);
  EXPECT_LE(worst.same, same);
  EXPECT_LE(worst.chosen, chosen);
}

} // namespace nm::isa

#endif // NM_UNITTESTS_COMMON_MONOTONICTESTSUPPORT_H
