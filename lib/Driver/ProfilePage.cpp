//===- ProfilePage.cpp - A profile as part of a page -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Profile.h"
#include "nm/Driver/Report.h"
#include "nm/Support/HtmlTable.h"
#include "nm/Support/Plot.h"
#include "nm/Support/Svg.h"
#include "llvm/ADT/MapVector.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using namespace ::nm::support;

namespace {

constexpr double kWidth = 860, kName = 230; ///< of bars and the names, pixels
constexpr int kRow = 22;                    ///< height of a bar's row

class Page {
public:
  explicit Page(const Profile &profile) : profile(profile) {}

  std::string write() {
    return "<h2>Time by layer</h2>\n" + layers() +
           "<h2>Operations of the model</h2>\n" + introduction() +
           table().html() + "<h2>Bounds</h2>\n" + roofline() +
           "<h2>Live buffers</h2>\n" + memory() + rest();
  }

private:
  /// "2:4 product", "dense product", "attention", "layer.norm".
  static std::string shownKind(const OperationProfile &row) {
    if (row.pattern.empty())
      return row.kind;
    return (row.isSparse() ? row.pattern : std::string("dense")) + " " +
           row.kind;
  }
  static std::string shownLayer(const LayerProfile &layer) {
    return layer.name.empty() ? "(model)" : layer.name;
  }
  static std::string percent(double fraction) {
    return formatted("%.0f %%", 100 * fraction);
  }

  std::string introduction() {
    const auto &bounds = profile.bounds;
    std::string text = formatted(
        "<p>The fastest of %d runs took %.3f ms, %.3f ms of it in the "
        "operations below; each figure is the least of all runs. A bound is "
        "the "
        "longer of the operations at %.0f GFLOP/s and the bytes from the "
        "innermost memory that holds them (",
        profile.runs, profile.runMs, profile.operationsMs(),
        bounds.flopsPerSecond * 1e-9);
    for (const auto &level : bounds.levels)
      text +=
          formatted("%s%s %.0f GB/s", &level == &bounds.levels[0] ? "" : ", ",
                    level.name.c_str(), level.bytesPerSecond * 1e-9);
    text += formatted("), on %d thread%s.", bounds.threads,
                      bounds.threads == 1 ? "" : "s");
    if (profile.denseRunMs)
      text += formatted(" With every weight dense the model takes %.3f ms.",
                        *profile.denseRunMs);
    return text + " Click a head to sort, a layer to fold it.</p>\n";
  }

  HtmlTable table() {
    HtmlTable table;
    table.columns = {
        {"operation", "of the model; what the same kernel computes is below"},
        {"kind"},
        {"ms", "least time in a run", true},
        {"of the run", "", true},
        {"FLOP", "as they are computed, on stored weights", true},
        {"GFLOP/s", "", true},
        {"bytes", "each operand once", true},
        {"bits a weight", "with metadata and scales", true},
        {"of memory", "bytes read, of the measured bandwidth of memory", true},
        {"of bound", "share of the speed that the machine allows", true},
        {"bound by"},
        {"x dense", "speed over that with the weight dense", true},
        {"kernel, layout"}};
    if (hasErrors())
      table.columns.push_back(
          {"error", "largest difference over the largest element", true});
    for (const LayerProfile &layer : profile.layers) {
      HtmlTable::Group group{head(layer), {}};
      for (size_t i = layer.first; i != layer.first + layer.count; ++i)
        group.rows.push_back(line(profile.operations[i]));
      table.groups.push_back(std::move(group));
    }
    return table;
  }

  bool hasErrors() const {
    return llvm::any_of(profile.operations,
                        [](const auto &row) { return row.error.has_value(); });
  }

  using Cell = HtmlTable::Cell;
  static Cell number(double value, const std::string &text) {
    return {text, value};
  }

