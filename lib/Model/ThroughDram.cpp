//===- ThroughDram.cpp - Logits that pass DRAM ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention without fusion: steps whose logits are written, go through the
// softmax and come back, several of them at a time.
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Model/AttentionLayout.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>

namespace nm::model {

using support::ceilDiv;

/// Cycles in which DRAM moves all logits once: only as many keys as rows see,
/// of each unit on its own.
static double logitTransfer(const Device &device, const AttentionShape &shape,
                            const BlockSums &sums) {
  return static_cast<double>(unitCount(shape)) *
         static_cast<double>(sums.area) *
         static_cast<double>(device.elementBits) / 8 /
         device.dramBytesPerCycle();
}

double throughDram(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const BlockSums &sums,
                   const AttentionLayout &layout, const Cost &cost) {
  int64_t blocks = ceilDiv(layout.total, flow.rows);
  double packs = static_cast<double>(ceilDiv(unitCount(shape), flow.packed));
  double steps = static_cast<double>(blocks) * packs;
  double latency = transferLatency(device);
  double units = static_cast<double>(unitCount(shape));
  double moved = logitTransfer(device, shape, sums);
  int64_t groups =
      layout.total / flow.rows * ceilDiv(flow.rows, layout.softmaxRows) +
      ceilDiv(layout.total % flow.rows, layout.softmaxRows);
  const ProductSums &products = sums.products(layout);
  double logit = packs * products.logitCycles[static_cast<int>(flow.logit)];
  double attend = packs * products.attendCycles[static_cast<int>(flow.attend)];
  // One step of `own` and `older` times the mean step's logits.
  auto step = [&](double own, double older) {
    double dram = cost.dramCycles * (3 * own + older) / 4;
    double passes =
        (steps *
             (4 * latency + 2 * static_cast<double>(device.array.fillCycles)) +
         own * (cost.dramCycles + cost.computeCycles + cost.softmaxCycles)) /
        static_cast<double>(kSpilledSteps + 1);
    double softmax = (2 * units * static_cast<double>(groups) * latency +
                      own * (cost.softmaxCycles + 2 * moved)) /
                     static_cast<double>(layout.softmaxSlots);
    return std::max({dram, own * logit + older * attend, passes, softmax}) /
           steps;
  };
  double cycles = 0;
  if (!shape.causal) {
    cycles = steps * step(1, 1);
  } else {
    auto share = [&](int64_t block) {
      int64_t begin = block * flow.rows,
              end = std::min(layout.total, begin + flow.rows);
      return static_cast<double>(end - begin) *
             static_cast<double>(keysSeen(shape, end)) *
             static_cast<double>(blocks) / static_cast<double>(sums.area);
    };
    // Packs of a round are beside each other: those of a block have an older
    // step so many blocks before, or one less.
    int64_t back = ceilDiv(kSpilledSteps, layout.packs);
    double farther =
        static_cast<double>(
            std::min(layout.packs, kSpilledSteps - (back - 1) * layout.packs)) /
        static_cast<double>(layout.packs);
    auto olderThan = [&](int64_t block, int64_t back) {
      return share(((block - back) % blocks + blocks) % blocks);
    };
    for (int64_t block = 0; block != blocks; ++block) {
      double own = share(block);
      cycles += packs * (farther * step(own, olderThan(block, back)) +
                         (1 - farther) * step(own, olderThan(block, back - 1)));
    }
  }
  return std::max(cycles, 2 * moved);
}

double besideSoftmax(const Device &device, const AttentionShape &shape,
                     const Dataflow &flow, const BlockSums &sums,
                     const AttentionLayout &layout) {
  // The longest ring, whatever its latency asks for.
  constexpr int64_t kSlots = 8;
  int64_t groups = flow.packed * ceilDiv(flow.rows, layout.softmaxRows);
  if (layout.sums != Sums::Resident || groups <= kSlots)
    return 0;
  double moved = logitTransfer(device, shape, sums);
  int64_t reads = ceilDiv(shape.valueWidth(), layout.segment);
  int64_t strips = ceilDiv(flow.rows, layout.rowStrip) *
                   ceilDiv(shape.keys, layout.strip) * reads;
  double weights = moved * static_cast<double>(reads) *
                   std::max(0.0, 1 - static_cast<double>(kSlots) /
                                         static_cast<double>(strips));
  return weights + 2 * std::min(weights, moved);
}

} // namespace nm::model
