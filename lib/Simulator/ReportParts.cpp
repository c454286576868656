//===- ReportParts.cpp - What reports have in common -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReportParts.h"
#include <initializer_list>

namespace nm::sim {

/// Divides by `base` until the number is short.
static std::string scaled(double value, double base,
                          std::initializer_list<const char *> units) {
  const char *const *unit = units.begin();
  for (; unit + 1 != units.end() && value >= base; ++unit)
    value /= base;
  return formatted(value >= 100 || value == 0 ? "%.0f %s" : "%.3g %s", value,
                   *unit);
}

std::string byteText(double bytes) {
  return scaled(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}
std::string countText(double count) {
  std::string text = scaled(count, 1000, {"", "k", "M", "G", "T", "P"});
  if (text.back() == ' ')
    text.pop_back();
  return text;
}
std::string secondText(double value) {
  return scaled(value * 1e9, 1000, {"ns", "us", "ms", "s"});
}
std::string jouleText(double picojoules) {
  return scaled(picojoules, 1000, {"pJ", "nJ", "uJ", "mJ", "J", "kJ"});
}
std::string wattText(double watts) {
  return scaled(watts * 1e6, 1000, {"uW", "mW", "W", "kW"});
}

double averageWatts(const SimulationResult &result, const Device &device) {
  double seconds = result.seconds(device);
  return seconds > 0 ? result.energy.total() * 1e-12 / seconds : 0;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

double dramShare(const SimulationResult &result, const Device &device) {
  return result.cycles > 0 ? static_cast<double>(result.dramBytes()) /
                                 (result.cycles * device.dramBytesPerCycle())
                           : 0;
}

} // namespace nm::sim
