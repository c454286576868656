//===- LinkClock.h - When a link is free -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRAFFIC_LINKCLOCK_H
#define NM_LIB_TRAFFIC_LINKCLOCK_H

#include <algorithm>
#include <cstdint>

namespace nm::traffic {

/// No event lies at or beyond this time, in ns.
constexpr int64_t kLatest = int64_t(1) << 62;

/// When the link is free, as a whole number of ticks and of 1/rate parts.
struct LinkClock {
  int64_t ticks = 0;
  uint64_t parts = 0;

  void send(int64_t now, uint64_t bytes, uint64_t rate) {
    if (rate == 0) {
      ticks = now + 1;
      return;
    }
    // Idle since before this tick: the packet starts with the tick. Otherwise
    // it follows the one in front of it without a gap.
    if (free() < now) {
      ticks = now;
      parts = 0;
    }
    if (bytes != lastBytes)
      divide(bytes, rate);
    ticks += lastTicks;
    if (parts < rate - lastParts) {
      parts += lastParts;
    } else {
      parts -= rate - lastParts;
      ++ticks;
    }
  }
  /// The first tick in which a packet may start.
  int64_t free() const { return ticks + (parts != 0); }
  /// Packets of one length of which each comes so many ticks after the one
  /// before, or more, all find the link free, and only the last of them says
  /// when it is free again: none follows another within a tick. At least 1.
  int64_t spacing(uint64_t bytes, uint64_t rate) {
    if (rate == 0)
      return 1;
    if (bytes != lastBytes)
      divide(bytes, rate);
    if (lastParts)
      return lastTicks + 2;
    return parts ? INT64_MAX : lastTicks;
  }

private:
  /// Most packets are as long as the one before, and a division of 128 bits
  /// takes longer than all else here.
  void divide(uint64_t bytes, uint64_t rate) {
    if (bytes < uint64_t(1) << 30) {
      uint64_t sum = bytes * 8'000'000'000;
      lastBytes = bytes;
      lastTicks = static_cast<int64_t>(sum / rate);
      lastParts = sum % rate;
      return;
    }
    unsigned __int128 sum =
        static_cast<unsigned __int128>(bytes) * 8'000'000'000;
    // At most 2^33 bytes at 1 bit/s and more: less than 2^66 ticks.
    lastBytes = bytes;
    lastTicks = static_cast<int64_t>(std::min<unsigned __int128>(
        sum / rate, static_cast<uint64_t>(kLatest)));
    lastParts = static_cast<uint64_t>(sum % rate);
  }

  uint64_t lastBytes = 0, lastParts = 0;
  int64_t lastTicks = 0;
};

} // namespace nm::traffic

#endif // NM_LIB_TRAFFIC_LINKCLOCK_H
