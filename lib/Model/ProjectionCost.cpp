//===- ProjectionCost.cpp - Time and energy of projections -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A projection is a pipeline of three stages: strips come in, the array adds
// them to the sums of a block, and the sums go out. Its time is that of the
// slowest stage, the first strip in and the last block out.
//
//===----------------------------------------------------------------------===//

#include "ProjectionTerms.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <cmath>

namespace nm::model {

using support::ceilDiv;

namespace {

/// Elements of sums that a product of depth `k` reads and writes.
int64_t sumTraffic(Stationarity stationarity, int64_t a, int64_t b, int64_t m,
                   int64_t k, int64_t n) {
  switch (stationarity) {
  case Stationarity::Output:
    break;
  case Stationarity::Weight:
    return m * n * (2 * ceilDiv(k, a) - 1);
  case Stationarity::Input:
    return m * n * (2 * ceilDiv(k, b) - 1);
  }
  return m * n;
}

/// Cycles of the parts of one block, and what it moves.
struct BlockTerms {
  double array = 0; ///< at work, all strips
  /// Each product beside the transfer of the strip after it.
  double pipeline = 0;
  double compute = 0; ///< the part of it without the scratchpad's bandwidth
  double stall = 0;   ///< of the array, waiting for a slow round of a buffer
  double load = 0;
  double firstLoad = 0, lastProduct = 0; ///< of a strip
  double firstGreedy = 0; ///< the first one, with all that follows beside it
  double special = 0, store = 0;
  double onChipBytes = 0, decoded = 0;
};

/// A loop over blocks, of which the last one may be smaller.
struct BlockLoop {
  BlockLoop(int64_t size, int64_t block)
      : whole(size / block), rest(size % block) {}
  int64_t whole; ///< blocks of full size
  int64_t rest;  ///< size of the last one, or 0
  int64_t blocks() const { return whole + (rest ? 1 : 0); }
};

/// The time and energy of one projection with one tiling.
class ProjectionCostModel {
public:
  ProjectionCostModel(const Device &device, const ProjectionShape &shape,
                      const ProjectionTiling &tiling)
      : device(device), shape(shape), tiling(tiling),
        depth(projectionDepth(device, shape, tiling)),
        tokenLoop(shape.tokens, tiling.tokens), outLoop(shape.out, tiling.out),
        bandwidth(device.dramBytesPerCycle()),
        onChip(device.scratchpadBytesPerCycle()),
        latency(transferLatency(device)),
        fill(static_cast<double>(device.array.fillCycles)),
        slots(static_cast<double>(tiling.slots)),
        resultSlots(static_cast<double>(tiling.resultSlots())) {}

  Cost price() const;

private:
  /// What a strip takes on the array and to come in.
  struct Strip {
    double array = 0, load = 0;
    /// The same beside the strips that come in behind this one: each of the two
    /// streams has half of the bandwidth while the other has slots to fill.
    double greedy = 0;
  };
  Strip addStrips(BlockTerms &block, int64_t m, int64_t n, int64_t k,
                  int64_t count, bool isFirst) const;
  /// Adds `count` products beside the transfers of the strips after them. A
  /// slot is free again when its product has ended, full a latency and a
  /// transfer later, and its operands then fill the array: so long a turn of
  /// all slots takes at least.
  void addTurns(BlockTerms &block, double array, double load,
                int64_t count) const;
  BlockTerms blockTerms(int64_t m, int64_t n) const;
  /// What all blocks of the token and output loops take together.
  struct Totals {
    BlockTerms first, last;
    double pipeline = 0, array = 0, special = 0, stall = 0;
    double exposed = 0; ///< of all blocks but the last
    double waiting = 0; ///< the last one's
    double dramCycles = 0, computeCycles = 0;
    double decoded = 0, onChipBytes = 0;
  };
  Totals sumBlocks() const;
  /// Cycles in which the array waits for the sums of a block of `m` tokens.
  double exposedCycles(const BlockTerms &block, int64_t m) const;
  /// Cycles from the last product of a block until the special unit has worked
  /// its sums, in `parts` that pass through the slots.
  double specialCycles(const BlockTerms &block, double parts) const;
  /// The same until all have left.
  double outCycles(const BlockTerms &block, double parts) const;
  /// How often the array is set up: anew where the size of a product changes.
  double setups() const;
  int64_t stripCount() const {
    return tokenLoop.blocks() * outLoop.blocks() * ceilDiv(shape.in, depth);
  }
  /// Bytes of whole bursts that rows of a strip take; whole rows lie side by
  /// side.
  double burstBytes(int64_t rows, int64_t row, int64_t k) const {
    int64_t burst = std::max(device.dram.burstBytes, int64_t(1));
    if (k == shape.in)
      return static_cast<double>(ceilDiv(rows * row, burst) * burst);
    return static_cast<double>(rows) *
           static_cast<double>(ceilDiv(row, burst) * burst);
  }
  /// Parts in which the sums of a block leave.
  double chunks(int64_t m) const {
    return static_cast<double>(ceilDiv(m, projectionChunk(device, tiling)));
  }
  /// Cycles of latency, of each block, because parts are smaller than they
  /// should be where their ring does not fit. What they gain at the ends is
  /// left out, so that a larger scratchpad is never worse.
  double smallerParts() const {
    int64_t whole = projectionChunk(device, tiling), part = whole;
    int64_t room =
        device.scratchpad.bytes - projectionFootprint(device, shape, tiling);
    while (part > 1 &&
           tiling.resultSlots() * part * device.elementBytes(tiling.out) > room)
      part = ceilDiv(part, int64_t(2));
    return static_cast<double>(ceilDiv(tiling.tokens, part) -
                               ceilDiv(tiling.tokens, whole)) /
           resultSlots * latency;
  }
  /// Whether the sums of a second block fit, so that one leaves while the array
  /// works on the other.
  bool overlaps() const {
    int64_t sums =
        bitsToBytes(tiling.tokens * tiling.out * device.accumulatorBits);
    int64_t outputs = tiling.resultSlots() * projectionChunk(device, tiling) *
                      device.elementBytes(tiling.out);
    return projectionFootprint(device, shape, tiling) + sums + outputs + 1024 <=
           device.scratchpad.bytes;
  }

