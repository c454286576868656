//===- Bounds.cpp - How far ranks and tokens may run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bounds.h"
#include <algorithm>
#include <numeric>

using namespace nm::policy;

namespace {
using Wide = unsigned __int128;
constexpr uint64_t kMostBits = uint64_t(1) << 62;
} // namespace

uint64_t nm::policy::longestPacket(const Program &program) {
  for (const Field &field : program.fields)
    if (field.name == "length")
      return (uint64_t(1) << field.bits) - 1;
  return 65535;
}

uint64_t nm::policy::leastCommonMultiple(const std::vector<uint64_t> &weights) {
  Wide common = 1;
  for (uint64_t weight : weights) {
    common *= weight / std::gcd(static_cast<uint64_t>(common), weight);
    if (common > kMostBits)
      return 0;
  }
  return static_cast<uint64_t>(common);
}

uint64_t nm::policy::commonOf(const Policy &policy) {
  return policy.joint.common ? policy.joint.common
                             : leastCommonMultiple(policy.weights);
}

Ranks nm::policy::ranksOf(uint64_t step) {
  Ranks ranks;
  ranks.twoWords = step > uint64_t(1) << 20;
  for (unsigned bits : {48, 63}) {
    uint64_t ahead =
        (uint64_t(1) << (bits - 1)) - (uint64_t(1) << (bits - 6)) - 1;
    ranks.bits = bits;
    ranks.packets = std::min(ahead / step, kMostInside);
    if (ranks.packets == kMostInside)
      break;
  }
  return ranks;
}

uint64_t nm::policy::largestStep(const Policy &policy, uint64_t longest) {
  uint64_t common = commonOf(policy), least = 1;
  if (policy.joint.least)
    least = policy.joint.least;
  else if (!policy.weights.empty())
    least = *std::min_element(policy.weights.begin(), policy.weights.end());
  Wide step =
      static_cast<Wide>(common / least) * (policy.perPacket ? 1 : longest);
  return step > kMostBits ? 0 : static_cast<uint64_t>(step);
}

uint64_t nm::policy::sumOfWeights(const Policy &policy) {
  uint64_t sum = 0;
  for (size_t i = 0; i < policy.classes.size(); ++i)
    if (!policy.classes[i].elsewhere)
      sum += policy.weights.empty() ? 1 : policy.weights[i];
  return sum;
}

uint64_t nm::policy::slotsOf(uint64_t turns) {
  uint64_t slots = 1;
  while (slots < turns)
    slots *= 2;
  return slots;
}

Tokens nm::policy::tokensOf(const Shape &shape) {
  uint64_t unit = std::gcd(shape.rate, uint64_t(8'000'000'000));
  uint64_t cost = 8'000'000'000 / unit;
  uint64_t times = shape.cost ? shape.cost / cost : 1;
  return {shape.rate / unit * times, cost * times};
}

uint64_t nm::policy::packetsAveraged(const Red &red, uint64_t longest) {
  // With a step of its own size the average is at most over * (queue + 1); its
  // decay takes 56 bits.
  uint64_t each = red.over * (red.bytes ? longest : 1);
  return std::min((uint64_t(1) << 56) / each - 1, kMostInside);
}

uint64_t nm::policy::packetsInDebt(const Shape &shape, uint64_t longest) {
  uint64_t bytes = (kMostBits - 1) / tokensOf(shape).cost;
  if (bytes < shape.burst)
    return 0;
  return std::min((bytes - shape.burst) / longest, kMostInside);
}
