//===- Projection.cpp - Products with dense and N:M weights ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Model/Extended.h"
#include <algorithm>
#include <numeric>

namespace nm::model {

using rt::ceilDiv;
using rt::makeError;

namespace {

/// Kept elements of `k` consecutive ones along the reduction.
int64_t kept(const ProjectionShape &shape, int64_t k) {
  return shape.sparse() ? ceilDiv(k, shape.pattern.m) * shape.pattern.n : k;
}

/// Bytes of `out` rows of a weight with `k` elements along the reduction. The
/// indices of a row begin on a byte.
int64_t weightBytesOf(const Device &device, const ProjectionShape &shape,
                      int64_t out, int64_t k) {
  int64_t elements = kept(shape, k);
  int64_t indices =
      shape.sparse() ? bitsToBytes(elements * shape.pattern.indexBits()) : 0;
  return bitsToBytes(out * elements * device.elementBits) + out * indices;
}

/// Elements of the reduction after which a strip may begin: whole groups whose
/// indices fill whole bytes.
int64_t granuleOf(const ProjectionShape &shape) {
  if (!shape.sparse())
    return 1;
  int64_t bits = shape.pattern.n * shape.pattern.indexBits();
  return shape.pattern.m * (8 / std::gcd(bits, int64_t(8)));
}

bool skipsZeros(const Device &device, const ProjectionShape &shape) {
  return shape.sparse() && device.array.skips(shape.pattern);
}

/// Live bytes: two buffers of activations and weights of one strip of the
/// reduction, and a block of sums.
int64_t footprint(const Device &device, const ProjectionShape &shape,
                  const ProjectionTiling &tiling) {
  int64_t depth = projectionDepth(device, shape, tiling);
  return bitsToBytes(2 * tiling.tokens * depth * device.elementBits) +
         2 * weightBytesOf(device, shape, tiling.out, depth) +
         bitsToBytes(tiling.tokens * tiling.out * device.accumulatorBits);
}

Cost price(const Device &device, const ProjectionShape &shape,
           const ProjectionTiling &tiling) {
  int64_t tokenBlocks = ceilDiv(shape.tokens, tiling.tokens);
  int64_t outBlocks = ceilDiv(shape.out, tiling.out);
  Cost cost;
  cost.footprintBytes = static_cast<double>(footprint(device, shape, tiling));
  int64_t bytes =
      outBlocks * bitsToBytes(shape.tokens * shape.in * device.elementBits) +
      tokenBlocks * weightBytes(device, shape) +
      bitsToBytes(shape.tokens * shape.out * device.elementBits);
  cost.dramBytes = static_cast<double>(bytes);
  cost.dramCycles = cost.dramBytes / device.dramBytesPerCycle();

  bool skips = !shape.sparse() || device.array.skips(shape.pattern);
  int64_t depth = skips ? kept(shape, shape.in) : shape.in;
  int64_t a = device.array.rows, b = device.array.cols;
  // Blocks of the token and output loops; the last ones may be smaller.
  double compute = 0, traffic = 0, decoded = 0;
  auto block = [&](int64_t m, int64_t n, int64_t count) {
    if (!count || !m || !n)
      return;
    double c = static_cast<double>(count);
    compute += c * static_cast<double>(
                       productCycles(tiling.stationarity, a, b, m, depth, n));
    traffic += c * static_cast<double>(
                       productTraffic(tiling.stationarity, a, b, m, depth, n));
    // Weights pass the decoder each time they enter the array.
    int64_t passes =
        tiling.stationarity == Stationarity::Weight ? 1 : ceilDiv(m, a);
    decoded += c * static_cast<double>(passes) *
               static_cast<double>(kept(shape, shape.in)) *
               static_cast<double>(n);
  };
  int64_t wholeT = shape.tokens / tiling.tokens,
          restT = shape.tokens % tiling.tokens;
  int64_t wholeO = shape.out / tiling.out, restO = shape.out % tiling.out;
  block(tiling.tokens, tiling.out, wholeT * wholeO);
  block(restT, tiling.out, wholeO);
  block(tiling.tokens, restO, wholeT);
  block(restT, restO, 1);
  if (shape.sparse() && device.array.indexDecodesPerCycle > 0)
    compute = std::max(
        compute,
        decoded / static_cast<double>(device.array.indexDecodesPerCycle));
  cost.computeCycles = compute;
  double onChipBytes = traffic * device.elementBits / 8.0 + cost.dramBytes;
  cost.onChipCycles = onChipBytes / device.scratchpadBytesPerCycle();
  double step = static_cast<double>(
      device.array.stepOverhead[static_cast<int>(tiling.stationarity)]);
  cost.overheadCycles =
      step / 2 * static_cast<double>(tokenBlocks * outBlocks) +
      static_cast<double>(device.dram.latencyCycles + device.dma.setupCycles +
                          device.array.fillCycles);
  cost.cycles =
      std::max({cost.computeCycles, cost.dramCycles, cost.onChipCycles}) +
      cost.overheadCycles;
  double macs = static_cast<double>(shape.tokens) * static_cast<double>(depth) *
                static_cast<double>(shape.out);
  cost.idealCycles = macs / static_cast<double>(device.array.macsPerCycle());
  cost.energyPj = device.energy.mac * macs +
                  (shape.sparse() ? device.energy.indexDecode * decoded : 0) +
                  device.energy.scratchpadByte * onChipBytes +
                  device.energy.dramByte * cost.dramBytes;
  return cost;
}

} // namespace

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

int64_t weightBytes(const Device &device, const ProjectionShape &shape) {
  return weightBytesOf(device, shape, shape.out, shape.in);
}

int64_t projectionDepth(const Device &device, const ProjectionShape &shape,
                        const ProjectionTiling &tiling) {
  int64_t granule = granuleOf(shape);
  int64_t depth = tiling.depth;
  if (depth <= 0) {
    depth = tiling.stationarity == Stationarity::Input ? device.array.cols
                                                       : device.array.rows;
    // Kept elements alone enter an array that skips zeros.
    if (skipsZeros(device, shape))
      depth = depth / shape.pattern.n * shape.pattern.m;
    depth = depth / granule * granule;
  } else {
    depth = ceilDiv(depth, granule) * granule;
  }
  return std::min(shape.in, std::max(depth, granule));
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
      tiling.out > shape.out)
    return makeError(Errc::Argument, "found a block of ", tiling.tokens, " x ",
                     tiling.out, ", expected at most ", shape.tokens, " x ",
                     shape.out);
  int64_t bytes = footprint(device, shape, tiling);
  if (bytes > device.scratchpad.bytes)
    return makeError(Errc::Unsupported, "found ", bytes,
                     " live bytes, expected at most the ",
                     device.scratchpad.bytes, " of the scratchpad");
  return price(device, shape, tiling);
}