  /// Time, work and bound, which layers and operations have alike.
  template <typename Work>
  void addFigures(HtmlTable::Row &cells, const Work &work) {
    double ms = work.ms;
    int64_t flops = work.flops, bytes = work.read + work.written;
    double share = profile.runMs > 0 ? ms / profile.runMs : 0;
    double speed = ms > 0 ? static_cast<double>(flops) / ms * 1e-6 : 0;
    double fraction = ms > 0 ? work.boundMs / ms : 0;
    double memory = profile.readFraction(work.read, ms);
    std::optional<double> bits = bitsPerWeight(work.weightBytes, work.weights);
    cells.push_back(number(ms, formatted("%.4f", ms)));
    cells.push_back({percent(share), share, share});
    cells.push_back(number(static_cast<double>(flops), countText(flops)));
    cells.push_back(number(speed, formatted("%.1f", speed)));
    cells.push_back(number(static_cast<double>(bytes), byteText(bytes)));
    cells.push_back(bits ? number(*bits, formatted("%.2f", *bits)) : Cell());
    cells.push_back(number(memory, percent(memory)));
    cells.push_back({percent(fraction), fraction, fraction});
  }

  HtmlTable::Row head(const LayerProfile &layer) {
    HtmlTable::Row cells{{shownLayer(layer)},
                         {formatted("%zu operations", layer.count)}};
    addFigures(cells, layer);
    while (cells.size() != 13u + hasErrors())
      cells.emplace_back();
    return cells;
  }

  HtmlTable::Row line(const OperationProfile &row) {
    Cell name{row.name};
    if (!row.fused.empty())
      name.notes.push_back("with " + llvm::join(row.fused, ", "));
    if (!row.weight.empty())
      name.notes.push_back("weight " + row.weight);
    llvm::append_range(name.notes, row.notes);
    HtmlTable::Row cells{name, {shownKind(row)}};
    if (row.isCounted) {
      addFigures(cells, row);
      cells.push_back({row.boundBy});
    } else {
      cells.push_back(number(row.ms, formatted("%.4f", row.ms)));
      double share = profile.runMs > 0 ? row.ms / profile.runMs : 0;
      cells.push_back({percent(share), share, share});
      for (int i = 0; i != 6; ++i)
        cells.push_back({"?"});
      cells.push_back({});
    }
    cells.push_back(row.denseMs && row.ms > 0
                        ? number(*row.denseMs / row.ms,
                                 formatted("%.2f", *row.denseMs / row.ms))
                        : Cell());
    cells.push_back({row.kernel});
    if (!row.layout.empty())
      cells.back().notes.push_back(row.layout);
    if (hasErrors())
      cells.push_back(row.error
                          ? number(*row.error, formatted("%.1e", *row.error))
                          : Cell());
    return cells;
  }

  static std::string countText(int64_t count) {
    static constexpr const char *units[] = {"", " k", " M", " G", " T"};
    auto value = static_cast<double>(count);
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < std::size(units); ++unit)
      value /= 1000;
    return formatted(unit ? "%.3g%s" : "%.0f%s", value, units[unit]);
  }

  /// One bar for each layer, by kind of operation.
  std::string layers() {
    llvm::MapVector<StringRef, size_t> kinds;
    std::vector<std::string> names(profile.operations.size());
    double longest = 0;
    for (auto [i, row] : llvm::enumerate(profile.operations)) {
      names[i] = shownKind(row);
      kinds.insert({names[i], kinds.size()});
    }
    for (const LayerProfile &layer : profile.layers)
      longest = std::max(longest, layer.ms);
    Svg svg(kName + kWidth + 90,
            static_cast<double>(profile.layers.size()) * kRow);
    double scale = longest > 0 ? kWidth / longest : 0;
    for (auto [at, layer] : llvm::enumerate(profile.layers)) {
      double y = static_cast<double>(at) * kRow, x = kName;
      svg.text(kName - 6, y + 15, "end", shownLayer(layer));
      // Equal kinds beside one another.
      for (auto &[kind, colour] : kinds) {
        double ms = 0;
        for (size_t i = layer.first; i != layer.first + layer.count; ++i)
          if (names[i] == kind)
            ms += profile.operations[i].ms;
        if (ms <= 0)
          continue;
        svg.rectangle(x, y + 3, ms * scale, kRow - 6, paletteColour(colour),
                      shownLayer(layer) + ", " + kind.str() +
                          formatted(": %.3f ms", ms));
        x += ms * scale;
      }
      svg.text(x + 6, y + 15, "start", formatted("%.3f ms", layer.ms));
    }
    std::vector<std::pair<std::string, std::string>> legend;
    for (auto &[kind, colour] : kinds)
      legend.push_back({kind.str(), paletteColour(colour)});
    return svg.finish() + htmlLegend(legend);
  }

