//===- Sensitivity.cpp - What pruning each layer costs and gains -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Sensitivity.h"
#include "nm/Driver/Calibrate.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Report.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/Dequantize.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Progress.h"
#include <algorithm>
#include <map>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::jsonText;
using ::nm::support::JsonWriter;

std::vector<int> driver::choosePatterns(ArrayRef<LayerSensitivity> layers,
                                        double budget) {
  std::vector<int> chosen(layers.size(), -1);
  double spent = 0;
  auto costOf = [&](size_t layer, int choice) {
    double d = choice < 0 ? 0 : layers[layer].choices[choice].difference;
    return d * d;
  };
  auto gainOf = [&](size_t layer, int choice) {
    return choice < 0 ? 0 : layers[layer].choices[choice].gain;
  };
  while (true) {
    double best = 0;
    size_t bestLayer = 0;
    int bestChoice = -1;
    for (size_t i = 0; i < layers.size(); ++i)
      for (int c = 0; c < static_cast<int>(layers[i].choices.size()); ++c) {
        double gain = gainOf(i, c) - gainOf(i, chosen[i]);
        double cost = costOf(i, c) - costOf(i, chosen[i]);
        if (gain <= 0 || spent + cost > budget * budget)
          continue;
        // Choices without a cost come first.
        double worth = gain / std::max(cost, 1e-30);
        if (worth > best) {
          best = worth;
          bestLayer = i;
          bestChoice = c;
        }
      }
    if (bestChoice < 0)
      return chosen;
    spent +=
        costOf(bestLayer, bestChoice) - costOf(bestLayer, chosen[bestLayer]);
    chosen[bestLayer] = bestChoice;
  }
}

