//===- ArenaLayout.cpp - Where buffers lie in one piece of memory -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Transforms/ArenaLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <map>
#include <numeric>

using namespace mlir::nm;

static int64_t padded(int64_t bytes, int64_t alignment) {
  return static_cast<int64_t>(
      llvm::alignTo(std::max<int64_t>(bytes, 1), alignment));
}

static bool meet(const Lifetime &a, const Lifetime &b) {
  return a.first <= b.last && b.first <= a.last;
}

/// Bytes in use from a statement on, until the next one that is listed.
using LiveBytes = std::map<int64_t, int64_t>;

static LiveBytes liveBytes(llvm::ArrayRef<Lifetime> buffers,
                           int64_t alignment) {
  // What ends at a statement is in use there.
  LiveBytes changes;
  for (const Lifetime &buffer : buffers) {
    changes[buffer.first] += padded(buffer.bytes, alignment);
    changes[buffer.last + 1] -= padded(buffer.bytes, alignment);
  }
  int64_t live = 0;
  for (auto &[statement, bytes] : changes)
    bytes = live += bytes;
  return changes;
}

static int64_t largest(const LiveBytes &live) {
  int64_t most = 0;
  for (auto [statement, bytes] : live)
    most = std::max(most, bytes);
  return most;
}

namespace {
/// Buffers that have their places, by offset.
class Placed {
public:
  Placed(llvm::ArrayRef<Lifetime> buffers, int64_t alignment)
      : buffers(buffers), alignment(alignment) {}

  /// The smallest gap between those that meet buffer `i` which holds it, else
  /// behind the last of them; returns its end.
  int64_t place(size_t i, int64_t &offset) {
    int64_t bytes = padded(buffers[i].bytes, alignment);
    int64_t best = -1, smallest = INT64_MAX, end = 0;
    for (const Place &other : places) {
      if (!meet(buffers[i], buffers[other.buffer]))
        continue;
      int64_t gap = other.offset - end;
      if (gap >= bytes && gap < smallest) {
        smallest = gap;
        best = end;
      }
      end = std::max(end, other.end);
    }
    offset = best < 0 ? end : best;
    Place place{offset, offset + bytes, i};
    places.insert(llvm::upper_bound(places, place,
                                    [](const Place &a, const Place &b) {
                                      return a.offset < b.offset;
                                    }),
                  place);
    return place.end;
  }

  /// What ends before `statement` meets none of those to come.
  void forgetBefore(int64_t statement) {
    llvm::erase_if(places, [&](const Place &place) {
      return buffers[place.buffer].last < statement;
    });
  }

private:
  struct Place {
    int64_t offset, end;
    size_t buffer;
  };
  llvm::ArrayRef<Lifetime> buffers;
  int64_t alignment;
  std::vector<Place> places;
};
} // namespace

/// Buffers one after the other.
static ArenaLayout layOutInOrder(llvm::ArrayRef<Lifetime> buffers,
                                 llvm::ArrayRef<size_t> order,
                                 int64_t alignment) {
  // The earliest first use of a buffer and all behind it.
  std::vector<int64_t> earliest(buffers.size());
  int64_t first = INT64_MAX;
  for (size_t k = buffers.size(); k-- > 0;)
    earliest[k] = first = std::min(first, buffers[order[k]].first);
  ArenaLayout layout;
  layout.offsets.resize(buffers.size());
  Placed placed(buffers, alignment);
  for (auto [k, i] : llvm::enumerate(order)) {
    placed.forgetBefore(earliest[k]);
    layout.bytes = std::max(layout.bytes, placed.place(i, layout.offsets[i]));
  }
  return layout;
}

template <typename KeyFn>
static std::vector<size_t> sortedBy(size_t count, KeyFn key) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::pair(key(a), a) < std::pair(key(b), b);
  });
  return order;
}

/// In the order of first use. Of those that begin together the largest first:
/// the others fit around it.
static ArenaLayout layOutByFirstUse(llvm::ArrayRef<Lifetime> buffers,
                                    int64_t alignment) {
  return layOutInOrder(buffers,
                       sortedBy(buffers.size(),
                                [&](size_t i) {
                                  return std::pair(buffers[i].first,
                                                   -buffers[i].bytes);
                                }),
                       alignment);
}

/// Buffers that end above the largest live set move up in the order, half of
/// the way to its start, and all are placed again; `best` becomes the smallest
/// layout on the way.
static void improve(ArenaLayout &best, llvm::ArrayRef<Lifetime> buffers,
                    std::vector<size_t> order, int64_t alignment, int64_t least,
                    size_t rounds) {
  for (size_t round = 0; round < rounds && best.bytes > least; ++round) {
    ArenaLayout layout = layOutInOrder(buffers, order, alignment);
    for (size_t k = 0; k < order.size(); ++k) {
      size_t i = order[k];
      if (layout.offsets[i] + buffers[i].bytes > least)
        std::rotate(order.begin() + k / 2, order.begin() + k,
                    order.begin() + k + 1);
    }
    if (layout.bytes < best.bytes)
      best = std::move(layout);
  }
}

