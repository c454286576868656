//===- Fronts.cpp - Pareto fronts as files -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExploreRun.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Plot.h"
#include <algorithm>
#include <cstdlib>

namespace nm::model {

using support::escapeXml;
using support::JsonWriter;

namespace {

bool endsWith(const std::string &text, const std::string &end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool isNumber(const std::string &text, double &value) {
  char *end = nullptr;
  value = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' &&
         text.find_first_not_of("0123456789.eE+-") == std::string::npos;
}

std::string asCsv(const FrontTable &table) {
  std::string text;
  auto add = [&](const std::vector<std::string> &cells) {
    for (size_t i = 0; i != cells.size(); ++i)
      text += (i ? "," : "") + csvCell(cells[i]);
    text += "\n";
  };
  add(table.columns);
  for (const auto &row : table.rows)
    add(row);
  return text;
}

std::string asJson(const FrontTable &table) {
  return support::jsonText(2, [&](JsonWriter &json) {
    json.array([&] {
      for (const auto &row : table.rows)
        json.lineObject([&] {
          for (size_t i = 0; i != row.size(); ++i) {
            double value = 0;
            if (isNumber(row[i], value))
              json.field(table.columns[i], value);
            else
              json.field(table.columns[i], row[i]);
          }
        });
    });
  });
}

std::string asPage(const FrontTable &table, const std::string &title) {
  auto column = [&](const char *name) {
    return static_cast<size_t>(
        std::find(table.columns.begin(), table.columns.end(), name) -
        table.columns.begin());
  };
  size_t seconds = column("seconds"), energy = column("energy_pj"),
         device = column("device"), model = column("model");
  support::Plot plot;
  plot.title = title;
  plot.xLabel = "seconds";
  plot.yLabel = "energy, J";
  plot.xScale = plot.yScale = support::Scale::Log2;
  std::string body = "<table><tr>";
  for (const std::string &name : table.columns)
    body += "<th>" + escapeXml(name) + "</th>";
  body += "</tr>\n";
  for (const auto &row : table.rows) {
    std::string name = row[device] + " " + row[model];
    auto it = std::find_if(
        plot.series.begin(), plot.series.end(),
        [&](const support::PlotSeries &series) { return series.name == name; });
    if (it == plot.series.end())
      it = plot.series.insert(it, support::PlotSeries{name, {}, false});
    double x = 0, y = 0;
    if (isNumber(row[seconds], x) && isNumber(row[energy], y)) {
      it->points.emplace_back(x, y * 1e-12);
      it->titles.push_back(row.back());
    }
    body += "<tr>";
    for (const std::string &cell : row)
      body += "<td>" + escapeXml(cell) + "</td>";
    body += "</tr>\n";
  }
  return support::htmlPage(title,
                           support::renderSvg(plot) + body + "</table>\n");
}

} // namespace

std::string formatFront(const FrontTable &table, const std::string &path,
                        const std::string &title) {
  if (endsWith(path, ".json"))
    return asJson(table);
  if (endsWith(path, ".html"))
    return asPage(table, title);
  return asCsv(table);
}

} // namespace nm::model
