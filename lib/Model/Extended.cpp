//===- Extended.cpp - The cost model beyond the paper ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Extended.h"
#include "AttentionLayout.h"
#include "ExtendedTerms.h"
#include <algorithm>
#include <cmath>

namespace nm::model {

using rt::ceilDiv;
using rt::makeError;

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
  long double logits = heads * real(shape.queries) * real(shape.keys);
  // A causal diagonal, and blocks of single rows, cost up to twice the work.
  long double moved = 2 * logits * real(2 * ceilDiv(width, side) + 8) * bits;
  long double worked = 8 * logits * real(width);
  long double resident =
      4 * heads * real(shape.queries + shape.keys) * real(width) * bits;
  if (std::max({moved, worked, resident}) > real(int64_t(1) << 60))
    return makeError(Errc::Unsupported, "found attention of width ", width,
                     " with ", static_cast<double>(logits),
                     " logits, expected at most 2^60 bits of traffic on ",
                     device.name);
  return {};
}

BlockSums sumSteps(const Device &device, const AttentionShape &shape,
                   int64_t rows, int64_t tile, int64_t packed) {
  int64_t a = device.array.rows, b = device.array.cols / packed;
  int64_t d = shape.headDim, v = shape.valueWidth();
  BlockSums sums;
  forEachStep(shape, rows, tile, [&](int64_t r, int64_t k, int64_t count) {
    sums.steps += count;
    sums.rows += count * r;
    sums.keys += count * k;
    sums.area += count * r * k;
    sums.rowStrips += count * r * ceilDiv(k, b);
    sums.keyTiles += count * k * ceilDiv(r, a);
    for (int i = 0; i != kNumStationarities; ++i) {
      auto s = static_cast<Stationarity>(i);
      sums.logitCycles[i] += count * productCycles(s, a, b, r, d, k);
      sums.attendCycles[i] += count * productCycles(s, a, b, r, k, v);
      sums.logitTraffic[i] += count * productTraffic(s, a, b, r, d, k);
      sums.attendTraffic[i] += count * productTraffic(s, a, b, r, k, v);
    }
  });
  return sums;
}

int64_t footprintBytes(const Device &device, const AttentionShape &shape,
                       const Dataflow &flow) {
  AttentionLayout layout(device, shape, flow);
  int64_t d = shape.headDim, v = shape.valueWidth(), S = shape.keys;
  int64_t g = flow.heads, p = flow.packed, group = shape.group(), bytes = 0;
  // Buffers begin at multiples of 64 bytes.
  auto add = [&](int64_t count, int64_t bits) {
    bytes += ceilDiv(bitsToBytes(count * bits), int64_t(64)) * 64;
  };
  auto elements = [&](int64_t count) { add(count, device.elementBits); };
  auto sums = [&](int64_t count) { add(count, device.accumulatorBits); };
  // Rows of grouped heads lie position by position.
  auto padded = [&](int64_t rows) { return ceilDiv(rows, group) * group; };
  // What is not staged passes through a few buffers of a strip.
  elements(flow.isStaged(StagedQ)
               ? 2 * g * padded(layout.residentRows) * d
               : layout.querySlots * p * padded(layout.rowStrip) * d);
  elements(flow.isStaged(StagedK) ? 2 * g * S * d
                                  : layout.keySlots * p * layout.strip * d);
  elements(flow.isStaged(StagedV) ? 2 * g * S * v
                                  : layout.valueSlots * p * layout.strip * v);
  if (layout.isFused) {
    elements(layout.logitsSlots * layout.logitsUnits * flow.rows *
             (layout.isOnline ? layout.strip : S));
    // Maxima, sums, and the maxima before a key tile, of two blocks at work.
    for (int i = 0; i != (layout.isOnline ? 3 : 2); ++i)
      sums(layout.stateSlots * layout.stateRows);
  } else {
    elements(layout.spillSlots * p * layout.rowStrip * layout.strip);
    elements(layout.spillSlots * p * layout.rowStrip * layout.strip);
    elements(layout.softmaxSlots * layout.softmaxRows * S);
  }
  elements(layout.resultSlots * p * padded(layout.outRows) * v);
  // A sum is as large as the two elements of a double buffer.
  sums(layout.sums == Sums::Resident
           ? g * layout.residentRows * v
           : layout.sumSlots * p * layout.rowStrip * v);
  return bytes;
}

int64_t dramBytes(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow, const BlockSums &sums) {
  int64_t d = shape.headDim, v = shape.valueWidth(), S = shape.keys;
  int64_t total = foldedRows(shape);
  bool keysOuter = flow.order == LoopOrder::KeysOuter;

  int64_t e = total * d;
  if (!flow.isStaged(StagedQ))
    e = (flow.keyTile ? sums.rows : sums.rowStrips) * d;
  else if (keysOuter)
    e = total * d;
  // With keys outside each tile comes once; else a strip comes for each block.
  e += (flow.isStaged(StagedK) || keysOuter ? S : sums.keys) * d;
  bool outputInArray = !flow.isStaged(StagedOutput) && !flow.keyTile &&
                       flow.attend == Stationarity::Output;
  if (flow.isStaged(StagedV) || keysOuter)
    e += S * v;
  else
    // Outputs that stay in the array see all values once for each row tile.
    e += (outputInArray ? sums.keyTiles : sums.keys) * v;
  e += total * v;
  if (!flow.isFused())
    // Written by logit, read and written by softmax, read by attend.
    e += sums.area * (3 + ceilDiv(v, device.array.cols / flow.packed));
  int64_t bits = e * device.elementBits;

  // Partial outputs go out and come back between the parts of a row.
  if (!flow.isStaged(StagedOutput) && !outputInArray) {
    int64_t visits = flow.keyTile ? sums.rows : sums.rowStrips;
    int64_t state = flow.keyTile && keysOuter ? 2 : 0;
    bits += 2 * (visits - total) * (v + state) * device.accumulatorBits;
  }
  return unitCount(shape) * bitsToBytes(bits);
}

