//===- FaithfulSearch.cpp - The space of the FLAT paper --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Ranking.h"
#include "nm/Model/Faithful.h"
#include <tuple>

namespace nm::model {

namespace {

/// Lower bounds on all stagings of `flow`. Compute and step overhead do not
/// depend on the staging; no staging moves less than each tensor once.
Bounds lowerBounds(const Device &device, const AttentionShape &shape,
                   const Dataflow &flow, const SearchOptions &options) {
  Cost any = evaluateFaithful(device, shape, flow, options.modelSoftmax);
  double heads = static_cast<double>(shape.batch * shape.heads);
  double length = static_cast<double>(shape.keys);
  double least = 4 * length * static_cast<double>(shape.headDim);
  if (options.scope == Scope::Unfused)
    least += 2 * length * length;
  double bytes = heads * least * (device.elementBits / 8.0);
  double steps = (device.array.stepOverhead[static_cast<int>(flow.logit)] +
                  device.array.stepOverhead[static_cast<int>(flow.attend)]) /
                 2.0 * heads * (length / static_cast<double>(flow.rows)) /
                 static_cast<double>(flow.heads);
  double cycles =
      std::max(any.computeCycles, bytes / device.dramBytesPerCycle());
  if (options.modelSoftmax)
    cycles = std::max(cycles, any.softmaxCycles);
  cycles += steps;
  return {cycles, bytes * device.energy.dramByte + device.staticPj(cycles), 0};
}

} // namespace

std::vector<int64_t> blockSizes(int64_t length, int64_t least) {
  std::vector<int64_t> sizes;
  for (int64_t size = 1; size < length; size *= 2)
    sizes.push_back(size);
  for (int64_t size = 1; size * size <= length; ++size)
    if (length % size == 0) {
      sizes.push_back(size);
      sizes.push_back(length / size);
    }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  sizes.erase(std::remove_if(
                  sizes.begin(), sizes.end(),
                  [&](int64_t size) { return size < least && size != length; }),
              sizes.end());
  return sizes;
}

namespace {

/// Fixed tiles of the array's side; weight stationary, where the array is.
void rankNaive(Ranking &ranking, const Device &device,
               const AttentionShape &shape, const SearchOptions &options) {
  Dataflow flow;
  flow.granularity = Granularity::Row;
  flow.rows = std::min(device.array.rows, shape.keys);
  flow.logit = flow.attend = Stationarity::Weight;
  ++ranking.result.points;
  if (!device.array.supports(Stationarity::Weight))
    flow.logit = flow.attend = Stationarity::Output;
  if (!device.array.supports(flow.logit))
    ranking.rejectMany(flow, 1, [] {
      return std::string("input stationarity alone, which the paper's model "
                         "lacks");
    });
  else
    ranking.add(flow,
                evaluateFaithful(device, shape, flow, options.modelSoftmax));
}

/// Granularity, rows and stationarity, with bounds on all stagings.
struct Outer {
  Dataflow flow;
  Bounds bounds;
  double bound; ///< of the objective
  size_t index;
};

/// All that the space has, promising ones first: pruning then finds a tight
/// bound early. The order is the same with and without pruning, and ties fall
/// by it.
std::vector<Outer> listOuters(const Device &device, const AttentionShape &shape,
                              const SearchOptions &options) {
  std::vector<Outer> outers;
  auto visit = [&](Granularity granularity, int64_t rows, int64_t heads) {
    for (Stationarity stationarity :
         {Stationarity::Output, Stationarity::Weight}) {
      if (!device.array.supports(stationarity))
        continue;
      Dataflow flow;
      flow.granularity = granularity;
      flow.rows = rows;
      flow.heads = heads;
      flow.logit = flow.attend = stationarity;
      Bounds bounds = lowerBounds(device, shape, flow, options);
      outers.push_back(
          {flow, bounds, bounds.of(options.objective), outers.size()});
    }
  };
  visit(Granularity::Head, shape.keys, 1);
  if (options.publishedSpace) {
    for (int64_t sides : {1, 2, 4})
      if (int64_t rows = sides * device.array.rows;
          rows < shape.keys && shape.keys % rows == 0)
        visit(Granularity::Row, rows, 1);
  } else {
    visit(Granularity::Batch, shape.keys, shape.batch * shape.heads);
    visit(Granularity::Sample, shape.keys, shape.heads);
    for (int64_t rows : blockSizes(shape.keys, 1))
      if (rows != shape.keys && shape.keys % rows == 0)
        visit(Granularity::Row, rows, 1);
  }
  std::sort(outers.begin(), outers.end(), [](const Outer &a, const Outer &b) {
    return std::tie(a.bound, a.index) < std::tie(b.bound, b.index);
  });
  return outers;
}

} // namespace

Result<SearchResult> searchFaithful(const Device &device,
                                    const AttentionShape &shape,
                                    const SearchOptions &options) {
  Dataflow largest;
  largest.rows = shape.keys;
  largest.granularity = Granularity::Head;
  if (Status status = checkFaithful(device, shape, largest); !status)
    return status.error();

  Ranking ranking(options);
  if (options.scope == Scope::Naive) {
    rankNaive(ranking, device, shape, options);
    return ranking.take();
  }
  // Stagings are the inner loop, so that one bound disposes of all of them.
  bool unfused = options.scope == Scope::Unfused;
  int64_t stagings = unfused ? 16 : 32;
  for (Outer &outer : listOuters(device, shape, options)) {
    ranking.result.points += stagings;
    if (ranking.hopeless(outer.bounds)) {
      ranking.prune(stagings);
      continue;
    }
    for (unsigned staged = 0; staged <= StagedAll; ++staged) {
      if (unfused && (staged & StagedLogits))
        continue;
      outer.flow.staged = staged;
      ranking.add(outer.flow, evaluateFaithful(device, shape, outer.flow,
                                               options.modelSoftmax));
    }
  }
  return ranking.take();
}

} // namespace nm::model
