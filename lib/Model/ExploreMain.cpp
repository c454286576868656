//===- ExploreMain.cpp - The command line of the explorer ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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

/// The first error of the command line.
struct Failure {
  Error error;
  bool failed = false;

  template <typename... Parts> void operator()(const Parts &...parts) {
    if (!failed)
      error = makeError(Errc::Argument, parts...);
    failed = true;
  }
};

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i)
    if (i == text.size() || text[i] == separator) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  return parts;
}

/// "64K" as 65536.
bool parseNumber(const std::string &text, int64_t &value) {
  size_t digits = text.find_first_not_of("0123456789");
  if (digits == std::string::npos)
    digits = text.size();
  if (digits == 0 || digits > 18 || text.size() > digits + 1)
    return false;
  value = std::strtoll(text.substr(0, digits).c_str(), nullptr, 10);
  int64_t factor = 1;
  if (text.size() > digits) {
    char unit = text[digits];
    factor = unit == 'K'   ? int64_t(1) << 10
             : unit == 'M' ? int64_t(1) << 20
             : unit == 'G' ? int64_t(1) << 30
                           : 0;
  }
  return factor && !__builtin_mul_overflow(value, factor, &value);
}

/// Reads the options one by one; what is wrong goes to `fail`.
class Reader {
public:
  Sweep sweep;
  ExploreOptions options;
  bool schema = false;
  std::string published; ///< table to validate
  Failure fail;

  void declare(support::CommandLine &line) {
    auto parsed = [&](const char *option, const char *shown, const char *help,
                      void (Reader::*action)()) {
      line.parsed(option, shown, help, [=](const std::string &text) {
        name = std::string("--") + option;
        value = text;
        (this->*action)(); // what is wrong goes to `fail`
        return Status();
      });
    };
    line.group("What is swept");
    parsed("device", "list",
           "names (edge, cloud, ...), host, or paths (default: edge,cloud)",
           &Reader::device);
    parsed("model", "list",
           "BERT, TrXL, T5, XLM or name:heads:model_width:head_width:ff_width",
           &Reader::model);
    parsed("length", "list", "sequence lengths (default: 512..64K)",
           &Reader::length);
    parsed("batch", "n", "samples (default: 64)", &Reader::batch);
    line.flag("decode", sweep.decode,
              "one query a sample against `length` cached keys");
    parsed("group", "list", "query heads for each key head (default: 1)",
           &Reader::group);
    parsed("mask", "list", "full, causal (default: full)", &Reader::mask);
    parsed("buffer", "list", "scratchpad bytes (default: the device's)",
           &Reader::buffer);
    parsed("bandwidth", "list",
           "off-chip bytes a second (default: the device's)",
           &Reader::bandwidth);
    parsed("lanes", "list",
           "special-function lanes; 0: free (default: the device's)",
           &Reader::lanes);
    parsed("array", "list",
           "single, packed: heads side by side (default: single)",
           &Reader::array);
    parsed("pattern", "list", "dense or N:M, of the weights; with --part=layer",
           &Reader::pattern);
    line.group("How it is evaluated");
    parsed("method", "list",
           "naive, flex, flat, flat-rows, flat-tiles (default: "
           "naive,flex,flat)",
           &Reader::method);
    parsed("mode", "mode",
           "faithful (the paper's model) or extended (default: faithful)",
           &Reader::mode);
    parsed("space", "space",
           "full, or published: only what the published mappings were searched "
           "over (default: full)",
           &Reader::space);
    line.flag("softmax", sweep.modelSoftmax,
              "faithful mode: charge three softmax passes");
    parsed("part", "part", "attention or layer (default: attention)",
           &Reader::part);
    parsed("objective", "what",
           "what is least: time, energy, edp (their product) or capacity "
           "(bytes on chip) (default: time)",
           &Reader::objective);
    parsed("within", "percent",
           "among mappings so close to the best, 1% to 100%, take the best in "
           "--then",
           &Reader::within);
    parsed("then", "what",
           "another objective, for --within (default: energy, or time if "
           "--objective is not time)",
           &Reader::then);
    line.group("Results");
    line.text("output", options.csv, "file",
              "where rows go, as CSV (default: standard output)");
    line.shorthand('o', "output");
    line.text("pareto", options.pareto, "file",
              "rows that no other beats in time, energy and scratchpad");
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
    parsed("shard", "i/n",
           "only every n-th point, from the i-th on; rows go to "
           "<output>.i-of-n, for --merge",
           &Reader::shard);
    line.number("merge", options.merge, 1, 1 << 16, "n",
                "evaluate nothing: the rows are those of n shards of the same "
                "sweep");
    line.flag("quiet", quiet, "no progress");
    line.number("stop-after", options.stopAfter, 1, 1 << 20, "n",
                "end as if interrupted after so many new points");
    line.group("Instead of a sweep");
    line.text("validate", published, "file",
              "evaluate the mappings of a table such as FuseMax's "
              "flat_validation.csv; exit code 1 if any figure differs by more "
              "than 0.1 %");
    line.flag("device-schema", schema,
              "print the JSON schema of device descriptions");
  }

