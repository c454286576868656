//===- Extended.cpp - The cost model beyond the paper ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Extended.h"
#include "ExtendedTerms.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Model/AttentionLayout.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>
#include <cmath>

namespace nm::model {

using support::ceilDiv;
using support::makeError;

Status checkRange(const Device &device, const AttentionShape &shape) {
  if (Status status = shape.check(); !status)
    return status;
  if (device.kind != DeviceKind::Accelerator)
    return makeError(Errc::Unsupported, "found the processor ", device.name,
                     ", expected an accelerator");
  auto real = [](int64_t value) { return static_cast<long double>(value); };
  int64_t width = std::max(shape.headDim, shape.valueWidth());
  int64_t bits = std::max(device.elementBits, device.accumulatorBits);
  int64_t side = std::min(device.array.rows, device.array.cols);
  // Segments for packed heads are at least as wide as a head.
  if (device.array.packsHeads)
    side = std::min({side, shape.headDim, shape.valueWidth()});
  long double heads = real(shape.batch) * real(shape.heads);
  int64_t logits = shape.batch * shape.heads * shape.queries * shape.keys;
  // A causal diagonal, and blocks of single rows, cost up to twice the work.
  long double moved =
      2 * real(logits) * real(2 * ceilDiv(width, side) + 8) * bits / 8;
  long double resident =
      4 * heads * real(shape.queries + shape.keys) * real(width) * bits;
  if (std::max(moved, resident) > real(int64_t(1) << 62))
    return makeError(Errc::Unsupported, "found attention of width ", width,
                     " with ", logits,
                     " logits, expected at most 2^62 bytes "
                     "of traffic on ",
                     device.name);
  return {};
}

/// Adds `count` products of `r` rows and `k` keys that pass by `strip` at a
/// time, with outputs `width` wide at a time. Sums are added to, in the
/// accumulator's width.
static void addProducts(ProductSums &sums, const Device &device,
                        const AttentionShape &shape, int64_t b, int64_t r,
                        int64_t k, int64_t count, int64_t strip, int64_t width,
                        bool isFused) {
  int64_t a = device.array.rows, d = shape.headDim, v = shape.valueWidth();
  double wide = static_cast<double>(device.accumulatorBits) /
                static_cast<double>(device.elementBits);
  auto add = [&](int64_t keys, int64_t times) {
    if (!keys || !times)
      return;
    double c = static_cast<double>(count) * static_cast<double>(times);
    auto attend = [&](Stationarity s, auto price) {
      int64_t rest = v % width;
      return static_cast<double>(v / width) *
                 static_cast<double>(price(s, a, b, r, keys, width)) +
             (rest ? static_cast<double>(price(s, a, b, r, keys, rest)) : 0);
    };
    // Weights that the array itself has made are where they are needed.
    bool isInPlace = isFused && device.array.doesSoftmax();
    auto weighted = [&](Stationarity s, int64_t a, int64_t b, int64_t m,
                        int64_t k, int64_t n) {
      return isInPlace && s == Stationarity::Input
                 ? productCyclesInPlace(a, b, m, k, n)
                 : productCycles(s, a, b, m, k, n);
    };
    for (int i = 0; i != kNumStationarities; ++i) {
      auto s = static_cast<Stationarity>(i);
      sums.logitCycles[i] +=
          c * static_cast<double>(productCycles(s, a, b, r, d, keys));
      sums.attendCycles[i] += c * attend(s, weighted);
      sums.logitTraffic[i] +=
          c * static_cast<double>(productTraffic(s, a, b, r, d, keys));
      sums.attendTraffic[i] += c * attend(s, productTraffic);
    }
  };
  add(strip, k / strip);
  add(k % strip, 1);
  // Each strip but the first of a step finds sums, and all write them.
  double again = static_cast<double>(count * (ceilDiv(k, strip) - 1)) *
                 static_cast<double>(r * v);
  for (double &traffic : sums.attendTraffic)
    traffic += again * (2 * wide - 1);
}

BlockSums sumSteps(const Device &device, const AttentionShape &shape,
                   int64_t rows, int64_t tile, int64_t packed, int64_t full) {
  int64_t a = device.array.rows, b = device.array.cols / packed;
  int64_t v = shape.valueWidth();
  int64_t segment = full ? device.array.cols / full : b;
  int64_t narrow = stripOf(device, segment, true),
          wide = stripOf(device, segment, false);
  BlockSums sums;
  forEachStep(shape, rows, tile, [&](int64_t r, int64_t k, int64_t count) {
    sums.steps += count;
    sums.rows += count * r;
    sums.keys += count * k;
    sums.area += count * r * k;
    sums.rowStrips += count * r * ceilDiv(k, b);
    sums.keyTiles += count * k * ceilDiv(r, a);
    sums.arrayTiles += count * ceilDiv(r, a) * ceilDiv(k, device.array.cols);
    auto add = [&](ProductSums &products, int64_t strip, int64_t width,
                   bool isFused = true) {
      addProducts(products, device, shape, b, r, k, count, strip, width,
                  isFused);
    };
    add(sums.whole, k, v);
    int64_t part = std::min(r, longerPart(rows, a));
    for (int64_t begin = 0; rows > a && begin < r; begin += part)
      addProducts(sums.divided, device, shape, b, std::min(part, r - begin), k,
                  count, k, v, true);
    if (tile)
      return;
    add(sums.narrow, narrow, v);
    addStrips(sums.narrowStrips, device, shape, packed, r, k, count, narrow);
    if (wide != narrow) {
      add(sums.wide, wide, v);
      addStrips(sums.wideStrips, device, shape, packed, r, k, count, wide);
    }
    if (v > b || device.array.doesSoftmax())
      add(sums.unfused, narrow, std::min(v, b), false);
  });
  if (tile && shape.causal)
    countMasked(sums, shape, rows, tile);
  if (wide == narrow) {
    sums.wide = sums.narrow;
    sums.wideStrips = sums.narrowStrips;
  }
  if (v <= b && !device.array.doesSoftmax())
    sums.unfused = sums.narrow;
  return sums;
}

int64_t footprintBytes(const Device &device, const AttentionShape &shape,
                       const Dataflow &flow) {
  return AttentionLayout(device, shape, flow).bytes;
}

namespace {

/// What passes between a unit and DRAM: bits of payload, which may be more than
/// 2^63 where bytes are less, and the bytes of whole bursts that rows of tokens
/// or of logits take.
class UnitTransfers {
public:
  explicit UnitTransfers(const Device &device)
      : burst(
            static_cast<double>(std::max(device.dram.burstBytes, int64_t(1)))) {
  }

