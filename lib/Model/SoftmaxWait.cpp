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
// softmax goes beside the shorter one's products. Where the array takes maxima
// and exponentials itself (docs/model.md), masks and rescaling are what is left
// to the special function unit.
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
      : sf(device.specialFunction), pe(device.array.softmax),
        pad(device.scratchpadBytesPerCycle()),
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
    if (device.array.doesSoftmax())
      tiles = units * static_cast<double>(ceilDiv(rows, a) *
                                          ceilDiv(keys, device.array.cols));
    auto setUp = [&](Stationarity s) {
      return static_cast<double>(device.array.stepOverhead[int(s)]) / 2;
    };
    auto count = [](int64_t n) { return static_cast<double>(n); };
    logit = count(productCycles(flow.logit, a, b, beside, d, keys));
    attend = count(attendCycles(device, flow.attend, b, beside, keys, width));
    turned = logit + attend + tiles * static_cast<double>(pe.cycles());
    logit += setUp(flow.logit);
    attend += setUp(flow.attend);
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
    planned = {{{attendEnd, std::max(pad / 2, pad - attendBytes / attend)},
                {logitEnd, std::max(pad / 2, pad - logitBytes / logit)},
                {std::numeric_limits<double>::infinity(), pad}}};
  }

  /// Cycles of the array for a step, without turning between the products.
  double products() const { return turned; }

  /// Cycles of the array for both products, with turning.
  double busy() const { return attend + logit; }

  /// Cycles that the array waits if it fills in `fill` cycles: until the works
  /// have ended, and the scratchpad has moved their and the products' bytes; or
  /// until the unit has let go of results, for which it takes `results` cycles.
  double wait(bool isMasked, bool rescales, double fill, double results = 0) {
    double area = units * static_cast<double>(rows * keys);
    double outputs = units * static_cast<double>(rows * width);
    at = moved = 0;
    phases = planned;
    if (isMasked)
      work(area * static_cast<double>(sf.scaleCycles), 2 * area * element);
    softmax(sf.maxCycles, pe.maxCycles, area * element);
    if (rescales) {
      if (isChained)
        at = std::max(at, phases[0].end + fill);
      work(outputs * static_cast<double>(sf.scaleCycles), 2 * outputs * wide);
    }
    softmax(sf.expCycles + sf.sumCycles, pe.expCycles + pe.sumCycles,
            2 * area * element);
    double busy = this->busy() + tiles * static_cast<double>(pe.cycles());
    return std::max(0.0, std::max(at, (moved + bothBytes) / pad) +
                             std::max(fill, results) - busy);
  }

  /// Cycles that the array waits because results are divided behind a softmax:
  /// as long as that takes, or `results`, less what the unit has left beside
  /// this step and the next one, or this one alone where the next one adds to
  /// the same sums.
  double divide(bool isMasked, bool isNextMasked, double results) const {
    double outputs = units * static_cast<double>(rows * width);
    double divided = std::max(
        {lanes > 0 ? outputs * static_cast<double>(sf.scaleCycles) / lanes : 0,
         outputs * (wide + element) / pad, results});
    return std::max(0.0, divided - left(isMasked) -
                             (isChained ? 0 : left(isNextMasked)));
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
    auto softmax = [&](int64_t laneCycles, int64_t peCycles, double bytes) {
      return tiles > 0 ? std::max(2 * tiles * static_cast<double>(peCycles),
                                  bytes / (pad / 2))
                       : beside(area * static_cast<double>(laneCycles), bytes);
    };
    double turn = away + fill;
    if (isKeysOuter)
      turn += softmax(sf.maxCycles, pe.maxCycles, area * element);
    if (isKeysOuter && isMasked)
      turn += beside(area * static_cast<double>(sf.scaleCycles),
                     2 * area * element) *
              (units - 1) / units;
    return turn +
           beside(outputs * static_cast<double>(sf.scaleCycles),
                  2 * outputs * wide) +
           softmax(sf.expCycles + sf.sumCycles, pe.expCycles + pe.sumCycles,
                   2 * area * element);
  }

