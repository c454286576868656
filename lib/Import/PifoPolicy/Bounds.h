//===- Bounds.h - How far ranks and tokens may run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_PIFOPOLICY_BOUNDS_H
#define NM_LIB_IMPORT_PIFOPOLICY_BOUNDS_H

#include "nm/Import/PifoPolicy.h"

namespace nm::policy {

/// A scheduler never holds more packets.
constexpr uint64_t kMostPackets = uint64_t(1) << 24;
/// One that pushes out holds one more for a moment.
constexpr uint64_t kMostInside = kMostPackets + 1;

/// A step of virtual time of policies that decide at dequeue: 2^63 last for
/// 2^31 packets of the greatest length.
constexpr uint64_t kMostStep = uint64_t(1) << 32;

/// The largest length of a packet in bytes.
uint64_t longestPacket(const Program &program);

/// The least common multiple of the weights; 0 above 2^62.
uint64_t leastCommonMultiple(const std::vector<uint64_t> &weights);
/// The unit of virtual time: that of the policy's weights, or of all between
/// which it changes.
uint64_t commonOf(const Policy &policy);

/// Ranks of a node that wrap, as docs/rationale/Pifo.md defines them: those of
/// N bits are in order as long as they lie less than 2^(N-1) - 2^(N-6) ahead of
/// the one that left last.
struct Ranks {
  unsigned bits = 48;
  /// As many packets as keep the ranks in order, up to `kMostInside`.
  uint64_t packets = kMostInside;
  /// Virtual time needs more than one word of 63 bits, because fewer than 2^43
  /// packets might use them up.
  bool twoWords = false;
};

/// Of fair queueing in which an element advances the virtual time of its flow
/// by `step` at most. The rank of an element is the virtual time plus at most
/// the steps of the elements of its flow that are in the queue and of one that
/// left.
Ranks ranksOf(uint64_t step);

/// The most by which an element of a fair node advances virtual time: the
/// longest packet, or 1 per packet, times the least common multiple of the
/// weights over the smallest weight; 0 beyond 2^62.
uint64_t largestStep(const Policy &policy, uint64_t longest);

/// Of the classes that are not elsewhere.
uint64_t sumOfWeights(const Policy &policy);

/// The number of slots of a round: the turns of round robin, a power of two.
uint64_t slotsOf(uint64_t turns);

/// Tokens of a bucket: bits times 1e9 over the greatest common divisor of the
/// rate and 8e9, so that a nanosecond brings `rate` of them and a byte costs
/// `cost`, both whole numbers.
struct Tokens {
  uint64_t rate = 0, cost = 0;
};
Tokens tokensOf(const Shape &shape);

/// As many packets as keep the average of RED within 56 bits, up to
/// `kMostInside`.
/// A curve in units in which a byte and a ns of either rate are whole: what a
/// ns of the first piece and of the rest bring, what a byte costs, and by how
/// much the second line is above the first (convex: below) where the curve
/// begins, at most 2^64 - 1.
struct CurveUnits {
  uint64_t first, rest, price;
  bool isConvex;
  uint64_t ahead;
};
CurveUnits unitsOf(const Curve &curve);

uint64_t packetsAveraged(const Red &red, uint64_t longest);

/// As many packets as may be in debt without leaving 62 bits, up to
/// `kMostInside`; 0 if the full bucket alone leaves them.
uint64_t packetsInDebt(const Shape &shape, uint64_t longest);

} // namespace nm::policy

#endif // NM_LIB_IMPORT_PIFOPOLICY_BOUNDS_H
