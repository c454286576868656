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

/// The mean of max(a k, b + c k) for k that grows evenly from `first` to
/// `last`.
static double meanOfLarger(double a, double b, double c, double first,
                           double last) {
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
  double scaled = 0;      ///< of these, for masks, sums and results
  double elements = 0;    ///< cycles of elements on the array
  double arrayCycles = 0; ///< of the whole array
  /// Cycles of maxima and exponentials on the array, which logits may take
  /// longer for than PEs; and how many more they are beside products, which
  /// have half of the array.
  double onArray = 0, sharing = 0;

  double ops() const { return lanes + elements; }
};

/// Cycles of the special function unit, which maxima and exponentials on the
/// array occupy too, while `products` cycles of the array are for products.
static double unitCycles(const Cost &cost, const SpecialWork &special,
                         double products) {
  double alone = cost.softmaxCycles + special.onArray;
  return alone > 0 ? alone + special.sharing * std::min(1.0, products / alone)
                   : 0;
}

/// Fused: one pass over the logits, by the array if it can, and outputs are
/// rescaled at each visit; the last one divides by the sum. Else three passes,
/// and results are rounded. A mask passes over the logits that it may hide.
static SpecialWork specialWork(const Device &device,
                               const AttentionShape &shape,
                               const Dataflow &flow, const BlockSums &sums,
                               const AttentionLayout &layout) {
  const SpecialFunctionUnit &sf = device.specialFunction;
  const ArraySoftmax &pe = device.array.softmax;
  double units = static_cast<double>(unitCount(shape));
  double area = units * static_cast<double>(sums.area);
  SpecialWork work;
  double scaled =
      static_cast<double>(sums.rows) * static_cast<double>(shape.valueWidth()) +
      static_cast<double>(sums.maskedLogits(layout));
  work.lanes = work.scaled =
      units * scaled * static_cast<double>(sf.scaleCycles);
  if (!flow.isFused()) {
    work.lanes += area * static_cast<double>(sf.softmaxCycles());
  } else if (device.array.doesSoftmax()) {
    work.elements = area * static_cast<double>(pe.cycles());
    double tiles = units * static_cast<double>(sums.arrayTiles);
    auto add = [&](int64_t peCycles, double accesses) {
      double cycles = tiles * static_cast<double>(peCycles);
      double alone =
          std::max(cycles, accesses * area * (device.elementBits / 8.0) /
                               device.scratchpadBytesPerCycle());
      work.arrayCycles += cycles;
      work.onArray += alone;
      work.sharing += std::max(0.0, 2 * cycles - alone);
    };
    add(pe.maxCycles, 1);
    add(pe.expCycles + pe.sumCycles, 2);
  } else {
    work.lanes +=
        area * static_cast<double>(sf.maxCycles + sf.expCycles + sf.sumCycles);
  }
  return work;
}

/// Bytes through the scratchpad, those from and to DRAM aside: both products;
/// the softmax (fused: read for the maximum, read and written for the
/// exponential; else three reads and two writes); what masks read and write;
/// the sums, added to, rescaled or divided.
static double scratchpadBytes(const Device &device, const AttentionShape &shape,
                              const Dataflow &flow, const BlockSums &sums,
                              const AttentionLayout &layout) {
  const ProductSums &products = sums.products(layout);
  double area = static_cast<double>(sums.area);
  double visited =
      static_cast<double>(sums.rows) * static_cast<double>(shape.valueWidth());
  double moved = products.logitTraffic[static_cast<int>(flow.logit)] +
                 products.attendTraffic[static_cast<int>(flow.attend)] +
                 (flow.isFused() ? 3 : 5) * area +
                 2 * static_cast<double>(sums.maskedLogits(layout));
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

/// Cycles that the array waits for the softmax of whole rows where two steps
/// are at work at a time. Under a causal mask the first blocks, of few keys,
/// have as many masked logits and results as the last ones.
static double blockWait(const Device &device, const AttentionShape &shape,
                        const Dataflow &flow, const BlockSums &sums,
                        const AttentionLayout &layout,
                        const SpecialWork &special, double arrayCycles) {
  bool isBeside = layout.isFused && !layout.isOnline &&
                  (layout.packs > 1 || layout.isDivided);
  if (!isBeside || device.specialFunction.lanes <= 0)
    return 0;
  double lanes = static_cast<double>(device.specialFunction.lanes);
  double scaled = special.scaled / lanes;
  double softmax = special.lanes / lanes - scaled + special.onArray;
  if (!shape.causal)
    return std::max(0.0, scaled + softmax - arrayCycles);
  Seen seen(shape, flow, layout);
  double mean = seen.mean();
  return meanOfLarger(arrayCycles / mean, scaled, softmax / mean, seen.least,
                      seen.most) -
         arrayCycles;
}

Cost priceExtended(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums) {
  AttentionLayout layout(device, shape, flow);
  double units = static_cast<double>(unitCount(shape));
  double width = static_cast<double>(shape.headDim + shape.valueWidth());

  Cost cost;
  cost.footprintBytes = static_cast<double>(layout.bytes);
  UnitTransfers moved = transfersOf(device, shape, flow, sums, layout);
  cost.dramBytes = static_cast<double>(bytesOf(moved, shape));
  cost.dramCycles = std::max(cost.dramBytes, units * moved.bursts) /
                    device.dramBytesPerCycle();

  // Segments work on different heads at the same time.
  const ProductSums &products = sums.products(layout);
  cost.computeCycles =
      (products.logitCycles[static_cast<int>(flow.logit)] +
       products.attendCycles[static_cast<int>(flow.attend)]) *
      static_cast<double>(ceilDiv(unitCount(shape), flow.packed));

  cost.computeCycles += lastPackCycles(device, shape, flow, sums, layout);

  SpecialWork special = specialWork(device, shape, flow, sums, layout);
  if (device.specialFunction.lanes > 0)
    cost.softmaxCycles =
        special.lanes / static_cast<double>(device.specialFunction.lanes);
  double unit = unitCycles(cost, special, cost.computeCycles);
  cost.computeCycles += special.arrayCycles;
  cost.computeCycles += stripWait(device, shape, flow, sums, layout);
  double onChipBytes =
      scratchpadBytes(device, shape, flow, sums, layout) + cost.dramBytes;
  cost.onChipCycles = onChipBytes / device.scratchpadBytesPerCycle();

  cost.overheadCycles = edgeCycles(device, shape, flow, sums, layout) +
                        serialCycles(device, shape, flow, sums, layout,
                                     cost.softmaxCycles + special.arrayCycles);
  Cost waiting = cost;
  waiting.computeCycles +=
      blockWait(device, shape, flow, sums, layout, special, cost.computeCycles);
  cost.cycles =
      std::max({overlapped(device, shape, flow, sums, layout, waiting),
                throughRings(device, shape, flow, sums, layout, cost), unit,
                cost.onChipCycles}) +
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
