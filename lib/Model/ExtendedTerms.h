//===- ExtendedTerms.h - Terms of the extended cost model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A unit is one key head of one sample with the query heads that share it,
// folded into rows (Blocks.h). What a mapping costs is linear in a few sums
// over the steps of a unit, and these depend on the blocking alone: a search
// computes them once for all stationarities, stagings and orders.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_EXTENDEDTERMS_H
#define NM_LIB_MODEL_EXTENDEDTERMS_H

#include "nm/Machine/ProductTerms.h"
#include "nm/Model/AttentionLayout.h"
#include "nm/Model/Blocks.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>

namespace nm::model {

/// Cycles and scratchpad elements of the two products, by stationarity: sums
/// over the steps of one unit. Doubles, which do not overflow.
struct ProductSums {
  double logitCycles[kNumStationarities] = {0, 0, 0};
  double attendCycles[kNumStationarities] = {0, 0, 0};
  double logitTraffic[kNumStationarities] = {0, 0, 0};
  double attendTraffic[kNumStationarities] = {0, 0, 0};

  /// The smaller of each.
  ProductSums least(const ProductSums &other) const {
    ProductSums both = *this;
    for (auto sums : {&ProductSums::logitCycles, &ProductSums::attendCycles,
                      &ProductSums::logitTraffic, &ProductSums::attendTraffic})
      for (int i = 0; i != kNumStationarities; ++i)
        (both.*sums)[i] = std::min((both.*sums)[i], (other.*sums)[i]);
    return both;
  }
};

/// Of whole rows whose keys pass by in strips, beyond the products: sums over
/// the steps of one unit.
struct StripSums {
  /// Cycles that the scratchpad takes longer for the output's products of a
  /// strip than the array, by stationarity: all rows at once, or as many as the
  /// array has at a time.
  double wholeBeyond[kNumStationarities] = {0, 0, 0};
  double partsBeyond[kNumStationarities] = {0, 0, 0};
  /// How often one product has another shape than the one before it: strips of
  /// keys alone, strips of rows for each strip of keys, and the other way
  /// round.
  double keyTurns = 0, rowTurns = 0, stripTurns = 0;
};

/// Sums over the steps of one unit, each step a product of `rows` by `keys`.
/// The array has `a` rows and, for one head, `b` columns: all of them, or those
/// of a segment if heads are packed.
struct BlockSums {
  int64_t steps = 0;
  /// With key tiles: steps that the diagonal crosses, and those of them that
  /// are the first of their blocks.
  int64_t maskedSteps = 0, maskedFirst = 0;
  /// Logits that a causal mask passes over, all from the first key on that not
  /// all rows see which it is for: of a step, of the two parts of one, and
  /// without fusion of the rows of a softmax.
  struct {
    int64_t whole = 0, divided = 0, unfused = 0;
    int64_t least() const { return std::min({whole, divided, unfused}); }
  } masked;
  int64_t rows = 0;       ///< sum of rows
  int64_t keys = 0;       ///< sum of keys
  int64_t area = 0;       ///< rows * keys
  int64_t rowStrips = 0;  ///< rows * ceil(keys / b)
  int64_t keyTiles = 0;   ///< keys * ceil(rows / a)
  int64_t arrayTiles = 0; ///< ceil(rows / a) * ceil(keys / all columns)
  /// Of whole steps; of steps in two parts, each of whole tiles of the array;
  /// of steps whose keys pass by in narrow or wide strips (AttentionLayout);
  /// and of narrow strips with outputs of a segment's width.
  ProductSums whole, divided, narrow, wide, unfused;
  StripSums narrowStrips, wideStrips;

