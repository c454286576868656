//===- Inspect.h - what is in a checkpoint --------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_INSPECT_H
#define NM_RUNTIME_INSPECT_H

#include "nm/Runtime/Sparsity.h"
#include "nm/Runtime/Weight.h"
#include "nm/Support/JsonWriter.h"
#include <optional>

namespace nm::rt {

/// One line of the report: a weight with its mask applied, or another tensor.
struct InspectRow {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  /// Absent when the element type is not understood.
  std::optional<SparsityReport> report;
  /// Of the axis that the table shows; absent without a report or dimensions.
  std::optional<AxisPattern> pattern;
  /// "explicit (NAME)", "none", "not read", or "is a mask".
  std::string maskSource;
  /// Why the row has no report, or what else there is to know, else empty.
  std::string note;
};

/// Looks at every tensor. Explicit masks are applied to their weights. A tensor
/// that cannot be read gets a note, not an error.
Result<std::vector<InspectRow>> inspect(const Checkpoint &checkpoint,
                                        const MaskOptions &options = {});

/// Aligned text table with a header line, a line of totals, and the notes.
std::string formatTable(const std::vector<InspectRow> &rows);

/// An object of JSON for each row.
void writeRows(support::JsonWriter &json, const std::vector<InspectRow> &rows);

/// One JSON array of them.
std::string formatJson(const std::vector<InspectRow> &rows);

} // namespace nm::rt

#endif // NM_RUNTIME_INSPECT_H
