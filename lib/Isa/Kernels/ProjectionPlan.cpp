//===- ProjectionPlan.cpp - The scratchpad of a projection --------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Projection.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>

namespace nm::isa {

using model::ProjectionShape;
using model::ProjectionTiling;
using support::ceilDiv;
using support::makeError;

namespace {

/// Adds up buffers as Builder::buffer places them.
class Layout {
public:
  void add(int64_t bytes, int64_t slots = 1) {
    top = ceilDiv(top, int64_t(64)) * 64 + bytes * slots;
  }
  int64_t bytes() const { return top; }

private:
  int64_t top = 0;
};

} // namespace

int64_t ProjectionPlan::bytes() const {
  Layout layout;
  layout.add(tiling.tokens * depth * elementBytes, tiling.slots);
  layout.add(tiling.out * kept(depth) * elementBytes, tiling.slots);
  if (sparse)
    layout.add(tiling.out * indexBytes(depth), tiling.slots);
  layout.add(tiling.tokens * tiling.out * 4, sums);
  layout.add(chunk * tiling.out * elementBytes, tiling.resultSlots());
  if (residualBytes)
    layout.add(chunk * tiling.out * residualBytes, tiling.resultSlots());
  if (biasBytes)
    layout.add(tiling.out * biasBytes, 2);
  if (hasFactor)
    layout.add(chunk * 4);
  return layout.bytes();
}

Result<ProjectionPlan> planProjection(const Device &device,
                                      const ProjectionShape &shape,
                                      const ProjectionTiling &tiling, Type type,
                                      const Epilogue &epilogue,
                                      int64_t biasBytes, int64_t residualBytes,
                                      int64_t capacity) {
  ProjectionPlan plan;
  plan.tiling = tiling;
  plan.depth = model::projectionDepth(device, shape, tiling);
  plan.sparse = shape.sparse();
  plan.pattern = shape.pattern;
  plan.elementBytes = typeBytes(type);
  plan.biasBytes = epilogue.bias ? biasBytes : 0;
  plan.residualBytes = epilogue.residual ? residualBytes : 0;
  plan.hasFactor = plan.sparse && epilogue.scale != 1;
  plan.chunk = model::projectionChunk(device, tiling);
  plan.sums = 1;
  while (plan.bytes() > capacity && plan.chunk > 1)
    plan.chunk = ceilDiv(plan.chunk, int64_t(2));
  if (plan.bytes() > capacity)
    return makeError(Errc::Unsupported, "found blocks of ", tiling.tokens,
                     " x ", tiling.out, " in strips of ", plan.depth,
                     ", which need ", plan.bytes(),
                     " bytes with their epilogue, expected at most the ",
                     capacity, " left of the scratchpad of ", device.name);
  bool single = tiling.tokens >= shape.tokens && tiling.out >= shape.out;
  if (!single) {
    plan.sums = 2;
    if (plan.bytes() > capacity)
      plan.sums = 1;
  }
  return plan;
}

Result<ProjectionTiling> chooseProjection(const Device &device,
                                          const ProjectionShape &shape,
                                          Type type, const Epilogue &epilogue) {
  if (device.array.stationarities.empty())
    return makeError(Errc::Unsupported, "found no stationarity of ",
                     device.name, ", expected at least one");
  if (Status status = checkProjection(
          device, shape, {1, 1, device.array.stationarities.front()}, type);
      !status)
    return status.error();
  // Bias and residual may be wider than the elements: room for f32.
  auto fits = [&](const ProjectionTiling &tiling) -> Status {
    Result<ProjectionPlan> plan = planProjection(
        device, shape, tiling, type, epilogue, 4, 4, device.scratchpad.bytes);
    return plan ? Status() : Status(plan.error());
  };
  auto best = model::searchProjection(device, shape, fits);
  if (!best)
    return best.error();
  return best->first;
}

} // namespace nm::isa
