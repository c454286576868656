//===- Counters.h - Instructions and misses -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_COUNTERS_H
#define NM_BENCHMARKS_COUNTERS_H

#include <array>
#include <cstdint>
#include <functional>

namespace nm::bench {

/// What the processor counts for this thread in user mode. Virtual machines
/// often have no counters: then `available` is false and counts are zero.
class Counters {
public:
  static constexpr int kCount = 3;
  static constexpr const char *kNames[kCount] = {"instructions", "cache_misses",
                                                 "branch_misses"};

  Counters();
  ~Counters();
  Counters(const Counters &) = delete;
  Counters &operator=(const Counters &) = delete;

  bool available() const { return leader >= 0; }
  void start();
  /// Since `start`.
  std::array<uint64_t, kCount> stop();

private:
  int leader = -1;
  std::array<int, kCount> files{-1, -1, -1};
};

/// Instructions of `work`, which a copy of this process runs step by step: some
/// microseconds each, whatever the processor counts. -1 where processes may not
/// be traced.
int64_t countBySteps(const std::function<void()> &work);

} // namespace nm::bench

#endif // NM_BENCHMARKS_COUNTERS_H
