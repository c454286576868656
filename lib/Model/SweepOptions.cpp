//===- SweepOptions.cpp - The axes of a sweep, as options ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SweepOptions.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cstdlib>

namespace nm::model {

using support::quote;

namespace {

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

} // namespace

void SweepReader::declareAxes(support::CommandLine &line) {
  line.group("What is swept");
  parsed(line, "device", "list",
         "names (edge, cloud, ...), host, or paths (default: edge,cloud)",
         &SweepReader::device);
  parsed(line, "model", "list",
         "BERT, TrXL, T5, XLM or name:heads:model_width:head_width:ff_width",
         &SweepReader::model);
  parsed(line, "length", "list", "sequence lengths (default: 512..64K)",
         &SweepReader::length);
  parsed(line, "batch", "n", "samples (default: 64)", &SweepReader::batch);
  line.flag("decode", sweep.decode,
            "one query a sample against `length` cached keys");
  parsed(line, "group", "list", "query heads for each key head (default: 1)",
         &SweepReader::group);
  parsed(line, "mask", "list", "full, causal (default: full)",
         &SweepReader::mask);
  parsed(line, "buffer", "list", "scratchpad bytes (default: the device's)",
         &SweepReader::buffer);
  parsed(line, "bandwidth", "list",
         "off-chip bytes a second (default: the device's)",
         &SweepReader::bandwidth);
  parsed(line, "lanes", "list",
         "special-function lanes; 0: free (default: the device's)",
         &SweepReader::lanes);
  parsed(line, "array", "list",
         "single, packed: heads side by side (default: single)",
         &SweepReader::array);
}

void SweepReader::declareModes(support::CommandLine &line) {
  line.group("How it is evaluated");
  parsed(line, "pattern", "list",
         "dense or N:M, of the weights; with --part=layer",
         &SweepReader::pattern);
  parsed(line, "method", "list",
         "naive, flex, flat, flat-rows, flat-tiles (default: "
         "naive,flex,flat)",
         &SweepReader::method);
  parsed(line, "mode", "mode",
         "faithful (the paper's model) or extended (default: faithful)",
         &SweepReader::mode);
  parsed(line, "space", "space",
         "full, or published: only what the published mappings were searched "
         "over (default: full)",
         &SweepReader::space);
  line.flag("softmax", sweep.modelSoftmax,
            "faithful mode: charge three softmax passes");
  parsed(line, "part", "part", "attention or layer (default: attention)",
         &SweepReader::part);
}

void SweepReader::declareObjectives(support::CommandLine &line) {
  parsed(line, "objective", "what",
         "what is least: time, energy, edp (their product) or capacity "
         "(bytes on chip) (default: time)",
         &SweepReader::objective);
  parsed(line, "within", "percent",
         "among mappings so close to the best, 1% to 100%, take the best in "
         "--then",
         &SweepReader::within);
  parsed(line, "then", "what",
         "another objective, for --within (default: energy, or time if "
         "--objective is not time)",
         &SweepReader::then);
}

void SweepReader::finishAxes() {
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
}

/// The words of a list, each found in `table`.
template <typename T>
std::vector<T>
SweepReader::words(const std::vector<std::pair<std::string, T>> &table) {
  std::vector<T> found;
  std::string expected;
  for (const auto &[word, meaning] : table)
    expected += (expected.empty() ? "" : ", ") + word;
  for (const std::string &part : split(value, ',')) {
    auto it = std::find_if(table.begin(), table.end(), [&](const auto &entry) {
      return entry.first == part;
    });
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
T SweepReader::word(const std::vector<std::pair<std::string, T>> &table) {
  std::vector<T> found = words(table);
  if (found.size() != 1)
    fail("option ", name, ": found ", quote(value), ", expected one word");
  return found.empty() ? table.front().second : found.front();
}

std::vector<int64_t> SweepReader::numbers(int64_t least, int64_t most) {
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
int64_t SweepReader::single(int64_t least, int64_t most) {
  std::vector<int64_t> found = numbers(least, most);
  if (found.size() != 1)
    fail("option ", name, ": found ", quote(value), ", expected one number");
  return found.empty() ? least : found.front();
}

Status readsDevices(support::CommandFiles &files,
                    const std::vector<std::string> &devices) {
  // A path has a folder or an ending.
  for (const std::string &device : devices)
    if (device.find_first_of("/.") != std::string::npos)
      NM_RETURN_IF_ERROR(files.reads("--device", device));
  return {};
}

void SweepReader::device() {
  for (const std::string &part : split(value, ',')) {
    Result<Device> found = findDevice(part);
    if (!found)
      return fail("option ", name, ": ", found.error().message);
    for (const Device &other : sweep.devices)
      if (other.name == found->name)
        return fail("option ", name, ": found two devices named ",
                    quote(found->name), ", expected different names");
    sweep.devices.push_back(*found);
    deviceNames.push_back(part);
  }
}
void SweepReader::model() {
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
void SweepReader::length() { sweep.lengths = numbers(1, int64_t(1) << 24); }
void SweepReader::batch() { sweep.batch = single(1, 1 << 20); }
void SweepReader::group() { sweep.groups = numbers(1, 1 << 20); }
void SweepReader::mask() {
  sweep.causal = words<bool>({{"full", false}, {"causal", true}});
}
void SweepReader::buffer() { sweep.bufferBytes = numbers(1, int64_t(1) << 50); }
void SweepReader::bandwidth() {
  for (int64_t n : numbers(1, int64_t(1) << 59))
    sweep.dramBandwidths.push_back(static_cast<double>(n));
}
void SweepReader::lanes() { sweep.lanes = numbers(0, int64_t(1) << 32); }
void SweepReader::array() {
  sweep.packing = words<bool>({{"single", false}, {"packed", true}});
}
void SweepReader::pattern() {
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
void SweepReader::method() {
  methodsGiven = true;
  sweep.methods = words<Method>({{"naive", Method::Naive},
                                 {"flex", Method::Flex},
                                 {"flat", Method::Flat},
                                 {"flat-rows", Method::FlatRows},
                                 {"flat-tiles", Method::FlatTiles}});
}
void SweepReader::mode() {
  sweep.mode =
      word<Mode>({{"faithful", Mode::Faithful}, {"extended", Mode::Extended}});
}
void SweepReader::space() {
  sweep.publishedSpace = word<bool>({{"full", false}, {"published", true}});
}
void SweepReader::part() {
  sweep.layer = word<bool>({{"attention", false}, {"layer", true}});
}
void SweepReader::within() {
  std::string digits = value;
  if (!digits.empty() && digits.back() == '%')
    digits.pop_back();
  if (!support::parseWholeNumber(digits, sweep.withinPercent) ||
      sweep.withinPercent < 1 || sweep.withinPercent > 100)
    fail("option ", name, ": found ", quote(value),
         ", expected a number of percent from 1 to 100");
}
Objective SweepReader::objectiveWord() {
  std::vector<std::pair<std::string, Objective>> words;
  for (Objective known : {Objective::Cycles, Objective::Energy,
                          Objective::EnergyDelay, Objective::Capacity})
    words.emplace_back(toString(known), known);
  return word<Objective>(words);
}
void SweepReader::objective() { sweep.objective = objectiveWord(); }
void SweepReader::then() { sweep.then = objectiveWord(); }

} // namespace nm::model
