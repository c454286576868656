//===- Report.cpp - What a run of nm-run did, for people and programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Report.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/DerivedKey.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Svg.h"
#include "nm/Support/Table.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::jsonText;
using ::nm::support::JsonWriter;

std::string driver::byteText(int64_t bytes) {
  static constexpr StringLiteral units[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024)
    return llvm::formatv("{0} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit)
    value /= 1024;
  return llvm::formatv("{0:f1} {1}", value, units[unit]);
}

int64_t Report::packedBytes() const {
  int64_t sum = 0;
  for (int64_t bytes : paramBytes)
    sum += bytes;
  return sum;
}

static int64_t denseBytesOf(const rt::ParamSpec &spec) {
  rt::Result<int64_t> count = rt::checkedCount(spec.shape, 8);
  return count ? *count * rt::elementBytes(spec.dtype) : 0;
}

int64_t Report::denseBytes() const {
  int64_t sum = 0;
  for (const rt::ParamSpec &spec : manifest.params)
    sum += denseBytesOf(spec);
  return sum;
}

static std::string patternText(const rt::ParamSpec &spec) {
  if (!spec.sparsity)
    return "dense";
  std::string text = llvm::formatv("{0}:{1} axis {2}", spec.sparsity->n,
                                   spec.sparsity->m, spec.sparsity->axis);
  if (spec.sparsity->group != 0)
    text += llvm::formatv(", i{0}:{1}", spec.sparsity->form.bits,
                          spec.sparsity->group);
  return text;
}

/// Bits of memory for each element of a parameter.
static double bitsOf(const rt::ParamSpec &spec, int64_t bytes) {
  double count = 1;
  for (int64_t size : spec.shape)
    count *= static_cast<double>(size);
  return count == 0 ? 0 : 8 * static_cast<double>(bytes) / count;
}

void driver::writeTable(llvm::raw_ostream &os, const Table &table) {
  ::nm::support::Table lines{table};
  lines.indent = 2;
  os << lines.str();
}

static void writeFunction(llvm::raw_ostream &os, const Report &report) {
  os << "function    " << report.function->name << "(";
  llvm::ListSeparator comma;
  for (const Argument &argument : report.function->arguments)
    os << comma << argument.name << ": " << argument.type.str();
  os << ") -> (";
  llvm::ListSeparator next;
  for (const ValueType &type : report.function->results)
    os << next << type.str();
  os << ")\n";
}

static void writeParams(llvm::raw_ostream &os, const Report &report) {
  if (report.manifest.params.empty())
    return;
  os << "parameters  " << report.manifest.params.size() << ", "
     << byteText(report.packedBytes()) << " packed, "
     << byteText(report.denseBytes()) << " dense; cache " << report.cacheState
     << "\n";
  Table table{{"key", "shape", "dtype", "pattern", "layout", "bytes",
               "bits a weight", "mask"}};
  for (auto [i, spec] : llvm::enumerate(report.manifest.params))
    table.push_back(
        {(spec.scope.empty() ? "" : spec.scope + ": ") + rt::shownKey(spec.key),
         rt::shapeString(spec.shape), std::string(rt::dtypeName(spec.dtype)),
         patternText(spec), spec.layout.str(),
         std::to_string(report.paramBytes[i]),
         llvm::formatv("{0:f2}", bitsOf(spec, report.paramBytes[i])).str(),
         report.maskSources[i]});
  writeTable(os, table);
}

static void writeDecisions(llvm::raw_ostream &os, const Report &report) {
  int64_t raised = 0, left = 0;
  for (const RemarkRecord &remark : report.log.remarks)
    if (remark.category == "nm-raise")
      (remark.kind == "passed" ? raised : left) += 1;
  os << "matmuls     " << raised << " raised to nm.matmul, " << left
     << " left\n";
  Table table;
  for (const RemarkRecord &remark : report.log.remarks)
    table.push_back({remark.category, remark.kind, remark.location,
                     remark.name + ": " + remark.message});
  writeTable(os, table);
}

static void writePasses(llvm::raw_ostream &os, const Report &report) {
  os << llvm::formatv("passes      {0}, {1:f1} ms\n", report.log.passes.size(),
                      report.pipelineMs);
  Table table;
  for (const PassRecord &pass : report.log.passes)
    table.push_back({pass.name, llvm::formatv("{0:f2} ms", pass.ms)});
  writeTable(os, table);
}

std::string driver::formatReport(const Report &report) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "model       " << report.inputFile << (report.dense ? ", dense" : "")
     << "\n";
  writeFunction(os, report);
  os << "target      " << report.target << ", " << report.threads
     << (report.threads == 1 ? " thread\n" : " threads\n");
  writeParams(os, report);
  writeDecisions(os, report);
  writePasses(os, report);
  os << llvm::formatv("compile     {0:f1} ms: passes {1:f1}, LLVM {2:f1}, "
                      "linking {3:f1}; code cache {4}\n",
                      report.compileMs(), report.pipelineMs, report.codegenMs,
                      report.linkMs, report.codeCache);
  if (!report.manifest.params.empty())
    os << llvm::formatv("load        {0:f1} ms for reading, checking and "
                        "packing\n",
                        report.loadMs);
  if (report.profile)
    os << formatProfile(*report.profile);
  for (auto &[index, comparison] : report.comparisons)
    os << "result " << index << "    " << comparison.str()
       << (comparison.passed() ? "" : ": FAILED") << "\n";
  if (const auto &timing = report.timing) {
    os << llvm::formatv("run         median {0:f3} ms, min {1:f3} ms, "
                        "spread {2:f3} ms (IQR), {3} ",
                        timing->median, timing->min, timing->spread(),
                        timing->runs);
    os << (timing->runs == 1 ? "cold run\n" : "runs after warm-up\n");
  }
  return text;
}

