//===- PlotReader.cpp - Charts from JSON -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/JsonReader.h"
#include "nm/Support/Plot.h"

namespace nm::support {

namespace {

constexpr size_t kMostSeries = 256, kMostPoints = 1 << 20;
constexpr double kMost = 1e300;

void readScale(JsonReader &reader, const char *name, Scale &scale) {
  reader.word(
      name, "linear, log2 or log10",
      [&](const std::string &word) {
        scale = word == "log2"    ? Scale::Log2
                : word == "log10" ? Scale::Log10
                                  : Scale::Linear;
        return word == "linear" || scale != Scale::Linear;
      },
      Need::Optional);
}

void readSeries(JsonReader &reader, PlotSeries &series) {
  std::vector<double> x, y;
  reader.text("name", series.name);
  reader.numbersOrNull("x", x, kMostPoints);
  reader.numbersOrNull("y", y, kMostPoints);
  reader.numbersOrNull("halves", series.halves, kMostPoints, Need::Optional);
  reader.texts("titles", series.titles, kMostPoints, Need::Optional);
  reader.flag("line", series.hasLine);
  reader.flag("dots", series.hasDots);
  reader.number("width", series.width, 0, 100, Need::Optional);
  if (x.size() != y.size())
    return reader.fail("y", "found " + std::to_string(y.size()) +
                                " numbers, expected as many as x has, " +
                                std::to_string(x.size()));
  for (size_t i = 0; i != x.size(); ++i)
    series.points.emplace_back(x[i], y[i]);
}

void readMark(JsonReader &reader, PlotMark &mark) {
  reader.text("text", mark.text);
  mark.isVertical = reader.has("x");
  reader.number(mark.isVertical ? "x" : "y", mark.at, -kMost, kMost);
}

} // namespace

Result<Plot> parsePlot(std::string_view json, const std::string &where) {
  Plot plot;
  Status status = readJsonObject(json, where, [&](JsonReader &reader) {
    reader.text("title", plot.title);
    reader.text("x_label", plot.xLabel, Need::Optional);
    reader.text("y_label", plot.yLabel, Need::Optional);
    readScale(reader, "x_scale", plot.xScale);
    readScale(reader, "y_scale", plot.yScale);
    reader.flag("tight", plot.isTight);
    reader.number("legend_width", plot.legendWidth, 0, 10000, Need::Optional);
    reader.objects(
        "series", 0, kMostSeries,
        [&](JsonReader &each, size_t) {
          readSeries(each, plot.series.emplace_back());
        },
        Need::Optional);
    reader.objects(
        "marks", 0, kMostSeries,
        [&](JsonReader &each, size_t) {
          readMark(each, plot.marks.emplace_back());
        },
        Need::Optional);
  });
  if (!status)
    return status.error();
  return plot;
}

} // namespace nm::support
