//===- CsvReader.cpp - Tables of text, line by line -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/CsvReader.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cerrno>
#include <cstring>

namespace nm::support {

namespace {
/// No sensible line is longer; a file without line ends is not read as a whole.
constexpr size_t kMaxLine = 1 << 16;
constexpr size_t kBufferBytes = 1 << 18;

bool isBlank(char c) { return c == ' ' || c == '\t'; }
} // namespace

CsvReader::CsvReader(std::string_view text, std::string name)
    : title(std::move(name)), buffer(text.begin(), text.end()),
      filled(text.size()), total(static_cast<double>(text.size())),
      atEnd(true) {}

Result<CsvReader> CsvReader::open(const std::string &path) {
  FILE *file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (!file)
    return makeError(Errc::Io, "cannot open ", quotePath(path), ": ",
                     std::strerror(errno));
  CsvReader reader(path == "-" ? "<standard input>" : printable(path));
  reader.file = file;
  reader.buffer.resize(kBufferBytes);
  if (file != stdin && std::fseek(file, 0, SEEK_END) == 0) {
    reader.total = static_cast<double>(std::ftell(file));
    std::rewind(file);
  }
  return reader;
}

CsvReader::CsvReader(CsvReader &&other) noexcept
    : file(other.file), title(std::move(other.title)),
      buffer(std::move(other.buffer)), begin(other.begin), filled(other.filled),
      consumed(other.consumed), total(other.total), atEnd(other.atEnd),
      last(other.last), number(other.number), position(other.position),
      end(other.end), unquoted(std::move(other.unquoted)),
      columns(other.columns), first(std::move(other.first)) {
  other.file = nullptr;
}

CsvReader::~CsvReader() {
  if (file && file != stdin)
    std::fclose(file);
}

double CsvReader::progress() const {
  return total > 0 ? (consumed + static_cast<double>(begin)) / total : -1;
}

CsvReader::Step CsvReader::fail(const std::string &message) {
  if (first.ok())
    first = makeError(Errc::Format, title, ":", number ? number : uint64_t(1),
                      ": ", message);
  return Step::Error;
}

CsvReader::Step CsvReader::next() {
  if (!first.ok())
    return Step::Error;
  for (;;) {
    const char *start = buffer.data() + begin;
    auto *stop = filled == begin ? nullptr
                                 : static_cast<const char *>(std::memchr(
                                       start, '\n', filled - begin));
    if (!stop && !atEnd && filled - begin <= kMaxLine) {
      std::memmove(buffer.data(), start, filled - begin);
      consumed += static_cast<double>(begin);
      filled -= begin;
      begin = 0;
      size_t got =
          std::fread(buffer.data() + filled, 1, buffer.size() - filled, file);
      filled += got;
      if (got == 0 && std::ferror(file)) {
        ++number;
        return fail(std::string("cannot read: ") + std::strerror(errno));
      }
      atEnd = got == 0;
      continue;
    }
    if (!stop && atEnd) {
      if (begin == filled)
        return Step::End;
      stop = buffer.data() + filled;
    }
    ++number;
    if (!stop || stop - start > static_cast<ptrdiff_t>(kMaxLine))
      return fail("a line of more than " + std::to_string(kMaxLine) +
                  " bytes; expected values separated by commas");
    begin = std::min(filled, static_cast<size_t>(stop - buffer.data()) + 1);
    if (stop != start && stop[-1] == '\r')
      --stop;
    if (number == 1 && stop - start >= 3 &&
        std::memcmp(start, "\xef\xbb\xbf", 3) == 0)
      start += 3;
    while (start != stop && isBlank(*start))
      ++start;
    if (stop == start || *start == '#')
      continue;
    position = start;
    end = stop;
    last = false;
    return Step::Row;
  }
}

bool CsvReader::quotedCell(std::string_view &text) {
  unquoted.clear();
  const char *p = position;
  for (++p;; ++p) {
    if (p == end)
      return fail("a quoted cell does not end on its line"), false;
    if (*p == '"' && (p + 1 == end || p[1] != '"'))
      break;
    p += *p == '"';
    unquoted += *p;
  }
  ++p;
  while (p != end && isBlank(*p))
    ++p;
  if (p != end && *p != ',')
    return fail("found " + quoteCell({p, static_cast<size_t>(end - p)}) +
                " after a quoted cell; expected a comma"),
           false;
  position = p;
  text = unquoted;
  return true;
}

bool CsvReader::cell(std::string_view &text) {
  while (position != end && isBlank(*position))
    ++position;
  if (position != end && *position == '"') {
    if (!quotedCell(text))
      return false;
  } else {
    const char *start = position;
    auto *comma = static_cast<const char *>(
        std::memchr(start, ',', static_cast<size_t>(end - start)));
    position = comma ? comma : end;
    text = {start, static_cast<size_t>(position - start)};
  }
  while (!text.empty() && isBlank(text.back()))
    text.remove_suffix(1);
  while (!text.empty() && isBlank(text.front()))
    text.remove_prefix(1);
  last = position == end;
  position += !last;
  return true;
}

CsvReader::Step CsvReader::row(std::vector<std::string> &cells,
                               size_t optional) {
  Step step = next();
  if (step != Step::Row)
    return step;
  cells.clear();
  std::string_view text;
  do {
    if (!cell(text))
      return Step::Error;
    cells.emplace_back(text);
  } while (!last);
  if (columns && (cells.size() > columns || cells.size() + optional < columns))
    return fail("found " + std::to_string(cells.size()) + " cells, expected " +
                (optional ? std::to_string(columns - optional) + " to " : "") +
                std::to_string(columns));
  if (columns)
    return step;
  columns = cells.size();
  for (size_t i = 0; i != columns; ++i)
    for (size_t j = 0; j != i; ++j)
      if (cells[i] == cells[j])
        return fail("found two columns " + quoteCell(cells[i]) +
                    ", expected a name of its own for each");
  return step;
}

bool parseUnsigned(std::string_view text, uint64_t &value) {
  unsigned base = 10;
  if (text.size() > 2 && text[0] == '0' && text[1] == 'x') {
    base = 16;
    text.remove_prefix(2);
  }
  bool good = !text.empty();
  uint64_t sum = 0;
  for (size_t i = 0; good && i != text.size(); ++i) {
    unsigned digit = static_cast<unsigned>(text[i] - '0');
    if (digit > 9) {
      digit = static_cast<unsigned>((text[i] | 32) - 'a');
      digit = base == 16 && digit < 6 ? digit + 10 : base;
    }
    good = digit < base && !__builtin_mul_overflow(sum, base, &sum) &&
           !__builtin_add_overflow(sum, digit, &sum);
  }
  value = sum;
  return good;
}

std::string quoteCell(std::string_view text) {
  std::string quoted = "'";
  for (char c : text.substr(0, 40))
    if (c >= 32 && c < 127) {
      quoted += c;
    } else {
      char code[8];
      std::snprintf(code, sizeof(code), "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      quoted += code;
    }
  return quoted + (text.size() > 40 ? "...'" : "'");
}

} // namespace nm::support
