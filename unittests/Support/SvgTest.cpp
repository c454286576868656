//===- SvgTest.cpp - Pictures of reports -------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Svg.h"
#include "nm/Support/Plot.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace nm::support;

namespace {

TEST(Plot, EscapesAndSkipsWhatAnAxisCannotShow) {
  Plot plot;
  plot.title = "a < b & \"c\"";
  plot.logY = true;
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
  plot.logX = true;
  plot.series = {{"s", {{0, 1}, {2, 2}}, true, {"hidden", "a<b"}}};
  std::string svg = renderSvg(plot);
  EXPECT_EQ(svg.find("hidden"), std::string::npos);
  EXPECT_NE(svg.find("<title>a&lt;b</title>"), std::string::npos);
}

/// Ticks are round, within the axis, and neither crowded nor missing, whatever
/// the range.
TEST(Axis, TicksAreRoundAndFew) {
  for (double low : {0.0, -7.0, 3.0, 1e-6, 123.0})
    for (double width : {1e-9, 0.3, 1.0, 17.0, 4096.0, 1e12})
      for (bool log : {false, true}) {
        if (log && low <= 0)
          continue;
        Axis axis(log);
        axis.fit({low, low + width});
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
  for (bool log : {false, true}) {
    Axis axis(log);
    axis.fit({});
    EXPECT_TRUE(std::isfinite(axis.at(1)));
    axis.fit({5});
    EXPECT_TRUE(std::isfinite(axis.at(5)));
    EXPECT_FALSE(axis.shows(std::nan("")));
    EXPECT_EQ(axis.shows(-1), !log);
  }
}

TEST(Html, TextIsEscapedOnce) {
  std::string page = htmlPage("a & b", htmlLegend({{"<x>", "#123456"}}));
  EXPECT_NE(page.find("<h1>a &amp; b</h1>"), std::string::npos);
  EXPECT_NE(page.find("&lt;x&gt;</span>"), std::string::npos);
  EXPECT_EQ(escapeXml("a\tb\x01"), "a b ");
}
} // namespace
