//===- ExploreRun.h - Parts of the explorer -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_EXPLORERUN_H
#define NM_LIB_MODEL_EXPLORERUN_H

#include "nm/Model/Explore.h"
#include "nm/Support/CommandFiles.h"

namespace nm::model {

/// Everything about a point but its outcome, and the machine it is for.
SweepPoint describePoint(const Sweep &sweep, int64_t index, Device &device);
/// The attention of a point.
Result<AttentionShape> shapeOf(const Sweep &sweep, const SweepPoint &point);

/// Point `index` without its outcome, and the text of its key columns.
SweepPoint sweepKey(const Sweep &sweep, int64_t index);
std::string sweepKeyText(const Sweep &sweep, const SweepPoint &point);

/// A front: its rows by columns, among them "seconds", "energy_pj", "device"
/// and "model".
struct FrontTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

/// As CSV; as JSON, objects with a field a column, if the path ends in .json;
/// as a page with a chart if it ends in .html.
std::string formatFront(const FrontTable &table, const std::string &path,
                        const std::string &title);
/// The cells of a row of CSV, and a cell as CSV has it.
std::vector<std::string> splitCsvRow(const std::string &line);
std::string csvCell(const std::string &text);
/// A number with ten digits.
std::string csvNumber(double value);

/// Utilisation, seconds and energy over the axis that varies, one file for each
/// device and model, and the Pareto fronts.
Status writePlots(const Sweep &sweep, const std::vector<SweepPoint> &points,
                  const std::string &prefix, support::CommandFiles &files);

} // namespace nm::model

#endif // NM_LIB_MODEL_EXPLORERUN_H
