//===- Csv.cpp - Packets from lines of numbers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Text.h"
#include "nm/Traffic/Source.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

using namespace nm::traffic;

Source::~Source() = default;

namespace {

/// No sensible line is longer; a file without line ends is not read as a whole.
constexpr size_t kMaxLine = 1 << 16;
constexpr size_t kMaxColumns = 64;

std::string quote(const char *begin, const char *end) {
  std::string text = "'";
  for (const char *p = begin; p != end && p != begin + 40; ++p)
    if (*p >= 32 && *p < 127) {
      text += *p;
    } else {
      char code[8];
      std::snprintf(code, sizeof(code), "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(*p)));
      text += code;
    }
  return text + (end - begin > 40 ? "...'" : "'");
}

class Csv : public Source {
public:
  Csv(FILE *file, std::string name) : file(file), name(std::move(name)) {
    buffer.resize(1 << 18);
  }
  Csv(const char *data, size_t size, std::string name)
      : file(nullptr), name(std::move(name)), atEnd(true) {
    buffer.assign(data, data + size);
    filled = size;
  }
  ~Csv() override {
    if (file && file != stdin)
      std::fclose(file);
  }

  bool readHeader();
  Status next(Arrival &arrival) override;
  double progress() const override {
    return total > 0 ? static_cast<double>(consumed + position) / total : -1;
  }
  double total = 0;

private:
  Status at(const std::string &what) {
    return fail(name + ":" + std::to_string(number) + ": " + what);
  }
  /// The next line that holds something, without its end.
  Status line(const char *&begin, const char *&end);
  /// Takes the cell at `p` and what follows it, a comma or the end. The text is
  /// between `begin` and `stop`, without blanks and quotes.
  bool cell(const char *&p, const char *end, const char *&begin,
            const char *&stop, bool &isLast);
  bool parse(const char *begin, const char *end, size_t column,
             uint64_t &value);

  FILE *file;
  std::string name;
  std::vector<char> buffer;
  size_t position = 0, filled = 0;
  double consumed = 0;
  bool atEnd = false;
  uint64_t number = 0;
  size_t timeColumn = 0;
  /// Among the values; none if there is no such column.
  size_t lengthValue = SIZE_MAX;
  int64_t last = 0;
  std::vector<uint64_t> values;
  /// A cell whose quotes are doubled.
  std::string unquoted;
};

bool isBlank(char c) { return c == ' ' || c == '\t'; }

Source::Status Csv::line(const char *&begin, const char *&end) {
  for (;;) {
    const char *start = buffer.data() + position;
    auto *stop = filled == position ? nullptr
                                    : static_cast<const char *>(std::memchr(
                                          start, '\n', filled - position));
    if (!stop && !atEnd && filled - position <= kMaxLine) {
      std::memmove(buffer.data(), start, filled - position);
      consumed += static_cast<double>(position);
      filled -= position;
      position = 0;
      size_t got =
          std::fread(buffer.data() + filled, 1, buffer.size() - filled, file);
      filled += got;
      if (got == 0 && std::ferror(file)) {
        ++number;
        return at(std::string("cannot read: ") + std::strerror(errno));
      }
      atEnd = got == 0;
      continue;
    }
    if (!stop && atEnd) {
      if (position == filled)
        return Status::End;
      stop = buffer.data() + filled;
    }
    ++number;
    if (!stop || stop - start > static_cast<ptrdiff_t>(kMaxLine))
      return at("a line of more than " + std::to_string(kMaxLine) +
                " bytes; expected numbers separated by commas");
    position = std::min(filled, static_cast<size_t>(stop - buffer.data()) + 1);
    if (stop != start && stop[-1] == '\r')
      --stop;
    if (number == 1 && stop - start >= 3 &&
        std::memcmp(start, "\xef\xbb\xbf", 3) == 0)
      start += 3;
    while (start != stop && isBlank(*start))
      ++start;
    if (stop == start || *start == '#')
      continue;
    begin = start;
    end = stop;
    return Status::Packet;
  }
}

bool Csv::cell(const char *&p, const char *end, const char *&begin,
               const char *&stop, bool &isLast) {
  while (p != end && isBlank(*p))
    ++p;
  if (p != end && *p == '"') {
    unquoted.clear();
    for (++p;; ++p) {
      if (p == end)
        return at("a quoted cell does not end on its line"), false;
      if (*p == '"' && (p + 1 == end || p[1] != '"'))
        break;
      p += *p == '"';
      unquoted += *p;
    }
    ++p;
    while (p != end && isBlank(*p))
      ++p;
    if (p != end && *p != ',')
      return at("found " + quote(p, end) +
                " after a quoted cell; expected a comma"),
             false;
    begin = unquoted.data();
    stop = begin + unquoted.size();
  } else {
    begin = p;
    auto *comma = static_cast<const char *>(std::memchr(p, ',', end - p));
    p = stop = comma ? comma : end;
  }
  while (stop != begin && isBlank(stop[-1]))
    --stop;
  while (stop != begin && isBlank(*begin))
    ++begin;
  isLast = p == end;
  p += !isLast;
  return true;
}

bool Csv::readHeader() {
  const char *begin, *end;
  Status status = line(begin, end);
  if (status == Status::End) {
    number = 1;
    at("no header; expected a line with the names of the columns");
  }
  if (status != Status::Packet)
    return false;
  bool hasTime = false;
  size_t index = 0;
  bool isLast = false;
  for (const char *p = begin; !isLast; ++index) {
    const char *first, *stop;
    if (!cell(p, end, first, stop, isLast))
      return false;
    std::string column(first, stop);
    bool good = !column.empty() && column.size() <= 64;
    for (char c : column)
      good &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_';
    if (!good)
      return at("column " + std::to_string(index + 1) + " is called " +
                quote(first, stop) +
                "; expected a name of letters, digits and '_' (at most 64)"),
             false;
    for (const std::string &other : names)
      if (other == column)
        return at("two columns are called '" + column + "'"), false;
    if (column == "time" && hasTime)
      return at("two columns are called 'time'"), false;
    if (column == "time") {
      hasTime = true;
      timeColumn = index;
    } else {
      if (column == "length")
        lengthValue = names.size();
      names.push_back(column);
    }
    if (index == kMaxColumns)
      return at("more than " + std::to_string(kMaxColumns) + " columns"), false;
  }
  if (!hasTime)
    return at("no column 'time'; expected one with arrival times in "
              "nanoseconds"),
           false;
  values.resize(names.size());
  return true;
}

bool Csv::parse(const char *begin, const char *end, size_t column,
                uint64_t &value) {
  unsigned base = 10;
  const char *p = begin;
  if (end - p > 2 && p[0] == '0' && p[1] == 'x') {
    base = 16;
    p += 2;
  }
  bool good = p != end;
  uint64_t sum = 0;
  for (; good && p != end; ++p) {
    unsigned digit = static_cast<unsigned>(*p - '0');
    if (digit > 9) {
      digit = static_cast<unsigned>((*p | 32) - 'a');
      digit = base == 16 && digit < 6 ? digit + 10 : base;
    }
    good = digit < base && !__builtin_mul_overflow(sum, base, &sum) &&
           !__builtin_add_overflow(sum, digit, &sum);
  }
  value = sum;
  if (good)
    return true;
  size_t field = column < timeColumn ? column : column - 1;
  at("column " + std::to_string(column + 1) + " ('" +
     (column == timeColumn ? "time" : names[field]) + "') is " +
     quote(begin, end) + "; expected an unsigned number of at most 64 bits");
  return false;
}

Source::Status Csv::next(Arrival &arrival) {
  const char *begin, *end;
  Status status = line(begin, end);
  if (status != Status::Packet)
    return status;
  size_t index = 0, field = 0;
  uint64_t time = 0;
  bool isLast = false;
  for (const char *p = begin; !isLast && index <= names.size(); ++index) {
    const char *first, *stop;
    uint64_t value;
    if (!cell(p, end, first, stop, isLast) || !parse(first, stop, index, value))
      return Status::Error;
    if (index == timeColumn)
      time = value;
    else
      values[field++] = value;
  }
  if (!isLast || index != names.size() + 1)
    return at((isLast ? std::to_string(index)
                      : "more than " + std::to_string(index)) +
              " values; expected " + std::to_string(names.size() + 1));
  if (lengthValue != SIZE_MAX &&
      (values[lengthValue] == 0 || values[lengthValue] > uint64_t(1) << 32))
    return at("a length of " + std::to_string(values[lengthValue]) +
              "; expected 1 to 2^32 bytes");
  if (time > static_cast<uint64_t>(INT64_MAX) / 2)
    return at("time " + std::to_string(time) + "; expected at most 2^62 ns");
  arrival.time = static_cast<int64_t>(time);
  if (arrival.time < last)
    return at("time " + std::to_string(time) + " after " +
              std::to_string(last) +
              "; expected times that do not decrease (sort the file)");
  last = arrival.time;
  arrival.values = values.data();
  return Status::Packet;
}

std::unique_ptr<Source> finish(std::unique_ptr<Csv> csv, std::string &error) {
  if (csv->readHeader())
    return csv;
  error = csv->error();
  return nullptr;
}

} // namespace

std::unique_ptr<Source> nm::traffic::openCsv(const std::string &path,
                                             std::string &error) {
  FILE *file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (!file) {
    error = "cannot open '" + ::nm::support::printable(path) +
            "': " + std::strerror(errno);
    return nullptr;
  }
  auto csv = std::make_unique<Csv>(
      file, path == "-" ? "<standard input>" : ::nm::support::printable(path));
  if (file != stdin && std::fseek(file, 0, SEEK_END) == 0) {
    csv->total = static_cast<double>(std::ftell(file));
    std::rewind(file);
  }
  return finish(std::move(csv), error);
}

std::unique_ptr<Source> nm::traffic::openCsvMemory(const char *data,
                                                   size_t size,
                                                   const std::string &name,
                                                   std::string &error) {
  return finish(std::make_unique<Csv>(data, size, name), error);
}
