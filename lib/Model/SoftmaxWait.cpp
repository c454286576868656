//===- SoftmaxWait.cpp - When the array waits for an online softmax --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With key tiles two steps are at work: while the special function unit makes
// the weights of one, the array does the outputs of the step before and the
// logits of the next, and then needs the weights. They are the array's operand,
// so they have to be there a fill before it is free. A block of one pack of
// units is two steps, of whole tiles of the array, and so the longer one's
// softmax goes beside the shorter one's products.
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Model/AttentionLayout.h"
#include "nm/Model/Blocks.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <array>
#include <limits>

namespace nm::model {

using support::ceilDiv;

namespace {

/// The softmax of one step of a pack of units.
class Step {
public:
  /// Of `rows`, beside products of steps that have `beside` of them.
  Step(const Device &device, const AttentionShape &shape, const Dataflow &flow,
       const AttentionLayout &layout, int64_t rows, int64_t beside)
      : sf(device.specialFunction), pad(device.scratchpadBytesPerCycle()),
        lanes(static_cast<double>(sf.lanes)), rows(rows),
        keys(std::min(flow.keyTile, shape.keys)), width(shape.valueWidth()),
        units(static_cast<double>(flow.packed)),
        element(static_cast<double>(device.elementBits) / 8),
        wide(static_cast<double>(device.accumulatorBits) / 8),
        // The sums that a step rescales are those of the step before, which
        // the array still adds to.
        isChained(!layout.isKeysOuter && layout.packs == 1 &&
                  layout.partRows >= flow.rows) {
    int64_t a = device.array.rows, b = layout.segment, d = shape.headDim;
    auto setUp = [&](Stationarity s) {
      return static_cast<double>(device.array.stepOverhead[int(s)]) / 2;
    };
    auto count = [](int64_t n) { return static_cast<double>(n); };
    turned = count(productCycles(flow.logit, a, b, beside, d, keys) +
                   productCycles(flow.attend, a, b, beside, keys, width));
    logit = count(productCycles(flow.logit, a, b, beside, d, keys)) +
            setUp(flow.logit);
    attend = count(productCycles(flow.attend, a, b, beside, keys, width)) +
             setUp(flow.attend);
    double logitBytes =
        units * element *
        count(productTraffic(flow.logit, a, b, beside, d, keys));
    // Sums come and go in the accumulator's width.
    double attendBytes =
        units * (element * count(productTraffic(flow.attend, a, b, beside, keys,
                                                width)) +
                 (2 * wide - element) * count(beside * width));
    bothBytes = attendBytes + logitBytes;
    // Who asks for more than half of the scratchpad has half of it.
    double attendEnd = std::max(attend, attendBytes / (pad / 2));
    double logitEnd = attendEnd + std::max(logit, logitBytes / (pad / 2));
    phases = {{{attendEnd, std::max(pad / 2, pad - attendBytes / attend)},
               {logitEnd, std::max(pad / 2, pad - logitBytes / logit)},
               {std::numeric_limits<double>::infinity(), pad}}};
  }

  /// Cycles of the array for both products, without turning between them.
  double products() const { return turned; }

  /// The same, with turning.
  double busy() const { return attend + logit; }

  /// Cycles that the array waits if it fills in `fill` cycles: until the works
  /// have ended, and the scratchpad has moved their and the products' bytes; or
  /// until the unit has let go of results, for which it takes `results` cycles.
  double wait(bool isMasked, bool rescales, double fill, double results = 0) {
    double area = units * static_cast<double>(rows * keys);
    double outputs = units * static_cast<double>(rows * width);
    at = moved = 0;
    if (isMasked)
      work(area * static_cast<double>(sf.scaleCycles), 2 * area * element);
    work(area * static_cast<double>(sf.maxCycles), area * element);
    if (rescales) {
      if (isChained)
        at = std::max(at, phases[0].end + fill);
      work(outputs * static_cast<double>(sf.scaleCycles), 2 * outputs * wide);
    }
    work(area * static_cast<double>(sf.expCycles + sf.sumCycles),
         2 * area * element);
    return std::max(0.0, std::max(at, (moved + bothBytes) / pad) +
                             std::max(fill, results) - busy());
  }

