//===- Svg.cpp - Pictures of reports ----------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Svg.h"
#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace nm::support {

std::string formatted(const char *format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::va_list again;
  va_copy(again, arguments);
  int size = std::vsnprintf(nullptr, 0, format, arguments);
  va_end(arguments);
  std::string text(static_cast<size_t>(size < 0 ? 0 : size), ' ');
  std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  return text;
}

std::string escapeXml(std::string_view text) {
  std::string escaped;
  for (char c : text)
    switch (c) {
    case '<':
      escaped += "&lt;";
      break;
    case '>':
      escaped += "&gt;";
      break;
    case '&':
      escaped += "&amp;";
      break;
    case '"':
      escaped += "&quot;";
      break;
    default:
      // Other control characters are not allowed in XML.
      escaped += static_cast<unsigned char>(c) < 32 ? ' ' : c;
    }
  return escaped;
}

const char *paletteColour(size_t index) {
  static constexpr const char *kColours[] = {"#0072b2", "#d55e00", "#009e73",
                                             "#cc79a7", "#e69f00", "#56b4e9",
                                             "#777777", "#999933"};
  return kColours[index % std::size(kColours)];
}

//===----------------------------------------------------------------------===//
// Pictures
//===----------------------------------------------------------------------===//

Svg::Svg(double width, double height) {
  content = formatted("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
                      "viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" "
                      "font-size=\"12\">\n",
                      width, height);
  content += "<style>.nm-paper { fill: #fff; } .nm-text { fill: #222; } "
             ".nm-grid { stroke: #ddd; } .nm-frame { stroke: #333; }\n"
             "@media (prefers-color-scheme: dark) { .nm-paper { fill: "
             "#1b1b1b; } .nm-text { fill: #e6e6e6; } .nm-grid { stroke: #444; "
             "} .nm-frame { stroke: #bbb; } }</style>\n"
             "<rect class=\"nm-paper\" width=\"100%\" height=\"100%\"/>\n";
}

static std::string titled(std::string_view element, std::string_view title) {
  if (title.empty())
    return "/>\n";
  return "><title>" + escapeXml(title) + "</title></" + std::string(element) +
         ">\n";
}

void Svg::rectangle(double x, double y, double width, double height,
                    std::string_view colour, std::string_view title) {
  content += formatted("<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" "
                       "height=\"%.1f\" fill=\"%.*s\"",
                       x, y, std::max(width, 0.3), height,
                       static_cast<int>(colour.size()), colour.data()) +
             titled("rect", title);
}

void Svg::dot(double x, double y, double radius, std::string_view colour,
              std::string_view title) {
  content +=
      formatted("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" "
                "fill=\"%.*s\"",
                x, y, radius, static_cast<int>(colour.size()), colour.data()) +
      titled("circle", title);
}

void Svg::text(double x, double y, std::string_view anchor,
               std::string_view body, double size) {
  content += formatted("<text class=\"nm-text\" x=\"%.1f\" y=\"%.1f\" "
                       "text-anchor=\"%.*s\"",
                       x, y, static_cast<int>(anchor.size()), anchor.data());
  if (size > 0)
    content += formatted(" font-size=\"%g\"", size);
  content += ">" + escapeXml(body) + "</text>\n";
}

void Svg::textUpwards(double x, double y, std::string_view body) {
  content += formatted("<g transform=\"rotate(-90 %.1f %.1f)\">", x, y);
  text(x, y, "middle", body);
  content += "</g>\n";
}

void Svg::curve(const Points &points, std::string_view colour, double width,
                std::string_view dash) {
  if (points.empty())
    return;
  content += "<path d=\"";
  const char *command = "M";
  for (auto [x, y] : points) {
    content += formatted("%s%.1f %.1f", command, x, y);
    command = "L";
  }
  content += formatted("\" fill=\"none\" stroke=\"%.*s\" stroke-width=\"%g\"",
                       static_cast<int>(colour.size()), colour.data(), width);
  if (!dash.empty())
    content += " stroke-dasharray=\"" + std::string(dash) + "\"";
  content += "/>\n";
}

void Svg::gridLine(double x1, double y1, double x2, double y2) {
  content += formatted("<path class=\"nm-grid\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n",
                       x1, y1, x2, y2);
}

void Svg::frame(double x, double y, double width, double height) {
  content += formatted("<rect class=\"nm-frame\" x=\"%.1f\" y=\"%.1f\" "
                       "width=\"%.1f\" height=\"%.1f\" fill=\"none\"/>\n",
                       x, y, width, height);
}

void Svg::mark(double x1, double y1, double x2, double y2) {
  content += formatted("<path class=\"nm-frame\" stroke-dasharray=\"4 3\" "
                       "d=\"M%.1f %.1fL%.1f %.1f\"/>\n",
                       x1, y1, x2, y2);
}

