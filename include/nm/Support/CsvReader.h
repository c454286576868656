//===- CsvReader.h - Tables of text, line by line -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lines end in \n or \r\n. Empty ones and those that begin with # are passed
// over, and so is a byte order mark. Cells are separated by commas; blanks
// around them do not count, and one that is quoted ends on its line. The first
// line names the columns.
//
// Messages begin with the place: "table.csv:7: found ...".
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_CSVREADER_H
#define NM_SUPPORT_CSVREADER_H

#include "nm/Support/Result.h"
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace nm::support {

class CsvReader {
public:
  /// Of a text, which is copied; `name` begins messages.
  CsvReader(std::string_view text, std::string name);
  /// Of a file (`-`: standard input), read as its lines are asked for.
  static Result<CsvReader> open(const std::string &path);

  CsvReader(CsvReader &&other) noexcept;
  CsvReader &operator=(CsvReader &&) = delete;
  ~CsvReader();

  enum class Step { Row, End, Error };
  /// Goes to the next line that holds something.
  Step next();
  /// The next cell of the line, until isLast(). Valid until the next call of
  /// anything. False on an error.
  bool cell(std::string_view &text);
  bool isLast() const { return last; }

  /// All cells of the next line. At its first call the header: a name for each
  /// column, none twice. Later lines have as many cells as the header, or up to
  /// `optional` fewer.
  Step row(std::vector<std::string> &cells, size_t optional = 0);

  /// Keeps "<name>:<line>: <message>" as the error, unless there is one.
  Step fail(const std::string &message);
  const Error &error() const { return first.error(); }

  uint64_t line() const { return number; }
  const std::string &name() const { return title; }
  /// The part of the file that was read, or -1 where its size is not known.
  double progress() const;

private:
  explicit CsvReader(std::string name) : title(std::move(name)) {}
  bool quotedCell(std::string_view &text);

  FILE *file = nullptr;
  std::string title;
  std::vector<char> buffer;
  size_t begin = 0, filled = 0; ///< of what is not read yet
  double consumed = 0, total = 0;
  bool atEnd = false, last = false;
  uint64_t number = 0;
  const char *position = nullptr, *end = nullptr; ///< in the line
  std::string unquoted; ///< a cell whose quotes are doubled
  size_t columns = 0;   ///< of the header, once it was read
  Status first;
};

/// An unsigned number of decimal digits, or 0x and hexadecimal ones, of at most
/// 64 bits. False for anything else.
bool parseUnsigned(std::string_view text, uint64_t &value);

/// A cell in a message: between quotes, shortened after 40 characters.
std::string quoteCell(std::string_view text);

} // namespace nm::support

#endif // NM_SUPPORT_CSVREADER_H
