//===- ExplorePlots.cpp - Charts of a sweep --------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExploreRun.h"
#include "nm/Support/Plot.h"
#include <algorithm>
#include <map>

namespace nm::model {

using support::Plot;
using support::PlotSeries;
using support::Scale;

namespace {

/// The name of a series: its method and whatever else varies, apart from the
/// axis of the chart.
std::string seriesName(const Sweep &sweep, const SweepPoint &point,
                       bool overLength, bool overBuffer) {
  std::string name = toString(point.method);
  auto add = [&](bool varies, const std::string &text) {
    if (varies)
      name += " " + text;
  };
  add(sweep.lengths.size() > 1 && !overLength,
      "N=" + std::to_string(point.length));
  add(sweep.bufferBytes.size() > 1 && !overBuffer,
      std::to_string(point.bufferBytes >> 10) + "K");
  add(sweep.dramBandwidths.size() > 1 && (overLength || overBuffer),
      std::to_string(static_cast<int64_t>(point.dramBandwidth / 1e9)) + "GB/s");
  add(sweep.lanes.size() > 1, std::to_string(point.lanes) + " lanes");
  add(sweep.groups.size() > 1, "group " + std::to_string(point.group));
  add(sweep.causal.size() > 1, point.causal ? "causal" : "full");
  add(sweep.packing.size() > 1, point.packing ? "packed" : "single");
  add(sweep.patterns.size() > 1, point.pattern.m
                                     ? std::to_string(point.pattern.n) + ":" +
                                           std::to_string(point.pattern.m)
                                     : "dense");
  return name;
}

/// A name that no file system minds.
std::string fileName(const std::string &text) {
  std::string out;
  for (char c : text)
    out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c >= '0' && c <= '9') || c == '-'
               ? c
               : '_';
  return out;
}

/// Collects points in order of appearance of their series.
void addTo(Plot &plot, const std::string &name, double x, double y,
           bool dots = false) {
  auto it = std::find_if(
      plot.series.begin(), plot.series.end(),
      [&](const PlotSeries &series) { return series.name == name; });
  if (it == plot.series.end())
    it = plot.series.insert(it, PlotSeries{name, {}, !dots});
  it->points.emplace_back(x, y);
}

} // namespace

Status writePlots(const Sweep &sweep, const std::vector<SweepPoint> &points,
                  const std::string &prefix, support::CommandFiles &files) {
  bool overLength =
      sweep.lengths.size() > 1 ||
      (sweep.bufferBytes.size() == 1 && sweep.dramBandwidths.size() == 1);
  bool overBuffer = !overLength && sweep.bufferBytes.size() > 1;
  // More buffers than lengths: buffers are the axis, lengths are series.
  if (sweep.bufferBytes.size() > sweep.lengths.size()) {
    overLength = false;
    overBuffer = true;
  }
  std::map<std::string, Plot> plots;
  for (const SweepPoint &point : points) {
    if (!point.error.empty())
      continue;
    double x = overLength   ? static_cast<double>(point.length)
               : overBuffer ? static_cast<double>(point.bufferBytes)
                            : point.dramBandwidth;
    std::string name = seriesName(sweep, point, overLength, overBuffer);
    auto add = [&](const char *metric, const char *label, double y, bool log) {
      Plot &plot = plots[prefix + "-" + fileName(point.device) + "-" +
                         fileName(point.model) + "-" + metric + ".svg"];
      plot.title = point.model + " on " + point.device;
      plot.xLabel = overLength   ? "sequence length"
                    : overBuffer ? "scratchpad, bytes"
                                 : "off-chip bandwidth, bytes/s";
      plot.yLabel = label;
      plot.xScale = Scale::Log2;
      plot.yScale = log ? Scale::Log2 : Scale::Linear;
      addTo(plot, name, x, y);
    };
    add("utilisation", "utilisation", point.cost.utilisation(), false);
    add("seconds", "seconds", point.seconds, true);
    add("energy", "energy, J", point.cost.energyPj * 1e-12, true);
    if (point.pareto) {
      Plot &front = plots[prefix + "-pareto.svg"];
      front.title = "Pareto fronts of time, energy and scratchpad";
      front.xLabel = "seconds";
      front.yLabel = "energy, J";
      front.xScale = front.yScale = Scale::Log2;
      addTo(front, point.device + " " + point.model, point.seconds,
            point.cost.energyPj * 1e-12, true);
    }
  }
  for (const auto &[path, plot] : plots) {
    if (path != prefix + "-pareto.svg") // known from the start
      NM_RETURN_IF_ERROR(files.writes("--charts", path));
    NM_RETURN_IF_ERROR(files.write(path, support::renderSvg(plot)));
  }
  return {};
}

} // namespace nm::model
