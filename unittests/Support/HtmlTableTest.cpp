//===- HtmlTableTest.cpp - Tables of pages -----------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/HtmlTable.h"
#include <gtest/gtest.h>

using namespace nm::support;

namespace {

bool holds(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

TEST(HtmlTable, EscapesWhatComesFromOutside) {
  HtmlTable table;
  table.columns = {{"a<b", "\"hint\""}, {"n", "", true}};
  HtmlTable::Cell cell{"<i>", 0, -1, "<hint>", {"x & y"}};
  table.groups.push_back({{{"g>"}, {"1", 1.5}}, {{cell, {"2", 2}}}});
  std::string html = table.html();
  EXPECT_TRUE(holds(html, "title=\"&quot;hint&quot;\"><button>a&lt;b<"));
  EXPECT_TRUE(holds(html, "title=\"&lt;hint&gt;\">&lt;i&gt;<small>x &amp; y<"));
  EXPECT_TRUE(holds(html, "<tr class=\"group\"><th>g&gt;</th>"));
  EXPECT_FALSE(holds(html, "<i>"));
}

TEST(HtmlTable, SortsByNumbersNotByTheirText) {
  HtmlTable table;
  table.columns = {{"n", "", true}};
  table.groups.push_back({{{"1.5 k", 1500, 2}}, {{{}}, {{"7", 7, 0.25}}}});
  std::string html = table.html();
  EXPECT_TRUE(holds(html, "data-v=\"1500\""));
  // A bar is never longer than its cell; what is no number comes last.
  EXPECT_TRUE(holds(html, "--share:100.0%"));
  EXPECT_TRUE(holds(html, "--share:25.0%"));
  EXPECT_TRUE(holds(html, "<td class=\"number\" data-v=\"\"></td>"));
  EXPECT_FALSE(holds(html, "nan"));
}

} // namespace
