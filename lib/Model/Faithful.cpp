//===- Faithful.cpp - The cost model of the FLAT paper ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Symbols as in docs/model.md: T side of the array, N length, d head width,
// R rows of a block, P = N/R blocks, g resident heads, S scratchpad. Counts are
// doubles: AttentionShape::check keeps them where doubles are exact.
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Faithful.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>

namespace nm::model {

using support::makeError;

namespace {

double ceilDiv(int64_t a, int64_t b) {
  return static_cast<double>(support::ceilDiv(a, b));
}

/// Elements of one operator pair, for one head, with one stationarity.
struct PairCounts {
  // Elements that pass between the array and the level that holds the tensor.
  double q = 0, k = 0, v = 0, logitsOut = 0, logitsIn = 0, o = 0;
  double logitCycles = 0, attendCycles = 0;
};

struct Terms {
  const AttentionShape &shape;
  const Dataflow &flow;
  int64_t side; ///< T
  double T, N, d, R, P, g;

  Terms(const Device &device, const AttentionShape &shape, const Dataflow &flow)
      : shape(shape), flow(flow), side(device.array.rows), T(side),
        N(static_cast<double>(shape.keys)),
        d(static_cast<double>(shape.headDim)),
        R(static_cast<double>(flow.rows)), P(N / R),
        g(static_cast<double>(flow.heads)) {}

  bool ws(Stationarity stationarity) const {
    return stationarity == Stationarity::Weight;
  }
  bool on(Staged tensor) const { return flow.isStaged(tensor); }

  /// Live elements.
  double footprint() const {
    bool wsL = ws(flow.logit), wsA = ws(flow.attend);
    double tile = wsL ? 2 * T * T : 2 * T * d;
    double f = on(StagedQ) ? 2 * g * R * d : tile;
    f += on(StagedK) ? 2 * g * N * d : tile;
    f += on(StagedV) ? 2 * g * N * d : wsA ? 2 * T * T : 2 * T * d;
    if (on(StagedOutput))
      f += 2 * g * R * d;
    else if (wsA)
      f += flow.granularity == Granularity::Row ? 2 * R * T : 2 * T * T;
    else
      f += 2 * T * std::min(T, d);
    if (on(StagedLogits))
      f += g * R * N;
    else
      f += (wsL ? 2 * R * T : 2 * T * T) + (wsA ? 2 * R * T : 2 * T * T);
    return f;
  }

  PairCounts counts() const {
    double nT = ceilDiv(shape.keys, side), dT = ceilDiv(shape.headDim, side);
    double rT = ceilDiv(flow.rows, side);
    PairCounts c;
    c.q = N * d * nT;
    if (ws(flow.logit)) {
      c.k = P * N * d;
      c.logitsOut = 2 * dT * N * N;
      c.logitCycles = N * dT * nT;
    } else {
      c.k = P * N * d * rT;
      c.logitsOut = N * N;
      c.logitCycles = P * rT * nT * d;
    }
    c.logitsIn = dT * N * N;
    if (ws(flow.attend)) {
      c.v = P * N * d;
      c.o = 2 * nT * N * d;
      c.attendCycles = N * dT * nT;
    } else {
      c.v = P * N * d * rT;
      c.o = on(StagedOutput) ? N * d : 0;
      c.attendCycles = P * rT * dT * N;
    }
    return c;
  }

