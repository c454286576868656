//===- Explain.cpp - Where the time of a mapping goes -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Model/Mapping.h"
#include "nm/Support/Svg.h"
#include "nm/Support/Table.h"
#include <algorithm>
#include <cmath>

namespace nm::model {

using support::formatted;
using support::Table;

namespace {

std::string number(double value) { return formatted("%.0f", value); }

std::string share(double part, double whole) {
  return whole > 0 ? formatted("%.1f %%", 100 * part / whole) : "";
}

std::string extent(const AttentionShape &shape) {
  return std::to_string(shape.batch) + " x " + std::to_string(shape.heads) +
         " heads of " + std::to_string(shape.queries) + " queries by " +
         std::to_string(shape.keys) +
         (shape.causal ? " keys, causal" : " keys");
}

/// The parts of the time; what is neither a resource's nor overhead is waiting
/// that slots do not hide.
std::string times(const Cost &cost) {
  Table table;
  table.rightAligned = {1, 2};
  table.indent = 2;
  auto add = [&](const std::string &name, double cycles,
                 const std::string &note) {
    table.rows.push_back(
        {name, number(cycles), share(cycles, cost.cycles), note});
  };
  std::string bound = cost.bound();
  auto resource = [&](const char *name, double cycles) {
    add(name, cycles, bound == name ? "the bound" : "");
  };
  resource("array", cost.computeCycles);
  resource("dram", cost.dramCycles);
  resource("softmax", cost.softmaxCycles);
  resource("on-chip bandwidth", cost.onChipCycles);
  double most = std::max({cost.computeCycles, cost.dramCycles,
                          cost.softmaxCycles, cost.onChipCycles});
  add("what they do not overlap", cost.cycles - cost.overheadCycles - most,
      "phases that need one of them alone, latency that slots do not hide");
  add("edges and turns", cost.overheadCycles,
      "the first operands in, the last results out, steps of the array");
  add("all", cost.cycles, formatted("utilisation %.3f", cost.utilisation()));
  return table.str();
}

std::string buffers(const Device &device, const Mapping &mapping) {
  AttentionLayout layout(device, mapping.shape, mapping.dataflow);
  Table table;
  table.rightAligned = {1, 2, 3, 4};
  table.indent = 2;
  table.rows.push_back({"buffer", "slots", "elements", "bits", "bytes"});
  for (const AttentionLayout::Buffer &b :
       layout.buffers(device, mapping.shape, mapping.dataflow))
    table.rows.push_back({b.name, std::to_string(b.slots),
                          std::to_string(b.elements), std::to_string(b.bits),
                          std::to_string(b.bytes())});
  table.rows.push_back({"all", "", "", "", std::to_string(layout.bytes)});
  return table.str();
}

} // namespace

std::string explainMapping(const Device &device, const Mapping &mapping,
                           const Cost &cost, Mode mode, const Cost *best) {
  std::string text = toString(mapping.dataflow) + "\non " + device.name + ", " +
                     extent(mapping.shape) + "\n\ncycles\n" + times(cost);
  text += "\nmoved " + number(cost.dramBytes) + " bytes of DRAM, " +
          formatted("%.4g mJ", cost.energyPj * 1e-9) +
          (device.staticWatts.total() > 0
               ? " (" + share(device.staticPj(cost.cycles), cost.energyPj) +
                     " of it static)"
               : "") +
          ", " + number(cost.footprintBytes) + " bytes on chip of " +
          std::to_string(device.scratchpad.bytes);
  if (cost.spill > 0)
    text += ", " + share(cost.spill, 1) + " of them spilled";
  text += "\n";
  if (best)
    text +=
        formatted("%.3f times the time, %.3f times the energy and %.3f "
                  "times the bytes of the best mapping\n",
                  cost.cycles / best->cycles, cost.energyPj / best->energyPj,
                  cost.footprintBytes / best->footprintBytes);
  if (mode == Mode::Faithful)
    return text;
  text += "\non chip\n" + buffers(device, mapping) + "\nloop nest\n";
  for (const std::string &line : loopNest(device, mapping))
    text += "  " + line + "\n";
  return text;
}

std::vector<std::string> loopNest(const Device &device,
                                  const Mapping &mapping) {
  const AttentionShape &shape = mapping.shape;
  const Dataflow &flow = mapping.dataflow;
  AttentionLayout layout(device, shape, flow);
  auto text = [](int64_t value) { return std::to_string(value); };
  std::vector<std::string> lines;
  auto add = [&](size_t depth, const std::string &line) {
    lines.push_back(std::string(2 * depth, ' ') + line);
  };
  auto loads = [&](size_t depth, Staged tensor, const std::string &what) {
    if (flow.isStaged(tensor))
      add(depth, "load " + what);
  };
  auto passing = [&](Staged tensor) {
    return flow.isStaged(tensor) ? "" : ", passing by";
  };
  int64_t units = unitCount(shape), rows = foldedRows(shape);
  int64_t tile = flow.keyTile ? flow.keyTile : shape.keys;
  std::string keys = layout.isKeysOuter ? "tile" : "all keys";
  add(0, "for " + text(ceilDiv(units, flow.heads)) + " rounds of " +
             text(flow.heads) + " heads, " + text(flow.packed) +
             " side by side");
  loads(1, StagedK, "K: " + text(shape.keys) + " x " + text(shape.headDim));
  loads(1, StagedV,
        "V: " + text(shape.keys) + " x " + text(shape.valueWidth()));
  std::string blocks = "for " + text(ceilDiv(rows, flow.rows)) + " blocks of " +
                       text(flow.rows) + " rows";
  std::string tiles = "for " + text(ceilDiv(shape.keys, tile)) + " tiles of " +
                      text(tile) + " keys" +
                      (shape.causal ? ", those that the block sees" : "");
  bool isTiled = flow.keyTile != 0;
  size_t depth = 1;
  add(depth++, layout.isKeysOuter ? tiles : blocks);
  loads(depth, StagedQ, "Q: " + text(flow.rows) + " x " + text(shape.headDim));
  if (isTiled)
    add(depth++, layout.isKeysOuter ? blocks : tiles);
  add(depth, "logits = Q K^T, " + std::string(toString(flow.logit)) +
                 " stationary" + passing(StagedQ) +
                 (flow.isStaged(StagedK) ? "" : ", K passing by") +
                 (flow.isFused() ? "" : ", to DRAM"));
  add(depth, isTiled          ? "online softmax: maxima, sums, weights"
             : flow.isFused() ? "softmax of " + text(flow.rows) + " rows"
                              : "softmax of whole rows, from DRAM and back");
  add(depth,
      "sums += weights V, " + std::string(toString(flow.attend)) +
          " stationary" + (flow.isStaged(StagedV) ? "" : ", V passing by") +
          (layout.sums == Sums::Partial ? ", partial sums to DRAM" : ""));
  add(isTiled && !layout.isKeysOuter ? depth - 1 : depth,
      "results = sums / row sums, to DRAM");
  return lines;
}

FootprintOverTime footprintOverTime(const Device &device,
                                    const Mapping &mapping) {
  constexpr int64_t kMostSteps = 48; // of a round
  const AttentionShape &shape = mapping.shape;
  const Dataflow &flow = mapping.dataflow;
  AttentionLayout layout(device, shape, flow);
  int64_t blocks = ceilDiv(layout.total, flow.rows);
  int64_t tiles = flow.keyTile ? ceilDiv(shape.keys, flow.keyTile) : 1;
  int64_t rounds = std::min<int64_t>(2, ceilDiv(unitCount(shape), flow.heads));
  int64_t outer = layout.isKeysOuter ? tiles : blocks;
  int64_t inner = layout.isKeysOuter ? blocks : tiles;
  int64_t shownInner = std::min(inner, kMostSteps);
  int64_t shownOuter =
      std::min(outer, std::max<int64_t>(1, kMostSteps / shownInner));
  FootprintOverTime over;
  over.isWhole = shownInner == inner && shownOuter == outer;
  over.steps = static_cast<size_t>(rounds * shownOuter * shownInner);
  for (const AttentionLayout::Buffer &buffer :
       layout.buffers(device, shape, flow)) {
    FootprintOverTime::Row row{buffer.name, {}};
    std::string name = buffer.name;
    bool perRound = name == "keys" || name == "values";
    bool perBlock = name == "queries";
    bool atEnd = name == "results, leaving" && !layout.isKeysOuter;
    double bytes = static_cast<double>(buffer.bytes());
    for (int64_t r = 0; r != rounds; ++r)
      for (int64_t o = 0; o != shownOuter; ++o)
        for (int64_t i = 0; i != shownInner; ++i) {
          bool isLast = o + 1 == shownOuter;
          // Of two places the second fills while the last block of a round, or
          // the last step of a block, is worked on.
          bool second =
              perRound   ? isLast && r + 1 != rounds
              : perBlock ? i + 1 == shownInner && !(isLast && r + 1 == rounds)
                         : true;
          bool holds = !atEnd || i + 1 == shownInner || (i == 0 && o + r != 0);
          row.bytes.push_back(!holds ? 0 : second ? bytes : bytes / 2);
        }
    over.rows.push_back(std::move(row));
  }
  for (int64_t r = 0; r != rounds; ++r)
    over.rounds.push_back(static_cast<size_t>(r * shownOuter * shownInner));
  return over;
}

} // namespace nm::model
