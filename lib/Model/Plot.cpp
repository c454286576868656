//===- Plot.cpp - Line charts as SVG ---------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Plot.h"
#include <algorithm>
#include <cmath>
#include <cstdio>

namespace nm::model {

namespace {

constexpr double kWidth = 640, kHeight = 400;
constexpr double kLeft = 76, kRight = 160, kTop = 34, kBottom = 52;
// Okabe and Ito's palette: told apart by colour-blind readers too.
constexpr const char *kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000", "#999933"};
constexpr const char *kDashes[] = {"", "6 3", "2 3"};

std::string format(const char *pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

std::string escape(const std::string &text) {
  std::string out;
  for (char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

/// 65536 as 64K, 1e-4 as 1e-04.
std::string label(double value) {
  double magnitude = std::abs(value);
  if (magnitude >= 1024 && std::fmod(value, 1024) == 0) {
    static constexpr const char *kUnits[] = {"K", "M", "G", "T"};
    size_t unit = 0;
    magnitude /= 1024;
    while (unit < 3 && magnitude >= 1024 && std::fmod(magnitude, 1024) == 0) {
      magnitude /= 1024;
      ++unit;
    }
    if (magnitude < 10000)
      return (value < 0 ? "-" : "") + format("%g", magnitude) + kUnits[unit];
  }
  return format("%.4g", value);
}

/// One axis: from data to [0, 1].
struct Axis {
  bool log;
  double low = 0, high = 1;

  bool shows(double value) const {
    return std::isfinite(value) && (!log || value > 0);
  }
  double scaled(double value) const { return log ? std::log2(value) : value; }
  double at(double value) const { return (scaled(value) - low) / (high - low); }

  void fit(const std::vector<double> &values) {
    bool first = true;
    for (double value : values) {
      double v = scaled(value);
      low = first ? v : std::min(low, v);
      high = first ? v : std::max(high, v);
      first = false;
    }
    if (first)
      low = 0, high = 1;
    if (!log && low > 0)
      low = 0;
    if (high - low < 1e-12 * std::max(1.0, std::abs(high)))
      high = low + 1;
  }

  std::vector<double> ticks() const {
    std::vector<double> values;
    if (log) {
      double step = std::max(1.0, std::ceil((high - low) / 8));
      double first = std::ceil(low - 1e-9);
      int count = static_cast<int>((high + 1e-9 - first) / step) + 1;
      for (int i = 0; i < count; ++i)
        values.push_back(std::exp2(first + i * step));
      return values;
    }
    double raw = (high - low) / 5;
    double step = std::pow(10, std::floor(std::log10(raw)));
    step *= raw / step > 5 ? 10 : raw / step > 2 ? 5 : raw / step > 1 ? 2 : 1;
    double first = std::ceil(low / step);
    int count = static_cast<int>(high / step + 1e-9 - first) + 1;
    for (int i = 0; i < count; ++i)
      values.push_back((first + i) * step);
    return values;
  }
};

} // namespace

std::string renderSvg(const Plot &plot) {
  Axis x{plot.logX}, y{plot.logY};
  std::vector<double> xs, ys;
  for (const PlotSeries &series : plot.series)
    for (auto [px, py] : series.points)
      if (x.shows(px) && y.shows(py)) {
        xs.push_back(px);
        ys.push_back(py);
      }
  x.fit(xs);
  y.fit(ys);
  double w = kWidth - kLeft - kRight, h = kHeight - kTop - kBottom;
  auto px = [&](double v) { return kLeft + w * x.at(v); };
  auto py = [&](double v) { return kTop + h * (1 - y.at(v)); };
  auto n = [](double v) { return format("%.1f", v); };
  auto text = [&](double tx, double ty, const char *anchor,
                  const std::string &body, const std::string &more = "") {
    return "<text x=\"" + n(tx) + "\" y=\"" + n(ty) + "\" text-anchor=\"" +
           anchor + "\"" + more + ">" + escape(body) + "</text>\n";
  };

  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + n(kWidth) +
      " " + n(kHeight) +
      "\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" "
      "height=\"100%\" fill=\"white\"/>\n";
  svg += text(kLeft, 20, "start", plot.title, " font-size=\"13\"");
  for (double v : x.ticks()) {
    svg += "<path d=\"M" + n(px(v)) + " " + n(kTop) + "V" + n(kTop + h) +
           "\" stroke=\"#ddd\"/>\n";
    svg += text(px(v), kTop + h + 16, "middle", label(v));
  }
  for (double v : y.ticks()) {
    svg += "<path d=\"M" + n(kLeft) + " " + n(py(v)) + "H" + n(kLeft + w) +
           "\" stroke=\"#ddd\"/>\n";
    svg += text(kLeft - 6, py(v) + 4, "end", label(v));
  }
  svg += "<rect x=\"" + n(kLeft) + "\" y=\"" + n(kTop) + "\" width=\"" + n(w) +
         "\" height=\"" + n(h) + "\" fill=\"none\" stroke=\"#333\"/>\n";
  svg += text(kLeft + w / 2, kHeight - 12, "middle", plot.xLabel);
  svg += text(14, kTop + h / 2, "middle", plot.yLabel,
              " transform=\"rotate(-90 14 " + n(kTop + h / 2) + ")\"");

  size_t index = 0;
  for (const PlotSeries &series : plot.series) {
    std::string colour = kColours[index % std::size(kColours)];
    std::string dash = kDashes[index / std::size(kColours) % 3];
    std::string path, dots;
    for (auto [vx, vy] : series.points) {
      if (!x.shows(vx) || !y.shows(vy))
        continue;
      std::string cx = n(px(vx)), cy = n(py(vy));
      path += path.empty() ? "M" : "L";
      path.append(cx).append(" ").append(cy);
      dots.append("<circle cx=\"").append(cx).append("\" cy=\"").append(cy);
      dots.append("\" r=\"2.5\" fill=\"").append(colour).append("\"/>\n");
    }
    if (!series.dots && !path.empty())
      svg += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colour +
             "\" stroke-width=\"1.6\"" +
             (dash.empty() ? "" : " stroke-dasharray=\"" + dash + "\"") +
             "/>\n";
    svg += dots;
    double ly = kTop + 8 + 15 * static_cast<double>(index);
    svg += "<path d=\"M" + n(kLeft + w + 10) + " " + n(ly) + "h18\" stroke=\"" +
           colour + "\" stroke-width=\"3\"/>\n";
    svg += text(kLeft + w + 34, ly + 4, "start", series.name);
    ++index;
  }
  return svg + "</svg>\n";
}

} // namespace nm::model
