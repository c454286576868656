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

constexpr double kWidth = 404, kHeight = 314; // of the frame
constexpr double kLeft = 76, kTop = 34, kBottom = 52;
constexpr size_t kColours = 8;
constexpr const char *kDashes[] = {"", "6 3", "2 3"};

class PlotWriter {
public:
  explicit PlotWriter(const Plot &plot)
      : plot(plot), x(plot.xScale), y(plot.yScale),
        svg(kLeft + kWidth + plot.legendWidth, kTop + kHeight + kBottom) {
    fitAxes();
  }

  std::string write() {
    drawAxes();
    for (const PlotMark &mark : plot.marks)
      drawMark(mark);
    for (size_t index = 0; index != plot.series.size(); ++index)
      drawSeries(index);
    return svg.finish();
  }

private:
  double toX(double value) const { return kLeft + kWidth * x.at(value); }
  double toY(double value) const { return kTop + kHeight * (1 - y.at(value)); }
  static double halfOf(const PlotSeries &series, size_t i) {
    return i < series.halves.size() ? series.halves[i] : 0;
  }

  void fitAxes() {
    std::vector<double> xs, ys;
    auto show = [](const Axis &axis, std::vector<double> &values, double v) {
      if (axis.shows(v))
        values.push_back(v);
    };
    for (const PlotSeries &series : plot.series)
      for (size_t i = 0; i != series.points.size(); ++i) {
        auto [px, py] = series.points[i];
        if (!x.shows(px) || !y.shows(py))
          continue;
        xs.push_back(px);
        ys.push_back(py);
        show(y, ys, py - halfOf(series, i));
        show(y, ys, py + halfOf(series, i));
      }
    for (const PlotMark &mark : plot.marks)
      show(mark.isVertical ? x : y, mark.isVertical ? xs : ys, mark.at);
    x.fit(xs, plot.isTight);
    y.fit(ys, plot.isTight);
  }

  void drawAxes() {
    svg.text(kLeft, 20, "start", plot.title, 13);
    for (double v : x.ticks()) {
      svg.gridLine(toX(v), kTop, toX(v), kTop + kHeight);
      svg.text(toX(v), kTop + kHeight + 16, "middle", Axis::label(v));
    }
    for (double v : y.ticks()) {
      svg.gridLine(kLeft, toY(v), kLeft + kWidth, toY(v));
      svg.text(kLeft - 6, toY(v) + 4, "end", Axis::label(v));
    }
    svg.frame(kLeft, kTop, kWidth, kHeight);
    svg.text(kLeft + kWidth / 2, kTop + kHeight + kBottom - 12, "middle",
             plot.xLabel);
    svg.textUpwards(14, kTop + kHeight / 2, plot.yLabel);
  }

  void drawMark(const PlotMark &mark) {
    if (!(mark.isVertical ? x : y).shows(mark.at))
      return;
    if (!mark.isVertical) {
      double at = toY(mark.at);
      svg.mark(kLeft, at, kLeft + kWidth, at);
      return svg.text(kLeft + 4, at - 4, "start", mark.text);
    }
    double at = toX(mark.at);
    bool isRight = x.at(mark.at) > 0.5;
    svg.mark(at, kTop, at, kTop + kHeight);
    svg.text(at + (isRight ? -4 : 4), kTop + 14, isRight ? "end" : "start",
             mark.text);
  }

  void drawSeries(size_t index) {
    const PlotSeries &series = plot.series[index];
    const char *colour = paletteColour(index);
    const char *dash = kDashes[index / kColours % 3];
    Points points;
    std::vector<size_t> shown;
    for (size_t i = 0; i != series.points.size(); ++i) {
      auto [vx, vy] = series.points[i];
      if (!x.shows(vx) || !y.shows(vy))
        continue;
      points.push_back({toX(vx), toY(vy)});
      shown.push_back(i);
    }
    if (series.hasLine)
      svg.curve(points, colour, series.width, dash);
    for (size_t i = 0; i != points.size(); ++i) {
      double middle = series.points[shown[i]].second;
      double half = halfOf(series, shown[i]);
      if (half > 0 && y.shows(middle - half) && y.shows(middle + half))
        svg.curve({{points[i].first, toY(middle - half)},
                   {points[i].first, toY(middle + half)}},
                  colour, 1);
      if (series.hasDots)
        svg.dot(points[i].first, points[i].second, 2.5, colour,
                shown[i] < series.titles.size() ? series.titles[shown[i]] : "");
    }
    double legend = kTop + 8 + 15 * static_cast<double>(index);
    double right = kLeft + kWidth;
    svg.curve({{right + 10, legend}, {right + 28, legend}}, colour, 3);
    svg.text(right + 34, legend + 4, "start", series.name);
  }

  const Plot &plot;
  Axis x, y;
  Svg svg;
};

} // namespace

std::string renderSvg(const Plot &plot) { return PlotWriter(plot).write(); }

} // namespace nm::support