private:
  /// Cycles that the array is at a step longer than the unit.
  double left(bool isMasked) const {
    double area = units * static_cast<double>(rows * keys);
    double outputs = units * static_cast<double>(rows * width);
    auto onArray = [&](int64_t cycles, double bytes) {
      return std::max(tiles * static_cast<double>(cycles), bytes / pad);
    };
    double laneCycles =
        (outputs + (isMasked ? area : 0)) * static_cast<double>(sf.scaleCycles);
    double unit = 0;
    if (tiles > 0)
      unit += onArray(pe.maxCycles, area * element) +
              onArray(pe.expCycles + pe.sumCycles, 2 * area * element);
    else
      laneCycles += area * static_cast<double>(sf.maxCycles + sf.expCycles +
                                               sf.sumCycles);
    unit += lanes > 0 ? laneCycles / lanes : 0;
    return std::max(0.0,
                    busy() + tiles * static_cast<double>(pe.cycles()) - unit);
  }

  /// Maxima or exponentials of all logits: cycles of the unit for an element,
  /// or of the array for as many as it has PEs.
  void softmax(int64_t laneCycles, int64_t peCycles, double bytes) {
    if (tiles == 0)
      return work(units * static_cast<double>(rows * keys * laneCycles), bytes);
    moved += bytes;
    double cycles = tiles * static_cast<double>(peCycles), left = 1;
    for (auto phase = phases.begin(); phase != phases.end(); ++phase) {
      double alone = std::max(cycles, bytes / phase->rate);
      if (phase + 1 == phases.end()) {
        at += left * alone;
        return;
      }
      // It has half of the array at most, and delays the products.
      double beside = std::max(2 * cycles, alone);
      if (at >= phase->end || beside <= cycles)
        continue;
      double part = std::min(left, (phase->end - at) / (beside - cycles));
      for (auto later = phase; later != phases.end(); ++later)
        later->end += part * cycles;
      at += part * beside;
      left -= part;
    }
  }

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
  const ArraySoftmax &pe;
  double pad, lanes;
  int64_t rows, keys, width;
  double units, element, wide;
  double tiles = 0; ///< of logits whose softmax is the array's
  bool isChained;
  double logit = 0, attend = 0; ///< cycles
  double turned = 0, bothBytes = 0;
  struct Phase {
    double end, rate; ///< bytes a cycle that the array leaves until then
  };
  std::array<Phase, 3> planned, phases; ///< at first, and as delayed
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

/// Of the results of `blocks` blocks, how many are divided in a step that has a
/// mask. With keys in the outer loop those of all blocks but the last come
/// while the next block works a tile that it sees whole; with rows in the outer
/// loop those of all packs or parts of a block but the last while the next pack
/// or part is at the diagonal too.
double masksBesideResults(const AttentionShape &shape, const BlockSums &sums,
                          const AttentionLayout &layout, int64_t blocks,
                          bool isDivided) {
  if (!shape.causal)
    return 0;
  if (layout.isKeysOuter)
    return 1;
  double steps = static_cast<double>(layout.packs * (isDivided ? 2 : 1));
  return static_cast<double>(blocks) * (1 - 1 / steps) +
         static_cast<double>(sums.maskedFirst) / steps;
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

double softmaxWait(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums,
                   const AttentionLayout &layout, double arrayCycles) {
  if (!layout.isFused || !layout.isOnline)
    return 0;
  double fill = static_cast<double>(device.array.fillCycles);
  // The first tile of a block finds no sums.
  int64_t firsts = ceilDiv(layout.total, flow.rows);
  int64_t later = sums.steps - firsts;
  int64_t maskedLater = sums.maskedSteps - sums.maskedFirst;
  int64_t part = std::min(flow.rows, layout.partRows);
  int64_t rest = flow.rows - part;
  double chunk = chunkWait(device, shape, flow, layout, firsts);
  double wait = 0, products = 0, visit = 0, turn = 0;
  auto add = [&](int64_t rows, int64_t beside) {
    Step step(device, shape, flow, layout, rows, beside);
    double results = chunksOf(flow, layout, rows) * chunk;
    if (device.array.doesSoftmax()) {
      double masked = masksBesideResults(shape, sums, layout, firsts, rest);
      wait += masked * step.divide(true, layout.packs > 1 || rest, results) +
              (static_cast<double>(firsts) - masked) *
                  step.divide(false, false, results);
    } else {
      wait += static_cast<double>(firsts) *
              (step.wait(shape.causal, later > 0, fill, results) -
               step.wait(shape.causal, later > 0, fill));
    }
    wait +=
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
