//===- AttentionLayout.h - How a program works attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sizes that the cost model and the passes that make programs
// (lib/Dialect/Tile/Transforms/BlockAttention.cpp) have in common.
//
// A device's latency and bandwidth never decide what exists: they ask for slots
// to hide the one behind the other, and where these do not fit there are fewer.
// So a faster memory or a larger scratchpad takes nothing away.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_ATTENTIONLAYOUT_H
#define NM_MODEL_ATTENTIONLAYOUT_H

#include "nm/Model/Blocks.h"
#include "nm/Support/Arithmetic.h"

namespace nm::model {

using support::ceilDiv;

/// Keys of a strip of whole rows: the columns of the array for one unit, or no
/// fewer than its rows.
inline int64_t stripOf(const Device &device, int64_t segment, bool isNarrow) {
  return isNarrow ? segment : ceilDiv(device.array.rows, segment) * segment;
}

/// Rows of the longer one of two parts of `rows`, each of whole tiles of an
/// array of `arrayRows`.
inline int64_t longerPart(int64_t rows, int64_t arrayRows) {
  return ceilDiv(ceilDiv(rows, arrayRows), int64_t(2)) * arrayRows;
}

/// Without fusion: rows of a softmax of blocks of `rows` whose keys pass by
/// `strip` at a time. As many bytes as leave a segment of the array at a time;
/// with a causal mask rows see half of the keys, and what leaves all segments
/// is better: fewer turns of the slots, each of which takes a latency at least.
inline int64_t softmaxRowsOf(const Device &device, const AttentionShape &shape,
                             int64_t rows, int64_t packed, int64_t strip) {
  int64_t segments = shape.causal ? packed : 1;
  return std::clamp<int64_t>(segments * std::min(device.array.rows, rows) *
                                 std::min(strip, shape.keys) / shape.keys,
                             1, rows);
}

/// Without fusion: steps whose logits are on their way through DRAM while
/// another one begins, so that the latencies of their passes do not add up.
inline constexpr int64_t kSpilledSteps = 4;

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
  bool isNarrow;   ///< strips are as wide as a segment, not as the array's rows
  int64_t strip;   ///< keys that pass by at a time
  bool passes;     ///< strips of something pass by
  /// Rows of a block that are a step of their own: two steps at work at a time
  /// need logits each, of another pack, of another half of the rows, or in a
  /// second slot if a tile has no more rows than the array.
  int64_t partRows;
  bool isDivided; ///< into two such parts
  int64_t logitsSlots, logitsUnits;
  /// Whole rows that share one place: chunks of one step's logits and of the
  /// output of the one before take turns.
  bool alternates;
  int64_t chunk; ///< keys of a product
  /// Slots of what passes by: keys, values, queries; sums; results; and logits
  /// of one kind or the other. What hides the latency of DRAM, or as much of it
  /// as fits.
  int64_t keySlots, valueSlots, querySlots, sumSlots, resultSlots, spillSlots,
      softmaxSlots;
  int64_t rowStrip;     ///< rows of a strip of queries or outputs
  int64_t outRows;      ///< rows of results on their way out
  int64_t softmaxRows;  ///< unfused: rows of a softmax
  int64_t residentRows; ///< of a unit
  int64_t stateRows;    ///< fused: of running maxima and sums, all units
  int64_t stateSlots;   ///< of those

  /// With at most `capacity` bytes for all buffers, if that is possible.
  AttentionLayout(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow, int64_t capacity);
  AttentionLayout(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow)
      : AttentionLayout(device, shape, flow, device.scratchpad.bytes) {}

  /// Bytes of all buffers.
  int64_t bytes = 0;

  /// What lies on chip: `slots` places of `elements` each.
  struct Buffer {
    const char *name;
    int64_t slots, elements, bits;

    /// Buffers begin at multiples of 64 bytes.
    int64_t bytes() const {
      return ceilDiv(ceilDiv(slots * elements * bits, int64_t(8)),
                     int64_t(64)) *
             64;
    }
  };
  std::vector<Buffer> buffers(const Device &device, const AttentionShape &shape,
                              const Dataflow &flow) const;

private:
  /// The rings, and `bytes`, if `reach` bytes on their way are to be hidden;
  /// negative: two slots each.
  void setSlots(const Device &device, const AttentionShape &shape,
                const Dataflow &flow, double reach);
  /// Calls `body` for each buffer.
  template <typename Body>
  void forEachBuffer(const Device &device, const AttentionShape &shape,
                     const Dataflow &flow, Body body) const;
};

} // namespace nm::model

#endif // NM_MODEL_ATTENTIONLAYOUT_H
