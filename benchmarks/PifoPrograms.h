//===- PifoPrograms.h - Schedulers that are timed -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_PIFOPROGRAMS_H
#define NM_BENCHMARKS_PIFOPROGRAMS_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace nm::bench {

/// As the compiled code lays packets out: rank, class and flow are fields.
struct RankPacket {
  uint64_t handle;
  int64_t rank;
};
struct FlowPacket {
  uint64_t handle;
  uint8_t length, group;
  uint16_t flow;
  uint32_t pad;
};
static_assert(sizeof(RankPacket) == 16 && sizeof(FlowPacket) == 16);

constexpr int kGroups = 16, kFlows = 512;

/// One node; the rank is a field, of which 18 bits count.
std::string onePifo();

/// STFQ at each node of a tree of `levels` levels with `fanOut` children each,
/// for `resident` packets: groups at inner nodes, flows at the leaves. Lengths
/// count 64 bytes, weights are 1.
std::string hierarchy(int levels, int fanOut, size_t resident);

/// STFQ in two levels, whose leaves each pass on a sixteenth of the link: a
/// packet may leave its leaf kGroups times its length after the one before.
std::string shapedHierarchy(size_t resident);

} // namespace nm::bench

#endif // NM_BENCHMARKS_PIFOPROGRAMS_H
