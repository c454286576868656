//===- Report.h - What a run of nm-run did, for people and programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_REPORT_H
#define NM_DRIVER_REPORT_H

#include "nm/Driver/Calibrate.h"
#include "nm/Driver/Compare.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/Execute.h"
#include "nm/Driver/Profile.h"
#include "nm/Driver/Signature.h"
#include "nm/Runtime/Params.h"
#include <optional>

namespace mlir::nm::driver {

/// Rows of cells.
using Table = std::vector<std::vector<std::string>>;

/// Left-aligned columns, indented by two.
void writeTable(llvm::raw_ostream &os, const Table &table);

/// Gathered while nm-run works; what did not happen stays empty.
struct Report {
  std::string inputFile, target;
  const Signature *function = nullptr;
  bool dense = false;
  int threads = 0;

  CompileLog log;
  double pipelineMs = 0, codegenMs = 0, linkMs = 0, loadMs = 0;

  ::nm::rt::Manifest manifest;
  /// By parameter: stored bytes, and where its mask came from.
  std::vector<int64_t> paramBytes;
  std::vector<std::string> maskSources;
  std::string cacheState;
  /// Whether compiled code was found or kept.
  std::string codeCache = "off";

  std::vector<std::pair<size_t, Comparison>> comparisons;
  std::optional<Timing> timing;
  std::optional<PruningReport> pruning;
  std::optional<Profile> profile;

  double compileMs() const { return pipelineMs + codegenMs + linkMs; }
  int64_t packedBytes() const;
  int64_t denseBytes() const;
};

/// Sections of aligned text.
std::string formatReport(const Report &report);

/// One JSON object; docs/nm-run.md lists the fields. Numbers that were not
/// measured, and those that JSON has no text for, are null.
std::string formatReportJson(const Report &report);

/// A page; needs a profile.
std::string formatReportHtml(const Report &report);

/// "1.5 MiB".
std::string byteText(int64_t bytes);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_REPORT_H