  /// `count` rows of `width` elements.
  void add(__int128 count, int64_t width, int64_t bitsOfElement) {
    bits += count * width * bitsOfElement;
    double row = std::ceil(static_cast<double>(width) *
                           static_cast<double>(bitsOfElement) / 8);
    bursts += static_cast<double>(count) * std::ceil(row / burst) * burst;
  }
  /// `count` elements in rows of `width`.
  void addElements(__int128 count, int64_t width, int64_t bitsOfElement) {
    bits += count * bitsOfElement;
    double row =
        static_cast<double>(width) * static_cast<double>(bitsOfElement) / 8;
    bursts += static_cast<double>(count) * bitsOfElement / 8 *
              (std::ceil(row / burst) * burst / row);
  }

  __int128 bits = 0;
  double bursts = 0;

private:
  double burst;
};

} // namespace

static UnitTransfers transfersOf(const Device &device,
                                 const AttentionShape &shape,
                                 const Dataflow &flow, const BlockSums &sums,
                                 const AttentionLayout &layout) {
  int64_t d = shape.headDim, v = shape.valueWidth(), S = shape.keys;
  int64_t e = device.elementBits;
  bool keysOuter = layout.isKeysOuter;
  UnitTransfers moved(device);
  moved.add(flow.isStaged(StagedQ) ? layout.total
            : layout.isOnline      ? sums.rows
                                   : sums.rowStrips,
            d, e);
  // With keys outside each tile comes once; else a strip comes for each block.
  moved.add(flow.isStaged(StagedK) || keysOuter ? S : sums.keys, d, e);
  // Outputs that stay in the array see all values once for each row tile.
  moved.add(flow.isStaged(StagedV) || keysOuter ? S
            : layout.sums == Sums::Strip        ? sums.keyTiles
                                                : sums.keys,
            v, e);
  moved.add(layout.total, v, e);
  if (!layout.isFused) {
    // Written by logit, read and written by softmax, read by attend.
    moved.addElements(sums.area, layout.strip, e);
    moved.addElements(sums.area, S, e);
    moved.addElements(sums.area, S, e);
    moved.addElements(__int128(sums.area) * ceilDiv(v, layout.segment),
                      layout.strip, e);
  }
  // Partial outputs go out and come back between the parts of a row.
  if (layout.sums == Sums::Partial) {
    int64_t visits = layout.isOnline ? sums.rows : sums.rowStrips;
    int64_t state = layout.isOnline && keysOuter ? 2 : 0;
    moved.add(__int128(visits - layout.total) * 2, v + state,
              device.accumulatorBits);
  }
  return moved;
}

/// Of all units.
static int64_t bytesOf(const UnitTransfers &unit, const AttentionShape &shape) {
  return static_cast<int64_t>(unitCount(shape) * ((unit.bits + 7) / 8));
}

int64_t dramBytes(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow, const BlockSums &sums) {
  return bytesOf(transfersOf(device, shape, flow, sums,
                             AttentionLayout(device, shape, flow)),
                 shape);
}

/// Cycles of array and DRAM together. Both are busy all the time only if what a
/// phase needs is there or may come earlier; two kinds of phases differ from
/// the average.
static double overlapped(const Device &device, const AttentionShape &shape,
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

double meanOfLarger(double a, double b, double c, double first, double last) {
  auto larger = [&](double k) { return std::max(a * k, b + c * k); };
  double turn = a > c ? std::clamp(b / (a - c), first, last) : last;
  if (last <= first)
    return larger(first);
  // Straight on both sides of the turn.
  return ((larger(first) + larger(turn)) * (turn - first) +
          (larger(turn) + larger(last)) * (last - turn)) /
         (2 * (last - first));
}

namespace {

/// Keys that blocks see, which grow evenly with a causal mask.
struct Seen {
  double least, most;
  Seen(const AttentionShape &shape, const Dataflow &flow,
       const AttentionLayout &layout)
      : least(static_cast<double>(
            keysSeen(shape, std::min(flow.rows, layout.total)))),
        most(static_cast<double>(shape.keys)) {}
  double mean() const { return (least + most) / 2; }
};

} // namespace

/// Cycles of what passes through rings of slots. A slot is free when its use
/// has ended, and full again a latency and a transfer later, and the array then
/// fills: a round of all slots takes no less. Where the slots hide the latency
/// this is no more than the larger of use and transfer. With key tiles, and
/// where chunks alternate, the two products take turns; else many strips pass
/// by during the one and then during the other.
static double throughRings(const Device &device, const AttentionShape &shape,
                           const Dataflow &flow, const BlockSums &sums,
                           const AttentionLayout &layout, const Cost &cost) {
  double latency = transferLatency(device);
  double fill = static_cast<double>(device.array.fillCycles);
  bool turnsSums =
      layout.isFused && !layout.isOnline && layout.sums == Sums::Partial;
  if (latency + fill == 0 && !turnsSums)
    return 0;
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

/// Cycles that the array takes longer where the resident units are no whole
/// number of packs: the last pack of each round has fewer units, on wider
/// segments.
static double lastPackCycles(const Device &device, const AttentionShape &shape,
                             const Dataflow &flow, const BlockSums &sums,
                             const AttentionLayout &layout) {
  int64_t rest = flow.heads % flow.packed;
  if (rest == 0)
    return 0;
  int l = static_cast<int>(flow.logit), t = static_cast<int>(flow.attend);
  auto pack = [&](const ProductSums &products) {
    return products.logitCycles[l] + products.attendCycles[t];
  };
  BlockSums few =
      sumSteps(device, shape, flow.rows, flow.keyTile, rest, flow.packed);
  double whole = pack(sums.products(layout)), last = pack(few.products(layout));
  double rounds = static_cast<double>(ceilDiv(unitCount(shape), flow.heads));
  double even = static_cast<double>(ceilDiv(unitCount(shape), flow.packed));
  return std::max(
      0.0, rounds * (static_cast<double>(layout.packs - 1) * whole + last) -
               even * whole);
}

/// Lane cycles of the special function unit, and PE cycles of the softmax on
/// the array.
struct SpecialWork {
  double lanes = 0;
  double elements = 0;    ///< cycles of elements on the array
  double arrayCycles = 0; ///< of the whole array

  double ops() const { return lanes + elements; }
};

/// Fused: one pass over the logits, by the array if it can, and outputs are
/// rescaled at each visit; the last one divides by the sum. Else three passes,
/// and results are rounded.
static SpecialWork specialWork(const Device &device,
                               const AttentionShape &shape,
                               const Dataflow &flow, const BlockSums &sums) {
  const SpecialFunctionUnit &sf = device.specialFunction;
  const ArraySoftmax &pe = device.array.softmax;
  double units = static_cast<double>(unitCount(shape));
  double area = units * static_cast<double>(sums.area);
  SpecialWork work;
  work.lanes = units * static_cast<double>(sums.rows) *
               static_cast<double>(shape.valueWidth()) *
               static_cast<double>(sf.scaleCycles);
  if (!flow.isFused()) {
    work.lanes += area * static_cast<double>(sf.softmaxCycles());
  } else if (device.array.doesSoftmax()) {
    work.elements = area * static_cast<double>(pe.cycles());
    work.arrayCycles = units * static_cast<double>(sums.arrayTiles) *
                       static_cast<double>(pe.cycles());
  } else {
    work.lanes +=
        area * static_cast<double>(sf.maxCycles + sf.expCycles + sf.sumCycles);
  }
  return work;
}

/// Bytes through the scratchpad, those from and to DRAM aside: both products;
/// the softmax (fused: read for the maximum, read and written for the
/// exponential; else three reads and two writes); the sums, added to, rescaled
/// or divided.
static double scratchpadBytes(const Device &device, const AttentionShape &shape,
                              const Dataflow &flow, const BlockSums &sums,
                              const ProductSums &products) {
  double area = static_cast<double>(sums.area);
  double visited =
      static_cast<double>(sums.rows) * static_cast<double>(shape.valueWidth());
  double moved = products.logitTraffic[static_cast<int>(flow.logit)] +
                 products.attendTraffic[static_cast<int>(flow.attend)] +
                 (flow.isFused() ? 3 : 5) * area;
  return static_cast<double>(unitCount(shape)) *
         (moved * (device.elementBits / 8.0) +
          3 * visited * (device.accumulatorBits / 8.0));
}

/// Parts of a step that take turns with another, on average.
static double piecesOf(const AttentionShape &shape, const Dataflow &flow,
                       const AttentionLayout &layout) {
  if (!layout.alternates)
    return static_cast<double>(ceilDiv(flow.rows, layout.partRows));
  if (!shape.causal)
    return static_cast<double>(ceilDiv(shape.keys, layout.chunk));
  double chunk = static_cast<double>(layout.chunk),
         rows = static_cast<double>(flow.rows);
  // What rounding up adds.
  double begun = flow.rows % layout.chunk == 0 ? 0
                 : rows < chunk                ? (1 - rows / chunk) / 2
                                               : 0.5;
  return std::max(1.0, Seen(shape, flow, layout).mean() / chunk + begun);
}

/// The share of logits that are in the first chunk of their step, where chunks
/// take turns; else all.
static double firstChunks(const AttentionShape &shape, const Dataflow &flow,
                          const AttentionLayout &layout) {
  if (!layout.alternates)
    return 1;
  if (!shape.causal)
    return 1 / piecesOf(shape, flow, layout);
  Seen seen(shape, flow, layout);
  double chunk = static_cast<double>(std::min(layout.chunk, shape.keys));
  return (seen.mean() + chunk -
          meanOfLarger(1, chunk, 0, seen.least, seen.most)) /
         seen.mean();
}

/// Cycles in which nothing else can go on: the first operands come in, and the
/// last outputs go out, alone (those of all units side by side); the array
/// turns from logits to outputs and back for each pack of units and each piece.
static double edgeCycles(const Device &device, const AttentionShape &shape,
                         const Dataflow &flow, const BlockSums &sums,
                         const AttentionLayout &layout) {
  auto overhead = [&](Stationarity stationarity) {
    return static_cast<double>(
        device.array.stepOverhead[static_cast<int>(stationarity)]);
  };
  int64_t firstKeys = flow.isStaged(StagedK) ? shape.keys
                      : flow.keyTile ? std::min(flow.keyTile, shape.keys)
                                     : std::min(device.array.cols, shape.keys);
  double edgeBytes = static_cast<double>(flow.packed * (flow.rows + firstKeys) *
                                         (shape.headDim + shape.valueWidth())) *
                     (device.elementBits / 8.0);
  return (overhead(flow.logit) + overhead(flow.attend)) / 2 *
             static_cast<double>(sums.steps) * piecesOf(shape, flow, layout) *
             static_cast<double>(ceilDiv(unitCount(shape), flow.packed)) +
         edgeBytes / device.dramBytesPerCycle() + 2 * transferLatency(device) +
         static_cast<double>(device.array.fillCycles);
}

/// Cycles in which the array waits for a softmax. Where two steps share the
/// place of their logits, it waits between them: for a chunk's softmax if
/// chunks take turns, else for all of it.
static double serialCycles(const Device &device, const AttentionShape &shape,
                           const Dataflow &flow, const BlockSums &sums,
                           const AttentionLayout &layout,
                           double softmaxCycles) {
  bool isSerial = layout.isFused && !layout.isOnline && layout.packs == 1 &&
                  layout.partRows >= flow.rows;
  if (!isSerial)
    return 0;
  double units = static_cast<double>(unitCount(shape));
  double area = static_cast<double>(sums.area);
  double softmax =
      std::max(softmaxCycles, 3 * units * area * (device.elementBits / 8.0) /
                                  device.scratchpadBytesPerCycle());
  // And for the results of the step before, which come first; where there are
  // but two slots for them, for these too.
  double outputs = units * static_cast<double>(sums.rows * shape.valueWidth());
  const SpecialFunctionUnit &sf = device.specialFunction;
  double results = std::max(
      sf.lanes > 0 ? outputs * static_cast<double>(sf.scaleCycles) /
                         static_cast<double>(sf.lanes)
                   : 0,
      outputs *
          static_cast<double>(device.accumulatorBits + device.elementBits) / 8 /
          device.scratchpadBytesPerCycle());
  double fixed = static_cast<double>(device.array.fillCycles);
  if (layout.resultSlots == 2) {
    double chunk =
        static_cast<double>(flow.packed * layout.outRows * shape.valueWidth()) *
        static_cast<double>(device.elementBits) / 8 /
        device.dramBytesPerCycle();
    int64_t turns = ceilDiv(ceilDiv(flow.rows, layout.outRows), int64_t(2)) - 1;
    fixed += static_cast<double>(turns) * (chunk + transferLatency(device));
  }
  return softmax * firstChunks(shape, flow, layout) + results +
         fixed * static_cast<double>(sums.steps) *
             static_cast<double>(ceilDiv(unitCount(shape), flow.heads));
}

Cost priceExtended(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums) {
  AttentionLayout layout(device, shape, flow);
  double units = static_cast<double>(unitCount(shape));
  double width = static_cast<double>(shape.headDim + shape.valueWidth());

  Cost cost;
  cost.footprintBytes = static_cast<double>(layout.bytes);
  UnitTransfers unit = transfersOf(device, shape, flow, sums, layout);
  cost.dramBytes = static_cast<double>(bytesOf(unit, shape));
  cost.dramCycles = std::max(cost.dramBytes, units * unit.bursts) /
                    device.dramBytesPerCycle();

  // Segments work on different heads at the same time.
  const ProductSums &products = sums.products(layout);
  cost.computeCycles =
      (products.logitCycles[static_cast<int>(flow.logit)] +
       products.attendCycles[static_cast<int>(flow.attend)]) *
      static_cast<double>(ceilDiv(unitCount(shape), flow.packed));

  cost.computeCycles += lastPackCycles(device, shape, flow, sums, layout);

  SpecialWork special = specialWork(device, shape, flow, sums);
  cost.computeCycles += special.arrayCycles;
  if (device.specialFunction.lanes > 0)
    cost.softmaxCycles =
        special.lanes / static_cast<double>(device.specialFunction.lanes);
  cost.computeCycles += stripWait(device, shape, flow, sums, layout);
  double onChipBytes =
      scratchpadBytes(device, shape, flow, sums, products) + cost.dramBytes;
  cost.onChipCycles = onChipBytes / device.scratchpadBytesPerCycle();

  cost.overheadCycles = edgeCycles(device, shape, flow, sums, layout) +
                        serialCycles(device, shape, flow, sums, layout,
                                     cost.softmaxCycles + special.arrayCycles);
  cost.cycles = std::max({overlapped(device, shape, flow, sums, layout, cost),
                          throughRings(device, shape, flow, sums, layout, cost),
                          cost.softmaxCycles, cost.onChipCycles}) +
                cost.overheadCycles;
  cost.idealCycles = units * neededLogits(shape) * width /
                     static_cast<double>(device.array.macsPerCycle());
  const EnergyTable &energy = device.energy;
  cost.energyPj = energy.mac * units * static_cast<double>(sums.area) * width +
                  energy.specialFunctionOp * special.ops() +
                  energy.scratchpadByte * onChipBytes +
                  energy.dramByte * cost.dramBytes +
                  device.staticPj(cost.cycles);
  return cost;
}

Status checkExtended(const Device &device, const AttentionShape &shape,
                     const Dataflow &flow) {
  if (Status status = checkRange(device, shape); !status)
    return status;
  auto refuse = [](auto &&...parts) {
    return makeError(Errc::Unsupported, "found ", parts...);
  };
  for (Stationarity s : {flow.logit, flow.attend})
    if (!device.array.supports(s))
      return refuse(toString(s), " stationarity, which ", device.name,
                    " lacks, expected one of its own");
  int64_t total = foldedRows(shape), units = unitCount(shape);
  bool row = flow.granularity == Granularity::Row;
  if (flow.rows < 1 || flow.rows > total || (!row && flow.rows != total))
    return refuse("blocks of ", flow.rows, " rows, expected ",
                  row ? "1 to " : "all ", total);
  int64_t heads = flow.granularity == Granularity::Batch ? units
                  : flow.granularity == Granularity::Sample
                      ? shape.kvHeadCount()
                      : flow.heads;
  if (flow.heads < 1 || flow.heads > units || flow.heads != heads)
    return refuse(flow.heads, " resident heads, expected ",
                  row || flow.granularity == Granularity::Head
                      ? "1 to " + std::to_string(units)
                      : std::to_string(heads));
  if (flow.keyTile < 0 || flow.keyTile > shape.keys)
    return refuse("key tiles of ", flow.keyTile, ", expected 0 to ",
                  shape.keys);
  if (flow.keyTile && !flow.isFused())
    return refuse("key tiles without staged logits, expected them staged");
  if (flow.order == LoopOrder::KeysOuter && !flow.keyTile)
    return refuse("keys in the outer loop without key tiles, expected tiles");
  int64_t narrow = std::min(shape.headDim, shape.valueWidth());
  if (flow.packed < 1 || device.array.cols % flow.packed ||
      (flow.packed > 1 && flow.packed * narrow > device.array.cols) ||
      (flow.packed > 1 && !device.array.packsHeads) || flow.packed > flow.heads)
    return refuse(flow.packed, " heads side by side, expected ",
                  device.array.packsHeads
                      ? "a divisor of the columns, no more than are resident "
                        "and segments at least as wide as a head"
                      : "1, for the array has no segments");
  int64_t bytes = footprintBytes(device, shape, flow);
  if (bytes > device.scratchpad.bytes)
    return refuse(bytes, " live bytes, expected at most the ",
                  device.scratchpad.bytes, " of the scratchpad");
  return {};
}

int64_t extendedFootprint(const Device &device, const AttentionShape &shape,
                          const Dataflow &flow) {
  return footprintBytes(device, shape, flow);
}

int64_t extendedDramBytes(const Device &device, const AttentionShape &shape,
                          const Dataflow &flow) {
  return dramBytes(
      device, shape, flow,
      sumSteps(device, shape, flow.rows, flow.keyTile, flow.packed));
}

Cost evaluateExtended(const Device &device, const AttentionShape &shape,
                      const Dataflow &flow) {
  return priceExtended(
      device, shape, flow,
      sumSteps(device, shape, flow.rows, flow.keyTile, flow.packed));
}

} // namespace nm::model
