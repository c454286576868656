//===- PortableLanes.h - Short groups within a vector -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Groups of 2, 4, 8 or 16 neighbours lie in a vector of 16 lanes as they lie in
// memory. An element's rank is how many of its group beat it: it is compared
// with the group rotated by 1, 2, ... M - 1. An element that comes from a
// higher index must be larger, one from a lower index as large.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_PORTABLELANES_H
#define NM_LIB_RUNTIME_RECIPES_PORTABLELANES_H

#include "PortableUpdate.h"

namespace nm::rt::NM_KERNEL_NAMESPACE {

#define NM_ROTATED(i) ((i) / M * M + ((i) % M + R) % M)
#define NM_WRAPPED(i) ((i) % M + R >= M ? 1 : 0)
#define NM_LANES(F)                                                            \
  F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7), F(8), F(9), F(10), F(11),    \
      F(12), F(13), F(14), F(15)

/// Lane i gets the lane R places on in its group.
template <int M, int R> static inline Words rotated(Words lanes) {
  return __builtin_shufflevector(lanes, lanes, NM_LANES(NM_ROTATED));
}

/// How many of the rotations R ... M - 1 hold an element that goes first.
template <int M, int R = 1> static inline Words rankOf(Words key) {
  if constexpr (R < M) {
    const Words lower = {NM_LANES(NM_WRAPPED)};
    return rankOf<M, R + 1>(key) - (rotated<M, R>(key) > key - lower);
  } else {
    return Words(0);
  }
}

/// Every lane gets the bits of all lanes of its group.
template <int M, int R = 1> static inline Words spread(Words lanes) {
  if constexpr (R < M)
    return spread<M, 2 * R>(lanes | rotated<M, R>(lanes));
  else
    return lanes;
}

#undef NM_LANES
#undef NM_WRAPPED
#undef NM_ROTATED

/// Whole vectors of groups from `w` on: what is kept and, for the soft forms,
/// the largest dropped magnitude.
template <int M>
static inline void selectInLanes(const float *w, int64_t count, int32_t n,
                                 bool soft, uint32_t *keep, float *threshold) {
  for (int64_t i = 0; i < count; i += kLanes) {
    Words key = loadWords(w + i) & 0x7fffffff;
    key = key < 0x7f800001 ? key : Words(0x7f800001);
    Words rank = rankOf<M>(key);
    storeWords(keep + i, rank < n);
    if (soft)
      storeWords(threshold + i, spread<M>(rank == n ? key : Words(0)));
  }
}

/// Whether selectInLanes serves groups of m.
static inline bool fitsLanes(int32_t m) {
  return m == 2 || m == 4 || m == 8 || m == 16;
}

static inline void selectInLanes(const float *w, int64_t count, int32_t n,
                                 int32_t m, bool soft, uint32_t *keep,
                                 float *threshold) {
  switch (m) {
  case 2:
    return selectInLanes<2>(w, count, n, soft, keep, threshold);
  case 4:
    return selectInLanes<4>(w, count, n, soft, keep, threshold);
  case 8:
    return selectInLanes<8>(w, count, n, soft, keep, threshold);
  default:
    return selectInLanes<16>(w, count, n, soft, keep, threshold);
  }
}

} // namespace nm::rt::NM_KERNEL_NAMESPACE

#endif // NM_LIB_RUNTIME_RECIPES_PORTABLELANES_H