  const Device &device;
  const ProjectionShape &shape;
  const ProjectionTiling &tiling;
  int64_t depth;
  BlockLoop tokenLoop, outLoop;
  double bandwidth, onChip, latency, fill, slots, resultSlots;
};

ProjectionCostModel::Strip
ProjectionCostModel::addStrips(BlockTerms &block, int64_t m, int64_t n,
                               int64_t k, int64_t count, bool isFirst) const {
  if (!count || !k)
    return {};
  bool skips = !shape.sparse() || device.array.skips(shape.pattern);
  int64_t worked = skips ? keptElements(shape, k) : k;
  int64_t a = device.array.rows, b = device.array.cols;
  Stationarity s = tiling.stationarity;
  double product = static_cast<double>(productCycles(s, a, b, m, worked, n));
  // Weights pass the decoder each time they enter the array.
  int64_t passes = s == Stationarity::Weight ? 1 : ceilDiv(m, a);
  double decoded = 0;
  if (shape.sparse()) {
    decoded = static_cast<double>(passes) *
              static_cast<double>(keptElements(shape, k) * n);
    if (device.array.indexDecodesPerCycle > 0)
      product = std::max(
          product,
          decoded / static_cast<double>(device.array.indexDecodesPerCycle));
  }
  int64_t sums = sumTraffic(s, a, b, m, worked, n);
  double bytes =
      static_cast<double>(productTraffic(s, a, b, m, worked, n) - sums) *
          device.elementBits / 8.0 +
      static_cast<double>(sums + (isFirst ? 0 : m * n)) *
          device.accumulatorBits / 8.0 +
      static_cast<double>(passes) * static_cast<double>(n) *
          static_cast<double>(indexBytes(shape, k));
  double inputs = burstBytes(m, device.elementBytes(k), k) / bandwidth;
  double weights =
      (burstBytes(n, device.elementBytes(keptElements(shape, k)), k) +
       burstBytes(n, indexBytes(shape, k), k)) /
      bandwidth;
  double load = inputs + weights;
  double array = std::max(product, bytes / onChip);

  double c = static_cast<double>(count);
  block.compute += c * product;
  block.array += c * array;
  block.load += c * load;
  block.onChipBytes += c * bytes;
  block.decoded += c * decoded;
  double ahead = std::min(slots, static_cast<double>(stripCount()));
  return {array, load,
          std::max(weights + std::min(weights, ahead * inputs),
                   inputs + std::min(inputs, ahead * weights))};
}

void ProjectionCostModel::addTurns(BlockTerms &block, double array, double load,
                                   int64_t count) const {
  double c = static_cast<double>(count), both = std::max(array, load);
  double turn = (array + latency + load + fill) / slots;
  block.pipeline += c * both;
  // The first strips never wait for a slot.
  double strips = static_cast<double>(stripCount());
  block.stall +=
      c * std::max(0.0, turn - both) * (std::max(strips - slots, 0.0) / strips);
}

BlockTerms ProjectionCostModel::blockTerms(int64_t m, int64_t n) const {
  BlockTerms block;
  int64_t whole = shape.in / depth;
  // Only the first strip finds no sums.
  Strip strip = addStrips(block, m, n, depth, 1, true);
  block.firstLoad = strip.load;
  block.firstGreedy = strip.greedy;
  block.lastProduct = strip.array;
  if (whole > 1) {
    Strip other = addStrips(block, m, n, depth, whole - 1, false);
    addTurns(block, other.array, other.load, whole - 1);
    block.lastProduct = other.array;
  }
  double before = block.lastProduct;
  if (int64_t rest = shape.in % depth) {
    Strip last = addStrips(block, m, n, rest, 1, false);
    addTurns(block, before, last.load, 1);
    block.lastProduct = last.array;
  }
  addTurns(block, block.lastProduct, block.firstLoad, 1);
  double elements = static_cast<double>(m) * static_cast<double>(n);
  double bytes =
      elements *
      static_cast<double>(device.accumulatorBits + device.elementBits) / 8.0;
  block.onChipBytes += bytes;
  block.special = bytes / onChip;
  if (device.specialFunction.lanes > 0)
    block.special = std::max(
        block.special,
        elements * static_cast<double>(device.specialFunction.scaleCycles) /
            static_cast<double>(device.specialFunction.lanes));
  int64_t burst = std::max(device.dram.burstBytes, int64_t(1));
  block.store =
      static_cast<double>(m) *
      static_cast<double>(ceilDiv(device.elementBytes(n), burst) * burst) /
      bandwidth;
  return block;
}

// Part i begins when the one before has been worked and when part i -
// resultSlots has left; it leaves a latency after it has been worked, behind
// the one before. So the end of the last one is the longest path of these
// steps. Each turn through a slot costs a latency, both works, and passes
// `resultSlots` parts; as the length of a path is linear in the number of
// turns, the longest has none or all.
double ProjectionCostModel::specialCycles(const BlockTerms &block,
                                          double parts) const {
  double work = block.special / parts, leave = block.store / parts;
  double most = block.special;
  for (double turns : {1.0, std::floor((parts - 1) / resultSlots)})
    if (parts - 1 >= turns * resultSlots)
      most = std::max(most, work + turns * (latency + leave + work) +
                                (parts - 1 - turns * resultSlots) *
                                    std::max(work, leave));
  return most + smallerParts();
}

double ProjectionCostModel::outCycles(const BlockTerms &block,
                                      double parts) const {
  double work = block.special / parts, leave = block.store / parts;
  double most = 0;
  for (double turns : {0.0, std::floor((parts - 1) / resultSlots)})
    most = std::max(most, turns * (latency + leave + work) +
                              (parts - 1 - turns * resultSlots) *
                                  std::max(work, leave));
  return work + latency + leave + most + smallerParts();
}

double ProjectionCostModel::exposedCycles(const BlockTerms &block,
                                          int64_t m) const {
  // The array waits until the sums are out but for what the slots hold. A
  // strip comes in meanwhile, from the same bandwidth.
  double parts = chunks(m), products = block.pipeline + block.stall;
  double store = block.store * std::max(parts - resultSlots, 0.0) / parts;
  double wait = std::max(specialCycles(block, parts),
                         store + std::min(store, block.firstLoad));
  double alone = std::max(
      std::max(block.special, store),
      std::max(block.array + wait, block.load + block.store) - products);
  // With a second block of sums a store takes half of the bandwidth; the
  // array feels what the loads then lack.
  if (overlaps())
    alone =
        std::min(alone, block.store *
                            std::clamp(2 - block.array / block.load, 0.0, 1.0));
  // The ring goes on from block to block.
  double ring =
      parts / resultSlots * (latency + (block.special + block.store) / parts) +
      smallerParts();
  return std::max(
      {alone, specialCycles(block, parts) + fill - products, ring - products});
}

ProjectionCostModel::Totals ProjectionCostModel::sumBlocks() const {
  Totals totals;
  auto add = [&](int64_t m, int64_t n, int64_t count) {
    if (!count || !m || !n)
      return;
    BlockTerms block = blockTerms(m, n);
    double c = static_cast<double>(count);
    if (totals.pipeline == 0)
      totals.first = block;
    totals.last = block;
    totals.pipeline += c * block.pipeline;
    totals.array += c * block.array;
    totals.stall += c * block.stall;
    totals.dramCycles += c * (block.load + block.store);
    totals.computeCycles += c * block.compute;
    totals.decoded += c * block.decoded;
    totals.onChipBytes += c * block.onChipBytes;
    // Nothing waits for the sums of the last block.
    totals.exposed += totals.waiting;
    totals.waiting = exposedCycles(block, m);
    totals.exposed += (c - 1) * totals.waiting;
    totals.special += c * block.special;
  };
  add(tiling.tokens, tiling.out, tokenLoop.whole * outLoop.whole);
  add(tokenLoop.rest, tiling.out, outLoop.whole);
  add(tiling.tokens, outLoop.rest, tokenLoop.whole);
  add(tokenLoop.rest, outLoop.rest, 1);
  return totals;
}

double ProjectionCostModel::setups() const {
  auto changes = [](const BlockLoop &loop) {
    return loop.whole && loop.rest ? 2.0 : 0.0;
  };
  double blocks = static_cast<double>(tokenLoop.blocks()) *
                  static_cast<double>(outLoop.blocks());
  return 1 + changes(outLoop) / 2 +
         changes(tokenLoop) * static_cast<double>(outLoop.blocks()) +
         changes(BlockLoop(shape.in, depth)) * blocks;
}

Cost ProjectionCostModel::price() const {
  double blocks = static_cast<double>(tokenLoop.blocks()) *
                  static_cast<double>(outLoop.blocks());
  Cost cost;
  cost.footprintBytes =
      static_cast<double>(projectionFootprint(device, shape, tiling));
  int64_t bytes = outLoop.blocks() * bitsToBytes(shape.tokens * shape.in *
                                                 device.elementBits) +
                  tokenLoop.blocks() * weightBytes(device, shape) +
                  bitsToBytes(shape.tokens * shape.out * device.elementBits);
  cost.dramBytes = static_cast<double>(bytes);
  Totals totals = sumBlocks();
  cost.dramCycles = totals.dramCycles;
  cost.computeCycles = totals.computeCycles;
  double onChipBytes = totals.onChipBytes + cost.dramBytes;
  cost.onChipCycles = onChipBytes / onChip;

  double parts = chunks(std::min(shape.tokens, tiling.tokens));
  const BlockTerms &first = totals.first, &last = totals.last;
  double out = outCycles(last, parts);
  // Of all blocks but one: the last one, or, because a ring that is full holds
  // up the sums after it too, one like the others.
  double waits = std::max(totals.exposed, (totals.exposed + totals.waiting) *
                                              (blocks - 1) / blocks);
  // Nothing comes in beside the last product.
  double tail = std::max(last.firstLoad - last.lastProduct, 0.0);
  double busy = std::max(
      {first.firstLoad + totals.pipeline - tail + waits + totals.stall,
       first.firstGreedy + totals.array,
       cost.dramCycles - last.store + last.lastProduct, cost.onChipCycles});
  double slowest =
      std::max({cost.computeCycles, cost.dramCycles, cost.onChipCycles});
  double step = static_cast<double>(
      device.array.stepOverhead[static_cast<int>(tiling.stationarity)]);
  // The special unit works through all sums after those of the first block.
  double through = first.firstLoad + first.array + totals.special +
                   last.store / parts + latency;
  cost.overheadCycles = step / 2 * setups() + latency + fill +
                        std::max(std::max(busy + out, through) - slowest, 0.0);
  cost.cycles = slowest + cost.overheadCycles;

  bool skips = !shape.sparse() || device.array.skips(shape.pattern);
  double macs =
      static_cast<double>(shape.tokens) *
      static_cast<double>(skips ? keptElements(shape, shape.in) : shape.in) *
      static_cast<double>(shape.out);
  cost.idealCycles = macs / static_cast<double>(device.array.macsPerCycle());
  cost.energyPj =
      device.energy.mac * macs + device.energy.indexDecode * totals.decoded +
      device.energy.scratchpadByte * onChipBytes +
      device.energy.dramByte * cost.dramBytes + device.staticPj(cost.cycles);
  return cost;
}

} // namespace

int64_t projectionChunk(const Device &device, const ProjectionTiling &tiling) {
  constexpr int64_t kParts = 16, kBytes = 2048;
  int64_t row = std::max(device.elementBytes(tiling.out), int64_t(1));
  return std::clamp<int64_t>(
      std::max(ceilDiv(tiling.tokens, kParts), kBytes / row), 1, tiling.tokens);
}

int64_t projectionFootprint(const Device &device, const ProjectionShape &shape,
                            const ProjectionTiling &tiling) {
  int64_t depth = projectionDepth(device, shape, tiling);
  return bitsToBytes(tiling.slots * tiling.tokens * depth *
                     device.elementBits) +
         tiling.slots * weightBytes(device, shape, tiling.out, depth) +
         bitsToBytes(tiling.tokens * tiling.out * device.accumulatorBits);
}

Cost priceProjection(const Device &device, const ProjectionShape &shape,
                     const ProjectionTiling &tiling) {
  return ProjectionCostModel(device, shape, tiling).price();
}

int64_t weightBytes(const Device &device, const ProjectionShape &shape) {
  return weightBytes(device, shape, shape.out, shape.in);
}

} // namespace nm::model
