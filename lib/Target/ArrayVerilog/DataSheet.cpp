//===- DataSheet.cpp - What an array is, as Markdown -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Modules.h"

namespace nm::array {

namespace {

std::string str(int64_t value) { return std::to_string(value); }

std::string patternList(const Core &core) {
  std::string list = "dense";
  for (machine::SparsePattern pattern : core.patterns)
    list += ", " + str(pattern.n) + ":" + str(pattern.m);
  return list;
}

std::string ports(const Core &core) {
  int64_t width = 1 + expBits(core.operand) + manBits(core.operand);
  std::string out = "\n## Ports\n\n| Stream | Bits of data | What |\n| --- | "
                    "---: | --- |\n";
  auto row = [&](const char *name, int64_t bits, const std::string &what) {
    out +=
        std::string("| `") + name + "` | " + str(bits) + " | " + what + " |\n";
  };
  row("cmd_*", 4 * core.dimBits + 49,
      "a product: rows, columns, steps, columns of a tile, N, M, type of dest, "
      "factor, whether it accumulates");
  int64_t elements = width * core.segments * core.rows * core.group;
  if (core.holdsWeights()) {
    row("load_*", width * core.cols, "a weight of each column");
    row("step_*", elements,
        "a row of lhs: " + str(core.group) +
            " elements for each row of the array");
  } else {
    row("step_*", elements + width * core.cols,
        "a step of the reduction: " + str(core.group) +
            " elements of each row, a weight of each column");
  }
  if (core.group > 1)
    row("index_*", 8 * core.cols, "a byte of packed indices of each column");
  int64_t leaving = core.holdsWeights() ? 1 : core.drain;
  row("dest_*", 32 * leaving * core.cols,
      "what dest held, " + str(leaving) + (leaving == 1 ? " row" : " rows") +
          " at a time, where a product accumulates");
  row("out_*", 32 * leaving * core.cols, "dest, in the same order");
  return out +
         "\nEach has `valid` and `ready`; what is valid stays until it is "
         "taken. `clk`, and `rst`, synchronous and high. Operands are " +
         toString(core.operand) + ", dest f32, f16 or bf16.\n";
}

std::string timing(const Core &core) {
  const char *unit = core.holdsWeights() ? "row of lhs" : "step";
  std::string rows = str(core.rows);
  std::string out =
      std::string("\n## Timing\n\n* A ") + unit +
      " in every cycle: " + str(core.rows * core.cols) +
      " multiply-adds.\n* A sum is there " + str(core.latency) +
      " cycles after its last " + unit + ", in the cycle after.\n* " +
      str(core.setup) +
      " cycles between products of different shape or pattern.\n* A product "
      "takes ";
  if (core.holdsWeights())
    out += "ceil(steps / " + rows +
           ") x ceil(columns / columns of a tile) x max(rows, min(steps, " +
           rows +
           ")); of an N:M weight the steps are the kept elements.\n* Weights "
           "are loaded one fold ahead, in no more cycles than a fold takes; "
           "the first ones of all in as many as there are, up to " +
           rows + ".\n* Where steps are more than " + rows +
           " a product has at most " + str(core.sums) + " rows.\n";
  else
    out += "ceil(rows / " + rows +
           ") x ceil(columns / columns of a tile) x steps; of an N:M weight "
           "the steps are the kept elements.\n* A tile leaves in " +
           str(core.rows / core.drain) +
           " cycles, while the next one is summed: with at least so many "
           "steps nothing waits.\n";
  if (core.doesSoftmax)
    out += "* Softmax, which the device does on its array, is not part of "
           "this one.\n";
  return out;
}

std::string registers(const Core &core) {
  int64_t places = core.rows * core.cols;
  if (core.holdsWeights())
    return "\n## Registers\n\nTwo weights" +
           std::string(core.group > 1 ? " with their indices" : "") +
           " for each of " + str(places) + " places, and " +
           str(core.sums * core.cols) +
           " accumulators of 32 bits, which are a memory with a port for "
           "reading and one for writing. Only control is reset.\n";
  return "\n## Registers\n\nA sum and a result of 32 bits for each of " +
         str(places) + " places: " + str(64 * places) +
         (core.latency ? "; products and operands on their way come on top"
                       : "") +
         ". No memories. Only control is reset.\n";
}

} // namespace

std::string dataSheetOf(const Core &core) {
  std::string out =
      "# nm_array" + std::string(core.holdsWeights() ? "_weight" : "") +
      " of " + core.device + "\n\nAn array of " + str(core.rows) + " x " +
      str(core.cols) + " multiply-adds, " + toString(core.operand) + " times " +
      toString(core.operand) +
      " into f32, each product and each sum rounded by itself. " +
      std::string(core.holdsWeights() ? "Weights stay" : "Sums stay") +
      " in place. Weights: " + patternList(core) +
      ".\n\n| Parameter | Value |\n| --- | ---: |\n";
  for (const auto &[name, value] : parametersOf(core))
    out += "| `" + name + "` | " + str(value) + " |\n";
  return out + ports(core) + timing(core) + registers(core);
}

} // namespace nm::array
