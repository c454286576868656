//===- ExtendedSearch.cpp - The space beyond the paper ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "Ranking.h"
#include "nm/Model/Extended.h"
#include "nm/Support/Arithmetic.h"
#include <array>
#include <map>
#include <tuple>

namespace nm::model {

namespace {

/// Blocks of less than the array's rows, if there are more than so many, and
/// smaller tiles are not enumerated: each step costs cycles that nothing hides.
constexpr int64_t kMostBlocks = 4096;
constexpr int64_t kLeastKeyTile = 16;

/// All points that differ in staging and stationarity only.
struct Family {
  Dataflow flow;
  const BlockSums *sums;
  Bounds bounds;
  double bound; ///< of the objective
  size_t index;
};

class ExtendedSpace {
public:
  ExtendedSpace(const Device &device, const AttentionShape &shape,
                const SearchOptions &options)
      : device(device), dynamic(device), shape(shape), options(options),
        ranking(options) {
    dynamic.staticWatts = {};
  }

  Result<SearchResult> search() {
    if (options.scope == Scope::Naive)
      return naive();
    bool unfused = options.scope == Scope::Unfused;
    int64_t units = unitCount(shape), total = foldedRows(shape);
    std::vector<int64_t> tiles;
    if (options.allowWholeRows)
      tiles.push_back(0);
    if (options.allowKeyTiles && !unfused)
      for (int64_t tile : blockSizes(shape.keys, kLeastKeyTile))
        if ((tile & (tile - 1)) == 0 && tile < shape.keys)
          tiles.push_back(tile);
    if (tiles.empty())
      return ranking.take();

    int64_t least =
        std::clamp<int64_t>(total / kMostBlocks, 1, device.array.rows);
    for (int64_t tile : tiles) {
      for (int64_t rows : blockSizes(total, least)) {
        if (rows == total)
          continue;
        for (int64_t heads = 1; heads <= units; heads *= 2)
          addFamilies(Granularity::Row, rows, tile, heads);
      }
      for (int64_t heads = 1; heads <= units; heads *= 2)
        addFamilies(Granularity::Head, total, tile, heads);
      addFamilies(Granularity::Sample, total, tile, shape.kvHeadCount());
      addFamilies(Granularity::Batch, total, tile, units);
    }
    // Promising ones first; the order does not depend on pruning.
    std::sort(families.begin(), families.end(),
              [](const Family &a, const Family &b) {
                return std::tie(a.bound, a.index) < std::tie(b.bound, b.index);
              });
    for (Family &family : families)
      priceFamily(family);
    return ranking.take();
  }

private:
  const Device &device;
  Device dynamic; ///< without static power
  const AttentionShape &shape;
  const SearchOptions &options;
  Ranking ranking;
  std::vector<Family> families;
  std::map<std::array<int64_t, 3>, BlockSums> cache;

  int64_t pointsOfFamily() const {
    int64_t stationarities =
        static_cast<int64_t>(device.array.stationarities.size());
    int64_t stagings = options.scope == Scope::Unfused ? 16 : 32;
    return stationarities * stationarities * stagings;
  }

  const BlockSums &sumsOf(const Dataflow &flow) {
    std::array<int64_t, 3> key = {flow.rows, flow.keyTile, flow.packed};
    auto [it, isNew] = cache.try_emplace(key);
    if (isNew)
      it->second =
          sumSteps(device, shape, flow.rows, flow.keyTile, flow.packed);
    return it->second;
  }

  void addFamilies(Granularity granularity, int64_t rows, int64_t tile,
                   int64_t heads) {
    Dataflow flow;
    flow.granularity = granularity;
    flow.rows = rows;
    flow.keyTile = tile;
    flow.heads = heads;
    int64_t narrow = std::min(shape.headDim, shape.valueWidth());
    for (int64_t packed = 1; packed <= heads; packed *= 2) {
      if (packed > 1 &&
          (!device.array.packsHeads || device.array.cols % packed != 0 ||
           packed * narrow > device.array.cols))
        break;
      flow.packed = packed;
      for (LoopOrder order : {LoopOrder::RowsOuter, LoopOrder::KeysOuter}) {
        if (order == LoopOrder::KeysOuter && !tile)
          continue;
        flow.order = order;
        addFamily(flow);
      }
    }
  }

  void addFamily(Dataflow flow) {
    ranking.result.points += pointsOfFamily();
    // The least that any staging holds: footprints only grow with what is
    // staged, except where a block is smaller than a strip.
    int64_t least = INT64_MAX;
    for (unsigned staged = 0; staged <= StagedAll; ++staged)
      if (admits(staged, flow)) {
        flow.staged = staged;
        least = std::min(least, footprintBytes(device, shape, flow));
      }
    if (least > device.scratchpad.bytes) {
      flow.staged = flow.keyTile ? StagedLogits : 0u;
      ranking.rejectMany(flow, pointsOfFamily(), [&] {
        return "at least " + std::to_string(least) +
               " live bytes, more than the " +
               std::to_string(device.scratchpad.bytes) + " of the scratchpad";
      });
      return;
    }
    const BlockSums &sums = sumsOf(flow);
    Bounds bounds = boundsOf(flow, sums, static_cast<double>(least));
    families.push_back(
        {flow, &sums, bounds, bounds.of(options.objective), families.size()});
  }

