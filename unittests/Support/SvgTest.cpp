//===- SvgTest.cpp - Pictures of reports -------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Svg.h"
#include "Common/CountOf.h"
#include "nm/Support/Plot.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace nm::support;

namespace {

TEST(Plot, EscapesAndSkipsWhatAnAxisCannotShow) {
  Plot plot;
  plot.title = "a < b & \"c\"";
  plot.yScale = Scale::Log2;
  plot.series = {{"s", {{1, 1}, {2, 0}, {3, std::nan("")}, {4, 100}}}};
  std::string svg = renderSvg(plot);
  EXPECT_NE(svg.find("a &lt; b &amp; &quot;c&quot;"), std::string::npos);
  size_t dots = 0;
  for (size_t at = svg.find("<circle"); at != std::string::npos;
       at = svg.find("<circle", at + 1))
    ++dots;
  EXPECT_EQ(dots, 2u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_NE(renderSvg(Plot()).find("</svg>"), std::string::npos);
}

TEST(Plot, TitlesBelongToThePointsThatAreShown) {
  Plot plot;
  plot.xScale = Scale::Log2;
  plot.series = {{"s", {{0, 1}, {2, 2}}, false, {"hidden", "a<b"}}};
  std::string svg = renderSvg(plot);
  EXPECT_EQ(svg.find("hidden"), std::string::npos);
  EXPECT_NE(svg.find("<title>a&lt;b</title>"), std::string::npos);
}

TEST(Plot, IsReadFromJson) {
  auto plot = parsePlot(R"({"title": "t", "x_label": "x", "y_label": "y",
    "x_scale": "log2", "y_scale": "log10", "tight": true, "legend_width": 200,
    "series": [{"name": "s", "x": [1, 2, null], "y": [10, 1000, 5],
                "halves": [0, 1], "titles": ["a"], "line": false,
                "width": 2.5}, {"name": "u", "x": [1, 2], "y": [1, 10000],
                "dots": false}],
    "marks": [{"x": 1.5, "text": "<here>"}, {"y": 20, "text": "there"}]})",
                        "c.json");
  ASSERT_TRUE(plot) << plot.error().message;
  EXPECT_EQ(plot->xScale, Scale::Log2);
  EXPECT_EQ(plot->yScale, Scale::Log10);
  ASSERT_EQ(plot->series.size(), 2u);
  EXPECT_FALSE(plot->series[0].hasLine);
  EXPECT_TRUE(plot->series[0].hasDots);
  EXPECT_EQ(plot->series[0].width, 2.5);
  EXPECT_FALSE(plot->series[1].hasDots);
  ASSERT_EQ(plot->marks.size(), 2u);
  EXPECT_TRUE(plot->marks[0].isVertical);
  EXPECT_FALSE(plot->marks[1].isVertical);
  std::string svg = renderSvg(*plot);
  // Two dots: the third point has no x, the other series none. Two curves of
  // the legend, the line of the second series and one interval.
  EXPECT_EQ(countOf(svg, "<circle"), 2u);
  EXPECT_EQ(countOf(svg, "stroke-width=\"3\""), 2u);
  EXPECT_EQ(countOf(svg, "stroke-width=\"1.6\""), 1u);
  EXPECT_EQ(countOf(svg, "stroke-width=\"1\""), 1u);
  EXPECT_EQ(countOf(svg, "stroke-dasharray=\"4 3\""), 2u);
  EXPECT_EQ(countOf(svg, "&lt;here&gt;"), 1u);
  // Decades are labelled, not powers of two.
  for (const char *label : {">1<", ">10<", ">100<", ">1000<", ">1e+04<"})
    EXPECT_EQ(countOf(svg, label), label[2] == '<' ? 2u : 1u) << label;
}

TEST(Plot, ErrorsNameTheField) {
  for (auto [json, message] :
       {std::pair("{}", "c.json: field 'title': found nothing, expected a "
                        "string"),
        std::pair(R"({"title": "", "x_scale": "log"})",
                  "c.json: field 'x_scale': found the string 'log', expected "
                  "linear, log2 or log10"),
        std::pair(R"({"title": "", "series": [{"name": "", "x": [1],
                      "y": []}]})",
                  "c.json: field 'series[0].y': found 0 numbers, expected as "
                  "many as x has, 1"),
        std::pair(R"({"title": "", "marks": [{"text": ""}]})",
                  "c.json: field 'marks[0].y': found nothing, expected a "
                  "number"),
        std::pair(R"({"title": "", "series": [{"name": "", "x": ["1"],
                      "y": [1]}]})",
                  "c.json: field 'series[0].x[0]': found the string '1'")}) {
    auto plot = parsePlot(json, "c.json");
    ASSERT_FALSE(plot) << json;
    EXPECT_EQ(plot.error().message.substr(0, std::string(message).size()),
              message);
  }
}

constexpr std::pair<Scale, bool> kScales[] = {{Scale::Linear, false},
                                              {Scale::Linear, true},
                                              {Scale::Log2, false},
                                              {Scale::Log10, false}};

/// Ticks are round, within the axis, and neither crowded nor missing, whatever
/// the range.
TEST(Axis, TicksAreRoundAndFew) {
  for (double low : {0.0, -7.0, 3.0, 1e-6, 123.0})
    for (double width : {1e-9, 0.3, 1.0, 17.0, 4096.0, 1e12})
      for (auto [scale, isTight] : kScales) {
        if (scale != Scale::Linear && low <= 0)
          continue;
        Axis axis(scale);
        axis.fit({low, low + width}, isTight);
        std::vector<double> ticks = axis.ticks();
        SCOPED_TRACE(std::to_string(low) + " + " + std::to_string(width));
        EXPECT_LE(ticks.size(), 12u);
        EXPECT_GE(ticks.size(), 2u);
        for (double tick : ticks) {
          EXPECT_GT(axis.at(tick), -1e-6);
          EXPECT_LT(axis.at(tick), 1 + 1e-6);
        }
      }
  EXPECT_EQ(Axis::label(65536), "64K");
  EXPECT_EQ(Axis::label(-2048), "-2K");
  EXPECT_EQ(Axis::label(1e-4), "0.0001");
  EXPECT_EQ(Axis::label(1500), "1500");
}

TEST(Axis, OneValueAndNone) {
  for (auto [scale, isTight] : kScales) {
    Axis axis(scale);
    axis.fit({}, isTight);
    EXPECT_TRUE(std::isfinite(axis.at(1)));
    axis.fit({5}, isTight);
    EXPECT_TRUE(std::isfinite(axis.at(5)));
    EXPECT_FALSE(axis.shows(std::nan("")));
    EXPECT_EQ(axis.shows(-1), scale == Scale::Linear);
  }
}

TEST(Html, TextIsEscapedOnce) {
  std::string page = htmlPage("a & b", htmlLegend({{"<x>", "#123456"}}));
  EXPECT_NE(page.find("<h1>a &amp; b</h1>"), std::string::npos);
  EXPECT_NE(page.find("&lt;x&gt;</span>"), std::string::npos);
  EXPECT_EQ(escapeXml("a\tb\x01"), "a b ");
}
} // namespace
