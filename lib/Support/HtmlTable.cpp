//===- HtmlTable.cpp - Tables of pages that a reader can sort --------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/HtmlTable.h"
#include "nm/Support/Svg.h"
#include <algorithm>
#include <cmath>

namespace nm::support {

/// Sorting is stable, so that two clicks sort by two columns. Numbers go down
/// first: what takes longest is what is looked for.
static constexpr const char *kScript = R"(<script>
for (const table of document.querySelectorAll("table.sorted")) {
  const key = (row, column) => {
    const cell = row.cells[column], number = cell.dataset.v;
    return number === undefined ? cell.textContent : number === "" ? -Infinity : Number(number);
  };
  table.querySelectorAll("thead th").forEach((head, column) => {
    head.querySelector("button").onclick = () => {
      const first = head.classList.contains("number") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      table.querySelectorAll("thead th").forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const compare = (a, b) => {
        const x = key(a, column), y = key(b, column);
        return sign * (typeof x === "string" ? x.localeCompare(y, undefined, {numeric: true})
                                             : x < y ? -1 : x > y ? 1 : 0);
      };
      for (const body of table.tBodies)
        body.append(...[...body.rows].slice(1).sort(compare));
      table.append(...[...table.tBodies].sort((a, b) => compare(a.rows[0], b.rows[0])));
    };
  });
  for (const body of table.tBodies)
    body.rows[0].onclick = () => body.classList.toggle("folded");
}
</script>
)";

static std::string cellHtml(const HtmlTable::Cell &cell, bool isNumber,
                            const char *tag) {
  std::string text = std::string("<") + tag;
  if (isNumber)
    text += std::isnan(cell.value)
                ? std::string(" class=\"number\" data-v=\"\"")
                : formatted(" class=\"number\" data-v=\"%.9g\"", cell.value);
  if (cell.share >= 0)
    text +=
        formatted(" style=\"--share:%.1f%%\"", 100 * std::min(cell.share, 1.0));
  if (!cell.hint.empty())
    text += " title=\"" + escapeXml(cell.hint) + "\"";
  text += ">" + escapeXml(cell.text);
  for (const std::string &note : cell.notes)
    text += "<small>" + escapeXml(note) + "</small>";
  return text + "</" + tag + ">";
}

std::string HtmlTable::html() const {
  std::string text = "<table class=\"sorted\"><thead><tr>";
  for (const Column &column : columns) {
    text += column.isNumber ? "<th class=\"number\"" : "<th";
    if (!column.hint.empty())
      text += " title=\"" + escapeXml(column.hint) + "\"";
    text += "><button>" + escapeXml(column.name) + "</button></th>";
  }
  text += "</tr></thead>\n";
  auto line = [&](const Row &row, const char *tag) {
    for (size_t i = 0; i != row.size(); ++i)
      text += cellHtml(row[i], columns[i].isNumber, tag);
    text += "</tr>\n";
  };
  for (const Group &group : groups) {
    text += "<tbody><tr class=\"group\">";
    line(group.head, "th");
    for (const Row &row : group.rows) {
      text += "<tr>";
      line(row, "td");
    }
    text += "</tbody>\n";
  }
  return text + "</table>\n" + kScript;
}

} // namespace nm::support