  bool admits(unsigned staged, const Dataflow &flow) const {
    bool fused = (staged & StagedLogits) != 0;
    return fused ? options.scope != Scope::Unfused : flow.keyTile == 0;
  }

  /// Lower bounds of a family: the best stationarities, each
  /// tensor moved once, no edges; `footprint` is the least of any staging.
  Bounds boundsOf(const Dataflow &flow, BlockSums sums,
                  double footprint) const {
    // Whether steps are divided depends on the staging.
    sums.divided = sums.divided.least(sums.whole);
    int64_t masked = sums.masked.least();
    sums.masked = {masked, masked, masked};
    Dataflow best = flow;
    double cycles = 0, energy = 0;
    bool first = true;
    // Fused, the softmax passes over the logits fewer times, and if all is on
    // chip nothing passes by in strips.
    best.staged =
        options.scope == Scope::Unfused ? StagedAll & ~StagedLogits : StagedAll;
    double units = static_cast<double>(unitCount(shape));
    int64_t widths = shape.headDim + shape.valueWidth();
    double bytes = units * static_cast<double>(
                               bitsToBytes((foldedRows(shape) + shape.keys) *
                                           widths * device.elementBits));
    if (options.scope == Scope::Unfused)
      bytes += units * static_cast<double>(
                           bitsToBytes(4 * sums.area * device.elementBits)) -
               units;
    for (Stationarity logit : device.array.stationarities)
      for (Stationarity attend : device.array.stationarities) {
        best.logit = logit;
        best.attend = attend;
        Cost cost = priceExtended(dynamic, shape, best, sums);
        // Replace what depends on the staging by its least value.
        double onChip =
            cost.onChipCycles -
            (cost.dramBytes - bytes) / device.scratchpadBytesPerCycle();
        double steps = (device.array.stepOverhead[static_cast<int>(logit)] +
                        device.array.stepOverhead[static_cast<int>(attend)]) /
                       2.0 * static_cast<double>(sums.steps) *
                       static_cast<double>(
                           support::ceilDiv(unitCount(shape), flow.packed));
        // Without fusion the softmax is not the array's.
        double array = cost.computeCycles;
        if (best.isFused() && !flow.keyTile)
          array -= static_cast<double>(sums.arrayTiles) * units *
                   static_cast<double>(device.array.softmax.cycles());
        double c = std::max({array, cost.softmaxCycles, onChip,
                             bytes / device.dramBytesPerCycle()}) +
                   steps;
        double e = cost.energyPj -
                   (cost.dramBytes - bytes) *
                       (device.energy.dramByte + device.energy.scratchpadByte) +
                   device.staticPj(c);
        cycles = first ? c : std::min(cycles, c);
        energy = first ? e : std::min(energy, e);
        first = false;
      }
    // Sums of doubles in another order: stay below in spite of rounding.
    constexpr double kBelow = 1 - 1e-12;
    return {cycles * kBelow, energy * kBelow, footprint};
  }

  void priceFamily(Family &family) {
    if (ranking.hopeless(family.bounds))
      return ranking.prune(pointsOfFamily());
    Dataflow &flow = family.flow;
    for (unsigned staged = 0; staged <= StagedAll; ++staged) {
      bool fused = (staged & StagedLogits) != 0;
      if (fused && options.scope == Scope::Unfused)
        continue;
      int64_t pairs = static_cast<int64_t>(device.array.stationarities.size() *
                                           device.array.stationarities.size());
      flow.staged = staged;
      flow.logit = flow.attend = device.array.stationarities.front();
      if (!admits(staged, flow)) {
        ranking.rejectMany(flow, pairs, [] {
          return std::string("key tiles need the logits on chip");
        });
        continue;
      }
      int64_t bytes = footprintBytes(device, shape, flow);
      if (bytes > device.scratchpad.bytes) {
        ranking.rejectMany(flow, pairs, [&] {
          return std::to_string(bytes) + " live bytes, more than the " +
                 std::to_string(device.scratchpad.bytes) + " of the scratchpad";
        });
        continue;
      }
      for (Stationarity logit : device.array.stationarities)
        for (Stationarity attend : device.array.stationarities) {
          flow.logit = logit;
          flow.attend = attend;
          ranking.add(flow, priceExtended(device, shape, flow, *family.sums));
        }
    }
  }

  /// Fixed tiles of the array's side, the first stationarity that it has of
  /// weight, output and input, nothing staged.
  Result<SearchResult> naive() {
    Dataflow flow;
    flow.rows = std::min(device.array.rows, foldedRows(shape));
    for (Stationarity s :
         {Stationarity::Input, Stationarity::Output, Stationarity::Weight})
      if (device.array.supports(s))
        flow.logit = flow.attend = s;
    ++ranking.result.points;
    if (Status status = checkExtended(device, shape, flow); !status)
      ranking.rejectMany(flow, 1, [&] { return status.error().message; });
    else
      ranking.add(flow, evaluateExtended(device, shape, flow));
    return ranking.take();
  }
};

} // namespace

Result<SearchResult> searchExtended(const Device &device,
                                    const AttentionShape &shape,
                                    const SearchOptions &options) {
  if (Status status = checkRange(device, shape); !status)
    return status.error();
  return ExtendedSpace(device, shape, options).search();
}

} // namespace nm::model