ArenaLayout mlir::nm::layOut(llvm::ArrayRef<Lifetime> buffers,
                             int64_t alignment) {
  // Every round compares all buffers with all.
  constexpr size_t mostRounds = 40, mostCompared = size_t(1) << 23;
  LiveBytes live = liveBytes(buffers, alignment);
  int64_t least = largest(live);
  ArenaLayout best = layOutByFirstUse(buffers, alignment);
  best.largestLive = least;
  size_t count = buffers.size();
  if (best.bytes <= least)
    return best;
  size_t rounds = std::min(mostRounds, mostCompared / (count * count));
  if (rounds == 0)
    return best;
  auto busiest = [&](const Lifetime &x) {
    auto from = std::prev(live.upper_bound(x.first));
    auto to = live.upper_bound(x.last);
    int64_t most = 0;
    for (; from != to; ++from)
      most = std::max(most, from->second);
    return most;
  };
  std::vector<int64_t> loads;
  for (const Lifetime &buffer : buffers)
    loads.push_back(busiest(buffer));
  auto time = [&](size_t i) { return buffers[i].last - buffers[i].first + 1; };
  improve(
      best, buffers,
      sortedBy(count, [&](size_t i) { return std::pair(-loads[i], -time(i)); }),
      alignment, least, rounds);
  improve(best, buffers,
          sortedBy(
              count,
              [&](size_t i) { return std::pair(-time(i), -buffers[i].bytes); }),
          alignment, least, rounds);
  improve(best, buffers,
          sortedBy(count,
                   [&](size_t i) {
                     return -double(buffers[i].bytes) * double(time(i));
                   }),
          alignment, least, rounds);
  best.largestLive = least;
  return best;
}

/// That of a layout: of two that meet the one with the lower offset is below.
static ArenaOrder orderOf(llvm::ArrayRef<Lifetime> buffers,
                          const ArenaLayout &layout) {
  ArenaOrder order;
  order.below.resize(buffers.size());
  order.sequence.resize(buffers.size());
  std::iota(order.sequence.begin(), order.sequence.end(), 0);
  llvm::sort(order.sequence, [&](size_t a, size_t b) {
    return std::pair(layout.offsets[a], a) < std::pair(layout.offsets[b], b);
  });
  for (size_t place = 0; place < buffers.size(); ++place) {
    size_t i = order.sequence[place];
    // From the highest down. What is below one of those found is so here.
    std::vector<size_t> lower;
    for (size_t other = place; other-- > 0;) {
      size_t j = order.sequence[other];
      if (!meet(buffers[i], buffers[j]))
        continue;
      if (llvm::none_of(lower,
                        [&](size_t k) { return meet(buffers[j], buffers[k]); }))
        order.below[i].push_back(j);
      lower.push_back(j);
    }
  }
  return order;
}

ArenaLayout mlir::nm::layOut(const ArenaOrder &order,
                             llvm::ArrayRef<Lifetime> buffers,
                             int64_t alignment) {
  ArenaLayout layout;
  layout.offsets.resize(buffers.size());
  auto endOf = [&](size_t i) {
    return layout.offsets[i] + padded(buffers[i].bytes, alignment);
  };
  for (size_t i : order.sequence) {
    for (size_t j : order.below[i])
      layout.offsets[i] = std::max(layout.offsets[i], endOf(j));
    layout.bytes = std::max(layout.bytes, endOf(i));
  }
  layout.largestLive = largest(liveBytes(buffers, alignment));
  return layout;
}

ArenaOrder mlir::nm::findOrder(llvm::ArrayRef<std::vector<Lifetime>> samples,
                               int64_t alignment) {
  std::vector<int64_t> live;
  for (const std::vector<Lifetime> &sample : samples)
    live.push_back(std::max<int64_t>(largest(liveBytes(sample, alignment)), 1));
  ArenaOrder best;
  auto consider = [&](llvm::ArrayRef<Lifetime> sample,
                      const ArenaLayout &layout) {
    ArenaOrder order = orderOf(sample, layout);
    for (auto [other, least] : llvm::zip(samples, live))
      order.worstRatio = std::max(
          order.worstRatio,
          double(layOut(order, other, alignment).bytes) / double(least));
    if (best.below.empty() || order.worstRatio < best.worstRatio)
      best = std::move(order);
  };
  for (const std::vector<Lifetime> &sample : samples) {
    consider(sample, layOutByFirstUse(sample, alignment));
    consider(sample, layOut(sample, alignment));
  }
  return best;
}
