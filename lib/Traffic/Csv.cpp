//===- Csv.cpp - Packets from lines of numbers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/CsvReader.h"
#include "nm/Traffic/Source.h"

using namespace nm::traffic;
using ::nm::support::CsvReader;
using ::nm::support::quoteCell;

namespace {

constexpr size_t kMaxColumns = 64;

class Csv : public Source {
public:
  explicit Csv(CsvReader reader) : reader(std::move(reader)) {}

  bool readHeader();
  Status next(Arrival &arrival) override;
  double progress() const override { return reader.progress(); }

private:
  Status at(const std::string &what) {
    reader.fail(what);
    return fail(reader.error().message);
  }
  /// The next line.
  Status line();
  bool cell(std::string_view &text) {
    return reader.cell(text) || (fail(reader.error().message), false);
  }
  bool parse(std::string_view text, size_t column, uint64_t &value);

  CsvReader reader;
  size_t timeColumn = 0;
  /// Among the values; none if there is no such column.
  size_t lengthValue = SIZE_MAX;
  int64_t last = 0;
  std::vector<uint64_t> values;
};

Source::Status Csv::line() {
  switch (reader.next()) {
  case CsvReader::Step::Row:
    return Status::Packet;
  case CsvReader::Step::End:
    return Status::End;
  case CsvReader::Step::Error:
    break;
  }
  return fail(reader.error().message);
}

bool Csv::readHeader() {
  Status status = line();
  if (status == Status::End)
    at("no header; expected a line with the names of the columns");
  if (status != Status::Packet)
    return false;
  bool hasTime = false;
  size_t index = 0;
  for (; index == 0 || !reader.isLast(); ++index) {
    std::string_view text;
    if (!cell(text))
      return false;
    std::string column(text);
    bool good = !column.empty() && column.size() <= 64;
    for (char c : column)
      good &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_';
    if (!good)
      return at("column " + std::to_string(index + 1) + " is called " +
                quoteCell(text) +
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

bool Csv::parse(std::string_view text, size_t column, uint64_t &value) {
  if (::nm::support::parseUnsigned(text, value))
    return true;
  size_t field = column < timeColumn ? column : column - 1;
  at("column " + std::to_string(column + 1) + " ('" +
     (column == timeColumn ? "time" : names[field]) + "') is " +
     quoteCell(text) + "; expected an unsigned number of at most 64 bits");
  return false;
}

Source::Status Csv::next(Arrival &arrival) {
  Status status = line();
  if (status != Status::Packet)
    return status;
  size_t index = 0, field = 0;
  uint64_t time = 0;
  for (; index == 0 || (!reader.isLast() && index <= names.size()); ++index) {
    std::string_view text;
    uint64_t value;
    if (!cell(text) || !parse(text, index, value))
      return Status::Error;
    if (index == timeColumn)
      time = value;
    else
      values[field++] = value;
  }
  if (!reader.isLast() || index != names.size() + 1)
    return at((reader.isLast() ? std::to_string(index)
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

SourceResult finish(std::unique_ptr<Csv> csv) {
  if (!csv->readHeader())
    return ::nm::support::Error{::nm::support::Errc::Format, csv->error()};
  return std::unique_ptr<Source>(std::move(csv));
}

} // namespace

SourceResult nm::traffic::openCsv(const std::string &path) {
  ::nm::support::Result<CsvReader> reader = CsvReader::open(path);
  if (!reader)
    return reader.error();
  return finish(std::make_unique<Csv>(std::move(*reader)));
}

SourceResult nm::traffic::openCsvMemory(const char *data, size_t size,
                                        const std::string &name) {
  return finish(std::make_unique<Csv>(CsvReader({data, size}, name)));
}
