//===- AttentionPeers.h - Attention by the dense libraries -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_ATTENTIONPEERS_H
#define NM_BENCHMARKS_ATTENTIONPEERS_H

#include "AttentionCase.h"
#include <functional>

namespace nm::bench {

/// Attention of one head, unfused: logits [queries, keys] in `scratch`, a
/// vectorised softmax over them, and their product with v.
struct AttentionPeer {
  std::string name;
  std::function<void(const AttentionCase &attention, const float *q,
                     const float *k, const float *v, float *out,
                     float *scratch)>
      head;

  /// All heads one after the other.
  void run(const AttentionCase &attention, const AttentionData &data,
           float *out, float *scratch) const;
};

/// OpenBLAS and oneDNN, as far as they are installed.
std::vector<AttentionPeer> loadAttentionPeers(int threads);

/// softmax(scale * x) of each row of `x` [rows, keys] in place, for which row i
/// sees keys up to i + `offset` (causal) or all (offset = keys).
void softmaxRows(float *x, int64_t rows, int64_t keys, int64_t offset,
                 float scale, int threads);

} // namespace nm::bench

#endif // NM_BENCHMARKS_ATTENTIONPEERS_H
