//===- PifoPeers.h - Priority queues to compare schedulers with -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_PIFOPEERS_H
#define NM_BENCHMARKS_PIFOPEERS_H

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <queue>
#include <vector>

namespace nm::bench {

/// What a queue holds: a rank (find-first-set: below 2^18), and a number.
struct Entry {
  uint64_t rank;
  uint64_t handle;
};

/// All peers keep equal ranks in the order of their push.
struct Sequenced {
  uint64_t rank, sequence, handle;
  bool operator>(const Sequenced &other) const {
    return rank != other.rank ? rank > other.rank : sequence > other.sequence;
  }
  bool operator<(const Sequenced &other) const { return other > *this; }
};

class StdPriorityQueue {
public:
  static constexpr const char *kName = "std::priority_queue";
  explicit StdPriorityQueue(size_t) {}
  void push(Entry entry) { queue.push({entry.rank, sequence++, entry.handle}); }
  Entry pop() {
    Sequenced top = queue.top();
    queue.pop();
    return {top.rank, top.handle};
  }
  bool empty() const { return queue.empty(); }

private:
  std::priority_queue<Sequenced, std::vector<Sequenced>,
                      std::greater<Sequenced>>
      queue;
  uint64_t sequence = 0;
};

class StdMultimap {
public:
  static constexpr const char *kName = "std::multimap";
  explicit StdMultimap(size_t) {}
  void push(Entry entry) { queue.emplace(entry.rank, entry.handle); }
  Entry pop() {
    Entry top{queue.begin()->first, queue.begin()->second};
    queue.erase(queue.begin());
    return top;
  }
  bool empty() const { return queue.empty(); }

private:
  std::multimap<uint64_t, uint64_t> queue;
};

class FourAryHeap {
public:
  static constexpr const char *kName = "4-ary heap";
  explicit FourAryHeap(size_t capacity) { heap.reserve(capacity + 1); }
  void push(Entry entry) {
    Sequenced value{entry.rank, sequence++, entry.handle};
    size_t i = heap.size();
    heap.push_back(value);
    while (i && value < heap[(i - 1) / 4]) {
      heap[i] = heap[(i - 1) / 4];
      i = (i - 1) / 4;
    }
    heap[i] = value;
  }
  Entry pop() {
    Sequenced top = heap[0], last = heap.back();
    heap.pop_back();
    size_t count = heap.size(), i = 0;
    while (4 * i + 1 < count) {
      size_t best = 4 * i + 1, end = std::min(4 * i + 5, count);
      for (size_t child = best + 1; child < end; ++child)
        if (heap[child] < heap[best])
          best = child;
      if (!(heap[best] < last))
        break;
      heap[i] = heap[best];
      i = best;
    }
    if (count)
      heap[i] = last;
    return {top.rank, top.handle};
  }
  bool empty() const { return heap.empty(); }

private:
  std::vector<Sequenced> heap;
  uint64_t sequence = 0;
};

/// Three levels of 64-way bitmaps over 2^18 ranks, lists threaded through the
/// packets, which it holds and gives back whole, written by hand.
class FindFirstSet {
public:
  static constexpr const char *kName = "find-first-set";
  explicit FindFirstSet(size_t capacity)
      : words(4096), middle(64), buckets(1 << 18), elements(capacity + 1) {
    for (uint32_t i = 0; i < elements.size(); ++i)
      elements[i].next = i + 1;
  }
  void push(Entry entry) {
    uint32_t e = freeList, rank = entry.rank;
    freeList = elements[e].next;
    elements[e].packet = entry;
    Bucket &bucket = buckets[rank];
    uint64_t &word = words[rank >> 6], bit = uint64_t(1) << (rank & 63);
    if (word & bit) {
      elements[bucket.last].next = e;
      bucket.last = e;
      return;
    }
    bucket = {e, e};
    word |= bit;
    middle[rank >> 12] |= uint64_t(1) << (rank >> 6 & 63);
    top |= uint64_t(1) << (rank >> 12);
  }
  Entry pop() {
    uint32_t a = __builtin_ctzll(top);
    uint32_t b = a << 6 | __builtin_ctzll(middle[a]);
    uint32_t rank = b << 6 | __builtin_ctzll(words[b]);
    Bucket &bucket = buckets[rank];
    uint32_t e = bucket.first;
    if (e == bucket.last) {
      if (!(words[b] &= words[b] - 1) && !(middle[a] &= middle[a] - 1))
        top &= top - 1;
    } else {
      bucket.first = elements[e].next;
    }
    elements[e].next = freeList;
    freeList = e;
    return elements[e].packet;
  }
  bool empty() const { return !top; }

private:
  struct Bucket {
    uint32_t first, last;
  };
  struct Element {
    uint32_t next;
    Entry packet;
  };
  uint64_t top = 0;
  uint32_t freeList = 0;
  std::vector<uint64_t> words, middle;
  std::vector<Bucket> buckets;
  std::vector<Element> elements;
};

} // namespace nm::bench

#endif // NM_BENCHMARKS_PIFOPEERS_H
