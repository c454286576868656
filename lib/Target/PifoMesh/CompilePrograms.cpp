//===- CompilePrograms.cpp - States and programs of a block ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"

using namespace mlir;
using namespace mlir::pifo;

void MeshCompiler::addFlow(Part &part, mesh::Program &program) {
  if (part.flow == Part::Flow::One)
    return;
  auto append = [&](mesh::Value value) {
    program.values.push_back(std::move(value));
    return static_cast<int>(program.values.size()) - 1;
  };
  mesh::Value value;
  if (part.flow == Part::Flow::Rank) {
    int rank = program.rank;
    unsigned bits = program.values[rank].bits, down = shift(part, bits);
    if (down > 0) {
      value.op = mesh::Op::Const;
      value.bits = bits;
      value.immediate = down;
      int amount = append(value);
      value = {};
      value.op = mesh::Op::LShr;
      value.bits = bits;
      value.a = rank;
      value.b = amount;
      rank = append(value);
      value = {};
    }
    value.op = mesh::Op::Trunc;
    value.bits = part.flowBits;
    value.a = rank;
    program.flow = bits == part.flowBits ? rank : append(value);
    return;
  }
  value.op = mesh::Op::Field;
  value.index = part.flow == Part::Flow::Place
                    ? packetField
                    : context.fieldIndex.lookup(part.field);
  value.bits = config.fields[value.index].bits;
  unsigned width = value.bits;
  int field = append(value);
  value = {};
  value.op = mesh::Op::Trunc;
  value.bits = part.flowBits;
  value.a = field;
  program.flow = width == part.flowBits ? field : append(value);
}

void MeshCompiler::fillGroup(mesh::Block &block,
                             const std::vector<unsigned> &group) {
  unsigned rankBits = block.rankBits;
  std::vector<std::array<mesh::Program, 2>> programs;
  GroupState state;
  for (unsigned i : group) {
    Part &part = parts[i];
    state = declareState(context, part.node, part.transactions(), group.size());
    if (group.size() > 1) {
      state.slotOfPifo.assign(block.pifos.size(), 0);
      for (auto [slot, member] : llvm::enumerate(group))
        state.slotOfPifo[parts[member].pifo] = slot;
    }
    state.pifoBits = mesh::indexBits(block.pifos.size());
    std::array<mesh::Program, 2> pair;
    unsigned down = shift(part, rankBits);
    (void)importTransaction(context, part.node, part.transaction(), state,
                            rankBits, down, pair[0]);
    addFlow(part, pair[0]);
    if (!part.shaping && part.node.getDequeue())
      (void)importTransaction(context, part.node, part.node.getDequeue(), state,
                              rankBits, down, pair[1]);
    programs.push_back(std::move(pair));
  }
  mergeLeafTables(group, programs);
  std::string name = uniqueName(parts[group[0]].node);
  if (parts[group[0]].shaping)
    name = "tbf_" + name;
  std::vector<bool> used(state.states.size());
  for (mesh::Program &program : programs[0])
    for (const mesh::Value &value : program.values)
      if (value.op == mesh::Op::Load)
        used[value.index] = true;
  std::vector<unsigned> renumbered(state.states.size());
  for (size_t s = 0; s < state.states.size(); ++s) {
    if (!used[s])
      continue;
    renumbered[s] = block.states.size();
    block.states.push_back(state.states[s]);
    block.states.back().name = name + "_" + identifier(state.states[s].name);
    for (unsigned other = 0; other + 1 < block.states.size(); ++other)
      if (block.states[other].name == block.states.back().name)
        block.states.back().name += std::to_string(s);
  }
  int indices[2] = {-1, -1};
  for (int k = 0; k < 2; ++k) {
    mesh::Program &program = programs[0][k];
    if (k == 1 && program.values.empty() && program.stores.empty() &&
        program.writes.empty())
      continue;
    for (mesh::Value &value : program.values)
      if (value.op == mesh::Op::Load)
        value.index = renumbered[value.index];
    for (mesh::Store &store : program.stores)
      store.state = renumbered[store.state];
    program.name = name + (k == 0 ? "_enqueue" : "_dequeue");
    indices[k] = block.programs.size();
    block.programs.push_back(std::move(program));
  }
  for (unsigned i : group) {
    mesh::LogicalPifo &pifo = block.pifos[parts[i].pifo];
    pifo.enqueueProgram = indices[0];
    pifo.dequeueProgram = indices[1];
  }
  if (remark && group.size() > 1)
    remark(parts[group[0]].node, "shared a program",
           Twine(group.size()) + " nodes of block '" + block.name +
               "' have the same transactions");
}

void MeshCompiler::mergeLeafTables(
    const std::vector<unsigned> &group,
    std::vector<std::array<mesh::Program, 2>> &programs) {
  for (size_t k = 1; k < group.size(); ++k)
    for (int which = 0; which < 2; ++which)
      for (size_t v = 0; v < programs[0][which].values.size(); ++v) {
        mesh::Value &value = programs[0][which].values[v];
        if (value.op != mesh::Op::Lookup ||
            programs[0][which].values[value.a].op != mesh::Op::Leaf)
          continue;
        for (auto [leaf, op] : llvm::enumerate(context.leaves))
          if (parts[group[k]].node->isAncestor(op))
            value.table[leaf] = programs[k][which].values[v].table[leaf];
      }
}