  std::string roofline() {
    Plot plot;
    plot.title = "Operations and roofs";
    plot.xLabel = "FLOP for a byte";
    plot.yLabel = "GFLOP/s";
    plot.xScale = plot.yScale = Scale::Log2;
    double peak = profile.bounds.flopsPerSecond * 1e-9;
    double low = 1.0 / 8, high = 64;
    std::map<std::string, PlotSeries> kinds;
    for (const OperationProfile &row : profile.operations) {
      if (!row.isCounted || !row.flops || !row.bytes() || row.ms <= 0)
        continue;
      double x =
          static_cast<double>(row.flops) / static_cast<double>(row.bytes());
      low = std::min(low, x);
      high = std::max(high, x);
      PlotSeries &series = kinds[shownKind(row)];
      series.hasLine = false;
      series.points.push_back(
          {x, static_cast<double>(row.flops) / row.ms * 1e-6});
      series.titles.push_back(row.name + ": " + percent(row.fraction()) +
                              " of its bound");
    }
    if (kinds.empty())
      return "<p>No operation computes with floats: no point to draw.</p>\n";
    for (const auto &level : profile.bounds.levels) {
      double roof = level.bytesPerSecond * 1e-9;
      double ridge = std::clamp(peak / roof, low, high);
      PlotSeries series{level.name,
                        {{low, std::min(low * roof, peak)},
                         {ridge, std::min(ridge * roof, peak)},
                         {high, std::min(high * roof, peak)}}};
      series.hasDots = false;
      plot.series.push_back(std::move(series));
    }
    for (auto &[name, series] : kinds) {
      series.name = name;
      plot.series.push_back(std::move(series));
    }
    return "<div class=\"plot\">" + renderSvg(plot) + "</div>\n";
  }

  /// Steps; of what a reader cannot tell apart the largest.
  std::string memory() {
    if (profile.memory.empty())
      return "<p>The code makes no buffers.</p>\n";
    constexpr size_t most = 1000;
    size_t stride = profile.memory.size() / most + 1;
    PlotSeries series;
    series.name = "live";
    series.hasDots = false;
    double before = 0;
    for (size_t i = 0; i < profile.memory.size(); i += stride) {
      size_t end = std::min(i + stride, profile.memory.size());
      int64_t largest = 0;
      for (size_t each = i; each != end; ++each)
        largest = std::max(largest, profile.memory[each].bytes);
      double now = static_cast<double>(largest) / 1024;
      series.points.push_back({profile.memory[i].ms, before});
      series.points.push_back({profile.memory[i].ms, now});
      before = now;
    }
    Plot plot;
    plot.title = "Live buffers";
    plot.xLabel = "ms";
    plot.yLabel = "KiB";
    plot.series.push_back(std::move(series));
    return "<div class=\"plot\">" + renderSvg(plot) + "</div>\n<p>At most " +
           byteText(profile.peakBytes) +
           " at once, results included, parameters and the scratch of kernels "
           "not.</p>\n";
  }

  std::string rest() {
    if (profile.withoutCode.empty())
      return "";
    std::string text = "<h2>Operations without code</h2>\n<p>Constants, shapes "
                       "and views, computed when the model was compiled: ";
    for (size_t i = 0; i != profile.withoutCode.size(); ++i)
      text += (i ? ", " : "") + escapeXml(profile.withoutCode[i]);
    return text + ".</p>\n";
  }

  const Profile &profile;
};

} // namespace

std::string driver::profileHtml(const Profile &profile) {
  return Page(profile).write();
}
