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
    int64_t bytes = static_cast<int64_t>(
        llvm::alignTo(std::max<int64_t>(buffers[i].bytes, 1), alignment));
    int64_t offset = findGap(live, bytes);
    live[offset] = {offset + bytes, buffers[i].last};
    layout.offsets[i] = offset;
    layout.bytes = std::max(layout.bytes, offset + bytes);
    layout.largestLive = std::max(layout.largestLive, used += bytes);
  }
  return layout;
}
