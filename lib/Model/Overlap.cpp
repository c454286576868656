//===- Overlap.cpp - Array and DRAM at the same time ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both are busy all the time only if what a phase needs is there or may come
// earlier, and if what passes by has slots enough.
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <cmath>

namespace nm::model {

using support::ceilDiv;

double overlapped(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow, const BlockSums &sums,
                  const AttentionLayout &layout, Cost cost) {
  cost.computeCycles +=
      softmaxWait(device, shape, flow, sums, layout, cost.computeCycles);
  cost.computeCycles +=
      prefetchWait(device, shape, flow, sums, layout, cost.computeCycles);
  double rate = device.dramBytesPerCycle();
  double units = static_cast<double>(unitCount(shape));
  int64_t d = shape.headDim, v = shape.valueWidth(), S = shape.keys;
  auto time = [&](int64_t elements) {
    return static_cast<double>(elements) * device.elementBits / 8.0 / rate;
  };
  double cycles = std::max(cost.computeCycles, cost.dramCycles);
  if (!flow.isFused())
    return cycles;

  // Whole rows: the keys of a block pass by during its logits, its values
  // during its output, and a few strips do not even that out.
  if (!layout.isOnline) {
    double share = static_cast<double>(ceilDiv(unitCount(shape), flow.packed));
    int l = static_cast<int>(flow.logit), t = static_cast<int>(flow.attend);
    double logit = sums.products(layout).logitCycles[l] * share;
    double attend = sums.products(layout).attendCycles[t] * share;
    double keys = flow.isStaged(StagedK) ? 0 : units * time(sums.keys * d);
    double values = flow.isStaged(StagedV) ? 0
                    : layout.sums == Sums::Strip
                        ? units * time(sums.keyTiles * v)
                        : units * time(sums.keys * v);
    if (!flow.isStaged(StagedQ))
      keys += units * time(sums.rowStrips * d);
    cycles = std::max(cycles, std::max(logit, keys) + std::max(attend, values));
  }

  // What is resident comes during the first sweep over it: keys and values
  // while the first block of each unit is worked, or all rows while the first
  // tile is; the results of all rows go during the last tile.
  double exposed = 0;
  double round = cost.computeCycles * static_cast<double>(flow.heads) / units;
  auto excess = [&](int64_t elements, double share) {
    return std::max(0.0, static_cast<double>(flow.heads) * time(elements) -
                             round * share);
  };
  int64_t staged = flow.isStaged(StagedK) ? S * d : 0;
  staged += flow.isStaged(StagedV) ? S * v : 0;
  if (layout.isKeysOuter) {
    // All blocks work the first tile.
    double blocks = static_cast<double>(ceilDiv(layout.total, flow.rows));
    double tile = blocks / static_cast<double>(sums.steps);
    if (flow.isStaged(StagedQ))
      staged += layout.total * d;
    exposed += excess(staged, tile);
    if (flow.isStaged(StagedOutput) && !shape.causal)
      exposed += excess(layout.total * v, tile) *
                 std::ceil(units / static_cast<double>(flow.heads));
  } else if (staged) {
    // Of a round, by logits: with a causal mask the first one is short.
    int64_t keys = keysSeen(shape, std::min(flow.rows, layout.total));
    if (flow.keyTile)
      keys = std::min(S, ceilDiv(keys, flow.keyTile) * flow.keyTile);
    double block =
        static_cast<double>(flow.rows * keys) / static_cast<double>(sums.area);
    exposed += excess(flow.rows * d + S * (d + v), block);
    // The last round prefetches nothing: once its keys and values are there all
    // blocks but the first are still to be worked, while DRAM moves queries of
    // the third and later ones, for which there is no slot before, and results.
    int64_t later = std::max<int64_t>(0, layout.total - flow.rows);
    int64_t moved = flow.isStaged(StagedOutput) ? later * v : 0;
    if (flow.isStaged(StagedQ))
      moved += std::max<int64_t>(0, later - flow.rows) * d;
    cycles =
        std::max(cycles, cost.dramCycles + round * (1 - block) -
                             static_cast<double>(flow.heads) * time(moved));
  }
  return std::max(cycles, cost.computeCycles + exposed);
}

double throughRings(const Device &device, const AttentionShape &shape,
                    const Dataflow &flow, const BlockSums &sums,
                    const AttentionLayout &layout, const Cost &cost) {
  double latency = transferLatency(device);
  double fill = static_cast<double>(device.array.fillCycles);
  bool turnsSums =
      layout.isFused && !layout.isOnline && layout.sums == Sums::Partial;
  if (latency + fill == 0 && !turnsSums)
    return layout.isFused
               ? 0
               : throughDram(device, shape, flow, sums, layout, cost);
  double units = static_cast<double>(unitCount(shape));
  double packs = static_cast<double>(ceilDiv(unitCount(shape), flow.packed));
  double rate = device.dramBytesPerCycle();
  // `sum` rows or keys of a unit pass by in strips, each `width` elements wide,
  // in or out or both.
  auto ring = [&](double use, int64_t sum, int64_t strip, int64_t width,
                  int64_t bits, int64_t slots, double ways = 1) {
    double moved = units * static_cast<double>(sum) *
                   static_cast<double>(width) * static_cast<double>(bits) / 8;
    double strips =
        packs * static_cast<double>(sum) / static_cast<double>(strip);
    return std::max(
        ways * moved / rate,
        (use + ways * (moved / rate + strips * latency) + strips * fill) /
            static_cast<double>(slots));
  };
  int64_t d = shape.headDim, v = shape.valueWidth(), e = device.elementBits;
  int64_t seen = layout.isKeysOuter ? shape.keys : sums.keys;
  int64_t visits = layout.isOnline ? sums.rows : sums.rowStrips;
  const ProductSums &products = sums.products(layout);
  double logit = packs * products.logitCycles[static_cast<int>(flow.logit)];
  double attend = packs * products.attendCycles[static_cast<int>(flow.attend)];
  double first = logit, second = attend;
  if (!flow.isStaged(StagedQ))
    first = std::max(
        first, ring(logit, visits, layout.rowStrip, d, e, layout.querySlots));
  if (!flow.isStaged(StagedK))
    first =
        std::max(first, ring(logit, seen, layout.strip, d, e, layout.keySlots));
  if (!flow.isStaged(StagedV))
    second = std::max(
        second, ring(attend, layout.sums == Sums::Strip ? sums.keyTiles : seen,
                     layout.strip, v, e, layout.valueSlots));
  // Whole rows: a sum goes out and comes back before the next strip adds to it,
  // and only the other row strips of the block are worked meanwhile.
  int64_t turns = layout.sumSlots;
  if (turnsSums)
    turns = std::min(turns, ceilDiv(flow.rows, layout.rowStrip));
  if (layout.sums == Sums::Partial)
    second = std::max(second, ring(attend, visits, layout.rowStrip, v,
                                   device.accumulatorBits, turns, 2));
  if (layout.isFused)
    return layout.isOnline || layout.alternates ? std::max(first, second)
                                                : first + second;
  // Logits leave tile by tile, and come back for each tile of the outputs.
  int64_t reads = sums.rowStrips * ceilDiv(v, layout.segment);
  first = std::max(first, ring(logit, sums.rowStrips, layout.rowStrip,
                               layout.strip, e, layout.spillSlots));
  second = std::max(second, ring(attend, reads, layout.rowStrip, layout.strip,
                                 e, layout.spillSlots));
  second = std::max(second, besideSoftmax(device, shape, flow, sums, layout));
  return std::max(first + second,
                  throughDram(device, shape, flow, sums, layout, cost));
}
} // namespace nm::model
