//===- sorted_queue.h - What a tree's queue must hold ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <cstdint>
#include <map>
#include <set>

/// WAYS + WAYS^2 + ... + WAYS^LEVELS.
inline uint64_t capacity() {
  uint64_t total = 0, level = 1;
  for (unsigned i = 0; i < LEVELS; ++i)
    total += level *= WAYS;
  return total;
}

/// An exact queue: of each rank the metadata of its elements.
struct Queue {
  std::map<uint64_t, std::multiset<uint32_t>> ranks;
  uint64_t size = 0;

  void push(uint64_t rank, uint32_t meta) {
    ranks[rank].insert(meta);
    ++size;
  }
  uint64_t least() const { return ranks.begin()->first; }
  /// False if no element of the smallest rank has this metadata.
  bool pop(uint32_t meta) {
    auto &first = ranks.begin()->second;
    auto at = first.find(meta);
    if (at == first.end())
      return false;
    first.erase(at);
    --size;
    if (first.empty())
      ranks.erase(ranks.begin());
    return true;
  }
};