/// Cycles of array and DRAM together. Both are busy all the time only if what a
/// phase needs is there or may come earlier; two kinds of phases differ from
/// the average.
static double overlapped(const Device &device, const AttentionShape &shape,
                         const Dataflow &flow, const BlockSums &sums,
                         const Cost &cost) {
  AttentionLayout layout(device, shape, flow);
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
    double logit = static_cast<double>(sums.logitCycles[l]) * share;
    double attend = static_cast<double>(sums.attendCycles[t]) * share;
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
    double block =
        static_cast<double>(flow.rows) / static_cast<double>(layout.total);
    exposed += excess(flow.rows * d + S * (d + v), block);
  }
  return std::max(cycles, cost.computeCycles + exposed);
}

Cost priceExtended(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums) {
  int l = static_cast<int>(flow.logit), t = static_cast<int>(flow.attend);
  double units = static_cast<double>(unitCount(shape));
  int64_t d = shape.headDim, v = shape.valueWidth();
  double elementBytes = device.elementBits / 8.0;
  const SpecialFunctionUnit &sf = device.specialFunction;

  Cost cost;
  cost.footprintBytes =
      static_cast<double>(footprintBytes(device, shape, flow));
  cost.dramBytes = static_cast<double>(dramBytes(device, shape, flow, sums));
  cost.dramCycles = cost.dramBytes / device.dramBytesPerCycle();

  // Segments work on different heads at the same time.
  cost.computeCycles =
      static_cast<double>(sums.logitCycles[l] + sums.attendCycles[t]) *
      static_cast<double>(ceilDiv(unitCount(shape), flow.packed));

  // Fused: one pass, and outputs are rescaled at each visit; the last one
  // divides by the sum. Else three passes, and results are rounded.
  double area = static_cast<double>(sums.area);
  double visited = static_cast<double>(sums.rows * v);
  double specialOps =
      area * static_cast<double>(flow.isFused() ? sf.maxCycles + sf.expCycles +
                                                      sf.sumCycles
                                                : sf.softmaxCycles()) +
      visited * static_cast<double>(sf.scaleCycles);
  specialOps *= units;
  if (sf.lanes > 0)
    cost.softmaxCycles = specialOps / static_cast<double>(sf.lanes);

  // Scratchpad: both products; the softmax (fused: read for the maximum, read
  // and written for the exponential; else three reads and two writes); the
  // sums, added to, rescaled or divided; and what passes to and from DRAM.
  double moved =
      static_cast<double>(sums.logitTraffic[l] + sums.attendTraffic[t]) +
      (flow.isFused() ? 3 : 5) * area;
  double sumBytes = device.accumulatorBits / 8.0;
  double onChipBytes =
      units * (moved * elementBytes + 3 * visited * sumBytes) + cost.dramBytes;
  cost.onChipCycles = onChipBytes / device.scratchpadBytesPerCycle();

  auto overhead = [&](int i) {
    return static_cast<double>(device.array.stepOverhead[i]);
  };
  // The first operands come in, and the last outputs go out, alone: those of
  // all units side by side.
  int64_t firstKeys = flow.isStaged(StagedK) ? shape.keys
                      : flow.keyTile ? std::min(flow.keyTile, shape.keys)
                                     : std::min(device.array.cols, shape.keys);
  double edgeBytes =
      static_cast<double>(flow.packed * (flow.rows + firstKeys) * (d + v)) *
      elementBytes;
  // The array turns from logits to outputs and back for each pack of units, and
  // for each part of a step that takes turns with another.
  AttentionLayout layout(device, shape, flow);
  int64_t pieces = layout.alternates ? ceilDiv(shape.keys, layout.chunk)
                                     : ceilDiv(flow.rows, layout.partRows);
  cost.overheadCycles =
      (overhead(l) + overhead(t)) / 2 *
          static_cast<double>(sums.steps * pieces) *
          static_cast<double>(ceilDiv(unitCount(shape), flow.packed)) +
      edgeBytes / device.dramBytesPerCycle() +
      2 * static_cast<double>(device.dram.latencyCycles +
                              device.dma.setupCycles) +
      static_cast<double>(device.array.fillCycles);

  // Where two steps share the place of their logits, the array waits between
  // them: for a chunk's softmax if chunks take turns, else for all of it.
  bool isSerial = layout.isFused && !layout.isOnline && layout.packs == 1 &&
                  layout.partRows >= flow.rows;
  if (isSerial) {
    double softmax =
        std::max(cost.softmaxCycles, 3 * units * area * elementBytes /
                                         device.scratchpadBytesPerCycle());
    cost.overheadCycles +=
        softmax / static_cast<double>(layout.alternates ? pieces : 1) +
        static_cast<double>(device.array.fillCycles * sums.steps) *
            static_cast<double>(ceilDiv(unitCount(shape), flow.heads));
  }

  cost.cycles = std::max({overlapped(device, shape, flow, sums, cost),
                          cost.softmaxCycles, cost.onChipCycles}) +
                cost.overheadCycles;
  cost.idealCycles = units * neededLogits(shape) * static_cast<double>(d + v) /
                     static_cast<double>(device.array.macsPerCycle());
  const EnergyTable &energy = device.energy;
  cost.energyPj = energy.mac * units * area * static_cast<double>(d + v) +
                  energy.specialFunctionOp * specialOps +
                  energy.scratchpadByte * onChipBytes +
                  energy.dramByte * cost.dramBytes;
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
