//===- Explore.cpp - The points of a sweep ---------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Explore.h"
#include "ExploreRun.h"
#include "nm/Model/Extended.h"
#include "nm/Support/Result.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <tuple>

namespace nm::model {

const char *toString(Method method) {
  switch (method) {
  case Method::Naive:
    return "naive";
  case Method::Flex:
    return "flex";
  case Method::Flat:
    return "flat";
  case Method::FlatRows:
    return "flat-rows";
  case Method::FlatTiles:
    return "flat-tiles";
  }
  return "unknown";
}

int64_t Sweep::size() const {
  int64_t points = 1;
  for (size_t axis :
       {devices.size(), models.size(), lengths.size(), bufferBytes.size(),
        dramBandwidths.size(), lanes.size(), groups.size(), causal.size(),
        packing.size(), patterns.size(), methods.size()})
    if (__builtin_mul_overflow(points, static_cast<int64_t>(axis), &points))
      return INT64_MAX;
  return points;
}

std::string csvNumber(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.10g", value);
  return text;
}

std::string csvCell(const std::string &text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos)
    return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"')
      out += '"';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out + "\"";
}

namespace {

/// The next cell of `line` from `at` on, which moves behind its comma.
bool nextCell(const std::string &line, size_t &at, std::string &out) {
  out.clear();
  if (at > line.size())
    return false;
  if (at < line.size() && line[at] == '"') {
    for (++at; at < line.size(); ++at) {
      if (line[at] != '"')
        out += line[at];
      else if (at + 1 < line.size() && line[at + 1] == '"')
        out += line[++at];
      else
        break;
    }
    if (at >= line.size())
      return false;
    ++at;
  } else {
    while (at < line.size() && line[at] != ',')
      out += line[at++];
  }
  if (at < line.size() && line[at] != ',')
    return false;
  ++at;
  return true;
}

std::string patternName(const SparsePattern &pattern) {
  return pattern.m ? std::to_string(pattern.n) + ":" + std::to_string(pattern.m)
                   : std::string("dense");
}

/// The columns that identify a point.
std::string csvKey(const Sweep &sweep, const SweepPoint &point) {
  std::string mode = sweep.mode == Mode::Faithful ? "faithful" : "extended";
  if (sweep.publishedSpace)
    mode += "+published-space";
  if (sweep.modelSoftmax)
    mode += "+softmax";
  if (sweep.objective != Objective::Cycles)
    mode += std::string("+least-") + toString(sweep.objective);
  if (sweep.withinPercent)
    mode += "+within-" + std::to_string(sweep.withinPercent);
  if (sweep.then)
    mode += std::string("+then-") + toString(*sweep.then);
  std::string key;
  for (const std::string &text :
       {mode, std::string(sweep.layer ? "layer" : "attention"),
        std::string(sweep.decode ? "decode" : "prefill"),
        std::to_string(sweep.batch), point.device, point.model,
        std::to_string(point.length), std::to_string(point.group),
        std::string(point.causal ? "causal" : "full"),
        std::string(point.packing ? "packed" : "single"),
        std::to_string(point.bufferBytes), csvNumber(point.dramBandwidth),
        std::to_string(point.lanes), patternName(point.pattern),
        std::string(toString(point.method))})
    key += (key.empty() ? "" : ",") + csvCell(text);
  return key;
}

const NamedModel &modelOf(const Sweep &sweep, const SweepPoint &point) {
  auto it = std::find_if(
      sweep.models.begin(), sweep.models.end(),
      [&](const NamedModel &model) { return point.model == model.name; });
  return *it;
}

} // namespace

SweepPoint describePoint(const Sweep &sweep, int64_t index, Device &device) {
  auto take = [&](const auto &axis) {
    auto size = static_cast<int64_t>(axis.size());
    size_t at = static_cast<size_t>(index % size);
    index /= size;
    return axis[at];
  };
  // The last axis is the fastest.
  SweepPoint point;
  point.method = take(sweep.methods);
  point.pattern = take(sweep.patterns);
  point.packing = take(sweep.packing);
  point.causal = take(sweep.causal);
  point.group = take(sweep.groups);
  point.lanes = take(sweep.lanes);
  point.dramBandwidth = take(sweep.dramBandwidths);
  point.bufferBytes = take(sweep.bufferBytes);
  point.length = take(sweep.lengths);
  point.model = take(sweep.models).name;
  device = take(sweep.devices);
  point.device = device.name;
  if (point.bufferBytes > 0)
    device.resizeScratchpad(point.bufferBytes);
  if (point.dramBandwidth > 0)
    device.dram.bytesPerSecond = point.dramBandwidth;
  if (point.lanes >= 0)
    device.resizeLanes(point.lanes);
  if (point.packing)
    device.array.packsHeads = true;
  point.bufferBytes = device.scratchpad.bytes;
  point.dramBandwidth = device.dram.bytesPerSecond;
  point.lanes = device.specialFunction.lanes;
  return point;
}

