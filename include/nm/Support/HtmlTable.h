//===- HtmlTable.h - Tables of pages that a reader can sort -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_HTMLTABLE_H
#define NM_SUPPORT_HTMLTABLE_H

#include <limits>
#include <string>
#include <vector>

namespace nm::support {

/// Rows in groups, each with a row of its own above them. A page sorts the rows
/// of each group, and the groups by their own row, when a column's head is
/// clicked; a group folds when its row is. Nothing is loaded from anywhere, and
/// without scripts the table stands as it is written. Text is escaped.
struct HtmlTable {
  struct Column {
    std::string name;
    std::string hint = {}; ///< shows when the mouse rests on the head
    bool isNumber = false;
  };
  struct Cell {
    std::string text;
    /// What numbers are sorted by; NaN comes last.
    double value = std::numeric_limits<double>::quiet_NaN();
    /// A bar behind the text, from 0 to 1; negative: none.
    double share = -1;
    std::string hint = {};
    /// Lines in small type below the text.
    std::vector<std::string> notes = {};
  };
  using Row = std::vector<Cell>;
  struct Group {
    Row head;
    std::vector<Row> rows;
  };

  std::vector<Column> columns;
  std::vector<Group> groups;

  std::string html() const;
};

} // namespace nm::support

#endif // NM_SUPPORT_HTMLTABLE_H
