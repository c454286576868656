//===- Plot.h - Line charts as SVG -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_PLOT_H
#define NM_SUPPORT_PLOT_H

#include <string>
#include <utility>
#include <vector>

namespace nm::support {

struct PlotSeries {
  std::string name;
  std::vector<std::pair<double, double>> points; ///< in order of x
  bool dots = false;                    ///< points without a line, for fronts
  std::vector<std::string> titles = {}; ///< of the points; fewer are enough
};

struct Plot {
  std::string title, xLabel, yLabel;
  bool logX = false, logY = false;
  std::vector<PlotSeries> series;
};

/// The chart as a self-contained SVG document. Points that a logarithmic axis
/// cannot show, and values that are no number, are left out; text is escaped.
std::string renderSvg(const Plot &plot);

} // namespace nm::support

#endif // NM_SUPPORT_PLOT_H