static void writePruning(JsonWriter &json, const PruningReport &pruning) {
  json.field("by", pruning.by == PruneBy::Wanda ? "wanda" : "magnitude");
  json.field("samples", pruning.samples);
  json.array("layers", [&] {
    for (auto &[key, difference] : pruning.layers)
      json.object([&, &key = key, difference = difference] {
        json.field("key", rt::shownKey(key));
        json.field("difference", difference);
      });
  });
  json.array("rounded", [&] {
    for (const RoundedLayer &layer : pruning.rounded)
      json.object([&] {
        json.field("key", rt::shownKey(layer.key));
        json.field("nearest", layer.nearest);
        json.field("difference", layer.fed);
      });
  });
  json.list("results", pruning.results);
}

/// Fields that have no value are null.
static void writeTiming(JsonWriter &json, const Report &report) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const auto &timing = report.timing;
  if (timing)
    json.field("runs", timing->runs);
  json.field("median_ms", timing ? timing->median : none);
  json.field("min_ms", timing ? timing->min : none);
  json.field("max_ms", timing ? timing->max : none);
  json.field("iqr_ms", timing ? timing->spread() : none);
  double worstAbs = none, worstRel = none;
  bool passed = true;
  for (auto &[index, comparison] : report.comparisons) {
    worstAbs = std::fmax(worstAbs, comparison.maxAbsError);
    worstRel = std::fmax(worstRel, comparison.maxRelError);
    passed &= comparison.passed();
  }
  json.field("max_abs_error", worstAbs);
  json.field("max_rel_error", worstRel);
  if (!report.comparisons.empty())
    json.field("passed", passed);
}

static void writeParam(JsonWriter &json, const Report &report, size_t index) {
  const rt::ParamSpec &spec = report.manifest.params[index];
  json.field("scope", spec.scope);
  json.field("key", spec.key);
  json.list("shape", spec.shape);
  json.field("dtype", rt::dtypeName(spec.dtype));
  if (spec.sparsity)
    json.field("pattern", patternText(spec));
  else
    json.field("pattern", nullptr);
  json.field("layout", spec.layout.str());
  json.field("bytes", report.paramBytes[index]);
  json.field("bits_a_weight", bitsOf(spec, report.paramBytes[index]));
  json.field("mask", report.maskSources[index]);
}

