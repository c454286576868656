//===- Sequencer.cpp - The sequencer of an engine -------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Sequencer.h"

namespace nm::isa {

Sequencer::Sequencer(const Program &program, int queue) {
  std::vector<int32_t> open; // nodes of the loops around
  for (size_t i = 0; i != program.code.size(); ++i) {
    const Instruction &instruction = program.code[i];
    int32_t index = static_cast<int32_t>(i);
    uint8_t depth = static_cast<uint8_t>(open.size());
    switch (instruction.opcode) {
    case Opcode::Loop:
      open.push_back(static_cast<int32_t>(nodes.size()));
      nodes.push_back({Node::Loop, depth, 0, instruction.trips});
      break;
    case Opcode::EndLoop: {
      int32_t begin = open.back();
      open.pop_back();
      if (nodes.size() == static_cast<size_t>(begin) + 1)
        nodes.pop_back();
      else
        nodes.push_back({Node::End, static_cast<uint8_t>(depth - 1), begin,
                         nodes[begin].trips});
      break;
    }
    case Opcode::Barrier:
      nodes.push_back({Node::Run, depth, index, 1});
      break;
    default:
      if (queueOf(instruction, program.target) != queue)
        break;
      nodes.push_back({Node::Run, depth, index, 1});
      idle = false;
    }
  }
  if (idle)
    nodes.clear();
  settle();
}

} // namespace nm::isa
