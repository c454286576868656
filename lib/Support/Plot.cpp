//===- Plot.cpp - Line charts as SVG ---------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Plot.h"
#include "nm/Support/Svg.h"

namespace nm::support {

namespace {

constexpr double kWidth = 640, kHeight = 400;
constexpr double kLeft = 76, kRight = 160, kTop = 34, kBottom = 52;
constexpr size_t kColours = 8;
constexpr const char *kDashes[] = {"", "6 3", "2 3"};

} // namespace

std::string renderSvg(const Plot &plot) {
  Axis x(plot.logX), y(plot.logY);
  std::vector<double> xs, ys;
  for (const PlotSeries &series : plot.series)
    for (auto [px, py] : series.points)
      if (x.shows(px) && y.shows(py)) {
        xs.push_back(px);
        ys.push_back(py);
      }
  x.fit(xs);
  y.fit(ys);
  const double w = kWidth - kLeft - kRight, h = kHeight - kTop - kBottom;
  auto toX = [&](double v) { return kLeft + w * x.at(v); };
  auto toY = [&](double v) { return kTop + h * (1 - y.at(v)); };

  Svg svg(kWidth, kHeight);
  svg.text(kLeft, 20, "start", plot.title, 13);
  for (double v : x.ticks()) {
    svg.gridLine(toX(v), kTop, toX(v), kTop + h);
    svg.text(toX(v), kTop + h + 16, "middle", Axis::label(v));
  }
  for (double v : y.ticks()) {
    svg.gridLine(kLeft, toY(v), kLeft + w, toY(v));
    svg.text(kLeft - 6, toY(v) + 4, "end", Axis::label(v));
  }
  svg.frame(kLeft, kTop, w, h);
  svg.text(kLeft + w / 2, kHeight - 12, "middle", plot.xLabel);
  svg.textUpwards(14, kTop + h / 2, plot.yLabel);

  for (size_t index = 0; index != plot.series.size(); ++index) {
    const PlotSeries &series = plot.series[index];
    const char *colour = paletteColour(index);
    Points points;
    std::vector<std::string> titles;
    for (size_t i = 0; i != series.points.size(); ++i) {
      auto [vx, vy] = series.points[i];
      if (!x.shows(vx) || !y.shows(vy))
        continue;
      points.push_back({toX(vx), toY(vy)});
      titles.push_back(i < series.titles.size() ? series.titles[i] : "");
    }
    if (!series.dots)
      svg.curve(points, colour, 1.6, kDashes[index / kColours % 3]);
    for (size_t i = 0; i != points.size(); ++i)
      svg.dot(points[i].first, points[i].second, 2.5, colour, titles[i]);
    double legend = kTop + 8 + 15 * static_cast<double>(index);
    svg.curve({{kLeft + w + 10, legend}, {kLeft + w + 28, legend}}, colour, 3);
    svg.text(kLeft + w + 34, legend + 4, "start", series.name);
  }
  return svg.finish();
}

} // namespace nm::support
