//===- Attention.h - An attention layer and its dataflows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two operators that FLAT (arXiv 2107.06419) fuses, logit (Q K^T) and
// attend (softmax(.) V), and the points of its space. Names and values are
// those of #flat.dataflow.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_ATTENTION_H
#define NM_MODEL_ATTENTION_H

#include "nm/Machine/Device.h"

namespace nm::model {

/// One attention layer, or the attention of a batch of requests.
struct AttentionShape {
  int64_t batch = 1;
  int64_t heads = 1;    ///< of the queries
  int64_t kvHeads = 0;  ///< 0: as many as heads; else a divisor of it (GQA)
  int64_t queries = 1;  ///< rows of Q in a head; 1 for a decode step
  int64_t keys = 1;     ///< rows of K and V
  int64_t headDim = 1;  ///< columns of Q and K
  int64_t valueDim = 0; ///< columns of V and O; 0: as headDim
  /// Row i attends to the keys up to i + keys - queries.
  bool causal = false;

  int64_t kvHeadCount() const { return kvHeads ? kvHeads : heads; }
  int64_t group() const { return heads / kvHeadCount(); }
  int64_t valueWidth() const { return valueDim ? valueDim : headDim; }

  /// Fails where a field is out of range or the logits are more than a double
  /// counts exactly: batch * heads * queries * keys <= 2^53,
  /// lengths <= 2^24, widths <= 2^14, queries <= keys if causal.
  Status check() const;
};

/// The share of the logits that exists at a time (FLAT, section 4.2).
enum class Granularity { Batch, Sample, Head, Row };
const char *toString(Granularity granularity);

/// Which tensors lie on chip while they are used: bits of Dataflow::staged.
enum Staged : unsigned {
  StagedQ = 1,
  StagedK = 2,
  StagedV = 4,
  StagedLogits = 8,
  StagedOutput = 16,
  StagedAll = 31
};

/// Which of the two loops over tiles is the outer one.
enum class LoopOrder {
  RowsOuter, ///< a block of rows stays, keys and values pass by
  KeysOuter  ///< a tile of keys and values stays, rows pass by
};

/// A point of the space.
struct Dataflow {
  Granularity granularity = Granularity::Row;
  int64_t rows = 1;    ///< R: rows of a block; all of them if coarser than Row
  int64_t keyTile = 0; ///< C of the online softmax; 0: whole rows
  int64_t heads = 1;   ///< heads resident at a time (Bx * Hx in the paper)
  int64_t packed = 1;  ///< heads side by side on the array
  unsigned staged = 0;
  Stationarity logit = Stationarity::Output;
  Stationarity attend = Stationarity::Output;
  LoopOrder order = LoopOrder::RowsOuter;

  bool isStaged(Staged tensor) const { return (staged & tensor) != 0; }
  /// Logits stay on chip: the two operators are fused.
  bool isFused() const { return isStaged(StagedLogits); }
};

/// As in #flat.dataflow: "row, rows = 64, staged = [q, logits], ...".
std::string toString(const Dataflow &dataflow);

/// What a mapping costs. Cycles are of the device's clock.
struct Cost {
  double cycles = 0;
  double computeCycles = 0;  ///< the array alone
  double dramCycles = 0;     ///< off-chip transfers alone
  double softmaxCycles = 0;  ///< special-function unit alone; extended mode
  double onChipCycles = 0;   ///< scratchpad transfers alone; extended mode
  double overheadCycles = 0; ///< not overlapped with anything
  double dramBytes = 0;
  double footprintBytes = 0; ///< live on chip
  double spill = 0; ///< share of the footprint that does not fit; faithful
  double idealCycles = 0; ///< MACs needed / MACs of the array
  /// With that of static power; faithful: beside it DRAM only, as the paper's
  /// mappings.
  double energyPj = 0;

  double utilisation() const { return cycles > 0 ? idealCycles / cycles : 0; }
  /// The resource with the longest time: "array", "dram", "softmax" or
  /// "on-chip bandwidth".
  const char *bound() const;
};

/// The models of the paper's evaluation.
struct NamedModel {
  std::string name;
  int64_t heads = 1, modelDim = 1, headDim = 1, feedForward = 1;
};
const std::vector<NamedModel> &paperModels();

} // namespace nm::model

#endif // NM_MODEL_ATTENTION_H