  /// Cycles from when sums are on their way out until the array adds to them
  /// again, if those are away for `away` cycles. Maxima are with them where all
  /// blocks work a tile of keys, so the maxima of all units, and the masks of
  /// all but the first one, wait for them too. The array works at other steps
  /// meanwhile and has half of the scratchpad.
  double turn(double away, bool isKeysOuter, bool isMasked, double fill) {
    double area = units * static_cast<double>(rows * keys);
    double outputs = units * static_cast<double>(rows * width);
    auto beside = [&](double laneCycles, double bytes) {
      return std::max(lanes > 0 ? laneCycles / lanes : 0, bytes / (pad / 2));
    };
    double turn = away + fill;
    if (isKeysOuter)
      turn += beside(area * static_cast<double>(sf.maxCycles), area * element);
    if (isKeysOuter && isMasked)
      turn += beside(area * static_cast<double>(sf.scaleCycles),
                     2 * area * element) *
              (units - 1) / units;
    return turn +
           beside(outputs * static_cast<double>(sf.scaleCycles),
                  2 * outputs * wide) +
           beside(area * static_cast<double>(sf.expCycles + sf.sumCycles),
                  2 * area * element);
  }

private:
  /// The special function unit works, beside the outputs of the step before as
  /// long as the array does them, then beside logits, then alone.
  void work(double laneCycles, double bytes) {
    double least = lanes > 0 ? laneCycles / lanes : 0, left = 1;
    moved += bytes;
    for (const Phase &phase : phases) {
      double whole = std::max(least, bytes / phase.rate);
      if (at + left * whole <= phase.end) {
        at += left * whole;
        return;
      }
      if (at < phase.end) {
        left -= (phase.end - at) / whole;
        at = phase.end;
      }
    }
  }

