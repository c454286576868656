//===- ArenaLayout.h - Where buffers lie in one piece of memory -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRANSFORMS_ARENALAYOUT_H
#define NM_TRANSFORMS_ARENALAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace mlir::nm {

/// A buffer that is used from statement `first` to statement `last`, both
/// included.
struct Lifetime {
  int64_t first, last, bytes;
};

struct ArenaLayout {
  /// In bytes, multiples of the alignment, in the order of the buffers.
  std::vector<int64_t> offsets;
  int64_t bytes = 0;
  /// The most that is in use at one statement, each buffer rounded up to the
  /// alignment: no layout needs less.
  int64_t largestLive = 0;
};

/// Offsets for buffers such that those of which the lifetimes meet do not
/// overlap. Each goes to the tightest gap that is left, one after the other in
/// the order of their first use. Where that takes more than the largest live
/// set, other orders are tried: by the busiest statement, by time in use and by
/// size times time, each mended up to 40 times by moving up what ends too high.
/// The smallest layout is taken. Time grows with the square of the number of
/// buffers; of thousands only the first order is tried.
ArenaLayout layOut(llvm::ArrayRef<Lifetime> buffers, int64_t alignment = 64);

/// How buffers lie to one another, whatever their sizes: buffer i begins where
/// the highest of those in `below[i]` ends, at 0 if there are none. Buffers of
/// which the lifetimes meet are below one another, one way, maybe through
/// others.
struct ArenaOrder {
  std::vector<std::vector<size_t>> below;
  /// Every buffer behind those below it.
  std::vector<size_t> sequence;
  /// The most, over the samples that it was found with, of the arena's bytes
  /// over those of the largest live set.
  double worstRatio = 1;
};

/// The layout of an order at some sizes; the lifetimes are those of the order.
ArenaLayout layOut(const ArenaOrder &order, llvm::ArrayRef<Lifetime> buffers,
                   int64_t alignment = 64);

/// An order of buffers of which each sample has the same lifetimes and other
/// bytes: of the samples' layouts, by first use and the smallest found, that
/// which wastes the least in the worst of them. At least one sample.
ArenaOrder findOrder(llvm::ArrayRef<std::vector<Lifetime>> samples,
                     int64_t alignment = 64);

} // namespace mlir::nm

#endif // NM_TRANSFORMS_ARENALAYOUT_H
