//===- Command.h - The command line of a benchmark -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_COMMAND_H
#define NM_BENCHMARKS_COMMAND_H

#include "nm/Support/CommandFiles.h"
#include "nm/Support/Options.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

namespace nm::bench {

/// Options in the grammar of all tools, and those of Google Benchmark
/// (`--benchmark_filter=...`). Results are written by the one writer: what
/// cannot be written is an error before anything is measured.
class Command {
public:
  Command(std::string tool, std::string about, std::string usage);

  support::CommandLine &options() { return line; }
  /// `--json`, and the endings of the files that are written beside it (".svg"
  /// takes the place of ".json").
  void results(std::vector<std::string> besides = {});

  /// Prepares Google Benchmark. An exit code if the program ends here: after
  /// the help, or after the error that it has printed.
  std::optional<int> parse(int argc, char **argv);

  bool hasResults() const { return !json.empty(); }
  /// Where what is for people goes: standard output, or the error output if the
  /// results take that.
  llvm::raw_ostream &table() const;
  /// Writes the results, all or nothing: the JSON, then one text for each
  /// ending. The exit code.
  int write(const std::vector<std::string> &texts);

private:
  support::Status begin(int argc, char **argv, bool &isDone);
  std::vector<std::string> paths() const;

  support::CommandLine line;
  support::CommandFiles files;
  std::string json;
  std::vector<std::string> endings, foreign;
};

} // namespace nm::bench

#endif // NM_BENCHMARKS_COMMAND_H
