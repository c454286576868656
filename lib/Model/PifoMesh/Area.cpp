//===- Area.cpp - Area and frequency of a PIFO mesh -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Area.h"
#include "nm/Model/PifoMesh/Atoms.h"
#include <algorithm>
#include <cmath>
#include <cstdio>

namespace nm::mesh {

namespace {
constexpr double kFlows[] = {256, 512, 1024, 2048, 4096};
constexpr double kFlowArea[] = {0.053, 0.107, 0.224, 0.454, 0.914};
// The paper's variations of the block of 1024 flows, one parameter each.
constexpr double kBase = 0.224, kRank32 = 0.317, kMetadata64 = 0.317,
                 kPifos1024 = 0.233;
// Memories of 64K elements and 1024 flows.
constexpr double kRankStore = 0.445, kPointers = 0.148, kHeadTailCount = 0.1476;

double schedulerByFlows(double flows) {
  if (flows <= kFlows[0])
    return kFlowArea[0] * flows / kFlows[0];
  if (flows >= kFlows[4])
    return kFlowArea[4] * flows / kFlows[4];
  size_t i = 1;
  while (flows > kFlows[i])
    ++i;
  double t = (flows - kFlows[i - 1]) / (kFlows[i] - kFlows[i - 1]);
  return kFlowArea[i - 1] + t * (kFlowArea[i] - kFlowArea[i - 1]);
}

std::string text(const char *format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), format, value);
  return buffer;
}
std::string mm2(double value) { return text("%.3f", value); }
} // namespace

BlockArea areaOf(const BlockShape &shape) {
  double address = indexBits(shape.elements), flow = shape.flows / 1024.0;
  double pifoBits = indexBits(shape.pifos);
  double widths = (shape.rankBits - 16.0) / 16 * (kRank32 - kBase) +
                  (shape.metadataBits - 32.0) / 32 * (kMetadata64 - kBase) +
                  (pifoBits - 8) / 2 * (kPifos1024 - kBase);
  double elements = shape.elements / 65536.0;
  BlockArea area;
  // Narrow widths cannot make the comparators and shifters vanish.
  area.flowScheduler =
      schedulerByFlows(shape.flows) * std::max(0.1, 1 + widths / kBase);
  area.rankStore = kRankStore * elements *
                   (shape.rankBits + shape.metadataBits) / (16.0 + 32.0);
  area.nextPointers = kPointers * elements * address / 16;
  area.freeList = area.nextPointers;
  area.headTailCount = kHeadTailCount * flow * address / 16;
  return area;
}

Timing timingAtOneGigahertz(const BlockShape &shape) {
  if (shape.flows >= 4096)
    return Timing::Misses;
  return shape.flows <= 2048 && shape.rankBits <= 32 ? Timing::Meets
                                                     : Timing::Unknown;
}

unsigned wireSets(unsigned blocks) { return blocks * (blocks - 1); }

unsigned bitsPerWireSet(const BlockShape &shape) {
  unsigned pifo = indexBits(shape.pifos);
  unsigned enqueue =
      pifo + shape.rankBits + shape.metadataBits + indexBits(shape.flows);
  return enqueue + pifo + shape.metadataBits;
}

BlockShape shapeOf(const Config &config, const Block &block) {
  BlockShape shape;
  shape.elements = block.elements;
  shape.flows = block.flows;
  shape.pifos = block.pifoLimit;
  shape.rankBits = block.rankBits;
  shape.metadataBits = config.metadataBits(block);
  return shape;
}

std::string areaReport(const Config &config) {
  std::string out = "mesh '" + config.name + "', square millimetres at 16 nm\n";
  double blocks = 0;
  unsigned atoms = 0;
  for (const Block &block : config.blocks) {
    BlockShape shape = shapeOf(config, block);
    BlockArea area = areaOf(shape);
    blocks += area.total();
    for (const Program &program : block.programs) {
      AtomReport report = classify(block, program);
      atoms += report.stateless + static_cast<unsigned>(report.stateful.size());
    }
    Timing timing = timingAtOneGigahertz(shape);
    out += "  " + block.name + ": " + mm2(area.total()) + " (flow scheduler " +
           mm2(area.flowScheduler) + ", rank store " + mm2(area.rankStore) +
           ", pointers " +
           mm2(area.nextPointers + area.freeList + area.headTailCount) + "), " +
           (timing == Timing::Meets    ? "meets 1 GHz"
            : timing == Timing::Misses ? "misses 1 GHz"
                                       : "not known to meet 1 GHz") +
           "\n";
  }
  double total = blocks + atoms * kPairAtom;
  out += "  " + std::to_string(atoms) +
         " atoms, each counted as a pair: " + mm2(atoms * kPairAtom) +
         "\n  total " + mm2(total) + ", " + text("%.2f", 100 * total / kChip) +
         " % of " + text("%.0f", kChip) + "\n";
  return out;
}

