//===- ArenaLayout.cpp - Where buffers lie in one piece of memory -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Transforms/ArenaLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <map>
#include <numeric>
#include <tuple>

using namespace mlir::nm;

namespace {
struct Placed {
  int64_t end, last;
};
} // namespace

/// The smallest gap that holds `bytes`, else the end.
static int64_t findGap(const std::map<int64_t, Placed> &live, int64_t bytes) {
  int64_t best = -1, smallest = INT64_MAX, end = 0;
  for (const auto &[offset, placed] : live) {
    int64_t gap = offset - end;
    if (gap >= bytes && gap < smallest) {
      smallest = gap;
      best = end;
    }
    end = placed.end;
  }
  return best < 0 ? end : best;
}

static int64_t padded(int64_t bytes, int64_t alignment) {
  return static_cast<int64_t>(
      llvm::alignTo(std::max<int64_t>(bytes, 1), alignment));
}

ArenaLayout mlir::nm::layOut(llvm::ArrayRef<Lifetime> buffers,
                             int64_t alignment) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  // Of those that begin together the largest first: the others fit around it.
  auto key = [&](size_t i) {
    return std::make_tuple(buffers[i].first, -buffers[i].bytes, i);
  };
  llvm::sort(order, [&](size_t a, size_t b) { return key(a) < key(b); });
  ArenaLayout layout;
  layout.offsets.resize(buffers.size());
  std::map<int64_t, Placed> live;
  int64_t used = 0;
  for (size_t i : order) {
    for (auto it = live.begin(); it != live.end();) {
      if (it->second.last >= buffers[i].first) {
        ++it;
        continue;
      }
      used -= it->second.end - it->first;
      it = live.erase(it);
    }
    int64_t bytes = padded(buffers[i].bytes, alignment);
    int64_t offset = findGap(live, bytes);
    live[offset] = {offset + bytes, buffers[i].last};
    layout.offsets[i] = offset;
    layout.bytes = std::max(layout.bytes, offset + bytes);
    layout.largestLive = std::max(layout.largestLive, used += bytes);
  }
  return layout;
}

static bool meet(const Lifetime &a, const Lifetime &b) {
  return a.first <= b.last && b.first <= a.last;
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

static int64_t largestLive(llvm::ArrayRef<Lifetime> buffers,
                           int64_t alignment) {
  // What ends at a statement is in use there.
  std::map<int64_t, int64_t> changes;
  for (const Lifetime &buffer : buffers) {
    changes[buffer.first] += padded(buffer.bytes, alignment);
    changes[buffer.last + 1] -= padded(buffer.bytes, alignment);
  }
  int64_t live = 0, most = 0;
  for (auto [statement, change] : changes)
    most = std::max(most, live += change);
  return most;
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
  layout.largestLive = largestLive(buffers, alignment);
  return layout;
}

ArenaOrder mlir::nm::findOrder(llvm::ArrayRef<std::vector<Lifetime>> samples,
                               int64_t alignment) {
  std::vector<int64_t> live;
  for (const std::vector<Lifetime> &sample : samples)
    live.push_back(std::max<int64_t>(largestLive(sample, alignment), 1));
  ArenaOrder best;
  for (const std::vector<Lifetime> &candidate : samples) {
    ArenaOrder order = orderOf(candidate, layOut(candidate, alignment));
    for (auto [sample, least] : llvm::zip(samples, live))
      order.worstRatio = std::max(
          order.worstRatio,
          double(layOut(order, sample, alignment).bytes) / double(least));
    if (best.below.empty() || order.worstRatio < best.worstRatio)
      best = std::move(order);
  }
  return best;
}
