//===- Report.cpp - What a run of nm-run did, for people and programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Report.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/DerivedKey.h"
#include "nm/Support/Table.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

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
  return llvm::formatv("{0}:{1} axis {2}", spec.sparsity->n, spec.sparsity->m,
                       spec.sparsity->axis);
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
  Table table{{"key", "shape", "dtype", "pattern", "layout", "bytes", "mask"}};
  for (auto [i, spec] : llvm::enumerate(report.manifest.params))
    table.push_back(
        {(spec.scope.empty() ? "" : spec.scope + ": ") + rt::shownKey(spec.key),
         rt::shapeString(spec.shape), std::string(rt::dtypeName(spec.dtype)),
         patternText(spec), spec.layout.str(),
         std::to_string(report.paramBytes[i]), report.maskSources[i]});
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
                      "linking {3:f1}\n",
                      report.compileMs(), report.pipelineMs, report.codegenMs,
                      report.linkMs);
  if (!report.manifest.params.empty())
    os << llvm::formatv("load        {0:f1} ms for reading, checking and "
                        "packing\n",
                        report.loadMs);
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

static llvm::json::Value number(double value) {
  if (!std::isfinite(value))
    return nullptr;
  return value;
}

static llvm::json::Object pruningJson(const PruningReport &pruning) {
  llvm::json::Array layers, results;
  for (auto &[key, difference] : pruning.layers)
    layers.push_back(llvm::json::Object{{"key", rt::shownKey(key)},
                                        {"difference", number(difference)}});
  for (double difference : pruning.results)
    results.push_back(number(difference));
  return llvm::json::Object{
      {"by", pruning.by == PruneBy::Wanda ? "wanda" : "magnitude"},
      {"samples", static_cast<int64_t>(pruning.samples)},
      {"layers", std::move(layers)},
      {"results", std::move(results)}};
}

std::string driver::formatReportJson(const Report &report) {
  llvm::json::Object json;
  json["input"] = report.inputFile;
  json["function"] = report.function->name;
  json["dense"] = report.dense;
  json["target"] = report.target;
  json["threads"] = report.threads;
  for (StringRef key : {"median_ms", "min_ms", "max_ms", "iqr_ms",
                        "max_abs_error", "max_rel_error"})
    json[key] = nullptr;
  if (const auto &timing = report.timing) {
    json["runs"] = timing->runs;
    json["median_ms"] = timing->median;
    json["min_ms"] = timing->min;
    json["max_ms"] = timing->max;
    json["iqr_ms"] = timing->spread();
  }
  double worstAbs = 0, worstRel = 0;
  bool passed = true;
  for (auto &[index, comparison] : report.comparisons) {
    worstAbs = std::max(worstAbs, comparison.maxAbsError);
    worstRel = std::max(worstRel, comparison.maxRelError);
    passed &= comparison.passed();
  }
  if (!report.comparisons.empty()) {
    json["max_abs_error"] = number(worstAbs);
    json["max_rel_error"] = number(worstRel);
    json["passed"] = passed;
  }
  json["compile_ms"] = report.compileMs();
  json["pipeline_ms"] = report.pipelineMs;
  json["codegen_ms"] = report.codegenMs;
  json["load_ms"] = report.loadMs;
  json["packed_bytes"] = report.packedBytes();
  json["dense_bytes"] = report.denseBytes();
  json["cache"] = report.cacheState;

  if (report.pruning)
    json["pruning"] = pruningJson(*report.pruning);
  llvm::json::Array params, passes, remarks;
  for (auto [i, spec] : llvm::enumerate(report.manifest.params))
    params.push_back(llvm::json::Object{
        {"scope", spec.scope},
        {"key", spec.key},
        {"shape", llvm::json::Array(spec.shape)},
        {"dtype", std::string(rt::dtypeName(spec.dtype))},
        {"pattern", spec.sparsity ? llvm::json::Value(patternText(spec))
                                  : llvm::json::Value(nullptr)},
        {"layout", spec.layout.str()},
        {"bytes", report.paramBytes[i]},
        {"mask", report.maskSources[i]}});
  for (const PassRecord &pass : report.log.passes)
    passes.push_back(llvm::json::Object{{"pass", pass.name}, {"ms", pass.ms}});
  for (const RemarkRecord &remark : report.log.remarks)
    remarks.push_back(llvm::json::Object{{"kind", remark.kind},
                                         {"category", remark.category},
                                         {"name", remark.name},
                                         {"location", remark.location},
                                         {"message", remark.message}});
  json["params"] = std::move(params);
  json["passes"] = std::move(passes);
  json["remarks"] = std::move(remarks);
  return llvm::formatv("{0:2}\n", llvm::json::Value(std::move(json))).str();
}
