//===- Published.cpp - Published mappings and the faithful model -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Published.h"
#include "nm/Model/Faithful.h"
#include "nm/Support/CsvReader.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

namespace nm::model {

using support::makeError;
using support::quote;

const std::array<const char *, kNumPublishedFigures> kPublishedFigureNames = {
    "proportion_spilled", "ideal_latency", "mem_traffic", "actual_latency",
    "energy"};

namespace {

constexpr size_t kMostRows = 100'000;

/// One line, its cells found by the names of the first one.
class Line {
public:
  Line(const std::map<std::string, size_t> &columns,
       const std::vector<std::string> &cells, support::CsvReader &reader)
      : columns(columns), cells(cells), reader(reader) {}

  bool failed = false;

  void fail(const std::string &message) {
    reader.fail(message);
    failed = true;
  }
  void wrong(const char *column, const std::string &cell,
             const std::string &expected) {
    fail(std::string("column ") + column + ": found " + quote(cell) +
         ", expected " + expected);
  }

  std::string text(const char *column) {
    auto it = columns.find(column);
    if (it != columns.end())
      return cells[it->second];
    fail("found no column " + quote(column) + ", expected it");
    return "";
  }

  int64_t integer(const char *column) {
    std::string cell = text(column);
    if (cell.empty() || cell.size() > 15 ||
        cell.find_first_not_of("0123456789") != std::string::npos) {
      wrong(column, cell, "an integer");
      return 1;
    }
    return std::strtoll(cell.c_str(), nullptr, 10);
  }

  double number(const char *column) {
    std::string cell = text(column);
    char *end = nullptr;
    double value = std::strtod(cell.c_str(), &end);
    if (cell.empty() || *end || !std::isfinite(value)) {
      wrong(column, cell, "a number");
      return 0;
    }
    return value;
  }

  /// Whether the cell is `yes`; anything but `yes` and `no` is an error.
  bool choice(const char *column, const char *yes, const char *no) {
    std::string cell = text(column);
    if (cell != yes && cell != no)
      wrong(column, cell, std::string(yes) + " or " + no);
    return cell == yes;
  }

private:
  const std::map<std::string, size_t> &columns;
  const std::vector<std::string> &cells;
  support::CsvReader &reader;
};

PublishedMapping mappingOf(Line &line) {
  PublishedMapping mapping;
  mapping.platform = line.text("platform");
  mapping.model = line.text("models");
  mapping.length = line.text("seq_len");
  AttentionShape &shape = mapping.shape;
  shape.batch = line.integer("B");
  shape.heads = line.integer("H");
  shape.headDim = line.integer("E");
  shape.valueDim = line.integer("F");
  shape.queries = line.integer("P");
  shape.keys = line.integer("M");

  Dataflow &flow = mapping.dataflow;
  auto staged = [&](const char *column, Staged tensor) {
    if (line.choice(column, "onchip", "offchip"))
      flow.staged |= tensor;
  };
  staged("Q_loc", StagedQ);
  staged("K_loc", StagedK);
  staged("V_loc", StagedV);
  staged("QK_loc", StagedLogits);
  staged("AV_loc", StagedOutput);
  if (line.text("A_loc") != line.text("QK_loc"))
    line.wrong("A_loc", line.text("A_loc"), "that of QK_loc");
  auto stationarity = [&](const char *column) {
    return line.choice(column, "weight", "output") ? Stationarity::Weight
                                                   : Stationarity::Output;
  };
  flow.logit = stationarity("QK_stationarity");
  flow.attend = stationarity("AV_stationarity");

  std::string granularity = line.text("fusion_granularity");
  flow.granularity = granularity == "row"    ? Granularity::Row
                     : granularity == "head" ? Granularity::Head
                     : granularity == "batch" || granularity == "sample"
                         ? Granularity::Sample
                         : Granularity::Batch;
  if (flow.granularity == Granularity::Batch && granularity != "all")
    line.wrong("fusion_granularity", granularity, "row, head, batch or all");
  flow.rows =
      flow.granularity == Granularity::Row ? line.integer("P1") : shape.queries;
  flow.heads = flow.granularity == Granularity::Batch
                   ? shape.batch * shape.heads
               : flow.granularity == Granularity::Sample ? shape.heads
                                                         : 1;
  for (int i = 0; i != kNumPublishedFigures; ++i)
    mapping.published[static_cast<size_t>(i)] =
        line.number(kPublishedFigureNames[static_cast<size_t>(i)]);
  return mapping;
}

} // namespace

Result<std::vector<PublishedMapping>>
readPublishedMappings(const std::string &path) {
  return support::guarded([&]() -> Result<std::vector<PublishedMapping>> {
    Result<support::CsvReader> reader = support::CsvReader::open(path);
    if (!reader)
      return reader.error();
    using Step = support::CsvReader::Step;
    std::vector<std::string> cells;
    std::map<std::string, size_t> columns;
    Step step = reader->row(cells);
    for (const std::string &name : cells)
      columns.emplace(name, columns.size());
    std::vector<PublishedMapping> mappings;
    while (step == Step::Row && (step = reader->row(cells)) == Step::Row) {
      if (mappings.size() == kMostRows) {
        reader->fail("found more than 100000 rows, expected a table of "
                     "mappings");
        return reader->error();
      }
      Line line(columns, cells, *reader);
      PublishedMapping mapping = mappingOf(line);
      if (line.failed)
        return reader->error();
      mappings.push_back(std::move(mapping));
    }
    if (step == Step::Error)
      return reader->error();
    if (mappings.empty())
      return makeError(Errc::Format, path,
                       ": found no mappings, expected at least one");
    return mappings;
  });
}

Result<PublishedFigures> evaluatePublished(const PublishedMapping &mapping) {
  return support::guarded([&]() -> Result<PublishedFigures> {
    Result<Device> device = findDevice(mapping.platform);
    if (!device)
      return device.error();
    if (Status status = checkFaithful(*device, mapping.shape, mapping.dataflow);
        !status)
      return status.error();
    Cost cost = evaluateFaithful(*device, mapping.shape, mapping.dataflow);
    auto hz = static_cast<double>(device->frequencyHz);
    return PublishedFigures{cost.spill, cost.idealCycles / hz, cost.dramBytes,
                            cost.cycles / hz, cost.energyPj};
  });
}

double figureError(double ours, double published, double floor) {
  return std::abs(ours - published) / std::max(std::abs(published), floor);
}

} // namespace nm::model
