//===- Speed.h - How fast this machine is, measured -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bounds for reports. No operating system says how fast a core runs at the
// moment, nor what its memory delivers; both take some ten milliseconds to
// measure. The rest is of the description.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MACHINE_SPEED_H
#define NM_MACHINE_SPEED_H

#include "nm/Machine/Device.h"

namespace nm::machine {

/// What no code on a processor exceeds (the roofline of Williams, Waterman and
/// Patterson, "Roofline: An Insightful Visual Performance Model", 2009, with a
/// roof for each level of memory).
struct Bounds {
  struct Level {
    std::string name; ///< "L1", ..., "memory"
    int64_t bytes;    ///< that it holds, of all threads
    double bytesPerSecond;
  };
  int threads = 1;
  double frequencyHz = 0;
  double flopsPerSecond = 0; ///< of f32
  std::vector<Level> levels; ///< innermost first, memory last

  /// Where `bytes` that are used once may come from: the innermost level that
  /// holds them.
  const Level &levelOf(double bytes) const;
};

/// Additions that depend on one another take a cycle each.
double measureFrequency();

/// Bytes that `threads` threads read from memory in a second.
double measureMemory(int threads, int64_t largestCacheBytes);

/// Of `threads` threads of the processor `device`, which this process runs on.
Bounds measureBounds(const Device &device, int threads);

/// The same of the description alone.
Bounds describeBounds(const Device &device, int threads);

} // namespace nm::machine

#endif // NM_MACHINE_SPEED_H