std::vector<std::string> splitCsvRow(const std::string &line) {
  std::vector<std::string> cells;
  std::string text;
  for (size_t at = 0; nextCell(line, at, text);)
    cells.push_back(text);
  return cells;
}

Result<AttentionShape> shapeOf(const Sweep &sweep, const SweepPoint &point) {
  const NamedModel &model = modelOf(sweep, point);
  if (point.group < 1 || model.heads % point.group != 0)
    return support::makeError(
        Errc::Argument, "found ", point.group,
        " query heads for a key head, expected a divisor of ", model.heads);
  AttentionShape shape;
  shape.batch = sweep.batch;
  shape.heads = model.heads;
  shape.headDim = model.headDim;
  shape.keys = point.length;
  shape.queries = sweep.decode ? 1 : point.length;
  shape.causal = point.causal;
  shape.kvHeads = model.heads / point.group;
  return shape;
}

SweepPoint evaluatePoint(const Sweep &sweep, int64_t index) {
  Device device;
  SweepPoint point = describePoint(sweep, index, device);
  Result<AttentionShape> attention = shapeOf(sweep, point);
  if (!attention) {
    point.error = attention.error().message;
    return point;
  }
  const AttentionShape &shape = *attention;
  const NamedModel &model = modelOf(sweep, point);
  LayerShape layer;
  layer.attention = shape;
  layer.modelDim = model.modelDim;
  layer.feedForward = model.feedForward;
  layer.pattern = point.pattern;

  SearchOptions options;
  options.mode = sweep.mode;
  options.publishedSpace = sweep.publishedSpace;
  options.modelSoftmax = sweep.modelSoftmax;
  options.objective = sweep.objective;
  options.withinPercent = sweep.withinPercent;
  options.then = sweep.then;
  options.keep = 1;
  options.keepRejected = 1;
  options.scope = point.method == Method::Naive  ? Scope::Naive
                  : point.method == Method::Flex ? Scope::Unfused
                                                 : Scope::All;
  options.allowKeyTiles = point.method != Method::FlatRows;
  options.allowWholeRows = point.method != Method::FlatTiles;

  if (sweep.layer) {
    Result<LayerCost> cost = evaluateLayer(device, layer, options);
    if (!cost) {
      point.error = cost.error().message;
      return point;
    }
    point.dataflow = cost->dataflow;
    point.cost = cost->attention;
    point.cost.cycles = cost->cycles();
    point.cost.dramBytes = cost->dramBytes();
    point.cost.energyPj = cost->energyPj();
    for (const Cost *part :
         {&cost->projections, &cost->feedForward, &cost->elementwise}) {
      point.cost.computeCycles += part->computeCycles;
      point.cost.dramCycles += part->dramCycles;
      point.cost.softmaxCycles += part->softmaxCycles;
      point.cost.onChipCycles += part->onChipCycles;
      point.cost.idealCycles += part->idealCycles;
      point.cost.footprintBytes =
          std::max(point.cost.footprintBytes, part->footprintBytes);
    }
  } else {
    Result<SearchResult> result = searchDataflows(device, shape, options);
    if (!result) {
      point.error = result.error().message;
      return point;
    }
    point.dataflow = result->ranked.front().dataflow;
    point.cost = result->ranked.front().cost;
  }
  point.seconds = point.cost.cycles / static_cast<double>(device.frequencyHz);
  point.staticPj = device.staticPj(point.cost.cycles);
  point.areaMm2 = device.areaMm2.total();
  return point;
}