Result<std::pair<ProjectionTiling, Cost>>
searchProjection(const Device &device, const ProjectionShape &shape,
                 const ProjectionFilter &accepts) {
  ProjectionTiling best;
  Cost least;
  bool found = false;
  Result<Cost> last = makeError(Errc::Unsupported,
                                "found no stationarity, expected at least one");
  for (int64_t tokens = 1;; tokens = std::min(2 * tokens, shape.tokens)) {
    for (int64_t out = 1;; out = std::min(2 * out, shape.out)) {
      for (Stationarity s : device.array.stationarities) {
        ProjectionTiling tiling{tokens, out, s};
        Result<Cost> cost = evaluateProjection(device, shape, tiling);
        bool isBetter =
            cost &&
            (!found || cost->cycles < least.cycles ||
             (cost->cycles == least.cycles && cost->energyPj < least.energyPj));
        if (cost && !isBetter)
          continue;
        if (cost && accepts)
          if (Status status = accepts(tiling); !status)
            cost = status.error();
        if (!cost) {
          last = cost;
          continue;
        }
        found = true;
        best = tiling;
        least = *cost;
      }
      if (out >= shape.out)
        break;
    }
    if (tokens >= shape.tokens)
      break;
  }
  if (!found)
    return last.error();
  return std::make_pair(best, least);
}

} // namespace nm::model
