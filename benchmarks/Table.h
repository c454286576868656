//===- Table.h - What benchmarks take and print -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_TABLE_H
#define NM_BENCHMARKS_TABLE_H

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <benchmark/benchmark.h>
#include <vector>

namespace nm::bench {

/// Takes options off the command line; Google Benchmark gets what is left. A
/// wrong value ends the program with an error.
class Arguments {
public:
  Arguments(int &argc, char **argv) : argc(argc), argv(argv) {}

  /// `--name`.
  bool flag(llvm::StringRef name) {
    for (int i = 1; i < argc; ++i)
      if (nameOf(argv[i]) == name) {
        remove(i, 1);
        return true;
      }
    return false;
  }
  /// `--name=value` or `--name value`.
  std::string text(llvm::StringRef name) {
    for (int i = 1; i < argc; ++i) {
      auto [given, value] = nameOf(argv[i]).split('=');
      if (given != name)
        continue;
      bool isNext = !nameOf(argv[i]).contains('=');
      if (isNext && i + 1 < argc)
        value = argv[i + 1];
      if (value.empty())
        refuse(name, value, "a value");
      std::string result = value.str();
      remove(i, 1 + isNext);
      return result;
    }
    return {};
  }
  /// The same for a whole number.
  int64_t number(llvm::StringRef name, int64_t otherwise) {
    std::string value = text(name);
    int64_t result = otherwise;
    if (!value.empty() &&
        (llvm::StringRef(value).getAsInteger(10, result) || result < 1))
      refuse(name, value, "a whole number of at least 1");
    return result;
  }

private:
  static llvm::StringRef nameOf(llvm::StringRef argument) {
    return argument.consume_front("--") ? argument : llvm::StringRef();
  }
  void remove(int at, int count) {
    std::copy(argv + at + count, argv + argc, argv + at);
    argc -= count;
    argv[argc] = nullptr;
  }
  [[noreturn]] static void refuse(llvm::StringRef name, llvm::StringRef value,
                                  llvm::StringRef expected) {
    llvm::WithColor::error() << "--" << name << " is '" << value
                             << "', expected " << expected << "\n";
    std::exit(1);
  }

  int &argc;
  char **argv;
};

/// Prints a row for each outcome as its case ends.
template <typename Outcome, typename Row>
class TableReporter : public benchmark::BenchmarkReporter {
public:
  TableReporter(llvm::StringRef header, const std::vector<Outcome> &outcomes,
                Row row)
      : header(header), outcomes(outcomes), row(row) {}

  bool ReportContext(const Context &) override {
    llvm::outs() << header;
    return true;
  }
  void ReportRuns(const std::vector<Run> &runs) override {
    for (const Run &run : runs)
      if (run.error_occurred)
        llvm::outs() << run.benchmark_name() << ": " << run.error_message
                     << "\n";
    for (; printed < outcomes.size(); ++printed)
      llvm::outs() << row(outcomes[printed]);
    llvm::outs().flush();
  }

private:
  std::string header;
  const std::vector<Outcome> &outcomes;
  Row row;
  size_t printed = 0;
};

/// Runs the registered cases, each of which adds to `outcomes`, prints the
/// table, and writes what `write` makes of `json` unless that is empty. Returns
/// the program's exit code.
template <typename Outcome, typename Row, typename Write>
int runTable(llvm::StringRef header, const std::vector<Outcome> &outcomes,
             const std::string &json, Row row, Write write) {
  TableReporter<Outcome, Row> reporter(header, outcomes, row);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  if (!json.empty())
    if (llvm::Error error = write()) {
      llvm::WithColor::error() << llvm::toString(std::move(error)) << "\n";
      return 1;
    }
  return outcomes.empty() ? 1 : 0;
}

} // namespace nm::bench

#endif // NM_BENCHMARKS_TABLE_H
