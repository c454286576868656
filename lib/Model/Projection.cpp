//===- Projection.cpp - Products with dense and N:M weights ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProjectionTerms.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>
#include <numeric>

namespace nm::model {

using support::ceilDiv;
using support::makeError;

/// Elements of the reduction after which a strip may begin: whole groups whose
/// indices fill whole bytes.
static int64_t granuleOf(const ProjectionShape &shape) {
  if (!shape.sparse())
    return 1;
  int64_t bits = shape.pattern.n * shape.pattern.indexBits();
  return shape.pattern.m * (8 / std::gcd(bits, int64_t(8)));
}

Status ProjectionShape::check() const {
  constexpr int64_t kTokens = int64_t(1) << 32, kWidth = 1 << 20;
  if (tokens < 1 || tokens > kTokens || in < 1 || in > kWidth || out < 1 ||
      out > kWidth)
    return makeError(Errc::Argument, "found a projection of ", tokens, " x ",
                     in, " by ", in, " x ", out, ", expected 1 to ", kTokens,
                     " tokens and widths of 1 to ", kWidth);
  if (sparse() && (pattern.n < 1 || pattern.n > pattern.m || pattern.m > 64))
    return makeError(Errc::Argument, "found pattern ", pattern.n, ":",
                     pattern.m, ", expected 1 <= N <= M <= 64");
  int64_t product = 0;
  if (__builtin_mul_overflow(tokens * in, out, &product) ||
      product > (int64_t(1) << 56))
    return makeError(Errc::Argument,
                     "found more than 2^56 products in a projection of ",
                     tokens, " tokens, expected at most 2^56");
  return {};
}

int64_t projectionDepth(const Device &device, const ProjectionShape &shape,
                        const ProjectionTiling &tiling) {
  int64_t granule = granuleOf(shape);
  int64_t depth = tiling.depth;
  if (depth <= 0) {
    depth = tiling.stationarity == Stationarity::Input ? device.array.cols
                                                       : device.array.rows;
    // Kept elements alone enter an array that skips zeros.
    if (shape.sparse() && device.array.skips(shape.pattern))
      depth = depth / shape.pattern.n * shape.pattern.m;
    depth = std::max(depth / granule, int64_t(1)) * granule;
    // As many strips, but even ones.
    depth = ceilDiv(shape.in, ceilDiv(shape.in, depth));
    depth = ceilDiv(depth, granule) * granule;
  } else {
    depth = ceilDiv(depth, granule) * granule;
  }
  return std::min(shape.in, depth);
}

Result<Cost> evaluateProjection(const Device &device,
                                const ProjectionShape &shape,
                                const ProjectionTiling &tiling) {
  if (Status status = shape.check(); !status)
    return status.error();
  if (device.kind != DeviceKind::Accelerator)
    return makeError(Errc::Unsupported, "found the processor ", device.name,
                     ", expected an accelerator");
  if (tiling.tokens < 1 || tiling.tokens > shape.tokens || tiling.out < 1 ||
      tiling.out > shape.out || tiling.depth < 0)
    return makeError(Errc::Argument, "found a block of ", tiling.tokens, " x ",
                     tiling.out, ", expected at most ", shape.tokens, " x ",
                     shape.out);
  if (tiling.slots < 2 || tiling.slots > kMostProjectionSlots)
    return makeError(Errc::Argument, "found ", tiling.slots,
                     " slots of a ring, expected 2 to ", kMostProjectionSlots);
  int64_t bytes = projectionFootprint(device, shape, tiling);
  if (bytes > device.scratchpad.bytes)
    return makeError(Errc::Unsupported, "found ", bytes,
                     " live bytes, expected at most the ",
                     device.scratchpad.bytes, " of the scratchpad");
  return priceProjection(device, shape, tiling);
}

/// Powers of two, and even divisions into a few blocks.
static std::vector<int64_t> blockSizes(int64_t total) {
  std::vector<int64_t> sizes;
  for (int64_t size = 1; size < total; size *= 2)
    sizes.push_back(size);
  for (int64_t blocks : {1, 2, 3, 4, 6, 8})
    sizes.push_back(ceilDiv(total, blocks));
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

Result<std::pair<ProjectionTiling, Cost>>
searchProjection(const Device &device, const ProjectionShape &shape,
                 const ProjectionFilter &accepts) {
  ProjectionTiling best;
  Cost least;
  bool found = false;
  Result<Cost> last = makeError(Errc::Unsupported,
                                "found no stationarity, expected at least one");
  auto consider = [&](const ProjectionTiling &tiling) {
    Result<Cost> cost = evaluateProjection(device, shape, tiling);
    if (cost && found &&
        (cost->cycles > least.cycles ||
         (cost->cycles == least.cycles && cost->energyPj >= least.energyPj)))
      return;
    if (cost && accepts)
      if (Status status = accepts(tiling); !status)
        cost = status.error();
    if (!cost) {
      last = cost;
      return;
    }
    found = true;
    best = tiling;
    least = *cost;
  };
  // Where nothing has to be hidden two slots are as good as more.
  bool hides = transferLatency(device) > 0 || device.array.fillCycles != 0;
  auto considerSlots = [&](ProjectionTiling tiling) {
    for (int64_t slots : kProjectionSlots) {
      tiling.slots = slots;
      consider(tiling);
      if (!hides)
        return;
    }
  };
  std::vector<int64_t> outs = blockSizes(shape.out);
  for (int64_t tokens : blockSizes(shape.tokens))
    for (int64_t out : outs)
      for (Stationarity s : device.array.stationarities) {
        ProjectionTiling tiling{tokens, out, s};
        considerSlots(tiling);
        // A quarter of what the array takes at a time, and its multiples, but
        // no strips of a few elements that DRAM delivers one by one.
        int64_t whole = projectionDepth(device, shape, tiling);
        for (int64_t depth = std::max(whole / 4, std::min<int64_t>(whole, 32));
             depth < 2 * shape.in; depth *= 2) {
          tiling.depth = std::min(depth, shape.in);
          if (tiling.depth != whole)
            considerSlots(tiling);
        }
      }
  if (!found)
    return last.error();
  return std::make_pair(best, least);
}

} // namespace nm::model
