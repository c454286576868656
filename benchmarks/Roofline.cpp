//===- Roofline.cpp - Roofline picture -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Roofline.h"
#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace nm::bench;

namespace {

constexpr double kWidth = 860, kHeight = 520, kLeft = 70, kBottom = 460,
                 kRight = 830, kTop = 40;

struct Axes {
  double x0, x1, y0, y1; ///< decades
  double x(double v) const {
    return kLeft + (std::log10(v) - x0) / (x1 - x0) * (kRight - kLeft);
  }
  double y(double v) const {
    return kBottom - (std::log10(v) - y0) / (y1 - y0) * (kBottom - kTop);
  }
};

template <typename... Args>
void append(std::string &out, const char *format, Args... args) {
  char buffer[512];
  std::snprintf(buffer, sizeof(buffer), format, args...);
  out += buffer;
}

std::string escape(const std::string &text) {
  std::string out;
  for (char c : text)
    out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

} // namespace

std::string nm::bench::drawRoofline(const Machine &machine, int threads,
                                    const std::vector<RooflinePoint> &points) {
  double peak = machine.flops * threads;
  double bandwidth = machine.bandwidth * (threads > 1 ? 1.8 : 1.0);
  Axes axes{-1, 3, std::floor(std::log10(peak)) - 2,
            std::ceil(std::log10(peak))};
  std::string svg;
  append(svg,
         "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
         "font-family=\"sans-serif\" font-size=\"12\">\n"
         "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
         kWidth, kHeight);
  for (double d = axes.x0; d <= axes.x1; ++d)
    append(svg,
           "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\" stroke=\"#ddd\"/>"
           "<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%g</text>\n",
           axes.x(std::pow(10, d)), axes.x(std::pow(10, d)), kTop, kBottom,
           axes.x(std::pow(10, d)), kBottom + 18, std::pow(10, d));
  for (double d = axes.y0; d <= axes.y1; ++d)
    append(svg,
           "<line x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>"
           "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
           kLeft, kRight, axes.y(std::pow(10, d)), axes.y(std::pow(10, d)),
           kLeft - 6, axes.y(std::pow(10, d)) + 4, std::pow(10, d) / 1e9);
  double ridge = peak / bandwidth, low = std::pow(10, axes.x0);
  append(svg,
         "<polyline fill=\"none\" stroke=\"black\" stroke-width=\"1.5\" "
         "points=\"%.1f,%.1f %.1f,%.1f %g,%.1f\"/>\n",
         axes.x(low), axes.y(std::max(low * bandwidth, std::pow(10, axes.y0))),
         axes.x(ridge), axes.y(peak), kRight, axes.y(peak));
  for (const RooflinePoint &point : points)
    append(svg,
           "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"#1668b8\" "
           "fill-opacity=\"0.6\"><title>%s: %.1f GFLOP/s at %.2f "
           "FLOP/byte</title></circle>\n",
           axes.x(std::clamp(point.intensity, low, std::pow(10, axes.x1))),
           axes.y(std::max(point.flops, std::pow(10, axes.y0))),
           escape(point.name).c_str(), point.flops / 1e9, point.intensity);
  append(svg,
         "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">FLOP on non-zeros per "
         "byte</text><text x=\"%g\" y=\"24\">GFLOP/s on non-zeros; peak %.0f "
         "GFLOP/s, memory %.1f GB/s, %d thread(s)</text>\n</svg>\n",
         (kLeft + kRight) / 2, kBottom + 42, kLeft, peak / 1e9, bandwidth / 1e9,
         threads);
  return svg;
}
