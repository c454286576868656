//===- PortableKernels.h - Kernels in plain C++ -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All forms of Kernels.h. The update is element-wise; the selection works on
// `kLanes` groups side by side, which lie so in memory where the stride allows,
// and are transposed where a group is consecutive elements, unless it fits a
// vector (PortableLanes.h).
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_PORTABLEKERNELS_H
#define NM_LIB_RUNTIME_RECIPES_PORTABLEKERNELS_H

#include "PortableLanes.h"

namespace nm::rt::NM_KERNEL_NAMESPACE {

/// Magnitude as an integer, NaN above everything.
static inline uint32_t magnitudeKey(float value) {
  uint32_t bits = bitsOf(value) & 0x7fffffff;
  return bits < 0x7f800001 ? bits : 0x7f800001;
}

/// kLanes groups of m side by side.
struct Groups {
  uint32_t key[NM_KERNEL_MAX_GROUP * kLanes];
  uint32_t keep[NM_KERNEL_MAX_GROUP * kLanes];
  /// Largest dropped key of each group.
  uint32_t dropped[kLanes];
};

/// By counting who is larger: of two, the later one wins only if it is larger.
static inline void selectByRank(Groups &groups, int32_t n, int32_t m) {
  for (int64_t i = 0; i < int64_t(m) * kLanes; ++i)
    groups.keep[i] = 0;
  for (int32_t j = 0; j < m; ++j) {
    const uint32_t *mine = groups.key + j * kLanes;
    uint32_t *myRank = groups.keep + j * kLanes;
    uint32_t rank[kLanes];
    for (int64_t l = 0; l < kLanes; ++l)
      rank[l] = myRank[l];
    for (int32_t k = j + 1; k < m; ++k) {
      const uint32_t *other = groups.key + k * kLanes;
      uint32_t *otherRank = groups.keep + k * kLanes;
      for (int64_t l = 0; l < kLanes; ++l) {
        // Keys are below 2^31, so that they compare as signed integers.
        uint32_t larger =
            static_cast<int32_t>(other[l]) > static_cast<int32_t>(mine[l]) ? 1u
                                                                           : 0u;
        rank[l] += larger;
        otherRank[l] += 1u - larger;
      }
    }
    for (int64_t l = 0; l < kLanes; ++l)
      myRank[l] = rank[l];
  }
  for (int64_t l = 0; l < kLanes; ++l)
    groups.dropped[l] = 0;
  for (int32_t j = 0; j < m; ++j)
    for (int64_t l = 0; l < kLanes; ++l) {
      uint32_t rank = groups.keep[j * kLanes + l];
      if (rank == static_cast<uint32_t>(n))
        groups.dropped[l] = groups.key[j * kLanes + l];
      groups.keep[j * kLanes + l] = rank < static_cast<uint32_t>(n) ? ~0u : 0u;
    }
}

/// Long groups: bisection of the key that n elements reach, 31 counts.
static inline void selectByThreshold(Groups &groups, int32_t n, int32_t m) {
  for (int64_t l = 0; l < kLanes; ++l) {
    const uint32_t *key = groups.key + l;
    uint32_t low = 0, high = 0x7f800001; // at least n reach `low`
    while (low < high) {
      uint32_t middle = low + (high - low + 1) / 2;
      int32_t reach = 0;
      for (int32_t j = 0; j < m; ++j)
        reach += key[j * kLanes] >= middle;
      if (reach >= n)
        low = middle;
      else
        high = middle - 1;
    }
    int32_t above = 0;
    for (int32_t j = 0; j < m; ++j)
      above += key[j * kLanes] > low;
    int32_t ties = n - above;
    uint32_t dropped = 0;
    for (int32_t j = 0; j < m; ++j) {
      uint32_t mine = key[j * kLanes];
      bool kept = mine > low || (mine == low && ties-- > 0);
      groups.keep[j * kLanes + l] = kept ? ~0u : 0u;
      if (!kept && mine > dropped)
        dropped = mine;
    }
    groups.dropped[l] = dropped;
  }
}

static inline void select(Groups &groups, int32_t n, int32_t m) {
  constexpr int32_t longest = 64;
  if (m <= longest)
    selectByRank(groups, n, m);
  else
    selectByThreshold(groups, n, m);
}

/// Consecutive groups from element `first` on, at most kLanes of them.
static inline void finishNeighbours(const nm_kernel_form &form,
                                    const nm_kernel_call &call, int64_t first,
                                    int64_t count, Groups &groups,
                                    uint32_t *keep, float *threshold) {
  int32_t m = form.m;
  const float *w = call.weight + first;
  if (count < m * kLanes)
    for (int64_t i = 0; i < m * kLanes; ++i)
      groups.key[i] = 0;
  for (int64_t g = 0; g < count / m; ++g)
    for (int32_t j = 0; j < m; ++j)
      groups.key[j * kLanes + g] = magnitudeKey(w[g * m + j]);
  select(groups, form.n, m);
  for (int64_t g = 0; g < count / m; ++g)
    for (int32_t j = 0; j < m; ++j) {
      keep[g * m + j] = groups.keep[j * kLanes + g];
      threshold[g * m + j] = floatOf(groups.dropped[g]);
    }
  storeMask(call.mask, first, count, keep);
  finish(form, call, first, count, keep, threshold);
}

/// `width` groups side by side, at most kLanes, the first elements of which lie
/// at `first`.
static inline void finishColumns(const nm_kernel_form &form,
                                 const nm_kernel_call &call, int64_t first,
                                 int64_t width, Groups &groups) {
  int32_t m = form.m;
  for (int32_t j = 0; j < m; ++j) {
    const float *w = call.weight + first + j * form.stride;
    for (int64_t l = 0; l < kLanes; ++l)
      groups.key[j * kLanes + l] = l < width ? magnitudeKey(w[l]) : 0;
  }
  select(groups, form.n, m);
  float threshold[kLanes];
  for (int64_t l = 0; l < kLanes; ++l)
    threshold[l] = floatOf(groups.dropped[l]);
  for (int32_t j = 0; j < m; ++j) {
    int64_t at = first + j * form.stride;
    const uint32_t *keep = groups.keep + j * kLanes;
    storeMask(call.mask, at, width, keep);
    finish(form, call, at, width, keep, threshold);
  }
}

static void runSelecting(const nm_kernel_form &form, const nm_kernel_call &call,
                         Statistics &statistics) {
  Groups groups;
  int64_t m = form.m;
  if (form.stride == 1) {
    uint32_t keep[NM_KERNEL_MAX_GROUP * kLanes];
    float threshold[NM_KERNEL_MAX_GROUP * kLanes];
    int64_t some = m * kLanes;
    int64_t tile = some * ((2 * kPiece + some - 1) / some);
    bool lanes = fitsLanes(form.m);
    bool soft = form.effective == NM_EFFECTIVE_SOFT_F32 ||
                form.effective == NM_EFFECTIVE_SOFT_BF16;
    for (int64_t i = 0; i < call.count; i += tile) {
      int64_t end = call.count - i < tile ? call.count : i + tile;
      update(form, call, i, end - i, statistics);
      int64_t k = i;
      if (lanes) {
        int64_t whole = (end - i) / kLanes * kLanes;
        selectInLanes(call.weight + i, whole, form.n, form.m, soft, keep,
                      threshold);
        storeMask(call.mask, i, whole, keep);
        finish(form, call, i, whole, keep, threshold);
        k += whole;
      }
      for (; k < end; k += some)
        finishNeighbours(form, call, k, end - k < some ? end - k : some, groups,
                         keep, threshold);
    }
    return;
  }
  // Strips of a block, so that a row of the strip is some cache lines.
  constexpr int64_t strip = 4 * kLanes;
  for (int64_t b = 0; b < call.count; b += m * form.stride)
    for (int64_t s = 0; s < form.stride; s += strip) {
      int64_t end = form.stride - s < strip ? form.stride : s + strip;
      for (int64_t j = 0; j < m; ++j)
        update(form, call, b + j * form.stride + s, end - s, statistics);
      for (int64_t c = s; c < end; c += kLanes)
        finishColumns(form, call, b + c, end - c < kLanes ? end - c : kLanes,
                      groups);
    }
}

static void run(const nm_kernel_form *form, const nm_kernel_call *call) {
  Statistics statistics;
  if (form->mask == NM_MASK_SELECT) {
    runSelecting(*form, *call, statistics);
  } else {
    for (int64_t i = 0; i < call->count; i += kPiece) {
      int64_t count = call->count - i < kPiece ? call->count - i : kPiece;
      update(*form, *call, i, count, statistics);
      uint32_t keep[kPiece];
      bool masked = form->mask == NM_MASK_FIXED;
      if (masked)
        expandMask(call->mask, i, count, keep);
      finish(*form, *call, i, count, masked ? keep : nullptr, nullptr);
    }
  }
  if (call->stats)
    statistics.store(call->stats);
}

static nm_kernel find(const nm_kernel_form *) { return run; }

} // namespace nm::rt::NM_KERNEL_NAMESPACE

#endif // NM_LIB_RUNTIME_RECIPES_PORTABLEKERNELS_H
