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
// so they have to be there a fill before it is free.
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Model/AttentionLayout.h"
#include "nm/Model/Blocks.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <array>
#include <limits>

namespace nm::model {

using support::ceilDiv;

namespace {

/// One step of a pack of units.
class Step {
public:
  Step(const Device &device, const AttentionShape &shape, const Dataflow &flow,
       const AttentionLayout &layout)
      : sf(device.specialFunction), pad(device.scratchpadBytesPerCycle()),
        lanes(static_cast<double>(sf.lanes)),
        rows(std::min(flow.rows, layout.partRows)),
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
    turned = count(productCycles(flow.logit, a, b, rows, d, keys) +
                   productCycles(flow.attend, a, b, rows, keys, width));
    logit = count(productCycles(flow.logit, a, b, rows, d, keys)) +
            setUp(flow.logit);
    attend = count(productCycles(flow.attend, a, b, rows, keys, width)) +
             setUp(flow.attend);
    double logitBytes = units * element *
                        count(productTraffic(flow.logit, a, b, rows, d, keys));
    // Sums come and go in the accumulator's width.
    double attendBytes =
        units *
        (element * count(productTraffic(flow.attend, a, b, rows, keys, width)) +
         (2 * wide - element) * count(rows * width));
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

  /// Cycles that the array waits if it fills in `fill` cycles: until the works
  /// have ended, and the scratchpad has moved their and the products' bytes.
  double wait(bool isMasked, bool rescales, double fill) {
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
    return std::max(0.0, std::max(at, (moved + bothBytes) / pad) + fill -
                             (attend + logit));
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
  Step step(device, shape, flow, layout);
  double fill = static_cast<double>(device.array.fillCycles);
  // The first tile of a block finds no sums.
  int64_t firsts = ceilDiv(layout.total, flow.rows);
  int64_t later = sums.steps - firsts;
  int64_t maskedLater = sums.masked - sums.maskedFirst;
  double wait =
      static_cast<double>(firsts - sums.maskedFirst) *
          step.wait(false, false, fill) +
      static_cast<double>(sums.maskedFirst) * step.wait(true, false, fill) +
      static_cast<double>(later - maskedLater) * step.wait(false, true, fill) +
      static_cast<double>(maskedLater) * step.wait(true, true, fill);
  double count = static_cast<double>(ceilDiv(flow.rows, layout.partRows)) *
                 static_cast<double>(ceilDiv(unitCount(shape), flow.packed));
  // Steps at the edges of rows, keys and mask are smaller than the one that is
  // looked at: what all of them wait is to their products what its wait is to
  // its own, so a faster array never takes longer.
  double whole = step.products() * count * static_cast<double>(sums.steps);
  return wait * count * std::min(1.0, arrayCycles / whole);
}

} // namespace nm::model
