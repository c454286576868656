//===- Table.h - What benchmarks print -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_TABLE_H
#define NM_BENCHMARKS_TABLE_H

#include "Command.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <benchmark/benchmark.h>
#include <vector>

namespace nm::bench {

/// Prints a row for each outcome as its case ends.
template <typename Outcome, typename Row>
class TableReporter : public benchmark::BenchmarkReporter {
public:
  TableReporter(llvm::raw_ostream &os, llvm::StringRef header,
                const std::vector<Outcome> &outcomes, Row row)
      : os(os), header(header), outcomes(outcomes), row(row) {}

  bool ReportContext(const Context &) override {
    os << header;
    return true;
  }
  void ReportRuns(const std::vector<Run> &runs) override {
    for (const Run &run : runs)
      if (run.error_occurred)
        os << run.benchmark_name() << ": " << run.error_message << "\n";
    for (; printed < outcomes.size(); ++printed)
      os << row(outcomes[printed]);
    os.flush();
  }

private:
  llvm::raw_ostream &os;
  std::string header;
  const std::vector<Outcome> &outcomes;
  Row row;
  size_t printed = 0;
};

/// Registers `run(state, case)` for each case, under its name and for as many
/// iterations as `iterations(case)`; `run` says how long each took.
template <typename Case, typename Iterations, typename Run>
void registerCases(const std::vector<Case> &cases, Iterations iterations,
                   Run run) {
  for (const Case &each : cases)
    benchmark::RegisterBenchmark(
        each.name().c_str(),
        [run, each](benchmark::State &state) { run(state, each); })
        ->UseManualTime()
        ->Iterations(iterations(each));
}

/// Runs the registered cases, each of which adds to `outcomes`, prints the
/// table, and writes what `texts` makes of the outcomes to the files that the
/// command asks for. Returns the program's exit code.
template <typename Outcome, typename Row, typename Texts>
int runTable(llvm::StringRef header, const std::vector<Outcome> &outcomes,
             Command &command, Row row, Texts texts) {
  TableReporter<Outcome, Row> reporter(command.table(), header, outcomes, row);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  if (command.hasResults())
    if (int code = command.write(texts()))
      return code;
  return outcomes.empty() ? 1 : 0;
}

} // namespace nm::bench

#endif // NM_BENCHMARKS_TABLE_H
