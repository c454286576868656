//===- Inspect.cpp - what is in a checkpoint ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Inspect.h"
#include "MaskNames.h"
#include "Support.h"
#include "nm/Support/Json.h"
#include "nm/Support/Table.h"
#include <algorithm>
#include <cstdio>

namespace nm::rt {

/// Of a tensor of more than two dimensions: an N:M along all but the first
/// taken as one, as some write convolutions, which no axis shows. Empty if
/// there is none.
static std::string flattenedNote(const Weight &weight,
                                 const SparsityReport &found) {
  const TensorView &view = weight.tensor.view;
  const AxisPattern *best = found.best();
  if (view.rank() < 3 || view.count() == 0 || found.nonZeros == 0)
    return "";
  Result<Tensor> flat = toContiguous(weight.tensor);
  if (!flat)
    return "";
  int64_t columns = view.count() / view.shape[0];
  flat->view = denseView(flat->view.data, view.dtype, {view.shape[0], columns});
  std::optional<Mask> mask = weight.mask;
  if (mask && mask->form == Mask::Form::RowBits)
    return ""; // its rows are those of the last dimension
  if (mask)
    mask->shape = flat->view.shape;
  Result<SparsityReport> report =
      tightestPattern(flat->view, mask ? &*mask : nullptr);
  if (!report || report->axes.size() != 2)
    return "";
  const AxisPattern &pattern = report->axes[1];
  if (!pattern.sparse() || pattern.n * best->m >= best->n * pattern.m)
    return "";
  return std::to_string(pattern.n) + ":" + std::to_string(pattern.m) +
         " holds along dimensions 1 to " + std::to_string(view.rank() - 1) +
         " taken as one, " + shapeString(flat->view.shape) +
         ": store it so to use it";
}

/// A message about a tensor without the words that say which.
static std::string withoutPlace(const Error &error, const std::string &path,
                                const std::string &name) {
  std::string place = path + ": tensor " + quote(name) + ": ";
  const std::string &message = error.message;
  return message.compare(0, place.size(), place) == 0
             ? message.substr(place.size())
             : message;
}

static InspectRow inspectTensor(const Checkpoint &checkpoint,
                                const TensorInfo &info, const std::string &key,
                                const MaskOptions &options) {
  InspectRow row;
  row.name = key;
  row.dtype = info.dtype == DType::Unknown ? info.dtypeText
                                           : std::string(dtypeName(info.dtype));
  row.shape = info.shape;
  row.maskSource = "none";
  row.note = info.note;
  if (!row.note.empty()) {
    row.maskSource = "not read";
    return row;
  }
  if (info.dtype == DType::Unknown) {
    row.note = "element type is not supported";
    return row;
  }
  Result<Weight> weight = readWeight(checkpoint, key, options);
  if (!weight) {
    row.note = withoutPlace(weight.error(), checkpoint.path(), key);
    row.maskSource = "not read";
    return row;
  }
  if (weight->mask)
    row.maskSource = "explicit (" + weight->maskName + ")";
  Result<SparsityReport> report = tightestPattern(
      weight->tensor.view, weight->mask ? &*weight->mask : nullptr);
  if (!report) {
    row.note = report.error().message;
    return row;
  }
  row.note = flattenedNote(*weight, *report);
  if (!info.stored.empty())
    row.note = "stored as " + info.stored;
  if (!info.tiedTo.empty())
    row.note = "tied to " + info.tiedTo;
  row.report = std::move(*report);
  if (const AxisPattern *best = row.report->best())
    row.pattern = *best;
  return row;
}

Result<std::vector<InspectRow>> inspect(const Checkpoint &checkpoint,
                                        const MaskOptions &options) {
  return guarded([&]() -> Result<std::vector<InspectRow>> {
    NM_RETURN_IF_ERROR(checkMaskNames({&checkpoint}, options));
    std::set<std::string> masks = maskTensors(checkpoint, options);
    std::vector<InspectRow> rows;
    for (const TensorInfo &info : checkpoint.tensors()) {
      if (masks.count(info.name) == 0) {
        rows.push_back(inspectTensor(
            checkpoint, info, keyOfTensor(checkpoint, info.name), options));
        continue;
      }
      InspectRow row;
      row.name = info.name;
      row.dtype = info.dtypeText;
      if (info.dtype != DType::Unknown)
        row.dtype = dtypeName(info.dtype);
      row.shape = info.shape;
      row.maskSource = "is a mask";
      rows.push_back(std::move(row));
    }
    return rows;
  });
}

static std::string patternText(const InspectRow &row) {
  if (!row.pattern)
    return "-";
  if (row.report->nonZeros == 0 && row.report->count != 0)
    return "all zero";
  return row.pattern->sparse() ? std::to_string(row.pattern->n) + ":" +
                                     std::to_string(row.pattern->m)
                               : "dense";
}

/// A name without the quotes, still safe to print.
static std::string printable(const std::string &name) {
  std::string text = quote(name);
  return text.substr(1, text.size() - 2);
}

std::string formatTable(const std::vector<InspectRow> &rows) {
  support::Table table{
      {{"name", "dtype", "shape", "N:M", "axis", "density", "mask"}}};
  table.rightAligned = {3, 4, 5};
  table.hasRule = true;
  int64_t elements = 0, nonZeros = 0;
  for (const InspectRow &row : rows) {
    bool sparse = row.pattern && row.pattern->sparse();
    std::string axis = sparse ? std::to_string(row.pattern->axis) : "-";
    std::string density = "-";
    if (row.report) {
      char text[32];
      std::snprintf(text, sizeof(text), "%.2f %%", 100 * row.report->density());
      density = text;
      elements += row.report->count;
      nonZeros += row.report->nonZeros;
    }
    table.rows.push_back({printable(row.name), printable(row.dtype),
                          shapeString(row.shape), patternText(row), axis,
                          density, printable(row.maskSource)});
  }
  std::ostringstream os;
  os << rows.size() << " tensors, " << elements << " elements, " << nonZeros
     << " non-zeros\n";
  for (const InspectRow &row : rows)
    if (!row.note.empty())
      os << "note: " << printable(row.name) << ": " << row.note << "\n";
  return table.str() + os.str();
}

void writeRows(support::JsonWriter &json, const std::vector<InspectRow> &rows) {
  auto pattern = [&](const AxisPattern &of) {
    json.field("axis", of.axis);
    json.field("n", of.n);
    json.field("m", of.m);
  };
  for (const InspectRow &row : rows)
    json.object([&] {
      json.field("name", row.name);
      json.field("dtype", row.dtype);
      json.list("shape", row.shape);
      if (row.pattern)
        json.object("pattern", [&] { pattern(*row.pattern); });
      else
        json.field("pattern", nullptr);
      if (row.report) {
        json.field("density", row.report->density());
        json.array("axes", [&] {
          for (const AxisPattern &axis : row.report->axes)
            json.object([&] { pattern(axis); });
        });
      } else {
        json.field("density", nullptr);
      }
      json.field("mask", row.maskSource);
      if (!row.note.empty())
        json.field("note", row.note);
    });
}

std::string formatJson(const std::vector<InspectRow> &rows) {
  return support::jsonText(1, [&](support::JsonWriter &json) {
    json.array([&] { writeRows(json, rows); });
  });
}

} // namespace nm::rt
