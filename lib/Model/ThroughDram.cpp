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
#include <vector>

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

namespace {

/// Cycles of the array for a block of rows: whole strips of keys, and a last
/// one that may be less of the array's columns but as much of its time.
class BlockProducts {
public:
  BlockProducts(const Device &device, const AttentionShape &shape,
                const Dataflow &flow, const AttentionLayout &layout)
      : device(device), flow(flow), layout(layout), d(shape.headDim),
        v(shape.valueWidth()) {}

  double logit(int64_t rows, int64_t keys) const {
    return strips(keys, [&](int64_t k) {
      return machine::productCycles(flow.logit, device.array.rows,
                                    layout.segment, rows, d, k);
    });
  }
  double attend(int64_t rows, int64_t keys) const {
    int64_t b = layout.segment, width = std::min(v, b);
    return strips(keys, [&](int64_t k) {
      auto columns = [&](int64_t n) {
        return attendCycles(device, flow.attend, b, rows, k, n, false);
      };
      return v / width * columns(width) + (v % width ? columns(v % width) : 0);
    });
  }

private:
  template <typename Price> double strips(int64_t keys, Price price) const {
    int64_t whole = keys / layout.strip, rest = keys % layout.strip;
    return static_cast<double>((whole ? whole * price(layout.strip) : 0) +
                               (rest ? price(rest) : 0));
  }

  const Device &device;
  const Dataflow &flow;
  const AttentionLayout &layout;
  int64_t d, v;
};

/// A block of rows: its logits, by the mean block's, and cycles of the array if
/// all steps were like it.
struct Block {
  double share, logit, attend;
};

} // namespace

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
  // A step, beside the output of an older one. Cycles of the array are those
  // of all steps, if all were like it.
  auto step = [&](const Block &own, const Block &older) {
    double dram = cost.dramCycles * (3 * own.share + older.share) / 4;
    double passes =
        (steps *
             (4 * latency + 2 * static_cast<double>(device.array.fillCycles)) +
         own.share * (cost.dramCycles + cost.softmaxCycles) + own.logit +
         own.attend) /
        static_cast<double>(kSpilledSteps + 1);
    double softmax = (2 * units * static_cast<double>(groups) * latency +
                      own.share * (cost.softmaxCycles + 2 * moved)) /
                     static_cast<double>(layout.softmaxSlots);
    return std::max({dram, own.logit + older.attend, passes, softmax}) / steps;
  };
  double cycles = 0;
  if (!shape.causal) {
    Block mean{1, logit, attend};
    cycles = steps * step(mean, mean);
  } else {
    BlockProducts work(device, shape, flow, layout);
    std::vector<Block> all;
    all.reserve(static_cast<size_t>(blocks));
    for (int64_t begin = 0; begin < layout.total; begin += flow.rows) {
      int64_t end = std::min(layout.total, begin + flow.rows);
      int64_t rows = end - begin, keys = keysSeen(shape, end);
      double share = static_cast<double>(rows) * static_cast<double>(keys) *
                     static_cast<double>(blocks) /
                     static_cast<double>(sums.area);
      all.push_back({share, steps * work.logit(rows, keys),
                     steps * work.attend(rows, keys)});
    }
    // Packs of a round are beside each other: those of a block have an older
    // step so many blocks before, or one less.
    int64_t back = ceilDiv(kSpilledSteps, layout.packs);
    double farther =
        static_cast<double>(
            std::min(layout.packs, kSpilledSteps - (back - 1) * layout.packs)) /
        static_cast<double>(layout.packs);
    for (int64_t block = 0; block != blocks; ++block) {
      const Block &own = all[static_cast<size_t>(block)];
      auto beside = [&](int64_t back) {
        int64_t older = ((block - back) % blocks + blocks) % blocks;
        return step(own, all[static_cast<size_t>(older)]);
      };
      cycles +=
          packs * (farther * beside(back) + (1 - farther) * beside(back - 1));
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
