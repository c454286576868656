//===- MappingPicture.cpp - A mapping as a picture -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Mapping.h"
#include "nm/Support/Svg.h"
#include <algorithm>

namespace nm::model {

using support::Axis;
using support::paletteColour;
using support::Svg;

namespace {

constexpr double kWidth = 960, kMargin = 20, kLine = 18, kPlot = 300,
                 kAxis = 70, kNames = 220;

/// Lines of the nest, each on a bar as deep as it is indented.
double drawNest(Svg &svg, const std::vector<std::string> &lines, double y) {
  for (const std::string &line : lines) {
    size_t depth = line.find_first_not_of(' ') / 2;
    double x = kMargin + 24 * static_cast<double>(depth);
    bool isLoop = line.compare(2 * depth, 4, "for ") == 0;
    svg.openOpacity(isLoop ? 0.35 : 0.12);
    svg.rectangle(x, y, kWidth - kMargin - x, kLine - 2, paletteColour(depth));
    svg.close();
    svg.text(x + 6, y + kLine - 6, "start", line.substr(2 * depth));
    y += kLine;
  }
  return y;
}

/// The buffers one upon the other, step after step.
void drawFootprint(Svg &svg, const FootprintOverTime &over, double capacity,
                   double y) {
  double width = kWidth - 2 * kMargin - kAxis - kNames;
  double x0 = kMargin + kAxis;
  std::vector<double> tops(over.steps, 0);
  std::vector<double> all = {capacity};
  for (const auto &row : over.rows)
    for (size_t i = 0; i != over.steps; ++i)
      all.push_back(tops[i] += row.bytes[i]);
  Axis axis;
  axis.fit(all);
  auto at = [&](double bytes) { return y + kPlot * (1 - axis.at(bytes)); };
  for (double tick : axis.ticks()) {
    svg.gridLine(x0, at(tick), x0 + width, at(tick));
    svg.text(x0 - 6, at(tick) + 4, "end", Axis::label(tick));
  }
  double step = width / static_cast<double>(over.steps);
  std::vector<double> below(over.steps, 0);
  for (size_t r = 0; r != over.rows.size(); ++r) {
    const auto &row = over.rows[r];
    for (size_t i = 0; i != over.steps; ++i) {
      double bottom = below[i], top = below[i] += row.bytes[i];
      if (top > bottom)
        svg.rectangle(x0 + step * static_cast<double>(i), at(top), step,
                      at(bottom) - at(top), paletteColour(r),
                      row.name + support::formatted(", step %zu: %.0f bytes", i,
                                                    row.bytes[i]));
    }
    double legend = y + kLine * static_cast<double>(r);
    svg.rectangle(x0 + width + 16, legend, 12, 12, paletteColour(r));
    svg.text(x0 + width + 34, legend + 11, "start", row.name);
  }
  for (size_t round : over.rounds)
    svg.mark(x0 + step * static_cast<double>(round), y,
             x0 + step * static_cast<double>(round), y + kPlot);
  svg.mark(x0, at(capacity), x0 + width, at(capacity));
  svg.text(x0 + 4, at(capacity) - 4, "start", "scratchpad");
  svg.frame(x0, y, width, kPlot);
  svg.text(x0 + width / 2, y + kPlot + 22, "middle",
           over.isWhole ? "steps of the first two rounds of heads"
                        : "first steps of the first two rounds of heads");
  svg.textUpwards(kMargin + 8, y + kPlot / 2, "bytes on chip");
}

} // namespace

std::string drawMapping(const Device &device, const Mapping &mapping) {
  std::vector<std::string> lines = loopNest(device, mapping);
  FootprintOverTime over = footprintOverTime(device, mapping);
  double nest = kLine * static_cast<double>(lines.size());
  double plot = std::max(kPlot, kLine * static_cast<double>(over.rows.size()));
  Svg svg(kWidth, 60 + nest + 30 + plot + 40);
  svg.text(kMargin, 24, "start",
           toString(mapping.dataflow) + " on " + device.name, 14);
  double y = drawNest(svg, lines, 44);
  drawFootprint(svg, over, static_cast<double>(device.scratchpad.bytes),
                y + 30);
  return svg.finish();
}

} // namespace nm::model
