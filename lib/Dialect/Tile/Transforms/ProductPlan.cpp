//===- ProductPlan.cpp - The scratchpad of a product -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Tile/Transforms/ProductPlan.h"
#include "Storage.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::tiles;
namespace code = ::nm::isa;
namespace model = ::nm::model;
using ::nm::support::ceilDiv;
using ::nm::support::Errc;
using ::nm::support::makeError;
using ::nm::support::Result;
using ::nm::support::Status;

ProductFacts tiles::factsOf(ProductOp product) {
  ProductFacts facts;
  facts.shape = {product.getTokens(), product.getIn(), product.getOut(),
                 product.getSparsePattern()};
  facts.type = elementTypeOf(
      cast<attacc::RegionType>(product.getLhs().getType()).getElementType());
  facts.outputBytes = elementBytes(product.getOutput());
  for (Value input : product.getInputs()) {
    bool isVector = cast<attacc::RegionType>(input.getType()).getRank() == 1;
    (isVector ? facts.vectorBytes : facts.matrixBytes)
        .push_back(elementBytes(input));
  }
  auto fills = product.getBody().front().getOps<FillOp>();
  facts.fills = std::distance(fills.begin(), fills.end());
  return facts;
}

Status tiles::checkProduct(const model::Device &device,
                           const ProductFacts &facts,
                           const model::ProjectionTiling &tiling) {
  const model::ProjectionShape &shape = facts.shape;
  if (Status status = shape.check(); !status)
    return status;
  if (device.kind != model::DeviceKind::Accelerator)
    return makeError(Errc::Unsupported, "found the processor ", device.name,
                     ", expected an accelerator");
  if (facts.type == code::Type::I8 ||
      code::typeBytes(facts.type) * 8 != device.elementBits)
    return makeError(Errc::Unsupported, "found elements of ",
                     code::toString(facts.type), ", expected the ",
                     device.elementBits, " bits of ", device.name);
  if (!device.array.supports(tiling.stationarity))
    return makeError(Errc::Unsupported, "found ",
                     ::nm::machine::toString(tiling.stationarity),
                     " stationarity, expected one that ", device.name, " has");
  if (tiling.tokens < 1 || tiling.tokens > shape.tokens || tiling.out < 1 ||
      tiling.out > shape.out || tiling.depth < 0)
    return makeError(Errc::Argument, "found a block of ", tiling.tokens, " x ",
                     tiling.out, ", expected at most ", shape.tokens, " x ",
                     shape.out);
  if (tiling.slots < 2 || tiling.slots > model::kMostProjectionSlots)
    return makeError(Errc::Argument, "found ", tiling.slots,
                     " slots of a ring, expected 2 to ",
                     model::kMostProjectionSlots);
  if (!shape.sparse())
    return {};
  if (shape.in % shape.pattern.m)
    return makeError(Errc::Unsupported, "found an N:M weight with ", shape.in,
                     " elements along the reduction, expected a multiple of ",
                     shape.pattern.m);
  if (!device.array.skips(shape.pattern))
    return makeError(Errc::Unsupported, "found weights of pattern ",
                     shape.pattern.n, ":", shape.pattern.m,
                     ", expected one that ", device.name, " decodes");
  return {};
}

/// Bytes of scratchpad, with the sums of one block, laid out as tile-allocate
/// does.
static int64_t bytesOf(const ProductFacts &facts, const ProductPlan &plan) {
  const model::ProjectionTiling &tiling = plan.tiling;
  const model::ProjectionShape &shape = facts.shape;
  Footprint footprint;
  auto add = [&](int64_t elements, int64_t size, int64_t slots) {
    footprint.add(elements * size * slots);
  };
  int64_t own = code::typeBytes(facts.type), kept = plan.depth;
  if (shape.sparse()) {
    kept = plan.depth / shape.pattern.m * shape.pattern.n;
    add(tiling.out * ceilDiv(kept * shape.pattern.indexBits(), int64_t(8)), 1,
        tiling.slots);
  }
  add(tiling.tokens * plan.depth, own, tiling.slots);
  add(tiling.out * kept, own, tiling.slots);
  add(tiling.tokens * tiling.out, 4, 1);
  add(plan.chunk * tiling.out, facts.outputBytes, tiling.resultSlots());
  for (int64_t size : facts.matrixBytes)
    add(plan.chunk * tiling.out, size, tiling.resultSlots());
  for (int64_t size : facts.vectorBytes)
    add(tiling.out, size, 2);
  for (int64_t i = 0; i != facts.fills; ++i)
    add(plan.chunk, 4, 1);
  return footprint.bytes();
}

Result<ProductPlan> tiles::planProduct(const model::Device &device,
                                       const ProductFacts &facts,
                                       const model::ProjectionTiling &tiling,
                                       int64_t capacity) {
  ProductPlan plan;
  plan.tiling = tiling;
  plan.depth = model::projectionDepth(device, facts.shape, tiling);
  plan.chunk = model::projectionChunk(device, tiling);
  while (bytesOf(facts, plan) > capacity && plan.chunk > 1)
    plan.chunk = ceilDiv(plan.chunk, int64_t(2));
  if (int64_t bytes = bytesOf(facts, plan); bytes > capacity)
    return makeError(Errc::Unsupported, "found blocks of ", tiling.tokens,
                     " x ", tiling.out, " in strips of ", plan.depth,
                     ", which need ", bytes,
                     " bytes with their epilogue, expected at most the ",
                     capacity, " left of the scratchpad of ", device.name);
  return plan;
}

Result<model::ProjectionTiling>
tiles::chooseProduct(const model::Device &device, ProductFacts facts) {
  if (device.array.stationarities.empty())
    return makeError(Errc::Unsupported, "found no stationarity of ",
                     device.name, ", expected at least one");
  if (Status status = checkProduct(device, facts,
                                   {1, 1, device.array.stationarities.front()});
      !status)
    return status.error();
  // Products that differ only in the types of their inputs get one tiling: each
  // input counts as f32.
  facts.vectorBytes.assign(facts.vectorBytes.size(), 4);
  facts.matrixBytes.assign(facts.matrixBytes.size(), 4);
  auto fits = [&](const model::ProjectionTiling &tiling) -> Status {
    Result<ProductPlan> plan =
        planProduct(device, facts, tiling, device.scratchpad.bytes);
    return plan ? Status() : Status(plan.error());
  };
  auto best = model::searchProjection(device, facts.shape, fits);
  if (!best)
    return best.error();
  return best->first;
}
