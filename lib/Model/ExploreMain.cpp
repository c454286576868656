//===- ExploreMain.cpp - The command line of the explorer ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapCommand.h"
#include "SweepOptions.h"
#include "nm/Model/Explore.h"
#include "nm/Model/Published.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/Options.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <unistd.h>

namespace nm::model {

using support::makeError;
using support::quote;

namespace {

constexpr const char *kAbout =
    "sweeps a cost model over machines and shapes and writes one CSV row a "
    "point";

/// The options of a sweep.
class Reader : public SweepReader {
public:
  ExploreOptions options;
  bool schema = false;
  std::string published; ///< table to validate

  void declare(support::CommandLine &line) {
    declareAxes(line);
    declareModes(line);
    declareObjectives(line);
    declareResults(line);
    line.group("Instead of a sweep");
    line.text("validate", published, "file",
              "evaluate the mappings of a table such as FuseMax's "
              "flat_validation.csv; exit code 1 if any figure differs by more "
              "than 0.1 %");
    line.flag("device-schema", schema,
              "print the JSON schema of device descriptions");
  }

  void finish() {
    finishAxes();
    if (options.resume && options.csv.empty())
      fail("option --resume: found no --output, expected the file to continue");
    checkShards();
    options.devices = deviceNames;
    options.progress = !quiet && !options.csv.empty();
  }

private:
  bool quiet = false;

  void declareResults(support::CommandLine &line) {
    line.group("Results");
    line.text("output", options.csv, "file",
              "where rows go, as CSV (default: standard output)");
    line.shorthand('o', "output");
    line.text(
        "pareto", options.pareto, "file",
        "rows that no other beats in time, energy and scratchpad, as CSV, "
        "or by its ending as .json or .html");
    line.text("charts", options.svg, "prefix",
              "pictures, in files whose names begin so");
    line.flag("resume", options.resume,
              "keep the points of --output and of an interrupted run");
    line.parsed("threads", "n", "(default: all processors)",
                [this](const std::string &text) -> Status {
                  int64_t count = 0;
                  if (!support::parseWholeNumber(text, count) || count < 1 ||
                      count > 256)
                    return makeError(Errc::Argument,
                                     "expected a whole number from 1 to 256");
                  options.threads = static_cast<int>(count);
                  return {};
                });
    parsed(line, "shard", "i/n",
           "only every n-th point, from the i-th on; rows go to "
           "<output>.i-of-n, for --merge",
           &Reader::shard);
    line.number("merge", options.merge, 1, 1 << 16, "n",
                "evaluate nothing: the rows are those of n shards of the same "
                "sweep");
    line.flag("quiet", quiet, "no progress");
    line.number("stop-after", options.stopAfter, 1, 1 << 20, "n",
                "end as if interrupted after so many new points");
  }

  void checkShards() {
    if (!options.shards && !options.merge)
      return;
    const char *option = options.shards ? "--shard" : "--merge";
    if (options.csv.empty() || options.csv == "-")
      fail("option ", option,
           ": found no file as --output, expected the sweep's");
    if (options.shards && options.merge)
      fail("options --shard and --merge: found both, expected one: shards are "
           "merged when all of them are done");
    for (auto [other, isGiven] :
         {std::pair("--pareto", !options.pareto.empty()),
          std::pair("--charts", !options.svg.empty())})
      if (options.shards && isGiven)
        fail("option ", other,
             ": found --shard, which sees a part of the "
             "points, expected it with --merge");
    for (auto [other, isGiven] :
         {std::pair("--resume", options.resume),
          std::pair("--threads", options.threads != 0),
          std::pair("--stop-after", options.stopAfter != 0)})
      if (options.merge && isGiven)
        fail("option ", other,
             ": found --merge, which evaluates nothing, expected no such "
             "option");
  }

  void shard() {
    size_t slash = value.find('/');
    bool good =
        slash != std::string::npos &&
        support::parseWholeNumber(value.substr(0, slash), options.shard) &&
        support::parseWholeNumber(value.substr(slash + 1), options.shards);
    if (!good || options.shards < 1 || options.shards > (1 << 16) ||
        options.shard < 1 || options.shard > options.shards)
      fail("option ", name, ": found ", quote(value),
           ", expected i/n with 1 <= i <= n <= 65536, such as 3/8");
  }
};

/// Compares the faithful model with a table of published mappings.
int validate(const std::string &path) {
  constexpr double kTolerance = 1e-3;
  auto mappings = readPublishedMappings(path);
  if (!mappings) {
    std::cerr << "error: " << mappings.error().message << "\n";
    return 1;
  }
  PublishedFigures worst{};
  size_t outside = 0;
  for (const PublishedMapping &mapping : *mappings) {
    std::string name =
        mapping.platform + " " + mapping.model + " " + mapping.length;
    auto figures = evaluatePublished(mapping);
    if (!figures) {
      std::cout << name << ": " << figures.error().message << "\n";
      ++outside;
      continue;
    }
    bool within = true;
    for (size_t i = 0; i != worst.size(); ++i) {
      double error = figureError((*figures)[i], mapping.published[i]);
      worst[i] = std::max(worst[i], error);
      if (error > kTolerance)
        std::cout << name << ": " << kPublishedFigureNames[i] << ": found "
                  << (*figures)[i] << ", published " << mapping.published[i]
                  << "\n";
      within &= error <= kTolerance;
    }
    outside += !within;
  }
  std::cout << mappings->size() - outside << " of " << mappings->size()
            << " mappings within 0.1 %; largest differences:";
  for (size_t i = 0; i != worst.size(); ++i)
    std::cout << (i ? ", " : " ") << kPublishedFigureNames[i] << " "
              << worst[i];
  std::cout << "\n";
  return outside ? 1 : 0;
}

} // namespace

int exploreMain(int argc, const char *const *argv, const MapTools &tools,
                const std::vector<ExploreCommand> &further) {
  Reader reader;
  support::CommandLine line("nm-explore", kAbout);
  line.example("nm-explore --device=edge,cloud --length=512..64K -o "
               "sweep.csv");
  line.example("nm-explore --mode=extended --part=layer --pattern=dense,2:4 "
               "--charts=sweep");
  line.paragraph("Lists are separated by commas; a..b doubles from a to b; K, "
                 "M and G are powers of 1024.");
  MapCommand map;
  line.command(map.line());
  for (const ExploreCommand &command : further)
    line.command(*command.line);
  reader.declare(line);
  line.renamed("csv", "output");
  line.renamed("tie", "within");
  line.renamed("svg", "charts");
  auto fail = [](const std::string &message) {
    std::cerr << "error: " << message << "\n";
    return 1;
  };
  auto outcome = line.parse(argc, argv);
  if (!outcome)
    return fail(outcome.error().message);
  if (*outcome == support::CommandLine::Outcome::Done)
    return 0;
  for (const ExploreCommand &command : further)
    if (line.chosen() == command.line)
      return command.run();
  if (line.chosen())
    return map.run(tools);
  for (const char *alone : {"validate", "device-schema"})
    if (line.given(alone))
      for (const std::string &other : line.given())
        if (other != alone)
          return fail("--" + other + " has no effect beside --" + alone +
                      ", which sweeps nothing; drop one of them");
  if (reader.schema && !reader.fail.failed) {
    std::cout << deviceSchema();
    return 0;
  }
  if (!reader.published.empty() && !reader.fail.failed)
    return validate(reader.published);
  reader.finish();
  if (reader.fail.failed)
    return fail(reader.fail.error.message);
  if (Status done = explore(reader.sweep, reader.options); !done)
    return fail(done.error().message);
  return 0;
}

} // namespace nm::model
