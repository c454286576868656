//===- Mesh.cpp - Cycle-level model of a PIFO mesh ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Mesh.h"

namespace nm::mesh {

Mesh::Mesh(const Config &configuration)
    : config(configuration), depth(config.depth()), capacity(config.capacity()),
      slots(depth + 1), out(2 * depth + 1) {
  for (const Block &block : config.blocks) {
    BlockState state{
        &block,
        BlockModel(block.elements, block.flows, block.order, block.rankBits),
        initialState(block.states),
        std::vector<int>(config.leaves.size(), -1),
        {},
        {},
        0,
        {}};
    for (size_t i = 0; i < block.routes.size(); ++i)
      state.routeOfLeaf[block.routes[i].leaf] = static_cast<int>(i);
    blocks.push_back(std::move(state));
  }
}

bool Mesh::canDequeue(unsigned root) const {
  return root < config.roots.size() &&
         blocks[config.roots[root].block].model.canDequeue(
             config.roots[root].pifo);
}

uint64_t Mesh::rankInversions() const {
  uint64_t count = 0;
  for (const BlockState &block : blocks)
    count += block.model.rankInversions();
  return count;
}

const NextHop *Mesh::hopOf(const Block &block, const Element &element) const {
  for (const NextHop &hop : block.pifos[element.pifo].next)
    if (element.flow >= hop.firstFlow &&
        element.flow - hop.firstFlow < hop.numFlows)
      return &hop;
  return nullptr;
}

/// Runs the scheduling (or shaping) transaction of `packet` at `block`.
Element Mesh::enqueueAt(BlockState &block, const Packet &packet, uint64_t now) {
  Element element;
  int index = packet.valid ? block.routeOfLeaf[packet.leaf] : -1;
  if (index < 0)
    return element;
  const Route &route = block.config->routes[index];
  const LogicalPifo &pifo = block.config->pifos[route.pifo];
  execute(block.config->programs[pifo.enqueueProgram], block.state,
          {&packet.fields, now, 0, route.pifo, packet.leaf}, scratch);
  element.valid = true;
  element.pifo = route.pifo;
  element.rank = scratch.rank;
  element.flow = route.firstFlow + static_cast<unsigned>(scratch.flow);
  if (block.freePackets.empty()) {
    block.freePackets.push_back(static_cast<unsigned>(block.packets.size()));
    block.packets.emplace_back();
  }
  element.data = block.freePackets.back();
  block.freePackets.pop_back();
  Packet &kept = block.packets[element.data];
  kept.valid = true;
  kept.leaf = packet.leaf;
  kept.fields.assign(config.fields.size(), 0);
  for (unsigned field : block.config->carry)
    kept.fields[field] = packet.fields[field];
  return element;
}

void Mesh::write(BlockState &block) {
  for (const ProgramResult::Write &write : scratch.writes)
    block.state[write.state][write.entry] = write.value;
}

void Mesh::step(const Inputs &inputs) {
  uint64_t now = inputs.now & maskOf(config.nowBits);
  bool accepted = inputs.enqueue.valid && canEnqueue() &&
                  inputs.enqueue.leaf < config.leaves.size();

  std::vector<PopRequest> pops(blocks.size());
  if (inputs.dequeue.valid && canDequeue(inputs.dequeue.pifo)) {
    const Config::Root &root = config.roots[inputs.dequeue.pifo];
    pops[root.block] = {true, root.pifo};
  }

  // What the pops of two cycles ago found goes on its next hop.
  std::vector<Packet> transmitted(depth + 1);
  std::vector<Packet> released(blocks.size());
  // What dequeue programs store: they read the state that the cycle began with,
  // as the enqueue programs do, and never write the same one.
  std::vector<std::vector<ProgramResult::Write>> late(blocks.size());
  for (BlockState &block : blocks) {
    const Element &element = block.model.result();
    if (!element.valid)
      continue;
    Packet packet = block.packets[element.data];
    block.freePackets.push_back(static_cast<unsigned>(element.data));
    const NextHop &hop = *hopOf(*block.config, element);
    int program = block.config->pifos[element.pifo].dequeueProgram;
    if (program >= 0) {
      execute(block.config->programs[program], block.state,
              {&packet.fields, now, element.rank, element.pifo, 0}, scratch);
      late[&block - blocks.data()] = scratch.writes;
      for (auto [field, value] : scratch.fields)
        packet.fields[field] = value;
    }
    switch (hop.kind) {
    case NextHop::Kind::Transmit:
      transmitted[block.config->depth] = std::move(packet);
      break;
    case NextHop::Kind::Dequeue:
      pops[hop.block] = {true, hop.pifo};
      break;
    case NextHop::Kind::Resume:
      packet.leaf = hop.leaf;
      released[&block - blocks.data()] = std::move(packet);
      break;
    }
  }

  // Shaping blocks pop their head once it is due. The wait for the previous
  // element of the same logical PIFO also keeps an element from being popped
  // twice while its pop is in the pipeline.
  for (size_t b = 0; b < blocks.size(); ++b) {
    BlockState &block = blocks[b];
    if (!block.config->shaping)
      continue;
    Element head = block.model.head();
    unsigned bits = block.config->rankBits;
    bool due = head.valid && !(((now - head.rank) >> (bits - 1)) & 1);
    if (due && block.outstanding < kReleases &&
        block.model.canDequeue(head.pifo)) {
      pops[b] = {true, head.pifo};
      ++block.outstanding;
    }
  }

  // The walk to the root: transactions of all levels run in this cycle.
  std::vector<Packet> next(depth + 1);
  std::vector<bool> suspended(depth + 1);
  for (size_t b = 0; b < blocks.size(); ++b) {
    BlockState &block = blocks[b];
    const Packet &packet = slots[block.config->depth];
    Element entering = enqueueAt(block, packet, now);
    if (entering.valid) {
      const Route &route = block.config->routes[block.routeOfLeaf[packet.leaf]];
      if (route.suspends)
        suspended[block.config->depth] = true;
      write(block);
    }
    for (const ProgramResult::Write &item : late[b])
      block.state[item.state][item.entry] = item.value;
    block.model.step(entering, pops[b]);
  }

  for (unsigned d = depth; d > 0; --d)
    if (slots[d].valid && !suspended[d])
      next[d - 1] = std::move(slots[d]);
  // Releases fill the slots that are left.
  for (size_t b = 0; b < blocks.size(); ++b) {
    BlockState &block = blocks[b];
    if (!block.config->shaping)
      continue;
    Packet &slot = next[block.config->depth - 1];
    if (!slot.valid && !block.releases.empty()) {
      slot = std::move(block.releases.front());
      block.releases.pop_front();
      --block.outstanding;
    }
    if (released[b].valid)
      block.releases.push_back(std::move(released[b]));
  }
  if (accepted)
    next[depth] = inputs.enqueue;
  slots = std::move(next);

  // A leaf at depth d answers 2 (d + 1) cycles after the root was asked.
  for (size_t i = out.size() - 1; i > 0; --i)
    out[i] = std::move(out[i - 1]);
  out[0] = Packet();
  for (unsigned d = 0; d <= depth; ++d)
    if (transmitted[d].valid)
      out[2 * d] = std::move(transmitted[d]);
  occupied += accepted;
  occupied -= out.back().valid;
}

} // namespace nm::mesh
