//===- SignalTimes.h - What a semaphore counts, and since when -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SIMULATOR_SIGNALTIMES_H
#define NM_LIB_SIMULATOR_SIGNALTIMES_H

#include <cstdint>
#include <deque>

namespace nm::sim {

/// SignalTimes of one semaphore in the order of their signals; a wait takes the
/// oldest. The time of a token is when its signal came, which is when a request
/// that needs it could be made. Times that lie `horizon` back, the longest
/// latency of a program, hide any latency and are forgotten, so that a count of
/// 2^62 costs what one of 2 does.
class SignalTimes {
public:
  explicit SignalTimes(int64_t initial) : early(initial) {}

  bool empty() const { return !early && recent.empty(); }

  /// A signal at `now`; times never decrease.
  void signal(double now, double horizon) {
    while (!recent.empty() && recent.front().time <= now - horizon) {
      early += recent.front().count;
      recent.pop_front();
    }
    if (!recent.empty() && recent.back().time == now)
      ++recent.back().count;
    else
      recent.push_back({now, 1});
  }

  /// Takes a token and returns its time, 0 for one that was there from the
  /// beginning or long ago. There is one.
  double take() {
    if (early) {
      --early;
      return 0;
    }
    double time = recent.front().time;
    if (!--recent.front().count)
      recent.pop_front();
    return time;
  }

private:
  struct Signals {
    double time;
    int64_t count;
  };
  int64_t early;
  std::deque<Signals> recent;
};

} // namespace nm::sim

#endif // NM_LIB_SIMULATOR_SIGNALTIMES_H
