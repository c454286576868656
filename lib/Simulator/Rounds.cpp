//===- Rounds.cpp - Rounds of outermost loops -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rounds.h"
#include <algorithm>

namespace nm::sim {

using isa::Instruction;
using isa::Opcode;

/// Bytes of the union of buffers' places; buffers may share theirs.
static int64_t unionOf(std::vector<std::pair<int64_t, int64_t>> spans) {
  std::sort(spans.begin(), spans.end());
  int64_t bytes = 0, end = 0;
  for (auto [from, to] : spans) {
    bytes += std::max<int64_t>(0, to - std::max(from, end));
    end = std::max(end, to);
  }
  return bytes;
}

Rounds::Rounds(const isa::Program &program) {
  int64_t rounds = 0, before = 0;
  int depth = 0;
  std::vector<std::pair<int64_t, int64_t>> spans;
  auto endPart = [&] {
    bytes.push_back(unionOf(std::move(spans)));
    spans.clear();
  };
  for (const Instruction &instruction : program.code) {
    if (instruction.opcode == Opcode::EndLoop && --depth == 0)
      before = rounds;
    if (instruction.opcode == Opcode::Loop && depth++ == 0) {
      before = rounds;
      rounds += instruction.trips;
    }
    places.push_back({before, depth > 0, bytes.size()});
    if (instruction.opcode == Opcode::Barrier)
      endPart();
    for (const isa::Tile &tile : instruction.operands) {
      if (tile.space != isa::Space::Scratchpad)
        continue;
      const isa::Buffer &buffer = program.buffers[tile.object];
      int64_t size = isa::typeBytes(buffer.type) * buffer.slots;
      for (int64_t extent : buffer.shape)
        size *= extent;
      spans.emplace_back(buffer.address, buffer.address + size);
    }
  }
  endPart();
  places.push_back({rounds, false, bytes.size() - 1});
}

const Rounds::Place &Rounds::placeOf(const isa::Sequencer &engine) const {
  int32_t at = engine.instruction();
  return at < 0 ? places.back() : places[static_cast<size_t>(at)];
}

int64_t Rounds::behind(const isa::Sequencer &engine) const {
  const Place &place = placeOf(engine);
  return place.rounds + (place.isInside ? engine.counters()[0] : 0);
}

int64_t Rounds::liveBytes(const isa::Sequencer &engine) const {
  return bytes[placeOf(engine).part];
}

} // namespace nm::sim