  /// Elements moved once, before the first and after the last step, when
  /// nothing overlaps: the published mappings need it to the last digit.
  double edge() const {
    bool wsL = ws(flow.logit), wsA = ws(flow.attend);
    double narrow = T * std::min(T, d);
    double e = on(StagedQ) ? R * d : wsL ? narrow : T * d;
    e += on(StagedK) ? N * d : wsL ? narrow : T * d;
    e += on(StagedV) ? N * d : wsA ? narrow : T * d;
    e += on(StagedOutput) ? R * d : wsA ? 2 * R * T : 2 * narrow;
    if (!on(StagedLogits))
      e += (wsL ? R * T : T * T) + T * T;
    return e;
  }
};

} // namespace

Status checkFaithful(const Device &device, const AttentionShape &shape,
                     const Dataflow &flow) {
  if (Status status = shape.check(); !status)
    return status;
  auto refuse = [](auto &&...parts) {
    return makeError(Errc::Unsupported, "the faithful model found ", parts...);
  };
  if (device.kind != DeviceKind::Accelerator)
    return refuse("the processor ", device.name, ", expected an accelerator");
  if (device.array.rows != device.array.cols)
    return refuse("an array of ", device.array.rows, " x ", device.array.cols,
                  ", expected a square one");
  if (shape.queries != shape.keys)
    return refuse(shape.queries, " queries on ", shape.keys,
                  " keys, expected as many");
  if (shape.causal || shape.group() != 1 || shape.valueWidth() != shape.headDim)
    return refuse("causal, grouped or unequally wide attention, expected the "
                  "plain one");
  if (flow.keyTile || flow.packed != 1 || flow.order != LoopOrder::RowsOuter)
    return refuse("key tiles, packed heads or keys in the outer loop, expected "
                  "whole rows");
  if (flow.logit == Stationarity::Input || flow.attend == Stationarity::Input)
    return refuse("input stationarity, expected output or weight");
  if (flow.logit != flow.attend)
    return refuse("operators of different stationarity, expected the same, as "
                  "in every published mapping");
  bool wholeHead = flow.granularity != Granularity::Row;
  if (flow.rows < 1 || flow.rows > shape.keys ||
      (wholeHead && flow.rows != shape.keys))
    return refuse(flow.rows, " rows, expected ",
                  wholeHead ? "all " : "from 1 to ", shape.keys);
  int64_t heads = flow.granularity == Granularity::Batch
                      ? shape.batch * shape.heads
                  : flow.granularity == Granularity::Sample ? shape.heads
                                                            : flow.heads;
  if (flow.heads < 1 || flow.heads != heads ||
      flow.heads > shape.batch * shape.heads)
    return refuse(flow.heads, " resident heads at granularity ",
                  toString(flow.granularity), ", expected ", heads);
  return {};
}

Cost evaluateFaithful(const Device &device, const AttentionShape &shape,
                      const Dataflow &flow, bool modelSoftmax) {
  Terms t(device, shape, flow);
  PairCounts c = t.counts();
  double elementBytes = device.elementBits / 8.0;
  double capacity = device.scratchpad.bytes / elementBytes;
  double batchHeads = static_cast<double>(shape.batch * shape.heads);
  double nd = t.N * t.d;
  bool q = t.on(StagedQ), k = t.on(StagedK), v = t.on(StagedV);

  Cost cost;
  double footprint = t.footprint();
  cost.footprintBytes = footprint * elementBytes;
  cost.spill = std::max(0.0, 1 - capacity / footprint);

  double elements = (q ? nd : c.q) + (k ? nd : c.k) + (v ? nd : c.v) + nd;
  if (!t.on(StagedLogits))
    elements += t.N * t.N + c.logitsIn;
  elements += cost.spill * (c.q + c.logitsOut + c.logitsIn + c.o +
                            (k ? c.k : 0) + (v ? c.v : 0));
  double steady = elementBytes * batchHeads * elements;
  double edge = elementBytes * t.edge();
  cost.dramBytes = steady + edge;

  double bytesPerCycle = device.dramBytesPerCycle();
  auto stepOverhead = [&](Stationarity s) {
    return static_cast<double>(device.array.stepOverhead[static_cast<int>(s)]);
  };
  cost.computeCycles = batchHeads * (c.logitCycles + c.attendCycles);
  cost.dramCycles = steady / bytesPerCycle;
  if (device.specialFunction.lanes > 0)
    cost.softmaxCycles =
        batchHeads * t.N * t.N *
        static_cast<double>(device.specialFunction.softmaxCycles()) /
        static_cast<double>(device.specialFunction.lanes);
  // Each step drains both operators once; with equal stationarity the sum of
  // the halves is the published figure.
  cost.overheadCycles = (stepOverhead(flow.logit) + stepOverhead(flow.attend)) /
                            2 * batchHeads * t.P / t.g +
                        edge / bytesPerCycle;
  cost.cycles = std::max(cost.computeCycles, cost.dramCycles);
  if (modelSoftmax)
    cost.cycles = std::max(cost.cycles, cost.softmaxCycles);
  cost.cycles += cost.overheadCycles;
  cost.idealCycles =
      2 * batchHeads * t.N * t.N * t.d / static_cast<double>(t.T * t.T);
  cost.energyPj =
      device.energy.dramByte * cost.dramBytes + device.staticPj(cost.cycles);
  return cost;
}

double stagedFootprint(const AttentionShape &shape, const Dataflow &flow) {
  double N = static_cast<double>(shape.keys),
         R = static_cast<double>(flow.rows);
  double d = static_cast<double>(shape.headDim);
  return static_cast<double>(flow.heads) * (4 * R * d + 4 * N * d + R * N);
}

} // namespace nm::model
