//===- Roofline.cpp - Roofline picture -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Roofline.h"
#include "nm/Support/Plot.h"
#include "nm/Support/Svg.h"
#include <algorithm>
#include <cmath>

using namespace nm::bench;

std::string nm::bench::drawRoofline(const Machine &machine, int threads,
                                    const std::vector<RooflinePoint> &points) {
  double peak = machine.flops * threads / 1e9;
  double bandwidth = machine.bandwidth * (threads > 1 ? 1.8 : 1.0) / 1e9;
  constexpr double kLow = 0.125, kHigh = 1024;
  double floor = std::exp2(std::floor(std::log2(peak)) - 8);
  double ridge = peak / bandwidth;
  support::Plot plot;
  plot.title = support::formatted(
      "GFLOP/s on non-zeros; peak %.0f GFLOP/s, memory %.1f GB/s, %d thread(s)",
      peak, bandwidth, threads);
  plot.xLabel = "FLOP on non-zeros per byte";
  plot.yLabel = "GFLOP/s";
  plot.xScale = plot.yScale = support::Scale::Log10;
  plot.series.push_back({"roof",
                         {{kLow, std::max(kLow * bandwidth, floor)},
                          {ridge, peak},
                          {kHigh, peak}}});
  support::PlotSeries measured{"measured", {}, true, {}};
  for (const RooflinePoint &point : points) {
    measured.points.push_back({std::clamp(point.intensity, kLow, kHigh),
                               std::max(point.flops / 1e9, floor)});
    measured.titles.push_back(support::formatted(
        "%s: %.1f GFLOP/s at %.2f FLOP/byte", point.name.c_str(),
        point.flops / 1e9, point.intensity));
  }
  plot.series.push_back(std::move(measured));
  return support::renderSvg(plot);
}
