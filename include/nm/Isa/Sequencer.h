//===- Sequencer.h - The sequencer of an engine -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_SEQUENCER_H
#define NM_ISA_SEQUENCER_H

#include "nm/Isa/Program.h"

namespace nm::isa {

/// Loop counters by depth.
using Counters = std::array<int64_t, kMaxLoops>;

/// Walks the program for one engine: its instructions and all barriers, with
/// the loops around them. Loops that hold neither are left out, so each round
/// of a loop meets something.
class Sequencer {
public:
  Sequencer(const Program &program, int queue);

  /// Whether the engine has instructions; one without takes no part, not even
  /// in barriers.
  bool isIdle() const { return idle; }

  /// The instruction or barrier where the engine stands; -1 behind the end.
  int32_t instruction() const { return current; }
  const Counters &counters() const { return values; }
  void advance();

private:
  struct Node {
    enum Kind : uint8_t { Run, Loop, End } kind;
    uint8_t depth;
    int32_t index; ///< Run: of the instruction; End: of the node of its Loop
    int64_t trips;
  };
  void settle();

  std::vector<Node> nodes;
  size_t position = 0;
  int32_t current = -1;
  Counters values{};
  bool idle = true;
};

inline void Sequencer::settle() {
  for (; position < nodes.size(); ++position) {
    const Node &node = nodes[position];
    if (node.kind == Node::Run) {
      current = node.index;
      return;
    }
    if (node.kind == Node::Loop)
      values[node.depth] = 0;
    else if (++values[node.depth] < node.trips)
      position = static_cast<size_t>(node.index);
  }
  current = -1;
}

inline void Sequencer::advance() {
  ++position;
  settle();
}

} // namespace nm::isa

#endif // NM_ISA_SEQUENCER_H