static void writeLog(JsonWriter &json, const CompileLog &log) {
  json.array("passes", [&] {
    for (const PassRecord &pass : log.passes)
      json.object([&] {
        json.field("pass", pass.name);
        json.field("ms", pass.ms);
      });
  });
  json.array("remarks", [&] {
    for (const RemarkRecord &remark : log.remarks)
      json.object([&] {
        json.field("kind", remark.kind);
        json.field("category", remark.category);
        json.field("name", remark.name);
        json.field("location", remark.location);
        json.field("message", remark.message);
      });
  });
}

static void writeReport(JsonWriter &json, const Report &report) {
  json.field("input", report.inputFile);
  json.field("function", report.function->name);
  json.field("dense", report.dense);
  json.field("target", report.target);
  json.field("threads", report.threads);
  writeTiming(json, report);
  json.field("compile_ms", report.compileMs());
  json.field("pipeline_ms", report.pipelineMs);
  json.field("codegen_ms", report.codegenMs);
  json.field("code_cache", report.codeCache);
  json.field("load_ms", report.loadMs);
  json.field("packed_bytes", report.packedBytes());
  json.field("dense_bytes", report.denseBytes());
  json.field("cache", report.cacheState);
  if (report.pruning)
    json.object("pruning", [&] { writePruning(json, *report.pruning); });
  json.array("params", [&] {
    for (size_t i = 0; i != report.manifest.params.size(); ++i)
      json.object([&] { writeParam(json, report, i); });
  });
  if (report.profile)
    writeProfile(json, *report.profile);
  writeLog(json, report.log);
}

std::string driver::formatReportJson(const Report &report) {
  return jsonText(2, [&](JsonWriter &json) {
    json.object([&] { writeReport(json, report); });
  });
}

std::string driver::formatReportHtml(const Report &report) {
  const auto &timing = report.timing;
  std::string body = "<div class=\"tiles\">";
  auto tile = [&](const std::string &value, StringRef name) {
    body += "<div><b>" + ::nm::support::escapeXml(value) + "</b>" + name.str() +
            "</div>";
  };
  tile(llvm::formatv("{0:f3} ms", timing->median),
       timing->runs == 1 ? "one cold run" : "median run");
  if (report.profile->denseRunMs && report.profile->runMs > 0)
    tile(llvm::formatv("{0:f2} x",
                       *report.profile->denseRunMs / report.profile->runMs),
         "of the dense model's speed");
  tile(byteText(report.packedBytes()), "packed parameters");
  tile(byteText(report.denseBytes()), "the same dense");
  tile(byteText(report.profile->peakBytes), "of buffers live at most");
  tile(llvm::formatv("{0:f1} s", report.compileMs() / 1e3), "to compile");
  tile(report.target + ", " + std::to_string(report.threads) +
           (report.threads == 1 ? " thread" : " threads"),
       "machine");
  for (auto &[index, comparison] : report.comparisons)
    tile(llvm::formatv("{0:e1}", comparison.maxRelError),
         "relative error of result " + std::to_string(index) +
             (comparison.passed() ? "" : ", too large"));
  body += "</div>\n" + profileHtml(*report.profile);
  // The report for people has the rest, line by line.
  body += "<h2>Report</h2>\n<pre>";
  SmallVector<StringRef> lines;
  std::string text = formatReport(report);
  StringRef(text).split(lines, '\n');
  for (StringRef line : lines)
    body += ::nm::support::escapeXml(line.str()) + "\n";
  return ::nm::support::htmlPage(report.function->name + " of " +
                                     report.inputFile + " on " + report.target,
                                 body + "</pre>\n");
}