  const ProductSums &products(const AttentionLayout &layout) const {
    if (!layout.isFused)
      return unfused;
    if (layout.isDivided)
      return divided;
    if (layout.isOnline || !layout.passes)
      return whole;
    return layout.isNarrow ? narrow : wide;
  }
  int64_t maskedLogits(const AttentionLayout &layout) const {
    return !layout.isFused    ? masked.unfused
           : layout.isDivided ? masked.divided
                              : masked.whole;
  }
  const StripSums &strips(const AttentionLayout &layout) const {
    return layout.isNarrow ? narrowStrips : wideStrips;
  }
};

/// Cycles of the product of [m, k] weights by values. Those that the array
/// itself has made are where they are needed.
inline int64_t attendCycles(const Device &device, Stationarity stationarity,
                            int64_t b, int64_t m, int64_t k, int64_t n,
                            bool isFused = true) {
  int64_t a = device.array.rows;
  return isFused && device.array.doesSoftmax() &&
                 stationarity == Stationarity::Input
             ? machine::productCyclesInPlace(a, b, m, k, n)
             : machine::productCycles(stationarity, a, b, m, k, n);
}

/// Fails where a count of bytes could leave 2^62: a very wide head on a tiny
/// array, say. Everything below needs what this accepts.
Status checkRange(const Device &device, const AttentionShape &shape);

/// Sums for blocks of `rows` and key tiles of `tile` (0: whole rows) with
/// `packed` heads side by side. Strips of keys are those of `full` heads: of
/// `packed` ones, unless a pack is the rest of a larger one.
BlockSums sumSteps(const Device &device, const AttentionShape &shape,
                   int64_t rows, int64_t tile, int64_t packed,
                   int64_t full = 0);

/// Units, and rounds of `heads` units at a time.
inline int64_t unitCount(const AttentionShape &shape) {
  return shape.batch * shape.kvHeadCount();
}

/// Bits of a count of elements as whole bytes.
inline int64_t bitsToBytes(int64_t bits) { return support::ceilDiv(bits, 8); }

int64_t footprintBytes(const Device &device, const AttentionShape &shape,
                       const Dataflow &flow);
int64_t dramBytes(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow, const BlockSums &sums);
/// Cycles of array and DRAM together, of which neither is busy all the time
/// where the other one's phases differ from the average.
double overlapped(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow, const BlockSums &sums,
                  const AttentionLayout &layout, Cost cost);
/// Cycles of what passes through rings of slots. A slot is free when its use
/// has ended, and full again a latency and a transfer later, and the array then
/// fills: a round of all slots takes no less. Where the slots hide the latency
/// this is no more than the larger of use and transfer. With key tiles, and
/// where chunks alternate, the two products take turns; else many strips pass
/// by during the one and then during the other.
double throughRings(const Device &device, const AttentionShape &shape,
                    const Dataflow &flow, const BlockSums &sums,
                    const AttentionLayout &layout, const Cost &cost);
/// Adds `count` steps of `rows` rows and `keys` keys that pass by `strip` at a
/// time, `packed` units side by side on segments of `b` columns.
void addStrips(StripSums &sums, const Device &device,
               const AttentionShape &shape, int64_t packed, int64_t rows,
               int64_t keys, int64_t count, int64_t strip);
/// Cycles of the array for whole rows beyond their products: strips of
/// different sizes, which it is set up for, and short ones, for which the
/// scratchpad is too slow.
double stripWait(const Device &device, const AttentionShape &shape,
                 const Dataflow &flow, const BlockSums &sums,
                 const AttentionLayout &layout);
/// Cycles in which the array waits for the weights of an online softmax, if its
/// products take `arrayCycles`.
double softmaxWait(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums,
                   const AttentionLayout &layout, double arrayCycles);
/// Cycles in which the array waits for a stream from DRAM that shares it with
/// operands of the next units; `arrayCycles` are those of the array otherwise.
double prefetchWait(const Device &device, const AttentionShape &shape,
                    const Dataflow &flow, const BlockSums &sums,
                    const AttentionLayout &layout, double arrayCycles);
/// Without fusion the logits of a step pass DRAM four times, one after the
/// other, while the kSpilledSteps next ones set out: so many steps and one take
/// no less than that. Nor is a step over before its groups of rows have gone
/// through the slots of the softmax, in and out again. Beside a step's logits
/// and softmax is the output of the one that set out kSpilledSteps before it.
/// Causal blocks see more and more keys, so that one of few keys is beside one
/// of many, and what the array waits for DRAM in one step, or DRAM for
/// latencies, another one does not make up for.
double throughDram(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums,
                   const AttentionLayout &layout, const Cost &cost);
/// Without fusion, and with resident sums: cycles of the output's product of
/// all steps beside their softmax. The results of a step come behind the
/// softmax of a later one, and the next output needs their place; so that
/// softmax begins with the output, and goes to DRAM and back while weights come
/// in. Each of the three has a third of DRAM. What the ring of weights holds
/// has come before.
double besideSoftmax(const Device &device, const AttentionShape &shape,
                     const Dataflow &flow, const BlockSums &sums,
                     const AttentionLayout &layout);
Cost priceExtended(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums);

} // namespace nm::model

#endif // NM_LIB_MODEL_EXTENDEDTERMS_H
