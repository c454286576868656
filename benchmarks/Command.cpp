//===- Command.cpp - The command line of a benchmark ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "nm/Support/Text.h"
#include <benchmark/benchmark.h>
#include <cstdio>

namespace nm::bench {

using support::Status;

static int report(const support::Error &error) {
  std::fflush(stdout);
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return 1;
}

Command::Command(std::string tool, std::string about, std::string usage)
    : line(std::move(tool), std::move(about),
           std::move(usage) + "Options of Google Benchmark are taken as well, "
                              "such as --benchmark_filter=REGEX.\n") {
  line.foreign("benchmark_", foreign);
}

void Command::results(std::vector<std::string> besides) {
  endings = std::move(besides);
  line.text("json", json, "file", "write the results to this file");
}

std::vector<std::string> Command::paths() const {
  std::vector<std::string> paths = {json};
  std::string stem = json;
  constexpr std::string_view suffix = ".json";
  if (stem.size() > suffix.size() &&
      stem.compare(stem.size() - suffix.size(), suffix.size(), suffix) == 0)
    stem.resize(stem.size() - suffix.size());
  for (const std::string &ending : endings)
    paths.push_back(stem + ending);
  return paths;
}

Status Command::begin(int argc, char **argv, bool &isDone) {
  auto outcome = line.parse(argc, argv);
  if (!outcome)
    return outcome.error();
  isDone = *outcome == support::CommandLine::Outcome::Done;
  if (isDone)
    return {};
  // Google Benchmark would write the file itself, over whatever is there.
  for (std::string &argument : foreign) {
    argument = "--" + argument.substr(argument.find_first_not_of('-'));
    if (argument.rfind("--benchmark_out", 0) == 0)
      return support::makeError(
          support::Errc::Argument, support::quote(argument),
          " is not taken; expected --json=<file> or, on standard output, "
          "--benchmark_format=json");
  }
  if (hasResults())
    for (const std::string &path : paths())
      if (Status status = files.writes("--json", path); !status)
        return status;
  return {};
}

std::optional<int> Command::parse(int argc, char **argv) {
  bool isDone = false;
  if (Status status = begin(argc, argv, isDone); !status)
    return report(status.error());
  if (isDone)
    return 0;
  std::vector<char *> pointers = {argv[0]};
  for (std::string &argument : foreign)
    pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data()))
    return 1;
  return std::nullopt;
}

llvm::raw_ostream &Command::table() const {
  return files.writesStandardOutput() ? llvm::errs() : llvm::outs();
}

int Command::write(const std::vector<std::string> &texts) {
  if (!hasResults())
    return 0;
  std::vector<std::string> names = paths();
  for (size_t i = 0; i != texts.size(); ++i)
    if (Status status = files.write(names[i], texts[i]); !status)
      return report(status.error());
  if (Status status = files.commit(); !status)
    return report(status.error());
  return 0;
}

} // namespace nm::bench
