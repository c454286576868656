//===- AttentionLayout.h - How a program works attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sizes that the cost model and the generator of programs
// (lib/Isa/Kernels/Attention.cpp) have in common.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_ATTENTIONLAYOUT_H
#define NM_LIB_MODEL_ATTENTIONLAYOUT_H

#include "Blocks.h"
#include <algorithm>

namespace nm::model {

/// Where outputs are summed.
enum class Sums {
  Resident, ///< for all rows in work
  Strip,    ///< strip by strip, a strip's keys in a row: as in the array
  Partial   ///< for the step; out to DRAM and back between steps
};

struct AttentionLayout {
  bool isFused, isOnline, isKeysOuter;
  Sums sums;
  int64_t total;   ///< rows of a unit
  int64_t packs;   ///< of resident units, `packed` side by side each
  int64_t segment; ///< columns of the array for one unit
  int64_t strip;   ///< keys that pass by at a time
  bool passes;     ///< strips of something pass by
  /// Rows of a block that are a step of their own: two steps at work at a time
  /// need logits each, of another pack, of another half of the rows, or in a
  /// second slot if a tile has no more rows than the array.
  int64_t partRows;
  int64_t logitsSlots;
  /// Whole rows that share one place: chunks of one step's logits and of the
  /// output of the one before take turns.
  bool alternates;
  int64_t chunk;        ///< keys of a product
  int64_t rowStrip;     ///< rows of a strip of queries or outputs
  int64_t outRows;      ///< rows of results on their way out
  int64_t softmaxRows;  ///< unfused: rows of a softmax
  int64_t residentRows; ///< of a unit
  int64_t stateRows;    ///< fused: of running maxima and sums, all units

  AttentionLayout(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow)
      : isFused(flow.isFused()), isOnline(flow.keyTile != 0),
        isKeysOuter(flow.order == LoopOrder::KeysOuter),
        total(foldedRows(shape)), packs(rt::ceilDiv(flow.heads, flow.packed)),
        segment(device.array.cols / flow.packed) {
    using rt::ceilDiv;
    bool stagedO = flow.isStaged(StagedOutput);
    bool inArray = !isOnline && flow.attend == Stationarity::Output;
    sums = stagedO ? Sums::Resident : inArray ? Sums::Strip : Sums::Partial;
    strip = isOnline ? flow.keyTile : std::min(segment, shape.keys);
    int64_t a = device.array.rows;
    passes = !flow.isStaged(StagedQ) || !flow.isStaged(StagedK) ||
             !flow.isStaged(StagedV) || !isFused ||
             (!isOnline && sums == Sums::Partial);
    bool isDivided = isFused && packs == 1 && flow.rows > a &&
                     (isOnline || (!passes && stagedO));
    partRows =
        isDivided ? ceilDiv(ceilDiv(flow.rows, a), int64_t(2)) * a : flow.rows;
    logitsSlots = isOnline && packs == 1 && !isDivided ? 2 : 1;
    alternates = isFused && !isOnline && packs == 1 && !isDivided && stagedO;
    // Enough chunks that the ends of a block cost little.
    constexpr int64_t kChunks = 8;
    int64_t unit = std::max(segment, a);
    chunk = passes       ? strip
            : alternates ? ceilDiv(ceilDiv(shape.keys, kChunks), unit) * unit
                         : shape.keys;
    rowStrip = isOnline ? partRows : std::min(a, flow.rows);
    outRows = std::min(a, flow.rows);
    softmaxRows =
        std::clamp<int64_t>(rowStrip * strip / shape.keys, 1, flow.rows);
    residentRows = isKeysOuter ? total : flow.rows;
    stateRows = !isOnline || (isKeysOuter && sums == Sums::Partial)
                    ? flow.packed * flow.rows
                    : flow.heads * residentRows;
  }
};

} // namespace nm::model

#endif // NM_LIB_MODEL_ATTENTIONLAYOUT_H
