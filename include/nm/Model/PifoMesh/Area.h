//===- Area.h - Area and frequency of a PIFO mesh ---------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_AREA_H
#define NM_MODEL_PIFOMESH_AREA_H

#include "nm/Model/PifoMesh/Config.h"
#include <string>

namespace nm::mesh {

/// The parameters of a block that its area depends on; the paper's by default.
struct BlockShape {
  unsigned elements = 65536, flows = 1024, pifos = 256;
  unsigned rankBits = 16, metadataBits = 32;
};

/// In square millimetres, 16 nm.
struct BlockArea {
  double flowScheduler = 0, rankStore = 0, nextPointers = 0, freeList = 0,
         headTailCount = 0;
  double total() const {
    return flowScheduler + rankStore + nextPointers + freeList + headTailCount;
  }
};

/// The figures of the paper's synthesis (tables 1 and 2 of "Programmable Packet
/// Scheduling at Line Rate"), interpolated: the flow scheduler over the number
/// of flows between the published points (beyond them: in proportion) and
/// linearly over the widths, memories in proportion to their bits.
BlockArea areaOf(const BlockShape &shape);

/// Whether the flow scheduler runs at 1 GHz: the paper met it up to 2048 flows
/// and missed it at 4096.
enum class Timing { Meets, Unknown, Misses };
Timing timingAtOneGigahertz(const BlockShape &shape);

/// Wires of a full mesh of equal blocks: one enqueue and one dequeue wire set
/// for each ordered pair.
unsigned wireSets(unsigned blocks);
unsigned bitsPerWireSet(const BlockShape &shape);

constexpr double kPairAtom = 0.006; ///< mm2, the largest atom (32 nm)
constexpr double kChip = 200;       ///< mm2, the switch of the paper

BlockShape shapeOf(const Config &config, const Block &block);

/// The area of a configuration as text, block by block.
std::string areaReport(const Config &config);
/// docs/pifo-hardware.md: the paper's switch, in Markdown.
std::string hardwarePage();

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_AREA_H
