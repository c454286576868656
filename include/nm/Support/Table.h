//===- Table.h - Tables for people -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_TABLE_H
#define NM_SUPPORT_TABLE_H

#include <string>
#include <vector>

namespace nm::support {

/// Rows of cells in columns as wide as their widest cell, counted in characters
/// of UTF-8, with two blanks between them.
struct Table {
  using Row = std::vector<std::string>;

  std::vector<Row> rows;
  /// Columns whose cells end below one another: numbers.
  std::vector<size_t> rightAligned = {};
  /// A line below the first row.
  bool hasRule = false;
  /// Blanks before each line.
  size_t indent = 0;
  /// Columns are at least so wide; fewer are enough.
  std::vector<size_t> leastWidths = {};

  /// Lines without blanks at their ends.
  std::string str() const;
};

} // namespace nm::support

#endif // NM_SUPPORT_TABLE_H
