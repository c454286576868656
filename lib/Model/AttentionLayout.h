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

using rt::ceilDiv;

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
  int64_t logitsSlots, logitsUnits;
  /// Whole rows that share one place: chunks of one step's logits and of the
  /// output of the one before take turns.
  bool alternates;
  int64_t chunk; ///< keys of a product
  /// Slots of what passes by: keys, values, queries; sums; results; and logits
  /// of one kind or the other.
  int64_t keySlots, valueSlots, querySlots, sumSlots, resultSlots, spillSlots,
      softmaxSlots;
  int64_t rowStrip;     ///< rows of a strip of queries or outputs
  int64_t outRows;      ///< rows of results on their way out
  int64_t softmaxRows;  ///< unfused: rows of a softmax
  int64_t residentRows; ///< of a unit
  int64_t stateRows;    ///< fused: of running maxima and sums, all units
  int64_t stateSlots;   ///< of those

  AttentionLayout(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow)
      : isFused(flow.isFused()), isOnline(flow.keyTile != 0),
        isKeysOuter(flow.order == LoopOrder::KeysOuter),
        total(foldedRows(shape)), packs(ceilDiv(flow.heads, flow.packed)),
        segment(device.array.cols / flow.packed) {
    bool stagedO = flow.isStaged(StagedOutput);
    bool inArray = !isOnline && flow.attend == Stationarity::Output;
    sums = stagedO ? Sums::Resident : inArray ? Sums::Strip : Sums::Partial;
    int64_t a = device.array.rows;
    // Queries and partial sums pass once for each of the array's columns; else
    // strips are no narrower than its rows, which hold the values of a strip.
    bool isNarrow =
        !flow.isStaged(StagedQ) || !isFused || sums == Sums::Partial;
    int64_t columns = isNarrow ? segment : ceilDiv(a, segment) * segment;
    strip = isOnline ? flow.keyTile : std::min(columns, shape.keys);
    passes = !flow.isStaged(StagedQ) || !flow.isStaged(StagedK) ||
             !flow.isStaged(StagedV) || !isFused ||
             (!isOnline && sums == Sums::Partial);
    bool isDivided = isFused && packs == 1 && flow.rows > a &&
                     (isOnline || (!passes && stagedO));
    partRows =
        isDivided ? ceilDiv(ceilDiv(flow.rows, a), int64_t(2)) * a : flow.rows;
    // With keys in the outer loop a pack's steps follow each other.
    logitsUnits = isKeysOuter ? flow.packed : flow.heads;
    logitsSlots = isOnline && !isDivided && (packs == 1 || isKeysOuter) ? 2 : 1;
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

    int64_t d = shape.headDim, v = shape.valueWidth(), p = flow.packed;
    int64_t e = device.elementBits, f = device.accumulatorBits;
    keySlots = slots(device, p * strip * d * e);
    valueSlots = slots(device, p * strip * v * e);
    querySlots = slots(device, p * rowStrip * d * e);
    sumSlots = slots(device, p * rowStrip * v * f);
    if (isOnline)
      sumSlots = std::max<int64_t>(sumSlots, 4);
    resultSlots = slots(device, outRows * v * e);
    spillSlots = slots(device, p * rowStrip * strip * e);
    // One long row is more than a tile of the array.
    softmaxSlots =
        softmaxRows == 1 ? 2 : slots(device, softmaxRows * shape.keys * e);
    // State that passes by with the sums has as many slots.
    stateSlots = isKeysOuter && sums == Sums::Partial ? sumSlots : 2;
  }

private:
  /// Two slots overlap transfer and use; with whole rows two more let a stream
  /// run ahead while another one is in need. A transfer's latency is hidden if
  /// the slots hold what passes meanwhile.
  int64_t slots(const Device &device, int64_t bits) const {
    double latency =
        static_cast<double>(device.dram.latencyCycles + device.dma.setupCycles);
    double bytes = latency * device.dramBytesPerCycle();
    double more = bytes * 8 / static_cast<double>(bits);
    // Powers of two, which loops of unrolled iterations divide.
    return more > 2 ? 8 : more > 0.25 || !isOnline ? 4 : 2;
  }
};

} // namespace nm::model

#endif // NM_LIB_MODEL_ATTENTIONLAYOUT_H