  const SpecialFunctionUnit &sf;
  double pad, lanes;
  int64_t rows, keys, width;
  double units, element, wide;
  bool isChained;
  double logit = 0, attend = 0; ///< cycles
  double turned = 0, bothBytes = 0;
  struct Phase {
    double end, rate; ///< bytes a cycle that the array leaves until then
  };
  std::array<Phase, 3> phases;
  double at = 0, moved = 0;
};

/// Chunks in which the results of `rows` rows go out.
double chunksOf(const Dataflow &flow, const AttentionLayout &layout,
                int64_t rows) {
  int64_t part = std::min(flow.rows, layout.partRows);
  return static_cast<double>(ceilDiv(rows, std::min(layout.outRows, part)));
}

/// Cycles that the special function unit, which divides results, waits for a
/// slot of the ring through which they go out, by chunk: none while slots are
/// free.
double chunkWait(const Device &device, const AttentionShape &shape,
                 const Dataflow &flow, const AttentionLayout &layout,
                 int64_t blocks) {
  int64_t part = std::min(flow.rows, layout.partRows);
  double slots = static_cast<double>(layout.resultSlots);
  double row =
      static_cast<double>(layout.packs) *
      (chunksOf(flow, layout, part) + chunksOf(flow, layout, flow.rows - part));
  if (layout.isKeysOuter && !shape.causal)
    row *= static_cast<double>(blocks);
  double chunk = static_cast<double>(flow.packed) *
                 static_cast<double>(std::min(layout.outRows, part)) *
                 static_cast<double>(shape.valueWidth()) *
                 static_cast<double>(device.elementBits) / 8 /
                 device.dramBytesPerCycle();
  return std::max(chunk, (chunk + transferLatency(device)) / slots) *
         std::max(0.0, 1 - slots / row);
}

/// Cycles from the product that adds to the partial sums of `rows` rows until
/// they are back: it, and a latency and a transfer each way. With keys in the
/// outer loop maxima and row sums are away too, a burst each.
double awayCycles(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow, const AttentionLayout &layout,
                  int64_t rows) {
  double bytes = static_cast<double>(flow.packed) * static_cast<double>(rows) *
                 static_cast<double>(shape.valueWidth()) *
                 static_cast<double>(device.accumulatorBits) / 8;
  if (layout.isKeysOuter)
    bytes += 2 * static_cast<double>(flow.packed * rows) *
             std::max(static_cast<double>(device.accumulatorBits) / 8,
                      static_cast<double>(device.dram.burstBytes));
  return static_cast<double>(productCycles(
             flow.attend, device.array.rows, layout.segment, rows,
             std::min(flow.keyTile, shape.keys), shape.valueWidth())) +
         2 * (transferLatency(device) + bytes / device.dramBytesPerCycle());
}

/// Cycles that the steps of a pack wait for partial sums. These come back a
/// tile of keys later: after all packs, and with keys in the outer loop after
/// all blocks that see the tile, fewer and fewer if causal. A visit of a block
/// takes `visit` cycles, and its sums are back `turn` cycles after it began.
double partialSumsWait(const AttentionShape &shape, const Dataflow &flow,
                       const AttentionLayout &layout, int64_t blocks,
                       int64_t later, double visit, double turn) {
  double back = turn / static_cast<double>(layout.packs);
  auto wait = [&](int64_t visits) {
    return std::max(0.0, back - visit * static_cast<double>(visits));
  };
  if (!layout.isKeysOuter)
    return static_cast<double>(later) * wait(1);
  if (!shape.causal)
    return static_cast<double>(ceilDiv(shape.keys, flow.keyTile) - 1) *
           wait(blocks);
  double all = 0;
  for (int64_t key = flow.keyTile; key < shape.keys; key += flow.keyTile) {
    int64_t above = std::max<int64_t>(0, key - (shape.keys - shape.queries));
    all += wait(blocks - above * shape.group() / flow.rows);
  }
  return all;
}

} // namespace

void countMasked(BlockSums &sums, const AttentionShape &shape, int64_t rows,
                 int64_t tile) {
  int64_t total = foldedRows(shape);
  for (int64_t begin = 0; begin < total; begin += rows) {
    int64_t all = keysSeen(shape, begin + 1) / tile;
    sums.masked +=
        ceilDiv(keysSeen(shape, std::min(total, begin + rows)), tile) - all;
    sums.maskedFirst += all == 0;
  }
}

double softmaxWait(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums,
                   const AttentionLayout &layout, double arrayCycles) {
  if (!layout.isFused || !layout.isOnline || device.array.doesSoftmax())
    return 0;
  double fill = static_cast<double>(device.array.fillCycles);
  // The first tile of a block finds no sums.
  int64_t firsts = ceilDiv(layout.total, flow.rows);
  int64_t later = sums.steps - firsts;
  int64_t maskedLater = sums.masked - sums.maskedFirst;
  int64_t part = std::min(flow.rows, layout.partRows);
  int64_t rest = flow.rows - part;
  double chunk = chunkWait(device, shape, flow, layout, firsts);
  double wait = 0, products = 0, visit = 0, turn = 0;
  auto add = [&](int64_t rows, int64_t beside) {
    Step step(device, shape, flow, layout, rows, beside);
    double last = step.wait(shape.causal, later > 0, fill,
                            chunksOf(flow, layout, rows) * chunk);
    wait +=
        static_cast<double>(firsts) *
            (last - step.wait(shape.causal, later > 0, fill)) +
        static_cast<double>(firsts - sums.maskedFirst) *
            step.wait(false, false, fill) +
        static_cast<double>(sums.maskedFirst) * step.wait(true, false, fill) +
        static_cast<double>(later - maskedLater) *
            step.wait(false, true, fill) +
        static_cast<double>(maskedLater) * step.wait(true, true, fill);
    products += step.products();
    visit += step.busy() + step.wait(false, true, fill);
    turn =
        std::max(turn, step.turn(awayCycles(device, shape, flow, layout, rows),
                                 layout.isKeysOuter, shape.causal, fill));
  };
  if (rest) {
    add(part, rest);
    add(rest, part);
  } else {
    add(part, part);
  }
  if (layout.sums == Sums::Partial)
    wait += partialSumsWait(shape, flow, layout, firsts, later, visit, turn);
  double count = static_cast<double>(ceilDiv(unitCount(shape), flow.packed));
  // Steps at the edges of rows, keys and mask are smaller than the one that is
  // looked at: what all of them wait is to their products what its wait is to
  // its own, so a faster array never takes longer.
  double whole = products * count * static_cast<double>(sums.steps);
  return wait * count * std::min(1.0, arrayCycles / whole);
}

} // namespace nm::model
