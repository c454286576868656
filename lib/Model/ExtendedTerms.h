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

/// Sums over the steps of one unit, each step a product of `rows` by `keys`.
/// The array has `a` rows and, for one head, `b` columns: all of them, or those
/// of a segment if heads are packed.
struct BlockSums {
  int64_t steps = 0;
  /// With key tiles: steps that the diagonal crosses, and those of them that
  /// are the first of their blocks.
  int64_t masked = 0, maskedFirst = 0;
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

  const ProductSums &products(const AttentionLayout &layout) const {
    if (!layout.isFused)
      return unfused;
    if (layout.isDivided)
      return divided;
    if (layout.isOnline || !layout.passes)
      return whole;
    return layout.isNarrow ? narrow : wide;
  }
};

/// Fails where a count of bytes could leave 2^62: a very wide head on a tiny
/// array, say. Everything below needs what this accepts.
Status checkRange(const Device &device, const AttentionShape &shape);

/// Sums for blocks of `rows` and key tiles of `tile` (0: whole rows) with
/// `packed` heads side by side.
BlockSums sumSteps(const Device &device, const AttentionShape &shape,
                   int64_t rows, int64_t tile, int64_t packed);

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
/// The mean of max(a k, b + c k) for k that grows evenly from `first` to
/// `last`.
double meanOfLarger(double a, double b, double c, double first, double last);
/// Counts tiles with keys that some of a block's rows see and others do not.
void countMasked(BlockSums &sums, const AttentionShape &shape, int64_t rows,
                 int64_t tile);
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
Cost priceExtended(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums);

} // namespace nm::model

#endif // NM_LIB_MODEL_EXTENDEDTERMS_H