/// Quotes an argument for a shell.
static std::string quoted(StringRef text) {
  std::string result = "'";
  for (char c : text)
    result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string driver::pruneLine(ArrayRef<LayerSensitivity> layers,
                              ArrayRef<int> chosen) {
  std::string line;
  for (auto [layer, choice] : llvm::zip(layers, chosen))
    if (choice >= 0)
      line += (line.empty() ? "--prune " : " --prune ") +
              quoted(layer.key + "=" + layer.choices[choice].pattern);
  return line;
}

namespace {

class Sensitivity {
public:
  Sensitivity(const RunOptions &options, Calibration &calibration)
      : options(options), calibration(calibration) {}

  llvm::Error run();

private:
  llvm::Error measure(const std::string &pattern);
  llvm::Error choose();
  llvm::Expected<double> differenceOf(ArrayRef<rt::ParamSpec> specs) const;
  LayerSensitivity &layerOf(const std::string &key);
  void print() const;
  std::string json() const;
  void writeLayer(JsonWriter &json, size_t index) const;

  const RunOptions &options;
  Calibration &calibration;
  double denseMs = 0;
  std::vector<std::pair<std::string, double>> patternMs;
  std::vector<LayerSensitivity> layers;
  /// What stands for each choice, by key and pattern.
  std::map<std::pair<std::string, std::string>, rt::ParamSpec> specs;
  std::vector<int> chosen;
  double together = 0;
};

} // namespace

LayerSensitivity &Sensitivity::layerOf(const std::string &key) {
  for (LayerSensitivity &layer : layers)
    if (layer.key == key)
      return layer;
  layers.push_back({key, {}});
  return layers.back();
}

/// The relative change of the result that changes most.
llvm::Expected<double>
Sensitivity::differenceOf(ArrayRef<rt::ParamSpec> pruned) const {
  std::vector<std::string> notes;
  rt::Manifest manifest;
  manifest.params.assign(pruned.begin(), pruned.end());
  auto image = calibration.makeMasks(manifest, notes);
  if (!image)
    return image.takeError();
  auto masks = rt::Checkpoint::openMemory(image->data(), image->size(),
                                          rt::Checkpoint::Format::Safetensors,
                                          "the masks of --sensitivity");
  if (!masks)
    return toError(masks.error());
  if ((*masks)->tensors().empty())
    return 0.0;
  rt::MaskOptions changed;
  changed.source = *masks;
  auto report = calibration.compare(changed, /*withLayers=*/false);
  if (!report)
    return report.takeError();
  return report->results.empty() ? 0.0 : *llvm::max_element(report->results);
}

llvm::Error Sensitivity::measure(const std::string &pattern) {
  auto timed = [&] {
    ::nm::support::Progress progress("timing every weight at " + pattern);
    return calibration.time(pattern);
  }();
  if (!timed)
    return timed.takeError();
  patternMs.push_back({pattern, timed->ms});
  std::vector<rt::ParamSpec> pruned;
  double all = 0;
  for (const rt::ParamSpec &spec : timed->manifest.params) {
    bool isPruned = spec.sparsity && spec.sparsity->n < spec.sparsity->m &&
                    rt::shownKey(spec.key) == spec.key;
    bool isKnown = llvm::any_of(pruned, [&](const rt::ParamSpec &other) {
      return other.key == spec.key && other.scope == spec.scope;
    });
    if (!isPruned || isKnown || calibration.workOf(spec) == 0)
      continue;
    pruned.push_back(spec);
    all += calibration.workOf(spec);
  }
  for (const rt::ParamSpec &spec : pruned) {
    ::nm::support::Progress progress("measuring " + spec.key + " at " +
                                     pattern);
    auto difference = differenceOf(spec);
    if (!difference)
      return difference.takeError();
    double gain = (denseMs - timed->ms) * calibration.workOf(spec) / all;
    layerOf(spec.key).choices.push_back({pattern, *difference, gain});
    specs[{spec.key, pattern}] = spec;
  }
  return llvm::Error::success();
}

/// The squares of differences only about sum up: what is chosen is measured as
/// a whole, and chosen again for less if that is too much.
llvm::Error Sensitivity::choose() {
  double budget = options.maxDifference;
  constexpr int kMostTries = 20;
  for (int i = 0; i < kMostTries; ++i) {
    chosen = choosePatterns(layers, budget);
    std::vector<rt::ParamSpec> pruned;
    for (auto [layer, choice] : llvm::zip(layers, chosen))
      if (choice >= 0)
        pruned.push_back(specs[{layer.key, layer.choices[choice].pattern}]);
    if (pruned.empty())
      break;
    auto difference = differenceOf(pruned);
    if (!difference)
      return difference.takeError();
    together = *difference;
    if (together <= options.maxDifference)
      return llvm::Error::success();
    budget *= 0.95 * options.maxDifference / together;
  }
  chosen.assign(layers.size(), -1);
  together = 0;
  return llvm::Error::success();
}

void Sensitivity::print() const {
  llvm::raw_ostream &os = textStream(options);
  os << llvm::formatv("dense       {0:f3} ms\n", denseMs);
  for (auto &[pattern, ms] : patternMs)
    os << llvm::formatv("{0,-12}{1:f3} ms with every weight pruned\n", pattern,
                        ms);
  os << "layers      difference of the results, and ms gained, for each "
        "alone\n";
  Table table{{"key"}};
  for (auto &[pattern, ms] : patternMs) {
    table.front().push_back(pattern);
    table.front().push_back("ms");
  }
  table.front().push_back("chosen");
  for (auto [i, layer] : llvm::enumerate(layers)) {
    std::vector<std::string> row{layer.key};
    for (auto &[pattern, ms] : patternMs) {
      const LayerChoice *found = nullptr;
      for (const LayerChoice &choice : layer.choices)
        if (choice.pattern == pattern)
          found = &choice;
      row.push_back(found ? llvm::formatv("{0:e2}", found->difference).str()
                          : "-");
      row.push_back(found ? llvm::formatv("{0:f3}", found->gain).str() : "-");
    }
    row.push_back(chosen.empty() || chosen[i] < 0
                      ? ""
                      : layer.choices[chosen[i]].pattern);
    table.push_back(std::move(row));
  }
  writeTable(os, table);
  if (chosen.empty())
    return;
  std::string line = pruneLine(layers, chosen);
  if (line.empty())
    os << llvm::formatv("no weight can be pruned for a difference of {0} and "
                        "gain time\n",
                        options.maxDifference);
  else
    os << llvm::formatv("together    {0:e3}, at most {1}\n{2}\n", together,
                        options.maxDifference, line);
}

void Sensitivity::writeLayer(JsonWriter &json, size_t index) const {
  const LayerSensitivity &layer = layers[index];
  json.field("key", layer.key);
  json.array("choices", [&] {
    for (const LayerChoice &choice : layer.choices)
      json.object([&] {
        json.field("pattern", choice.pattern);
        json.field("difference", choice.difference);
        json.field("gain_ms", choice.gain);
      });
  });
  if (!chosen.empty() && chosen[index] >= 0)
    json.field("chosen", layer.choices[chosen[index]].pattern);
  else
    json.field("chosen", nullptr);
}

std::string Sensitivity::json() const {
  return jsonText(2, [&](JsonWriter &json) {
    json.object([&] {
      json.field("schema", "nm.sensitivity/1");
      json.field("dense_ms", denseMs);
      json.array("layers", [&] {
        for (size_t i = 0; i != layers.size(); ++i)
          json.object([&] { writeLayer(json, i); });
      });
      if (chosen.empty())
        return;
      json.field("max_difference", options.maxDifference);
      json.field("difference", together);
      json.field("prune", pruneLine(layers, chosen));
    });
  });
}

llvm::Error Sensitivity::run() {
  auto dense = [&] {
    ::nm::support::Progress progress("timing the dense model");
    return calibration.timeDense();
  }();
  if (!dense)
    return dense.takeError();
  denseMs = *dense;
  for (const char *pattern : {"6:8", "2:4", "4:8", "8:16", "1:4"})
    if (llvm::Error error = measure(pattern))
      return error;
  if (options.maxDifference >= 0)
    if (llvm::Error error = choose())
      return error;
  print();
  if (!options.json.empty())
    if (llvm::Error error = writeFile(options, options.json, json()))
      return error;
  return commitFiles(options);
}

llvm::Error driver::measureSensitivity(const RunOptions &options,
                                       DialectRegistry &registry) {
  auto calibration = Calibration::observe(options, registry);
  if (!calibration)
    return calibration.takeError();
  return Sensitivity(options, **calibration).run();
}
