//===- Table.cpp - Tables for people ---------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Table.h"
#include <algorithm>

namespace nm::support {

/// Characters of UTF-8.
static size_t widthOf(const std::string &text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
      }));
}

std::string Table::str() const {
  std::vector<size_t> widths = leastWidths;
  for (const Row &row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i != row.size(); ++i)
      widths[i] = std::max(widths[i], widthOf(row[i]));
  }
  auto isRight = [&](size_t column) {
    return std::find(rightAligned.begin(), rightAligned.end(), column) !=
           rightAligned.end();
  };
  std::string text;
  for (const Row &row : rows) {
    std::string line(indent, ' ');
    for (size_t i = 0; i != row.size(); ++i) {
      std::string pad(widths[i] - widthOf(row[i]), ' ');
      line += (i ? "  " : "") + (isRight(i) ? pad + row[i] : row[i] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (hasRule && &row == &rows.front()) {
      size_t total = 2 * (std::max<size_t>(widths.size(), 1) - 1);
      for (size_t width : widths)
        total += width;
      text += std::string(indent, ' ') + std::string(total, '-') + "\n";
    }
  }
  return text;
}

} // namespace nm::support
