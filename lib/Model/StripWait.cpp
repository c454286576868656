//===- StripWait.cpp - Short strips of whole rows --------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole rows are worked strip by strip of keys. The last strip, of what is
// left of the keys and of the rows, is another product for the array, which has
// to be set up for it; and it moves as many bytes of sums for fewer cycles of
// work, maybe more than the scratchpad gives.
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>

namespace nm::model {

using support::ceilDiv;

namespace {

/// A dimension in strips, of which the last one may be smaller.
struct Cut {
  int64_t whole, rest;

  Cut(int64_t size, int64_t strip) : whole(size / strip), rest(size % strip) {}
  int64_t count() const { return whole + (rest != 0); }
  bool isMixed() const { return whole != 0 && rest != 0; }
};

/// Of products by `inner` strips for each of `outer`: how often one has another
/// shape than the one before.
double turnsOf(const Cut &outer, const Cut &inner) {
  return static_cast<double>(inner.isMixed()   ? 2 * outer.count() - 1
                             : outer.isMixed() ? 1
                                               : 0);
}

} // namespace

void addStrips(StripSums &sums, const Device &device,
               const AttentionShape &shape, int64_t packed, int64_t rows,
               int64_t keys, int64_t count, int64_t strip) {
  int64_t a = device.array.rows, b = device.array.cols / packed;
  int64_t v = shape.valueWidth();
  Cut keyCut(keys, strip), rowCut(rows, a);
  double times = static_cast<double>(count);
  Cut all(1, 1);
  sums.keyTurns += times * turnsOf(all, keyCut);
  sums.rowTurns += times * turnsOf(keyCut, rowCut);
  sums.stripTurns += times * turnsOf(rowCut, keyCut);

  double element = static_cast<double>(device.elementBits) / 8;
  double wide = static_cast<double>(device.accumulatorBits) / 8;
  double rate = device.scratchpadBytesPerCycle();
  // Products of m rows by k keys, which find sums but for the first of a step.
  auto add = [&](double (&beyond)[kNumStationarities], int64_t m, int64_t k,
                 int64_t firsts, int64_t later) {
    if (!m || !k)
      return;
    for (int i = 0; i != kNumStationarities; ++i) {
      auto s = static_cast<Stationarity>(i);
      double cycles = static_cast<double>(productCycles(s, a, b, m, k, v));
      double outputs = static_cast<double>(m * v);
      double bytes =
          element * (static_cast<double>(productTraffic(s, a, b, m, k, v)) -
                     outputs) +
          wide * outputs;
      auto slower = [&](double bytes) {
        return std::max(0.0,
                        static_cast<double>(packed) * bytes / rate - cycles);
      };
      beyond[i] +=
          times * (static_cast<double>(firsts) * slower(bytes) +
                   static_cast<double>(later) * slower(bytes + wide * outputs));
    }
  };
  auto addKeys = [&](double (&beyond)[kNumStationarities], int64_t m,
                     int64_t copies) {
    int64_t first = keyCut.whole ? copies : 0;
    add(beyond, m, strip, first, copies * keyCut.whole - first);
    add(beyond, m, keyCut.rest, copies - first, first);
  };
  addKeys(sums.wholeBeyond, rows, 1);
  addKeys(sums.partsBeyond, a, rowCut.whole);
  addKeys(sums.partsBeyond, rowCut.rest, 1);
}

double stripWait(const Device &device, const AttentionShape &shape,
                 const Dataflow &flow, const BlockSums &sums,
                 const AttentionLayout &layout) {
  if (!layout.isFused || layout.isOnline || !layout.passes)
    return 0;
  const StripSums &strips = sums.strips(layout);
  double packs = static_cast<double>(ceilDiv(unitCount(shape), flow.packed));
  int logit = static_cast<int>(flow.logit),
      attend = static_cast<int>(flow.attend);
  double wait = layout.sums == Sums::Resident ? strips.wholeBeyond[attend]
                                              : strips.partsBeyond[attend];
  // Where chunks take turns each product differs from the one before.
  if (!layout.alternates) {
    auto setUp = [&](int s) {
      return static_cast<double>(device.array.stepOverhead[s]) / 2;
    };
    wait += setUp(logit) *
            (flow.isStaged(StagedQ) ? strips.keyTurns : strips.rowTurns);
    wait += setUp(attend) * (layout.sums == Sums::Resident ? strips.keyTurns
                             : layout.sums == Sums::Strip  ? strips.stripTurns
                                                           : strips.rowTurns);
  }
  return packs * wait;
}

} // namespace nm::model
