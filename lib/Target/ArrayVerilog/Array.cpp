//===- Array.cpp - The array of an accelerator as SystemVerilog ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Target/ArrayVerilog/Array.h"
#include "Modules.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>

namespace nm::array {

using machine::Device;
using machine::Stationarity;
using support::Errc;
using support::makeError;
using support::Result;

namespace {

/// The number behind `parameter int NAME =` of the top module, the last one,
/// becomes the value.
void setDefault(std::string &text, const std::string &name, int64_t value) {
  std::string head = "parameter int " + name + " = ";
  size_t at = text.find(head, text.rfind("\nmodule "));
  if (at == std::string::npos)
    return;
  at += head.size();
  size_t end = text.find_first_not_of("0123456789", at);
  text.replace(at, end - at, std::to_string(value));
}

/// Rows of sums that leave in a cycle at the bandwidth of the scratchpad: a
/// divisor of the array's rows.
int64_t drainOf(const Device &device) {
  double row = 4.0 * static_cast<double>(device.array.cols);
  double most = device.scratchpadBytesPerCycle() / row;
  int64_t drain = device.array.rows;
  while (drain > 1 &&
         (static_cast<double>(drain) > most || device.array.rows % drain != 0))
    --drain;
  return drain;
}

/// Rows of sums that a scratchpad has room for: no product of a program has
/// more.
int64_t sumsOf(const Device &device) {
  int64_t rows = device.scratchpad.bytes / (4 * device.array.cols);
  return std::max(rows, device.array.rows);
}

/// Sizes of products are no larger than the scratchpad has elements.
int64_t dimBitsOf(const Device &device) {
  int64_t elements = std::max(device.scratchpad.bytes / 2,
                              2 * (device.array.rows + device.array.cols));
  int64_t bits = 16;
  while (bits < 31 && (int64_t(1) << bits) <= elements)
    ++bits;
  return bits;
}

} // namespace

const char *toString(Operand operand) {
  return operand == Operand::F16    ? "f16"
         : operand == Operand::BF16 ? "bf16"
                                    : "f32";
}

int64_t expBits(Operand operand) { return operand == Operand::F16 ? 5 : 8; }

int64_t manBits(Operand operand) {
  return operand == Operand::F16 ? 10 : operand == Operand::BF16 ? 7 : 23;
}

Result<Core> coreOf(const Device &device, Operand operand, int64_t segments,
                    std::optional<Stationarity> stationary) {
  std::string name = support::quote(device.name);
  if (device.kind != machine::DeviceKind::Accelerator)
    return makeError(Errc::Argument, "found the processor ", name,
                     ", expected an accelerator");
  const machine::ArrayUnit &array = device.array;
  Stationarity held = stationary ? *stationary
                      : array.supports(Stationarity::Output)
                          ? Stationarity::Output
                          : Stationarity::Weight;
  if (!array.supports(held))
    return makeError(Errc::Unsupported, "the array of ", name, " holds no ",
                     held == Stationarity::Output ? "outputs" : "weights",
                     ", expected ", stationary ? "" : "\"output\" or ", "\"",
                     toString(held), "\" among its stationarities");
  if (array.indexDecodesPerCycle > 0 && array.indexDecodesPerCycle < array.cols)
    return makeError(Errc::Unsupported, "the decoder of ", name, " expands ",
                     array.indexDecodesPerCycle,
                     " indices in a cycle, expected one for each of ",
                     array.cols, " columns, or 0");
  if (segments > 1 && !array.packsHeads)
    return makeError(Errc::Argument, "the array of ", name,
                     " has no segments; expected \"packs_heads\" or one "
                     "segment");
  if (array.cols % segments != 0 || (segments & (segments - 1)) != 0)
    return makeError(Errc::Argument, "found ", segments,
                     " segments, expected a power of two that divides ",
                     array.cols, " columns");
  Core core;
  core.device = device.name;
  core.patterns = array.sparsePatterns;
  core.stationary = held;
  core.operand = operand;
  core.rows = array.rows;
  core.cols = array.cols;
  for (machine::SparsePattern pattern : array.sparsePatterns)
    core.group = std::max(core.group, pattern.m);
  core.segments = segments;
  core.latency = array.fillCycles;
  core.setup = (array.stepOverhead[static_cast<int>(held)] + 1) / 2;
  core.drain = drainOf(device);
  core.sums = sumsOf(device);
  core.dimBits = dimBitsOf(device);
  core.hertz = device.frequencyHz;
  core.doesSoftmax = array.doesSoftmax();
  return core;
}

std::vector<std::pair<std::string, int64_t>> parametersOf(const Core &core) {
  return {{"ROWS", core.rows},
          {"COLS", core.cols},
          {"EXP", expBits(core.operand)},
          {"MAN", manBits(core.operand)},
          {"M", core.group},
          {"SEGMENTS", core.segments},
          {"LATENCY", core.latency},
          {"SETUP", core.setup},
          core.holdsWeights()
              ? std::pair<std::string, int64_t>{"SUMS", core.sums}
              : std::pair<std::string, int64_t>{"DRAIN", core.drain},
          {"DIM_BITS", core.dimBits}};
}

std::string systemVerilogOf(const Core &core) {
  std::string text = sharedModules;
  text += core.holdsWeights() ? weightModules : outputModules;
  for (const auto &[name, value] : parametersOf(core))
    setDefault(text, name, value);
  return text;
}

std::string constraintsOf(const Core &core) {
  // Whole picoseconds, rounded down: no slower clock than the device's.
  int64_t picoseconds = std::max<int64_t>(1000000000000 / core.hertz, 1);
  std::string fraction = std::to_string(picoseconds % 1000);
  return "# Constraints of nm_array for " + core.device + " (nanoseconds).\n" +
         "create_clock -name clk -period " +
         std::to_string(picoseconds / 1000) + "." +
         std::string(3 - fraction.size(), '0') + fraction +
         " [get_ports clk]\n";
}

} // namespace nm::array
