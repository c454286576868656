//===- PifoPeers.h - Priority queues to compare schedulers with -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_PIFOPEERS_H
#define NM_BENCHMARKS_PIFOPEERS_H

#include "PifoPrograms.h"
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <queue>
#include <vector>

namespace nm::bench {

/// What a queue holds: a rank (find-first-set: less than 2^17 from the one that
/// left last), and a number.
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
  Entry top() const { return {queue.top().rank, queue.top().handle}; }
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

/// Packets of a queue, threaded into lists and back whole.
struct Element {
  uint32_t next;
  Entry packet;
};

/// Three levels of 64-way bitmaps over ranks, and a list for each.
struct RankBitmap {
  struct Bucket {
    uint32_t first, last;
  };
  uint64_t top = 0;
  std::vector<uint64_t> middle, words;
  std::vector<Bucket> buckets;
  explicit RankBitmap(size_t ranks)
      : middle(ranks >> 12), words(ranks >> 6), buckets(ranks) {}
  void push(uint64_t rank, uint32_t e, std::vector<Element> &elements) {
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
  /// The first element of the least rank below bit `a` of the top word.
  uint32_t pop(uint32_t a, const std::vector<Element> &elements) {
    uint32_t b = a << 6 | __builtin_ctzll(middle[a]);
    uint32_t rank = b << 6 | __builtin_ctzll(words[b]);
    Bucket &bucket = buckets[rank];
    uint32_t e = bucket.first;
    if (e != bucket.last)
      bucket.first = elements[e].next;
    else if (!(words[b] &= words[b] - 1) && !(middle[a] &= middle[a] - 1))
      top &= ~(uint64_t(1) << a);
    return e;
  }
};

/// Elements that hold packets, and a list of the free ones. Element 0 is the
/// first that is taken.
class ElementPool {
public:
  explicit ElementPool(size_t capacity) : elements(capacity + 1) {
    for (uint32_t i = 0; i < elements.size(); ++i)
      elements[i].next = i + 1;
  }
  uint32_t take(const Entry &packet) {
    uint32_t e = freeList;
    freeList = elements[e].next;
    elements[e].packet = packet;
    return e;
  }
  Entry release(uint32_t e) {
    elements[e].next = freeList;
    freeList = e;
    return elements[e].packet;
  }

  std::vector<Element> elements;

private:
  uint32_t freeList = 0;
};

/// Three levels of 64-way bitmaps over 2^18 serial ranks, lists threaded
/// through the packets, which it holds and gives back whole, written by hand.
class FindFirstSet {
public:
  static constexpr const char *kName = "find-first-set";
  explicit FindFirstSet(size_t capacity) : bitmap(1 << 18), pool(capacity) {}
  void push(Entry entry) {
    bitmap.push(entry.rank & 0x3ffff, pool.take(entry), pool.elements);
  }
  Entry pop() {
    // Around the end of the top word, from where the last one left.
    uint64_t top = bitmap.top;
    uint64_t rotated = last ? top >> last | top << (64 - last) : top;
    last = (last + __builtin_ctzll(rotated)) & 63;
    return pool.release(bitmap.pop(last, pool.elements));
  }
  bool empty() const { return !bitmap.top; }

private:
  RankBitmap bitmap;
  ElementPool pool;
  uint32_t last = 0; ///< bit of the top word
};

/// The circular find-first-set queue of Eiffel (Saeed et al., NSDI 2019,
/// section 3.1.1), with a bucket for each rank: a hierarchy of bitmaps over the
/// ranks from `base` on and a second one over those behind, which takes its
/// place when the first is empty. Ranks beyond both go to the last bucket; here
/// there are none, so that the order is exact.
class CircularFindFirstSet {
public:
  static constexpr const char *kName = "Eiffel's cFFS";
  explicit CircularFindFirstSet(size_t capacity)
      : halves(2, RankBitmap(kRanks)), pool(capacity) {}
  void push(Entry entry) {
    uint32_t e = pool.take(entry);
    uint64_t distance = entry.rank < base ? 0 : entry.rank - base;
    if (distance < kRanks)
      halves[current].push(distance, e, pool.elements);
    else
      halves[1 - current].push(std::min(distance - kRanks, kRanks - 1), e,
                               pool.elements);
    ++count;
  }
  Entry pop() {
    if (!halves[current].top) {
      current = 1 - current;
      base += kRanks;
    }
    RankBitmap &half = halves[current];
    --count;
    return pool.release(half.pop(__builtin_ctzll(half.top), pool.elements));
  }
  bool empty() const { return count == 0; }

private:
  static constexpr uint64_t kRanks = 1 << 16;
  std::vector<RankBitmap> halves;
  ElementPool pool;
  int current = 0;
  uint64_t base = 0;
  size_t count = 0;
};

/// STFQ in two levels over a queue. With `shaped`, a packet is held at its leaf
/// until that has passed on what came before at a sixteenth of the link.
template <typename Queue, bool shaped = false> class HpfqPeer {
public:
  explicit HpfqPeer(size_t resident) : root(resident), waiting(resident) {
    for (int i = 0; i < kGroups; ++i)
      leaves.emplace_back(resident);
  }
  void enqueue(const FlowPacket &packet, uint64_t now = 0) {
    int group = packet.group;
    leaves[group].push(
        {start(leafTime[group], leafFinish[packet.flow], packet.length),
         packet.handle});
    if (!shaped)
      return enter(group, packet.length);
    uint64_t send = std::max(now, free[group]);
    free[group] = send + packet.length * kGroups;
    waiting.push({send, uint64_t(group) << 8 | packet.length});
  }
  void release(uint64_t now) {
    while (!waiting.empty() && waiting.top().rank <= now) {
      uint64_t walk = waiting.pop().handle;
      enter(walk >> 8, walk & 255);
    }
  }
  bool empty() const { return root.empty(); }
  uint64_t dequeue() {
    Entry reference = root.pop();
    rootTime = reference.rank;
    Entry packet = leaves[reference.handle].pop();
    leafTime[reference.handle] = packet.rank;
    return packet.handle;
  }

private:
  void enter(uint64_t group, uint64_t length) {
    root.push({start(rootTime, rootFinish[group], length), group});
  }
  static uint64_t start(uint64_t now, uint64_t &finish, uint64_t length) {
    uint64_t begin = std::max(now, finish);
    finish = begin + length;
    return begin;
  }
  Queue root;
  std::vector<Queue> leaves;
  /// Of walks that rest, by time.
  StdPriorityQueue waiting;
  uint64_t rootTime = 0, rootFinish[kGroups] = {}, leafTime[kGroups] = {},
           leafFinish[kFlows] = {}, free[kGroups] = {};
};

} // namespace nm::bench

#endif // NM_BENCHMARKS_PIFOPEERS_H