  void finish() {
    if (sweep.devices.empty())
      for (const char *builtin : {"edge", "cloud"})
        sweep.devices.push_back(*findDevice(builtin));
    if (sweep.models.empty())
      sweep.models = paperModels();
    if (sweep.lengths.empty())
      for (int64_t n = 512; n <= 65536; n *= 2)
        sweep.lengths.push_back(n);
    if (sweep.bufferBytes.empty())
      sweep.bufferBytes = {0};
    if (sweep.dramBandwidths.empty())
      sweep.dramBandwidths = {0};
    if (sweep.lanes.empty())
      sweep.lanes = {-1};
    if (!methodsGiven)
      sweep.methods = {Method::Naive, Method::Flex, Method::Flat};
    if (sweep.withinPercent && sweep.methods == std::vector{Method::Naive})
      fail("option --within: found naive alone, which is one mapping, expected "
           "another --method");
    if (sweep.then && !sweep.withinPercent)
      fail("option --then: found no --within, expected the margin in which it "
           "decides");
    if (sweep.then == sweep.objective)
      fail("option --then: found '", toString(sweep.objective),
           "', which --objective is already, expected another");
    if (sweep.mode == Mode::Faithful) {
      if (sweep.layer)
        fail("option --part: found layer in faithful mode, expected "
             "--mode=extended");
      if (sweep.patterns.size() > 1 || sweep.patterns[0].m)
        fail("option --pattern: found a pattern in faithful mode, expected "
             "--mode=extended --part=layer");
    } else if (sweep.publishedSpace || sweep.modelSoftmax) {
      fail("options --space and --softmax: found extended mode, expected "
           "--mode=faithful");
    }
    if (options.resume && options.csv.empty())
      fail("option --resume: found no --output, expected the file to continue");
    checkShards();
    options.progress = !quiet && !options.csv.empty();
  }

private:
  std::string name, value;
  bool quiet = false, methodsGiven = false;

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

  /// The words of a list, each found in `table`.
  template <typename T>
  std::vector<T> words(const std::vector<std::pair<std::string, T>> &table) {
    std::vector<T> found;
    std::string expected;
    for (const auto &[word, meaning] : table)
      expected += (expected.empty() ? "" : ", ") + word;
    for (const std::string &part : split(value, ',')) {
      auto it =
          std::find_if(table.begin(), table.end(),
                       [&](const auto &entry) { return entry.first == part; });
      if (it == table.end()) {
        fail("option ", name, ": found ", quote(part), ", expected one of ",
             expected);
        return found;
      }
      if (std::find(found.begin(), found.end(), it->second) != found.end()) {
        fail("option ", name, ": found ", quote(part), " twice, expected once");
        return found;
      }
      found.push_back(it->second);
    }
    return found;
  }
  template <typename T>
  T word(const std::vector<std::pair<std::string, T>> &table) {
    std::vector<T> found = words(table);
    if (found.size() != 1)
      fail("option ", name, ": found ", quote(value), ", expected one word");
    return found.empty() ? table.front().second : found.front();
  }

  std::vector<int64_t> numbers(int64_t least, int64_t most) {
    std::vector<int64_t> found;
    auto add = [&](int64_t number) {
      if (number < least || number > most)
        fail("option ", name, ": found ", number, ", expected ", least, " to ",
             most);
      else if (std::find(found.begin(), found.end(), number) == found.end())
        found.push_back(number);
    };
    for (const std::string &part : split(value, ',')) {
      size_t dots = part.find("..");
      int64_t first = 0, last = 0;
      if (!parseNumber(part.substr(0, dots), first) ||
          (dots != std::string::npos &&
           !parseNumber(part.substr(dots + 2), last))) {
        fail("option ", name, ": found ", quote(part),
             ", expected a number such as 512 or 64K, or a range such as "
             "512..64K");
        return found;
      }
      if (dots == std::string::npos) {
        add(first);
        continue;
      }
      if (first < 1 || last < first || last > most) {
        fail("option ", name, ": found range ", quote(part), ", expected ",
             std::max<int64_t>(least, 1), " to ", most, " in ascending order");
        return found;
      }
      for (int64_t n = first; n <= last && n > 0;
           n = n > last / 2 ? last + 1 : 2 * n)
        add(n);
    }
    return found;
  }
  int64_t single(int64_t least, int64_t most) {
    std::vector<int64_t> found = numbers(least, most);
    if (found.size() != 1)
      fail("option ", name, ": found ", quote(value), ", expected one number");
    return found.empty() ? least : found.front();
  }