std::string hardwarePage() {
  BlockShape paper;
  BlockArea area = areaOf(paper);
  constexpr unsigned blocks = 5, atoms = 300;
  double total = blocks * area.total() + atoms * kPairAtom;
  // A minimum packet occupies 64 bytes and 20 of preamble and gap.
  double packets = 64 * 10e9 / (84 * 8) / 1e6;
  std::string out =
      "# PIFO hardware: area and frequency\n\n"
      "<!-- Generated: scripts/pifo-synth --page -->\n\n"
      "The figures of *Programmable Packet Scheduling at Line Rate* (SIGCOMM "
      "2016) for a 16 nm library, as\n`nm-pifo mesh area` uses them: published "
      "points are met, widths and memories scale between them.\n\n"
      "## The switch of the paper\n\n"
      "64 ports of 10 Gbit/s, at most " +
      text("%.0f", packets) +
      " million packets a second: one enqueue and one dequeue per cycle at\n"
      "1 GHz. Five blocks make five levels of hierarchy.\n\n"
      "| Part | mm2 |\n| --- | ---: |\n| flow scheduler, 1024 flows | " +
      mm2(area.flowScheduler) + " |\n| rank store, 64K elements | " +
      mm2(area.rankStore) + " |\n| next pointers | " + mm2(area.nextPointers) +
      " |\n| free list | " + mm2(area.freeList) +
      " |\n| head, tail and count | " + mm2(area.headTailCount) +
      " |\n| **one block** | " + mm2(area.total()) + " |\n| 5 blocks | " +
      mm2(blocks * area.total()) + " |\n| 300 atoms (pair, 6000 um2) | " +
      mm2(atoms * kPairAtom) + " |\n| **mesh** | " + mm2(total) +
      " |\n\nThat is **" + text("%.2f", 100 * total / kChip) + " %** of a " +
      text("%.0f", kChip) + " mm2 chip, under 4 %.\n\nThe full mesh has " +
      std::to_string(wireSets(blocks)) + " wire sets of " +
      std::to_string(bitsPerWireSet(paper)) + " bits, " +
      std::to_string(wireSets(blocks) * bitsPerWireSet(paper)) +
      " wires.\n\n## Flow scheduler\n\n"
      "| Flows | mm2 | 1 GHz |\n| ---: | ---: | --- |\n";
  for (double flows : kFlows) {
    BlockShape shape;
    shape.flows = static_cast<unsigned>(flows);
    out += "| " + std::to_string(shape.flows) + " | " +
           mm2(areaOf(shape).flowScheduler) + " | " +
           (timingAtOneGigahertz(shape) == Timing::Meets ? "yes" : "no") +
           " |\n";
  }
  BlockShape rank, metadata, pifos;
  rank.rankBits = 32;
  metadata.metadataBits = 64;
  pifos.pifos = 1024;
  out += "\nOne parameter changed, 1024 flows:\n\n"
         "| Variant | mm2 |\n| --- | ---: |\n| 32-bit ranks | " +
         mm2(areaOf(rank).flowScheduler) + " |\n| 64-bit metadata | " +
         mm2(areaOf(metadata).flowScheduler) + " |\n| 1024 logical PIFOs | " +
         mm2(areaOf(pifos).flowScheduler) +
         " |\n\n## What the estimate is not\n\n"
         "* No synthesis of ours: the points above were synthesised by the "
         "paper's authors.\n"
         "* Every atom counts as the largest template at 32 nm. Most "
         "transactions need less.\n"
         "* The generated SystemVerilog adds what the paper leaves out: the "
         "delay line that keeps departures in\n  the root's order, and the "
         "queue of releases of a shaping block.\n"
         "* Serial-number ranks sorted by logical PIFO compare more bits than "
         "the paper's block; the widths'\n  scaling does not count them.\n";
  return out;
}

} // namespace nm::mesh
