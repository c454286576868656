//===- Svg.h - Pictures of reports -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One way to draw for all tools: fonts, colours that colour-blind readers tell
// apart, axes with round ticks, and a picture that follows the reader's choice
// of a light or a dark screen.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_SVG_H
#define NM_SUPPORT_SVG_H

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nm::support {

/// As printf.
std::string formatted(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/// Text of XML and HTML: markup is escaped, control characters are blanks.
std::string escapeXml(std::string_view text);

/// Okabe and Ito's palette, then a few that stay apart from it. Repeats.
const char *paletteColour(size_t index);

using Points = std::vector<std::pair<double, double>>;

/// A picture under construction, in pixels from the upper left corner.
class Svg {
public:
  Svg(double width, double height);

  /// A filled rectangle; a title shows when the mouse rests on it.
  void rectangle(double x, double y, double width, double height,
                 std::string_view colour, std::string_view title = "");
  void dot(double x, double y, double radius, std::string_view colour,
           std::string_view title = "");
  /// `anchor` is start, middle or end. `size` in pixels; 0 is the usual one.
  void text(double x, double y, std::string_view anchor, std::string_view body,
            double size = 0);
  /// Upwards, centred.
  void textUpwards(double x, double y, std::string_view body);
  /// `dash` as in stroke-dasharray.
  void curve(const Points &points, std::string_view colour, double width,
             std::string_view dash = "");
  /// A line of the grid, and the frame around a chart.
  void gridLine(double x1, double y1, double x2, double y2);
  void frame(double x, double y, double width, double height);
  /// A dashed line of the frame's colour.
  void mark(double x1, double y1, double x2, double y2);
  /// What follows, until close(), is that opaque.
  void openOpacity(double opacity);
  void close();

  /// The document. Nothing may be added after it.
  std::string finish();

private:
  std::string content;
};

/// How an axis goes: by value, or by logarithm with ticks at powers of two or
/// of ten.
enum class Scale { Linear, Log2, Log10 };

/// One axis of a chart: from values to [0, 1], with round ticks.
class Axis {
public:
  explicit Axis(Scale scale = Scale::Linear) : scale(scale) {}

  /// Whether the axis can show the value.
  bool shows(double value) const;
  /// Covers all values, which it can show. Unless it is logarithmic, 0 as well,
  /// or with `isTight` a little room around them.
  void fit(const std::vector<double> &values, bool isTight = false);
  double at(double value) const { return (scaled(value) - low) / (high - low); }
  std::vector<double> ticks() const;
  /// 65536 as 64K, 1e-4 as 1e-04.
  static std::string label(double value);

private:
  double scaled(double value) const;
  double unscaled(double value) const;
  bool isLog() const { return scale != Scale::Linear; }

  Scale scale;
  double low = 0, high = 1;
};

/// Names with the colours that stand for them, for HTML.
std::string
htmlLegend(const std::vector<std::pair<std::string, std::string>> &entries);

/// A whole page; `title` is escaped, `body` is HTML.
std::string htmlPage(std::string_view title, std::string_view body);

} // namespace nm::support

#endif // NM_SUPPORT_SVG_H
