//===- HostSearch.cpp - Rows and key tiles for a processor -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a processor nothing is staged by command: a block of rows is good if its
// logits stay in a private cache between the two products, and if keys and
// values, which pass by once a block, come from a level fast enough for the
// arithmetic on that many rows. Both follow from the cache hierarchy.
//
//===----------------------------------------------------------------------===//

#include "Ranking.h"
#include "nm/Model/Blocks.h"
#include "nm/Support/Arithmetic.h"
#include <cmath>

namespace nm::model {

namespace {

// What follows describes the generated kernels, not a machine.
/// Logits and sums are f32 whatever the storage.
constexpr double kLogitBytes = 4;
/// Values are walked in blocks of so many keys even if a row is whole.
constexpr int64_t kValueBlock = 256;
/// Share of a cache that a block may fill: the rest holds what passes by.
constexpr double kUsableShare = 0.6;
/// Share of a prefetched stream that arithmetic does not hide. This and the
/// usable share fit measurements of the generated kernels (docs/model.md).
constexpr double kExposed = 0.22;
/// Instructions for the running maximum and sum of a row in a key tile, and for
/// one vector of outputs that is rescaled.
constexpr double kRowInstructions = 16, kRescaleInstructions = 3;

class HostModel {
public:
  HostModel(const Device &device, const AttentionShape &shape, int64_t threads)
      : device(device), host(device.host), shape(shape), threads(threads),
        lanes(static_cast<double>(std::max<int64_t>(1, host.vectorBits / 32))),
        issue(static_cast<double>(host.fmasPerCycle)),
        widths(static_cast<double>(shape.headDim + shape.valueWidth())),
        storage(device.elementBits / 8.0) {}

  /// Rows of the register tile: two vectors of accumulators for each row, the
  /// rest for two vectors of one operand and broadcasts of the other.
  int64_t microRows() const {
    return std::max<int64_t>(1, (host.vectorRegisters - 4) / 2);
  }

  double workingSet(int64_t rows, int64_t keys, int64_t tile) const {
    double block =
        static_cast<double>(std::min(keys, tile ? tile : kValueBlock));
    double logits = static_cast<double>(rows) *
                    static_cast<double>(tile ? std::min(keys, tile) : keys);
    return (logits + static_cast<double>(rows) * widths) * kLogitBytes +
           block * widths * storage;
  }

  /// The innermost level with room; the number of levels if it is memory.
  size_t levelFor(double bytes) const {
    size_t level = 0;
    while (level != host.caches.size() && bytes > usable(level))
      ++level;
    return level;
  }
  double usable(size_t level) const {
    const CacheLevel &cache = host.caches[level];
    return kUsableShare * static_cast<double>(cache.bytes) /
           static_cast<double>(cache.sharedBy);
  }
  /// The outermost level that one core has for itself.
  size_t privateLevel() const {
    size_t level = 0;
    while (level + 1 < host.caches.size() &&
           host.caches[level + 1].sharedBy == 1)
      ++level;
    return level;
  }

  double bytesPerCycle(size_t level) const {
    return level == host.caches.size()
               ? device.dramBytesPerCycle() / static_cast<double>(threads)
               : host.caches[level].bytesPerCycle;
  }

