//===- ProfileText.cpp - A profile as text and as JSON ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Profile.h"
#include "nm/Driver/Report.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Svg.h"
#include "nm/Support/Table.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::formatted;
using ::nm::support::JsonWriter;

static double perSecond(int64_t count, double ms) {
  return ms > 0 ? static_cast<double>(count) / ms * 1e-6 : 0;
}

/// Bits a weight, and the share of memory's bandwidth that reading takes.
static std::vector<std::string> trafficOf(const Profile &profile,
                                          int64_t weightBytes, int64_t weights,
                                          int64_t read, double ms) {
  std::optional<double> bits = bitsPerWeight(weightBytes, weights);
  return {bits ? formatted("%.2f", *bits) : "",
          formatted("%.0f %%", 100 * profile.readFraction(read, ms))};
}

static std::vector<std::string> rowOf(const Profile &profile,
                                      const OperationProfile &row) {
  std::string name = "  " + row.name;
  if (!row.fused.empty())
    name += formatted(" and %zu more", row.fused.size());
  std::string pattern = row.pattern.empty() ? row.kind
                        : row.isSparse()    ? row.kind + " " + row.pattern
                                            : row.kind + ", dense";
  if (!row.isCounted)
    return {name, pattern, formatted("%.4f", row.ms), "?", "?", "", "?", "?",
            "",   ""};
  auto traffic =
      trafficOf(profile, row.weightBytes, row.weights, row.read, row.ms);
  return {name,
          pattern,
          formatted("%.4f", row.ms),
          formatted("%.1f", perSecond(row.flops, row.ms)),
          byteText(row.bytes()),
          traffic[0],
          traffic[1],
          formatted("%.0f %%", 100 * row.fraction()),
          row.boundBy,
          row.denseMs && row.ms > 0 ? formatted("%.2f", *row.denseMs / row.ms)
                                    : ""};
}

static std::string shownLayer(const LayerProfile &layer) {
  return layer.name.empty() ? "(model)" : layer.name;
}

std::string driver::formatProfile(const Profile &profile) {
  ::nm::support::Table table;
  table.indent = 2;
  table.rightAligned = {2, 3, 4, 5, 6, 7, 9};
  table.rows.push_back({"operation", "kind", "ms", "GFLOP/s", "bytes",
                        "bits a weight", "of memory", "of bound", "bound by",
                        "x dense"});
  std::string notes;
  for (const LayerProfile &layer : profile.layers) {
    auto traffic = trafficOf(profile, layer.weightBytes, layer.weights,
                             layer.read, layer.ms);
    table.rows.push_back(
        {shownLayer(layer), "", formatted("%.4f", layer.ms),
         formatted("%.1f", perSecond(layer.flops, layer.ms)),
         byteText(layer.read + layer.written), traffic[0], traffic[1],
         formatted("%.0f %%",
                   layer.ms > 0 ? 100 * layer.boundMs / layer.ms : 0.0),
         "", ""});
    for (size_t i = layer.first; i != layer.first + layer.count; ++i) {
      const OperationProfile &row = profile.operations[i];
      table.rows.push_back(rowOf(profile, row));
      for (const std::string &note : row.notes)
        notes += "  " + row.name + ": " + note + "\n";
    }
  }
  std::string text =
      formatted("operations  %zu, %.3f of %.3f ms in the fastest of %d run%s; "
                "%.0f GFLOP/s and %.1f GB/s of memory on %d thread%s\n",
                profile.operations.size(), profile.operationsMs(),
                profile.runMs, profile.runs, profile.runs == 1 ? "" : "s",
                profile.bounds.flopsPerSecond * 1e-9,
                profile.bounds.levels.back().bytesPerSecond * 1e-9,
                profile.bounds.threads, profile.bounds.threads == 1 ? "" : "s");
  text += table.str();
  if (!notes.empty())
    text += "left        what stays dense or apart, and why\n" + notes;
  return text + "buffers     " + byteText(profile.peakBytes) +
         " live at most\n";
}

static void writeBits(JsonWriter &json, int64_t bytes, int64_t weights) {
  if (std::optional<double> bits = bitsPerWeight(bytes, weights))
    json.field("bits_per_weight", *bits);
  else
    json.field("bits_per_weight", nullptr);
}