void Svg::openOpacity(double opacity) {
  content += formatted("<g opacity=\"%.3f\">", opacity);
}
void Svg::close() { content += "</g>\n"; }

std::string Svg::finish() { return std::move(content) + "</svg>\n"; }

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

bool Axis::shows(double value) const {
  return std::isfinite(value) && (!isLog() || value > 0);
}

double Axis::scaled(double value) const {
  return scale == Scale::Log2    ? std::log2(value)
         : scale == Scale::Log10 ? std::log10(value)
                                 : value;
}

double Axis::unscaled(double value) const {
  return scale == Scale::Log2    ? std::exp2(value)
         : scale == Scale::Log10 ? std::pow(10, value)
                                 : value;
}

void Axis::fit(const std::vector<double> &values, bool isTight) {
  bool first = true;
  for (double value : values) {
    double v = scaled(value);
    low = first ? v : std::min(low, v);
    high = first ? v : std::max(high, v);
    first = false;
  }
  if (first)
    low = 0, high = 1;
  if (!isLog() && !isTight && low > 0)
    low = 0;
  bool isPoint = high - low < 1e-12 * std::max(1.0, std::abs(high));
  if (!isLog() && isTight) {
    double room = isPoint ? 0.5 : 0.04 * (high - low);
    low -= room, high += room;
  } else if (isPoint) {
    high = low + 1;
  }
}

std::vector<double> Axis::ticks() const {
  std::vector<double> values;
  // Powers where there are enough of them.
  if (isLog() && high - low >= 2) {
    double step = std::max(1.0, std::ceil((high - low) / 8));
    for (double v = std::ceil(low - 1e-9); v <= high + 1e-9; v += step)
      values.push_back(unscaled(v));
    return values;
  }
  double first = unscaled(low), last = unscaled(high);
  double raw = (last - first) / 5;
  double step = std::pow(10, std::floor(std::log10(raw)));
  step *= raw / step > 5 ? 10 : raw / step > 2 ? 5 : raw / step > 1 ? 2 : 1;
  for (double i = std::ceil(first / step - 1e-9);
       i * step <= last + 1e-9 * step; ++i)
    values.push_back(i * step);
  return values;
}

std::string Axis::label(double value) {
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
      return formatted("%s%g%s", value < 0 ? "-" : "", magnitude, kUnits[unit]);
  }
  return formatted("%.4g", value);
}

//===----------------------------------------------------------------------===//
// Pages
//===----------------------------------------------------------------------===//

std::string
htmlLegend(const std::vector<std::pair<std::string, std::string>> &entries) {
  std::string text = "<p class=\"legend\">";
  for (auto &[name, colour] : entries)
    text += "<span><i style=\"background:" + colour + "\"></i>" +
            escapeXml(name) + "</span> ";
  return text + "</p>\n";
}

std::string htmlPage(std::string_view title, std::string_view body) {
  std::string name = escapeXml(title);
  std::string text = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
                     "charset=\"utf-8\"><title>" +
                     name + "</title>\n<style>\n";
  text +=
      R"(:root { color-scheme: light dark; --text: #222; --paper: #fff; --tile: #f3f3f3; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --paper: #1b1b1b; --tile: #2a2a2a; } }
body { font: 14px sans-serif; margin: 2em auto; max-width: 1240px;
  color: var(--text); background: var(--paper); padding: 0 1em; }
h1 { font-size: 20px; } h2 { font-size: 16px; margin-top: 2em; }
svg { width: 100%; height: auto; }
.plot svg { max-width: 640px; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; }
.tiles div { background: var(--tile); border-radius: 6px; padding: 10px 16px; }
.tiles b { display: block; font-size: 18px; }
.legend span { margin-right: 14px; white-space: nowrap; }
.legend i { display: inline-block; width: 11px; height: 11px;
  margin-right: 5px; border: 1px solid #999; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 3px 8px; vertical-align: top; }
thead th { position: sticky; top: 0; background: var(--paper); }
thead button { font: inherit; font-weight: bold; color: inherit; padding: 0;
  background: none; border: none; cursor: pointer; text-align: inherit; }
th[aria-sort=ascending] button::after { content: " \2191"; }
th[aria-sort=descending] button::after { content: " \2193"; }
.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
[style^="--share"] { background: linear-gradient(to right,
  color-mix(in srgb, #56b4e9 45%, transparent) var(--share),
  transparent var(--share)); }
.group { background: var(--tile); cursor: pointer; }
.folded tr:not(.group) { display: none; }
td:first-child { overflow-wrap: anywhere; min-width: 18em; }
small { display: block; opacity: 0.75; }
pre { overflow-x: auto; background: var(--tile); padding: 10px; }
)";
  text += "</style></head><body>\n<h1>" + name + "</h1>\n";
  text += body;
  return text + "</body></html>\n";
}

} // namespace nm::support
