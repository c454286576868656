//===- AttentionCase.h - One attention of the benchmark -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_ATTENTIONCASE_H
#define NM_BENCHMARKS_ATTENTIONCASE_H

#include "CompiledFunction.h"
#include <memory>
#include <string>
#include <vector>

namespace nm::bench {

/// q [1, heads, queries, width], k and v [1, kvHeads, keys, width]; causal
/// means that the last query sees the last key.
struct AttentionCase {
  int64_t queries, keys, width;
  int64_t heads = 1, kvHeads = 1;
  bool isCausal = false;
  std::string dtype = "f32"; ///< of the storage: f32, bf16, f16
  std::string dataflow = {}; ///< text of #flat.dataflow; empty: the default

  std::string name() const;
  bool isDecode() const { return queries == 1; }
  /// FLOPs of both products on the pairs of query and key that are needed.
  double flops() const;
  /// Bytes of k and v, what a decode step has to read.
  double cacheBytes() const;
};

/// Standard normal values that the dtype holds exactly.
struct AttentionData {
  std::vector<float> q, k, v;
  explicit AttentionData(const AttentionCase &attention);
};

/// Row `row` of head `head` in float64.
std::vector<double> attentionRow(const AttentionCase &attention,
                                 const AttentionData &data, int64_t head,
                                 int64_t row);

/// Largest error of `out` over a sample of rows, relative to the largest
/// element of each row.
double attentionError(const AttentionCase &attention, const AttentionData &data,
                      const float *out);

/// The attention, compiled by nm's pipeline and linked into this process.
class CompiledAttention {
public:
  static llvm::Expected<std::unique_ptr<CompiledAttention>>
  compile(const AttentionCase &attention, const AttentionData &data,
          int threads);

  /// Milliseconds of one run.
  double timeOnce() { return function.call.timeOnce(); }
  llvm::Expected<std::vector<float>> run() { return function.run(); }

private:
  CompiledAttention() = default;

  std::vector<std::vector<unsigned char>> storage;
  CompiledFunction function;
};

} // namespace nm::bench

#endif // NM_BENCHMARKS_ATTENTIONCASE_H