static void writeWork(JsonWriter &json, const Profile &profile,
                      const OperationProfile &row) {
  writeBits(json, row.weightBytes, row.weights);
  if (row.isCounted) {
    json.field("flops", row.flops);
    json.field("dense_flops", row.denseFlops);
    json.field("read_bytes", row.read);
    json.field("read_fraction", profile.readFraction(row.read, row.ms));
    json.field("written_bytes", row.written);
    json.field("bound_ms", row.boundMs);
    json.field("bound_by", row.boundBy);
    json.field("fraction", row.fraction());
    return;
  }
  for (const char *name :
       {"flops", "dense_flops", "read_bytes", "read_fraction", "written_bytes",
        "bound_ms", "bound_by", "fraction"})
    json.field(name, nullptr);
}

static void writeOperation(JsonWriter &json, const Profile &profile,
                           const OperationProfile &row) {
  auto optional = [&](const char *name, const auto &value, bool isThere) {
    if (isThere)
      json.field(name, value);
    else
      json.field(name, nullptr);
  };
  json.field("name", row.name);
  json.list("fused", row.fused);
  json.field("layer", row.layer);
  json.field("kind", row.kind);
  optional("pattern", row.pattern, !row.pattern.empty());
  optional("layout", row.layout, !row.layout.empty());
  optional("weight", row.weight, !row.weight.empty());
  json.field("kernel", row.kernel);
  json.field("calls", row.calls);
  json.field("ms", row.ms);
  writeWork(json, profile, row);
  optional("dense_ms", row.denseMs.value_or(0), row.denseMs.has_value());
  optional("max_rel_error", row.error.value_or(0), row.error.has_value());
  json.array("notes", [&] {
    for (const std::string &note : row.notes)
      json.value(note);
  });
}

static void writeLayer(JsonWriter &json, const Profile &profile,
                       const LayerProfile &layer) {
  json.field("name", layer.name);
  json.field("operations", layer.count);
  json.field("ms", layer.ms);
  writeBits(json, layer.weightBytes, layer.weights);
  json.field("flops", layer.flops);
  json.field("read_bytes", layer.read);
  json.field("read_fraction", profile.readFraction(layer.read, layer.ms));
  json.field("written_bytes", layer.written);
  json.field("bound_ms", layer.boundMs);
  json.field("fraction", layer.ms > 0 ? layer.boundMs / layer.ms : 0.0);
}

static void writeBounds(JsonWriter &json, const ::nm::machine::Bounds &bounds) {
  json.field("threads", bounds.threads);
  json.field("frequency_hz", bounds.frequencyHz);
  json.field("flops_per_second", bounds.flopsPerSecond);
  json.array("levels", [&] {
    for (const auto &level : bounds.levels)
      json.lineObject([&] {
        json.field("name", level.name);
        if (level.name == "memory")
          json.field("bytes", nullptr);
        else
          json.field("bytes", level.bytes);
        json.field("bytes_per_second", level.bytesPerSecond);
      });
  });
}

void driver::writeProfile(JsonWriter &json, const Profile &profile) {
  json.object("machine", [&] { writeBounds(json, profile.bounds); });
  json.field("profiled_runs", profile.runs);
  json.field("profiled_ms", profile.runMs);
  if (profile.denseRunMs)
    json.field("dense_ms", *profile.denseRunMs);
  else
    json.field("dense_ms", nullptr);
  json.array("layers", [&] {
    for (const LayerProfile &layer : profile.layers)
      json.object([&] { writeLayer(json, profile, layer); });
  });
  json.array("operations", [&] {
    for (const OperationProfile &row : profile.operations)
      json.object([&] { writeOperation(json, profile, row); });
  });
  json.list("without_code", profile.withoutCode);
  json.object("buffers", [&] {
    json.field("peak_bytes", profile.peakBytes);
    json.array("live", [&] {
      for (const LiveBytes &event : profile.memory)
        json.lineObject([&] {
          json.field("ms", event.ms);
          json.field("bytes", event.bytes);
        });
    });
  });
}