  Cost price(const Dataflow &flow) const {
    double keyBytes = static_cast<double>(shape.keys) * widths * storage;
    size_t keyLevel = levelFor(keyBytes);
    double micro = static_cast<double>(microRows());
    double cycles = 0, compute = 0, softmax = 0, stream = 0, kept = 0;
    double streamed = 0;
    // One head: the steps are blocks of rows here.
    forEachStep(
        shape, flow.rows, 0, [&](int64_t rows, int64_t keys, int64_t blocks) {
          double h = static_cast<double>(rows),
                 count = static_cast<double>(blocks);
          int64_t tile = flow.keyTile ? flow.keyTile : kValueBlock;
          double visits = static_cast<double>(support::ceilDiv(keys, tile));
          // A tile that the diagonal crosses is computed in full.
          double seen = flow.keyTile && shape.causal
                            ? std::min(visits * static_cast<double>(tile),
                                       static_cast<double>(shape.keys))
                            : static_cast<double>(keys);
          double columns = std::ceil(seen / lanes) * lanes;
          size_t level = levelFor(workingSet(rows, keys, flow.keyTile));

          double fma =
              std::ceil(h / micro) * micro * columns * widths / (lanes * issue);
          double special =
              h * columns / lanes * host.softmaxInstructions / issue;
          double outVectors =
              std::ceil(static_cast<double>(shape.valueWidth()) / lanes);
          if (flow.keyTile)
            special += visits * h *
                       (kRowInstructions + outVectors * kRescaleInstructions) /
                       issue;
          // Logits are written, read and written by the softmax, and read
          // again; outputs go in and out once a visit.
          double round =
              (4 * h * seen +
               2 * visits * h * static_cast<double>(shape.valueWidth())) *
              kLogitBytes / bytesPerCycle(level);
          double pass = seen * widths * storage / bytesPerCycle(keyLevel);
          cycles += count * (overlapped(fma + special, pass) + round);
          compute += count * fma;
          softmax += count * special;
          stream += count * pass;
          kept += count * round;
          streamed += count * seen * widths * storage;
        });

    double units = static_cast<double>(shape.batch * shape.kvHeadCount());
    double tasks = units * static_cast<double>(
                               support::ceilDiv(foldedRows(shape), flow.rows));
    double share = std::ceil(tasks / static_cast<double>(threads)) / tasks;
    double total = units * share;
    Cost cost;
    cost.cycles = total * cycles;
    cost.computeCycles = total * compute;
    cost.softmaxCycles = total * softmax;
    cost.onChipCycles = total * kept;
    cost.footprintBytes = workingSet(std::min(flow.rows, foldedRows(shape)),
                                     shape.keys, flow.keyTile);
    double once = static_cast<double>(foldedRows(shape)) * widths * storage;
    bool fromMemory = keyLevel == host.caches.size();
    cost.dramCycles = fromMemory ? total * stream : 0;
    cost.dramBytes = units * (once + (fromMemory ? streamed : keyBytes));
    cost.idealCycles = units * neededLogits(shape) * widths /
                       (lanes * issue * static_cast<double>(threads));
    cost.energyPj =
        device.energy.dramByte * cost.dramBytes + device.staticPj(cost.cycles);
    return cost;
  }

private:
  const Device &device;
  const HostUnit &host;
  const AttentionShape &shape;
  int64_t threads;
  double lanes, issue, widths, storage;

  /// Streams are prefetched, not quite for nothing.
  static double overlapped(double a, double b) {
    return std::max(a, b) + kExposed * std::min(a, b);
  }
};

} // namespace

Result<SearchResult> searchHost(const Device &device,
                                const AttentionShape &shape,
                                const SearchOptions &options) {
  int64_t threads = options.threads > 0 ? options.threads : device.host.cores;
  HostModel model(device, shape, threads);
  int64_t total = foldedRows(shape), micro = model.microRows();

  std::vector<int64_t> rows, tiles;
  // So many blocks that their number no longer matters are not enumerated.
  constexpr int64_t kMostBlocks = 4096;
  for (int64_t blocks : {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64})
    if (blocks * micro < total &&
        (blocks == 64 || total / (blocks * micro) <= kMostBlocks))
      rows.push_back(blocks * micro);
  if (rows.empty() || total <= 64 * micro)
    rows.push_back(total);
  if (options.allowWholeRows)
    tiles.push_back(0);
  if (options.allowKeyTiles)
    for (int64_t tile = 64; tile <= 4096 && tile < shape.keys; tile *= 2)
      tiles.push_back(tile);
  // Keys that fit one tile need no second one.
  if (tiles.empty())
    tiles.push_back(0);

  Ranking ranking(options);
  size_t home = model.privateLevel();
  for (int64_t tile : tiles)
    for (int64_t r : rows) {
      Dataflow flow;
      flow.rows = r;
      flow.keyTile = tile;
      flow.staged = StagedAll;
      ++ranking.result.points;
      double bytes = model.workingSet(r, shape.keys, tile);
      // The smallest block is always allowed: something has to run.
      if (model.levelFor(bytes) > home && r != rows.front()) {
        ranking.reject(flow, [&] {
          return "a block of " + std::to_string(r) + " rows fills " +
                 std::to_string(static_cast<int64_t>(bytes)) +
                 " bytes, more than the " +
                 std::to_string(static_cast<int64_t>(model.usable(home))) +
                 " usable of cache level " + std::to_string(home + 1);
        });
        continue;
      }
      ranking.add(flow, model.price(flow));
    }
  return ranking.take();
}

} // namespace nm::model