  void device() {
    for (const std::string &part : split(value, ',')) {
      Result<Device> found = findDevice(part);
      if (!found)
        return fail("option ", name, ": ", found.error().message);
      for (const Device &other : sweep.devices)
        if (other.name == found->name)
          return fail("option ", name, ": found two devices named ",
                      quote(found->name), ", expected different names");
      sweep.devices.push_back(*found);
    }
  }
  void model() {
    for (const std::string &part : split(value, ',')) {
      NamedModel found;
      for (const NamedModel &known : paperModels())
        if (known.name == part)
          found = known;
      if (found.name.empty()) {
        std::vector<std::string> fields = split(part, ':');
        int64_t *targets[] = {&found.heads, &found.modelDim, &found.headDim,
                              &found.feedForward};
        bool good = fields.size() == 5 && !fields[0].empty();
        for (size_t i = 0; good && i != 4; ++i)
          good = parseNumber(fields[i + 1], *targets[i]) && *targets[i] >= 1 &&
                 *targets[i] <= (1 << 20);
        if (!good)
          return fail("option ", name, ": found ", quote(part),
                      ", expected BERT, TrXL, T5, XLM or "
                      "name:heads:model_width:head_width:ff_width");
        found.name = fields[0];
      }
      for (const NamedModel &other : sweep.models)
        if (other.name == found.name)
          return fail("option ", name, ": found model ", quote(found.name),
                      " twice, expected once");
      sweep.models.push_back(found);
    }
  }
  void length() { sweep.lengths = numbers(1, int64_t(1) << 24); }
  void batch() { sweep.batch = single(1, 1 << 20); }
  void group() { sweep.groups = numbers(1, 1 << 20); }
  void mask() {
    sweep.causal = words<bool>({{"full", false}, {"causal", true}});
  }
  void buffer() { sweep.bufferBytes = numbers(1, int64_t(1) << 50); }
  void bandwidth() {
    for (int64_t n : numbers(1, int64_t(1) << 59))
      sweep.dramBandwidths.push_back(static_cast<double>(n));
  }
  void lanes() { sweep.lanes = numbers(0, int64_t(1) << 32); }
  void array() {
    sweep.packing = words<bool>({{"single", false}, {"packed", true}});
  }
  void pattern() {
    sweep.patterns.clear();
    for (const std::string &part : split(value, ',')) {
      SparsePattern found;
      std::vector<std::string> fields = split(part, ':');
      if (part != "dense" &&
          (fields.size() != 2 || !parseNumber(fields[0], found.n) ||
           !parseNumber(fields[1], found.m) || found.n < 1 ||
           found.n >= found.m || found.m > 64))
        return fail("option ", name, ": found ", quote(part),
                    ", expected dense or N:M with 1 <= N < M <= 64");
      sweep.patterns.push_back(found);
    }
  }
  void method() {
    methodsGiven = true;
    sweep.methods = words<Method>({{"naive", Method::Naive},
                                   {"flex", Method::Flex},
                                   {"flat", Method::Flat},
                                   {"flat-rows", Method::FlatRows},
                                   {"flat-tiles", Method::FlatTiles}});
  }
  void mode() {
    sweep.mode = word<Mode>(
        {{"faithful", Mode::Faithful}, {"extended", Mode::Extended}});
  }
  void space() {
    sweep.publishedSpace = word<bool>({{"full", false}, {"published", true}});
  }
  void part() {
    sweep.layer = word<bool>({{"attention", false}, {"layer", true}});
  }
  void within() {
    std::string digits = value;
    if (!digits.empty() && digits.back() == '%')
      digits.pop_back();
    if (!support::parseWholeNumber(digits, sweep.withinPercent) ||
        sweep.withinPercent < 1 || sweep.withinPercent > 100)
      fail("option ", name, ": found ", quote(value),
           ", expected a number of percent from 1 to 100");
  }
  Objective objectiveWord() {
    std::vector<std::pair<std::string, Objective>> words;
    for (Objective known : {Objective::Cycles, Objective::Energy,
                            Objective::EnergyDelay, Objective::Capacity})
      words.emplace_back(toString(known), known);
    return word<Objective>(words);
  }
  void objective() { sweep.objective = objectiveWord(); }
  void then() { sweep.then = objectiveWord(); }
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

int exploreMain(int argc, const char *const *argv) {
  Reader reader;
  support::CommandLine line("nm-explore", kAbout);
  line.example("nm-explore --device=edge,cloud --length=512..64K -o "
               "sweep.csv");
  line.example("nm-explore --mode=extended --part=layer --pattern=dense,2:4 "
               "--charts=sweep");
  line.paragraph("Lists are separated by commas; a..b doubles from a to b; K, "
                 "M and G are powers of 1024.");
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
