//===- PrefetchWait.cpp - When streams wait for what comes early -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is resident comes for the next units in one go, as fast as it can, while
// the array works at these. DRAM is shared fairly, so it leaves a stream that
// the array waits for no more than its share, although it has time.
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Model/AttentionLayout.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <vector>

namespace nm::model {

using support::ceilDiv;

namespace {

/// Transfers of a round of resident units, in bytes.
struct Round {
  std::vector<double> early;   ///< each in one go
  std::vector<double> streams; ///< as the array asks for them
};

Round transfersOf(const Device &device, const AttentionShape &shape,
                  const Dataflow &flow, const BlockSums &sums,
                  const AttentionLayout &layout) {
  Round round;
  auto add = [&](bool isEarly, int64_t rows, int64_t width, int64_t bits) {
    (isEarly ? round.early : round.streams)
        .push_back(static_cast<double>(flow.heads) * static_cast<double>(rows) *
                   static_cast<double>(width) * static_cast<double>(bits) / 8);
  };
  int64_t d = shape.headDim, v = shape.valueWidth(), e = device.elementBits;
  // Blocks of resident queries come one by one; with keys in the outer loop all
  // of them are resident.
  bool staysQ = flow.isStaged(StagedQ);
  add(staysQ && layout.isKeysOuter, staysQ ? layout.total : sums.rows, d, e);
  int64_t seen = layout.isKeysOuter ? shape.keys : sums.keys;
  add(flow.isStaged(StagedK), flow.isStaged(StagedK) ? shape.keys : seen, d, e);
  add(flow.isStaged(StagedV), flow.isStaged(StagedV) ? shape.keys : seen, v, e);
  add(false, layout.total, v, e);
  if (layout.sums == Sums::Partial)
    for (int i = 0; i != 2; ++i) // in and out
      add(false, sums.rows - layout.total, v, device.accumulatorBits);
  return round;
}

/// The share of DRAM that whoever wants more than it gets has, beside streams
/// that need these shares.
double levelOf(std::vector<double> needs, size_t greedy) {
  std::sort(needs.begin(), needs.end());
  double left = 1;
  size_t others = needs.size() + greedy;
  for (double need : needs) {
    if (need * static_cast<double>(others) > left)
      break;
    left -= need;
    --others;
  }
  return left / static_cast<double>(others);
}

} // namespace

double prefetchWait(const Device &device, const AttentionShape &shape,
                    const Dataflow &flow, const BlockSums &sums,
                    const AttentionLayout &layout, double arrayCycles) {
  if (!layout.isFused || !layout.isOnline)
    return 0;
  Round round = transfersOf(device, shape, flow, sums, layout);
  if (round.early.empty())
    return 0;
  double rounds =
      static_cast<double>(unitCount(shape)) / static_cast<double>(flow.heads);
  double cycles = arrayCycles / rounds, rate = device.dramBytesPerCycle();
  std::vector<double> needs;
  for (double bytes : round.streams)
    needs.push_back(bytes / rate / cycles);
  double level = levelOf(needs, round.early.size());
  double speed = 1;
  for (double need : needs)
    speed = std::min(speed, level / std::max(need, level));
  double longest = *std::max_element(round.early.begin(), round.early.end());
  // The array is slowed as long as it comes, at most all the time.
  double time = std::min(longest / rate / level, cycles / speed);
  return rounds * time * (1 - speed);
}

} // namespace nm::model
