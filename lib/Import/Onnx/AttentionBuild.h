//===- AttentionBuild.h - Attention from its parts -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_ATTENTIONBUILD_H
#define NM_LIB_IMPORT_ONNX_ATTENTIONBUILD_H

#include "Node.h"

namespace mlir::nm::onnx {

/// Heads of an operand: [B, H, N, D], or [B, N, H, D] if `bnhd`.
struct Heads {
  Val value;
  bool bnhd = false;

  OpFoldResult batch() const { return value.shape[0]; }
  OpFoldResult heads() const { return value.shape[bnhd ? 2 : 1]; }
  OpFoldResult positions() const { return value.shape[bnhd ? 1 : 2]; }
  OpFoldResult width() const { return value.shape[3]; }
};

/// What the operators of ONNX and of ONNX Runtime say of attention.
struct AttentionPlan {
  Heads q, k, v;
  bool resultBnhd = false;
  std::optional<double> scale; ///< 1/sqrt(D) if absent
  double softcap = 0;
  bool causal = false;
  int64_t left = -1, right = -1; ///< of a window around the query; -1: open
  /// The position of query 0 among the keys, the same in each batch.
  OpFoldResult offset;
  /// Keys at this and beyond do not exist, by batch: [B] of integers; null for
  /// all. With `endsAtLength` the last query stands at the last of them.
  Val *lengths = nullptr;
  bool endsAtLength = false;
  /// And query 0 at key 0 at least: what exceeds the length is padding.
  bool startsAtZero = false;
  /// Bool (false: not seen) or float (added), broadcast to [B, H, N, S].
  Val *mask = nullptr;
  /// What each head may attend to instead of a key: a score, [H], whose weight
  /// takes part in the softmax and has no value. Null: none. (Xiao et al.:
  /// Efficient streaming language models with attention sinks, 2024)
  Val *sink = nullptr;
};

/// [B, N, heads * width] as heads.
FailureOr<Heads> splitHeads(NodeEmit &n, Val &packed, OpFoldResult heads);
/// The same with heads outermost, for caches.
Heads headsFirst(NodeEmit &n, const Heads &heads);
/// [B, N, H, E] as [B, N, H * E].
Val mergeHeads(NodeEmit &n, Val &heads);
/// The attribute `scale` of ONNX Runtime's operators, where 0 is as if absent.
std::optional<double> microsoftScale(NodeEmit &n);
/// One head's keys after those of a cache, [B, H, past + N, D].
Heads appended(NodeEmit &n, Val &past, const Heads &heads);

/// A cache of `size` rows in each batch and head, [B, G, size, D]: as many of
/// `past` (null: none) as `starts` says for the batch, [B] of index values, the
/// rows [B, G, N, D] behind them, then zeros.
Val extendCache(NodeEmit &n, Val *past, Val &rows, Val &starts,
                OpFoldResult size);

/// A cache of fixed size, [B, G, M, D] or, with `part` saying which,
/// [2, B, G, M, D], whose rows from `starts` on, [B] of index values, are those
/// of `rows`, [B, G, N, D]. The others stay as they are.
Val writeCache(NodeEmit &n, Val &cache, Val &rows, Val &starts,
               std::optional<int64_t> part = std::nullopt);

/// [B, H, N, E] or [B, N, H, E].
FailureOr<Val> buildAttention(NodeEmit &n, AttentionPlan &plan);

enum class ScoreStage : uint8_t { Product, Capped, Masked, Weights };
/// The scores [B, H, N, S] after one of the steps.
FailureOr<Val> buildScores(NodeEmit &n, AttentionPlan &plan, ScoreStage stage);

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_ATTENTIONBUILD_H
