//===- Layer.cpp - The cost of a transformer layer -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Extended.h"
#include "nm/Model/Search.h"
#include "nm/Support/Result.h"
#include <algorithm>

namespace nm::model {

namespace {

void accumulate(Cost &total, const Cost &part) {
  total.cycles += part.cycles;
  total.computeCycles += part.computeCycles;
  total.dramCycles += part.dramCycles;
  total.softmaxCycles += part.softmaxCycles;
  total.onChipCycles += part.onChipCycles;
  total.overheadCycles += part.overheadCycles;
  total.dramBytes += part.dramBytes;
  total.footprintBytes = std::max(total.footprintBytes, part.footprintBytes);
  total.idealCycles += part.idealCycles;
  total.energyPj += part.energyPj;
}

/// Two layer norms with their residuals, and the activation, which runs on the
/// outputs of the first feed-forward product on their way out.
Cost elementwise(const Device &device, double tokens, double modelDim,
                 double feedForward) {
  const SpecialFunctionUnit &sf = device.specialFunction;
  Cost cost;
  // A norm reads the product and the residual and writes the sum's norm.
  cost.dramBytes = 2 * 3 * tokens * modelDim * device.elementBits / 8.0;
  cost.dramCycles = cost.dramBytes / device.dramBytesPerCycle();
  // Mean and variance, shift and scale; exponential and scale.
  double ops =
      2 * tokens * modelDim *
          static_cast<double>(2 * sf.sumCycles + 2 * sf.scaleCycles) +
      tokens * feedForward * static_cast<double>(sf.expCycles + sf.scaleCycles);
  if (sf.lanes > 0)
    cost.softmaxCycles = ops / static_cast<double>(sf.lanes);
  double onChip = 2 * cost.dramBytes;
  cost.onChipCycles = onChip / device.scratchpadBytesPerCycle();
  cost.cycles =
      std::max({cost.dramCycles, cost.softmaxCycles, cost.onChipCycles});
  cost.energyPj = device.energy.dramByte * cost.dramBytes +
                  device.energy.scratchpadByte * onChip +
                  device.energy.specialFunctionOp * ops +
                  device.staticPj(cost.cycles);
  return cost;
}

} // namespace

Result<LayerCost> evaluateLayer(const Device &device, const LayerShape &shape,
                                const SearchOptions &given) {
  const AttentionShape &a = shape.attention;
  LayerCost layer;
  SearchOptions options = given;
  options.mode = Mode::Extended;
  options.keep = 1;
  options.keepRejected = 1;
  Result<SearchResult> attention = searchDataflows(device, a, options);
  if (!attention)
    return attention.error();
  if (shape.modelDim < 1 || shape.feedForward < 1)
    return support::makeError(Errc::Argument, "found widths ", shape.modelDim,
                              " and ", shape.feedForward,
                              ", expected at least 1");
  layer.attention = attention->ranked.front().cost;
  layer.dataflow = attention->ranked.front().dataflow;

  int64_t tokens = a.batch * a.queries;
  auto add = [&](Cost &to, int64_t in, int64_t out, int count) -> Status {
    auto found = searchProjection(
        device, ProjectionShape{tokens, in, out, shape.pattern});
    if (!found)
      return found.error();
    for (int i = 0; i != count; ++i)
      accumulate(to, found->second);
    return {};
  };
  int64_t D = shape.modelDim, F = shape.feedForward;
  for (const Status &status :
       {add(layer.projections, D, a.heads * a.headDim, 1),
        add(layer.projections, D, a.kvHeadCount() * a.headDim, 1),
        add(layer.projections, D, a.kvHeadCount() * a.valueWidth(), 1),
        add(layer.projections, a.heads * a.valueWidth(), D, 1),
        add(layer.feedForward, D, F, 1), add(layer.feedForward, F, D, 1)})
    if (!status)
      return status.error();
  layer.elementwise =
      elementwise(device, static_cast<double>(tokens), static_cast<double>(D),
                  static_cast<double>(F));
  return layer;
}

} // namespace nm::model
