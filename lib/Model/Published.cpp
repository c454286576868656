//===- Published.cpp - Published mappings and the faithful model -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Published.h"
#include "../Runtime/Support.h"
#include "nm/Model/Faithful.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>

namespace nm::model {

using rt::makeError;
using rt::quote;

const std::array<const char *, kNumPublishedFigures> kPublishedFigureNames = {
    "proportion_spilled", "ideal_latency", "mem_traffic", "actual_latency",
    "energy"};

namespace {

constexpr size_t kMostRows = 100'000, kLongestLine = 4096;

std::vector<std::string> cellsOf(std::string line) {
  if (!line.empty() && line.back() == '\r')
    line.pop_back();
  std::vector<std::string> cells(1);
  for (char c : line) {
    if (c == ',')
      cells.emplace_back();
    else
      cells.back() += c;
  }
  return cells;
}

/// One line, its cells found by the names of the first one.
class Line {
public:
  Line(const std::map<std::string, size_t> &columns,
       std::vector<std::string> cells, std::string where)
      : columns(columns), cells(std::move(cells)), where(std::move(where)) {}

  bool failed = false;
  Error error;

  template <typename... Parts> void fail(const Parts &...parts) {
    if (!failed)
      error = makeError(Errc::Format, where, ": ", parts...);
    failed = true;
  }

  std::string text(const char *column) {
    auto it = columns.find(column);
    if (it != columns.end() && it->second < cells.size())
      return cells[it->second];
    fail("found no column ", quote(column), ", expected it");
    return "";
  }

  int64_t integer(const char *column) {
    std::string cell = text(column);
    if (cell.empty() || cell.size() > 15 ||
        cell.find_first_not_of("0123456789") != std::string::npos) {
      fail("column ", column, ": found ", quote(cell), ", expected an integer");
      return 1;
    }
    return std::strtoll(cell.c_str(), nullptr, 10);
  }

  double number(const char *column) {
    std::string cell = text(column);
    char *end = nullptr;
    double value = std::strtod(cell.c_str(), &end);
    if (cell.empty() || *end || !std::isfinite(value)) {
      fail("column ", column, ": found ", quote(cell), ", expected a number");
      return 0;
    }
    return value;
  }

  /// Whether the cell is `yes`; anything but `yes` and `no` is an error.
  bool choice(const char *column, const char *yes, const char *no) {
    std::string cell = text(column);
    if (cell != yes && cell != no)
      fail("column ", column, ": found ", quote(cell), ", expected ", yes,
           " or ", no);
    return cell == yes;
  }

private:
  const std::map<std::string, size_t> &columns;
  std::vector<std::string> cells;
  std::string where;
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
    line.fail("column A_loc: found ", quote(line.text("A_loc")),
              ", expected that of QK_loc");
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
    line.fail("column fusion_granularity: found ", quote(granularity),
              ", expected row, head, batch or all");
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
  return rt::guarded([&]() -> Result<std::vector<PublishedMapping>> {
    std::ifstream file(path);
    std::string text;
    if (!file || !std::getline(file, text))
      return makeError(Errc::Io, path, ": cannot read the table of mappings");
    std::map<std::string, size_t> columns;
    for (const std::string &name : cellsOf(text))
      columns.emplace(name, columns.size());
    std::vector<PublishedMapping> mappings;
    for (size_t number = 2; std::getline(file, text); ++number) {
      std::string where = path + ": line " + std::to_string(number);
      if (text.empty() || text == "\r")
        continue;
      if (text.size() > kLongestLine || mappings.size() == kMostRows)
        return makeError(Errc::Format, where,
                         ": found more than 100000 rows or 4096 bytes in one, "
                         "expected a table of mappings");
      Line line(columns, cellsOf(text), where);
      PublishedMapping mapping = mappingOf(line);
      if (line.failed)
        return line.error;
      mappings.push_back(std::move(mapping));
    }
    if (mappings.empty())
      return makeError(Errc::Format, path,
                       ": found no mappings, expected at least one");
    return mappings;
  });
}

Result<PublishedFigures> evaluatePublished(const PublishedMapping &mapping) {
  return rt::guarded([&]() -> Result<PublishedFigures> {
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
