//===- Extended.h - The cost model beyond the paper -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The extended mode adds what FLAT's model leaves out: a finite
// special-function unit, on-chip bandwidth, input stationarity, several heads
// resident, heads packed side by side on the array, key tiles with online
// softmax, causal skipping, grouped heads, decode, unequal widths, and a mix of
// stationarities. It describes programs for a scratchpad that the compiler
// manages: a mapping whose live bytes exceed it does not exist, nothing spills,
// and every transfer off chip is counted to the byte.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_EXTENDED_H
#define NM_MODEL_EXTENDED_H

#include "nm/Model/Search.h"
#include <functional>

namespace nm::model {

/// Live bytes on chip of a mapping (docs/model.md, footprints).
int64_t extendedFootprint(const Device &device, const AttentionShape &shape,
                          const Dataflow &dataflow);

/// Bytes that pass between chip and DRAM, exactly.
int64_t extendedDramBytes(const Device &device, const AttentionShape &shape,
                          const Dataflow &dataflow);

/// Why no program for `dataflow` exists on `device`; success if one does.
Status checkExtended(const Device &device, const AttentionShape &shape,
                     const Dataflow &dataflow);

/// The cost of logit, softmax and attend. Needs what checkExtended accepts.
/// The energy counts MACs, special functions, scratchpad, DRAM and static
/// power.
Cost evaluateExtended(const Device &device, const AttentionShape &shape,
                      const Dataflow &dataflow);

/// A product with a weight: activations [tokens, in] by [in, out].
struct ProjectionShape {
  int64_t tokens = 1;
  int64_t in = 1;
  int64_t out = 1;
  SparsePattern pattern; ///< n == m: dense (n = m = 0 too)

  bool sparse() const { return pattern.n != pattern.m; }
  Status check() const;
};

/// How a projection is tiled: blocks of `tokens` rows by `out` columns, the
/// outputs of a block resident while the reduction passes by.
struct ProjectionTiling {
  int64_t tokens = 1;
  int64_t out = 1;
  Stationarity stationarity = Stationarity::Output;
  /// Elements of the reduction that pass by at a time; 0: what the array takes
  /// at a time.
  int64_t depth = 0;
  /// Of the rings through which strips come in; more than two hide the latency
  /// of DRAM where strips are short.
  int64_t slots = 2;

  /// Of the ring through which outputs leave, in parts that are shorter still.
  int64_t resultSlots() const { return slots > 2 ? 2 * slots : 2; }
};

/// The slots that searchProjection tries.
inline constexpr int64_t kProjectionSlots[] = {2, 4, 8};
inline constexpr int64_t kMostProjectionSlots = 64;

/// Elements of the reduction in a strip: the tiling's, such that the indices of
/// an N:M weight begin on a byte, or all.
int64_t projectionDepth(const Device &device, const ProjectionShape &shape,
                        const ProjectionTiling &tiling);

/// Rows of a block that leave the chip at a time: a small part of it, but whole
/// transfers rather than single rows. The same on machines of any size.
int64_t projectionChunk(const Device &device, const ProjectionTiling &tiling);

/// Bytes of a weight as it lies in DRAM: values, and for N:M weights indices of
/// ceil(log2 M) bits for each kept value; those of a row begin on a byte.
int64_t weightBytes(const Device &device, const ProjectionShape &shape);

/// The cost of a projection with a given tiling. Zeros are skipped where the
/// array skips the pattern; elsewhere a sparse weight saves bytes only. On-chip
/// overflow is an error.
Result<Cost> evaluateProjection(const Device &device,
                                const ProjectionShape &shape,
                                const ProjectionTiling &tiling);

/// Why a tiling is out of the question; success if it is not.
using ProjectionFilter = std::function<Status(const ProjectionTiling &)>;

/// The best tiling and its cost, of those that `accepts` lets pass.
Result<std::pair<ProjectionTiling, Cost>>
searchProjection(const Device &device, const ProjectionShape &shape,
                 const ProjectionFilter &accepts = {});

/// A transformer encoder or decoder layer.
struct LayerShape {
  AttentionShape attention;
  int64_t modelDim = 1;
  int64_t feedForward = 1;
  SparsePattern pattern; ///< of the six weights
};

/// Cost of a layer by part; each part is timed by itself.
struct LayerCost {
  Cost projections; ///< Q, K, V and output
  Cost attention;
  Cost feedForward;
  Cost elementwise;  ///< two layer norms, residuals and the activation
  Dataflow dataflow; ///< of the attention

  double cycles() const {
    return projections.cycles + attention.cycles + feedForward.cycles +
           elementwise.cycles;
  }
  double dramBytes() const {
    return projections.dramBytes + attention.dramBytes + feedForward.dramBytes +
           elementwise.dramBytes;
  }
  double energyPj() const {
    return projections.energyPj + attention.energyPj + feedForward.energyPj +
           elementwise.energyPj;
  }
};

/// The best layer. `options` restricts the dataflows of its attention.
Result<LayerCost> evaluateLayer(const Device &device, const LayerShape &shape,
                                const SearchOptions &options = {});

} // namespace nm::model

#endif // NM_MODEL_EXTENDED_H