std::string csvHeader() {
  return "mode,part,phase,batch,device,model,length,group,mask,array,"
         "buffer_bytes,dram_bytes_per_second,lanes,pattern,method,cycles,"
         "seconds,ideal_cycles,utilisation,dram_bytes,energy_pj,"
         "footprint_bytes,spill,compute_cycles,dram_cycles,softmax_cycles,"
         "on_chip_cycles,static_pj,area_mm2,bound,status,dataflow";
}

std::string csvRow(const Sweep &sweep, const SweepPoint &point) {
  std::string row = csvKey(sweep, point);
  const Cost &cost = point.cost;
  for (double value :
       {cost.cycles, point.seconds, cost.idealCycles, cost.utilisation(),
        cost.dramBytes, cost.energyPj, cost.footprintBytes, cost.spill,
        cost.computeCycles, cost.dramCycles, cost.softmaxCycles,
        cost.onChipCycles, point.staticPj, point.areaMm2})
    row += "," + (point.error.empty() ? csvNumber(value) : std::string());
  bool ok = point.error.empty();
  return row + "," + (ok ? cost.bound() : "") + "," +
         (ok ? "ok" : csvCell(point.error)) + "," +
         (ok ? csvCell(toString(point.dataflow)) : "");
}

bool parseCsvRow(const Sweep &sweep, const std::string &line,
                 SweepPoint &point) {
  std::string key = csvKey(sweep, point) + ",";
  if (line.compare(0, key.size(), key) != 0)
    return false;
  size_t at = key.size();
  double values[14] = {};
  std::string text;
  for (double &value : values) {
    if (!nextCell(line, at, text))
      return false;
    char *end = nullptr;
    value = std::strtod(text.c_str(), &end);
    if (*end)
      return false;
  }
  std::string bound, status, dataflow;
  if (!nextCell(line, at, bound) || !nextCell(line, at, status) ||
      !nextCell(line, at, dataflow) || at <= line.size() || status.empty())
    return false;
  // A torn row may end before its last cell.
  if (status == "ok" && dataflow.empty())
    return false;
  point.error = status == "ok" ? "" : status;
  Cost &cost = point.cost;
  double utilisation = 0;
  std::tie(cost.cycles, point.seconds, cost.idealCycles, utilisation,
           cost.dramBytes, cost.energyPj, cost.footprintBytes, cost.spill,
           cost.computeCycles, cost.dramCycles, cost.softmaxCycles,
           cost.onChipCycles, point.staticPj, point.areaMm2) =
      std::make_tuple(values[0], values[1], values[2], values[3], values[4],
                      values[5], values[6], values[7], values[8], values[9],
                      values[10], values[11], values[12], values[13]);
  return true;
}

SweepPoint sweepKey(const Sweep &sweep, int64_t index) {
  Device device;
  return describePoint(sweep, index, device);
}

std::string sweepKeyText(const Sweep &sweep, const SweepPoint &point) {
  return csvKey(sweep, point);
}

void markPareto(std::vector<SweepPoint> &points) {
  auto family = [](const SweepPoint &p) {
    return std::make_tuple(p.model, p.length, p.group, p.causal, p.pattern.n,
                           p.pattern.m);
  };
  auto noWorse = [](const SweepPoint &a, const SweepPoint &b) {
    return a.seconds <= b.seconds && a.cost.energyPj <= b.cost.energyPj &&
           a.bufferBytes <= b.bufferBytes;
  };
  std::vector<SweepPoint *> order;
  for (SweepPoint &point : points) {
    point.pareto = point.error.empty();
    if (point.pareto)
      order.push_back(&point);
  }
  // Within a family in order of time: only an earlier or equal one can win.
  std::sort(order.begin(), order.end(),
            [&](const SweepPoint *a, const SweepPoint *b) {
              return std::make_tuple(family(*a), a->seconds, a->cost.energyPj,
                                     a->bufferBytes, a) <
                     std::make_tuple(family(*b), b->seconds, b->cost.energyPj,
                                     b->bufferBytes, b);
            });
  std::vector<const SweepPoint *> front;
  for (SweepPoint *point : order) {
    if (!front.empty() && family(*front.back()) != family(*point))
      front.clear();
    for (const SweepPoint *other : front)
      if (noWorse(*other, *point) && !noWorse(*point, *other)) {
        point->pareto = false;
        break;
      }
    if (point->pareto)
      front.push_back(point);
  }
}

} // namespace nm::model
