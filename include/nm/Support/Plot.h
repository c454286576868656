//===- Plot.h - Line charts as SVG -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_PLOT_H
#define NM_SUPPORT_PLOT_H

#include "nm/Support/Result.h"
#include "nm/Support/Svg.h"
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nm::support {

struct PlotSeries {
  std::string name;
  std::vector<std::pair<double, double>> points; ///< in order of x
  bool hasLine = true; ///< false: points without a line, for fronts
  std::vector<std::string> titles = {}; ///< of the points; fewer are enough
  bool hasDots = true;
  double width = 1.6; ///< of the line, in pixels
  /// Half of the interval of y around each point; fewer are enough.
  std::vector<double> halves = {};
};

/// A dashed line across the chart, at a value of x or of y.
struct PlotMark {
  bool isVertical = true;
  double at = 0;
  std::string text;
};

struct Plot {
  std::string title, xLabel, yLabel;
  Scale xScale = Scale::Linear, yScale = Scale::Linear;
  std::vector<PlotSeries> series;
  std::vector<PlotMark> marks = {};
  bool isTight = false;     ///< linear axes need not show 0
  double legendWidth = 160; ///< for the names of the series, in pixels
};

/// The chart as a self-contained SVG document. Points that a logarithmic axis
/// cannot show, and values that are no number, are left out; text is escaped.
std::string renderSvg(const Plot &plot);

/// A chart from its JSON form, for callers in other languages:
///
///   {"title": "t", "x_label": "step", "y_label": "loss", "x_scale": "linear",
///    "y_scale": "log10", "tight": true, "legend_width": 200,
///    "series": [{"name": "s", "x": [1, 2], "y": [3, null], "halves": [0.1],
///                "titles": ["first"], "line": true, "dots": false,
///                "width": 2}],
///    "marks": [{"x": 1.5, "text": "here"}, {"y": 2, "text": "there"}]}
///
/// All but the title may be left out; null is a value that is no number. Fails
/// with a message that begins with `where`.
Result<Plot> parsePlot(std::string_view json, const std::string &where);

} // namespace nm::support

#endif // NM_SUPPORT_PLOT_H
