//===- AttentionPlan.h - Attention and its scratchpad -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_TRANSFORMS_ATTENTIONPLAN_H
#define NM_DIALECT_TILE_TRANSFORMS_ATTENTIONPLAN_H

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Isa/AttentionViews.h"
#include "nm/Model/AttentionLayout.h"

namespace mlir::tiles {

/// Attention as far as blocks are concerned.
struct AttentionFacts {
  ::nm::model::AttentionShape shape;
  ::nm::model::Dataflow flow;
  float softCap = 0;
  int64_t window = 0, offset = 0;
  bool hasNanRows = false; ///< rows that see no key are NaN
  /// Bytes of an element of a bias by key and of one by query and key; 0: none.
  int64_t keyBiasBytes = 0, biasBytes = 0;
};

AttentionFacts factsOf(AttentionOp attention);

/// What lies on chip, in the cost model's words and beside them.
struct AttentionPlan {
  ::nm::model::AttentionLayout layout;
  int64_t scoreKeys; ///< the most keys that a score is made for at a time
  int64_t biasRows;  ///< of a slot of a bias by query and key
};

/// The plan, or why no program has this dataflow.
::nm::support::Result<AttentionPlan>
planAttention(const ::nm::model::Device &device, const AttentionFacts &facts,
              int64_t capacity);

/// No fewer than the instructions that it takes, each as often as it runs.
double mostInstructions(const AttentionFacts &facts, const AttentionPlan &plan);

/// A tile.attention of the tensors of a program, which views name by number.
AttentionOp createAttention(
    OpBuilder &builder, Location loc, StringRef name, ArrayRef<Value> tensors,
    const ::nm::model::AttentionShape &shape, const ::nm::model::Dataflow &flow,
    const ::nm::isa::HeadsView &q, const ::nm::isa::HeadsView &k,
    const ::nm::isa::HeadsView &v, const ::nm::isa::HeadsView &output,
    const ::nm::isa::AttentionScore &score);

} // namespace mlir::tiles

#endif // NM_DIALECT_TILE_TRANSFORMS_ATTENTIONPLAN_H
