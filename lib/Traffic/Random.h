//===- Random.h - Numbers that a seed gives everywhere -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRAFFIC_RANDOM_H
#define NM_LIB_TRAFFIC_RANDOM_H

#include <cmath>
#include <cstdint>

namespace nm::traffic {

struct Range {
  uint64_t low = 0, high = 0;
};

/// xorshift64*, so that a seed means the same traffic everywhere.
struct Random {
  uint64_t state;
  explicit Random(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15 | 1) {
    for (int i = 0; i < 8; ++i)
      next();
  }
  uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1d;
  }
  uint64_t in(Range range) {
    uint64_t span = range.high - range.low;
    if (span == 0)
      return range.low;
    if (span == UINT64_MAX)
      return next();
    return range.low + below(span + 1);
  }
  /// Always draws a number; `count` is at least 1.
  uint64_t below(uint64_t count) {
    return static_cast<uint64_t>(
        static_cast<unsigned __int128>(next()) * count >> 64);
  }
  double exponential(double mean) {
    return -mean * std::log1p(-static_cast<double>(next() >> 11) * 0x1p-53);
  }
};

} // namespace nm::traffic

#endif // NM_LIB_TRAFFIC_RANDOM_H
