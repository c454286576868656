//===- Validate.cpp - Well-formed mesh configurations ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Validator.h"

namespace nm::mesh {

bool Validator::checkTop() {
  if (!isName(config.name))
    return fail("mesh name " + quote(config.name) +
                ": expected an identifier of at most 64 characters");
  if (!inRange(config.nowBits, 2, 64, "now-bits") ||
      !inRange(config.fields.size(), 1, 256, "number of fields") ||
      !inRange(config.leaves.size(), 1, 4096, "number of leaves") ||
      !inRange(config.blocks.size(), 1, 64, "number of blocks") ||
      !inRange(config.roots.size(), 1, 4096, "number of roots") ||
      !uniqueNames(config.fields, "field", &Place::field) ||
      !uniqueNames(config.leaves, "leaf", &Place::leaf) ||
      !uniqueNames(config.blocks, "block", &Place::block))
    return false;
  for (const Field &field : config.fields) {
    ++here.field;
    if (!inRange(field.bits, 1, 64, "bits of field " + quote(field.name)))
      return false;
  }
  here.field = -1;
  std::set<std::pair<unsigned, unsigned>> seen;
  for (const Config::Root &root : config.roots) {
    ++here.root;
    if (root.block >= config.blocks.size() ||
        root.pifo >= config.blocks[root.block].pifos.size())
      return fail("root refers to logical pifo " + str(root.pifo) +
                  " of block " + str(root.block) + ", which does not exist");
    if (config.blocks[root.block].depth != 0 ||
        config.blocks[root.block].shaping)
      return fail("root block " + quote(config.blocks[root.block].name) +
                  " must have depth 0 and not be a shaping block");
    if (root.block != config.roots[0].block)
      return fail("all roots must lie in one block: a mesh has one dequeue "
                  "per cycle");
    if (!seen.insert({root.block, root.pifo}).second)
      return fail("logical pifo " + str(root.pifo) + " is a root twice");
  }
  here.root = -1;
  return true;
}

bool Validator::checkBlocks() {
  for (const Block &block : config.blocks) {
    ++here.block;
    if (!checkBlock(block))
      return false;
  }
  here.block = -1;
  return true;
}

bool Validator::checkBlock(const Block &block) {
  std::string where = "block " + quote(block.name);
  if (!inRange(block.depth, 0, 15, where + ": depth") ||
      !inRange(block.elements, 2, 1 << 20, where + ": elements") ||
      !inRange(block.flows, 2, 1 << 16, where + ": flows") ||
      !inRange(block.pifoLimit, 1, 1 << 16, where + ": pifo-limit") ||
      !inRange(block.pifos.size(), 1, block.pifoLimit,
               where + ": number of logical pifos") ||
      !inRange(block.rankBits, 2, 64, where + ": rank-bits") ||
      !inRange(block.states.size(), 0, 256, where + ": number of states") ||
      !uniqueNames(block.pifos, where + ": logical pifo", &Place::pifo) ||
      !uniqueNames(block.states, where + ": state", &Place::state) ||
      !uniqueNames(block.programs, where + ": program", &Place::program))
    return false;
  if (block.shaping &&
      (block.order != Order::Serial || block.rankBits > config.nowBits))
    return fail(where + ": a shaping block sorts release times: its order "
                        "must be serial and rank-bits at most now-bits");
  std::set<unsigned> carried;
  for (unsigned field : block.carry)
    if (field >= config.fields.size() || !carried.insert(field).second)
      return fail(where + ": carry lists field " + str(field) +
                  ", which does not exist or is listed twice");
  uint64_t bits = 0;
  for (const State &state : block.states) {
    ++here.state;
    if (!inRange(state.bits, 1, 64,
                 where + ": bits of state " + quote(state.name)) ||
        !inRange(state.entries, 1, 1 << 20,
                 where + ": entries of state " + quote(state.name)))
      return false;
    if (state.init > maskOf(state.bits))
      return fail(where + ": initial value of state " + quote(state.name) +
                  " does not fit " + str(state.bits) + " bits");
    bits += state.entries;
  }
  here.state = -1;
  if (!inRange(bits, 0, 1 << 22, where + ": number of state entries"))
    return false;
  return checkPifos(block);
}

bool Validator::checkPifos(const Block &block) {
  std::string where = "block " + quote(block.name);
  std::vector<int> use(block.programs.size(), 0); // 1 enqueue, 2 dequeue
  std::vector<int> owner(block.flows, -1);
  for (size_t p = 0; p < block.pifos.size(); ++p) {
    const LogicalPifo &pifo = block.pifos[p];
    ++here.pifo;
    std::string at = where + ", logical pifo " + quote(pifo.name);
    int size = static_cast<int>(block.programs.size());
    if (pifo.enqueueProgram < 0 || pifo.enqueueProgram >= size ||
        pifo.dequeueProgram >= size)
      return fail(at + ": a program that does not exist");
    use[pifo.enqueueProgram] |= 1;
    if (pifo.dequeueProgram >= 0)
      use[pifo.dequeueProgram] |= 2;
    if (pifo.next.empty())
      return fail(at + ": no next hop");
    for (const NextHop &hop : pifo.next) {
      ++here.hop;
      if (hop.numFlows == 0 || hop.firstFlow >= block.flows ||
          hop.numFlows > block.flows - hop.firstFlow)
        return fail(at + ": next hop of flows " + str(hop.firstFlow) +
                    " and on (" + str(hop.numFlows) + "), but the block has " +
                    str(block.flows) + " flows");
      for (unsigned f = hop.firstFlow; f < hop.firstFlow + hop.numFlows; ++f) {
        if (owner[f] >= 0)
          return fail(at + ": flow " + str(f) + " belongs to " +
                      quote(block.pifos[owner[f]].name) +
                      " already: a flow lies in one logical pifo");
        owner[f] = static_cast<int>(p);
      }
      if (!checkHop(block, hop, at))
        return false;
    }
    here.hop = -1;
  }
  here.pifo = -1;
  for (size_t i = 0; i < use.size(); ++i) {
    ++here.program;
    if (use[i] == 3)
      return fail(where + ", program " + quote(block.programs[i].name) +
                  ": used both at enqueue and at dequeue");
    if (use[i] == 0)
      return fail(where + ", program " + quote(block.programs[i].name) +
                  ": used by no logical pifo");
    if (!checkProgram(block, block.programs[i], use[i] == 2))
      return false;
  }
  here.program = -1;
  return checkWriters(block, use) && checkRoutes(block, owner);
}

bool Validator::checkHop(const Block &block, const NextHop &hop,
                         const std::string &at) {
  if ((hop.kind == NextHop::Kind::Resume) != block.shaping)
    return fail(at + ": next hop 'resume' stands in shaping blocks, and "
                     "nothing else does");
  if (hop.kind == NextHop::Kind::Dequeue) {
    if (hop.block >= config.blocks.size() ||
        hop.pifo >= config.blocks[hop.block].pifos.size())
      return fail(at + ": next hop to logical pifo " + str(hop.pifo) +
                  " of block " + str(hop.block) + ", which does not exist");
    const Block &target = config.blocks[hop.block];
    if (target.shaping || target.depth != block.depth + 1)
      return fail(at + ": next hop to block " + quote(target.name) +
                  " of depth " + str(target.depth) +
                  ", expected a scheduling block of depth " +
                  str(block.depth + 1));
  }
  if (hop.kind == NextHop::Kind::Resume && hop.leaf >= config.leaves.size())
    return fail(at + ": resumes the walk of leaf " + str(hop.leaf) +
                ", which does not exist");
  return true;
}

bool Validator::checkWriters(const Block &block, const std::vector<int> &use) {
  std::vector<int> writer(block.states.size(), 0);
  for (size_t i = 0; i < use.size(); ++i)
    for (const Store &store : block.programs[i].stores)
      writer[store.state] |= use[i];
  for (size_t s = 0; s < writer.size(); ++s) {
    ++here.state;
    if (writer[s] == 3)
      return fail("block " + quote(block.name) + ": state " +
                  quote(block.states[s].name) +
                  " is written at enqueue and at dequeue; its memory has "
                  "one write port");
  }
  here.state = -1;
  return true;
}

bool Validator::checkRoutes(const Block &block, const std::vector<int> &owner) {
  std::string where = "block " + quote(block.name);
  std::set<unsigned> leaves;
  for (const Route &route : block.routes) {
    ++here.route;
    std::string at = where + ", route of leaf " + str(route.leaf);
    if (route.leaf >= config.leaves.size() || route.pifo >= block.pifos.size())
      return fail(at + ": the leaf or logical pifo does not exist");
    if (!leaves.insert(route.leaf).second)
      return fail(at + ": second enqueue of one packet in one block");
    if (route.flowBits > 16 || route.firstFlow >= block.flows ||
        (1u << route.flowBits) > block.flows - route.firstFlow)
      return fail(at + ": " + str(uint64_t(1) << route.flowBits) +
                  " flows from " + str(route.firstFlow) +
                  " on, but the block has " + str(block.flows));
    for (unsigned f = 0; f < (1u << route.flowBits); ++f)
      if (owner[route.firstFlow + f] != static_cast<int>(route.pifo))
        return fail(at + ": flow " + str(route.firstFlow + f) +
                    " has no next hop in logical pifo " +
                    quote(block.pifos[route.pifo].name));
    const Program &program =
        block.programs[block.pifos[route.pifo].enqueueProgram];
    unsigned bits = program.flow < 0 ? 0 : program.values[program.flow].bits;
    if (program.flow >= 0 && bits > route.flowBits)
      return fail(at + ": the program's flow has " + str(bits) +
                  " bits, the route " + str(route.flowBits));
    if (route.suspends && (block.shaping || block.depth == 0))
      return fail(at + ": only a scheduling block below the root suspends "
                       "the walk");
  }
  here.route = -1;
  return true;
}

bool Validator::checkLeaves() {
  for (unsigned leaf = 0; leaf < config.leaves.size(); ++leaf) {
    ++here.leaf;
    std::vector<int> at(16, -1), shaper(16, -1);
    std::vector<bool> suspended(16);
    int deepest = -1;
    for (size_t b = 0; b < config.blocks.size(); ++b) {
      const Block &block = config.blocks[b];
      for (const Route &route : block.routes) {
        if (route.leaf != leaf)
          continue;
        std::vector<int> &slot = block.shaping ? shaper : at;
        if (slot[block.depth] >= 0)
          return fail("leaf " + quote(config.leaves[leaf].name) +
                      ": two enqueues at depth " + str(block.depth));
        slot[block.depth] = static_cast<int>(b);
        if (route.suspends)
          suspended[block.depth] = true;
        if (!block.shaping)
          deepest = std::max(deepest, static_cast<int>(block.depth));
      }
    }
    for (int depth = 0; depth <= deepest; ++depth)
      if (at[depth] < 0)
        return fail("leaf " + quote(config.leaves[leaf].name) +
                    ": no enqueue at depth " + str(depth));
    if (deepest < 0)
      return fail("leaf " + quote(config.leaves[leaf].name) + ": no route");
    for (unsigned depth = 0; depth < 16; ++depth)
      if ((shaper[depth] >= 0) != suspended[depth])
        return fail("leaf " + quote(config.leaves[leaf].name) + ": at depth " +
                    str(depth) +
                    " the walk is suspended without a shaping block, or the "
                    "other way round");
  }
  here.leaf = -1;
  return true;
}

bool Validator::checkDequeues() {
  std::vector<int> source(config.blocks.size(), -1);
  std::set<std::pair<unsigned, unsigned>> popped;
  for (const Config::Root &root : config.roots)
    popped.insert({root.block, root.pifo});
  for (size_t b = 0; b < config.blocks.size(); ++b) {
    ++here.block;
    for (const LogicalPifo &pifo : config.blocks[b].pifos) {
      ++here.pifo;
      std::set<std::pair<unsigned, unsigned>> mine;
      for (const NextHop &hop : pifo.next) {
        ++here.hop;
        if (hop.kind == NextHop::Kind::Resume &&
            (config.blocks[b].depth == 0 ||
             !routeAt(hop.leaf, config.blocks[b].depth)))
          return fail("block " + quote(config.blocks[b].name) +
                      " resumes leaf " + quote(config.leaves[hop.leaf].name) +
                      ", which has no node at its depth");
        if (hop.kind != NextHop::Kind::Dequeue)
          continue;
        if (source[hop.block] >= 0 && source[hop.block] != static_cast<int>(b))
          return fail("block " + quote(config.blocks[hop.block].name) +
                      " has a second dequeue source, block " +
                      quote(config.blocks[b].name));
        source[hop.block] = static_cast<int>(b);
        mine.insert({hop.block, hop.pifo});
      }
      here.hop = -1;
      for (auto target : mine)
        if (!popped.insert(target).second)
          return fail(
              "logical pifo " +
              quote(config.blocks[target.first].pifos[target.second].name) +
              " is popped by two logical pifos");
    }
    here.pifo = -1;
  }
  here.block = -1;
  for (size_t b = 0; b < config.blocks.size(); ++b) {
    ++here.block;
    for (unsigned p = 0; p < config.blocks[b].pifos.size(); ++p) {
      ++here.pifo;
      if (!config.blocks[b].shaping &&
          !popped.count({static_cast<unsigned>(b), p}))
        return fail("logical pifo " + quote(config.blocks[b].pifos[p].name) +
                    " is never popped");
    }
    here.pifo = -1;
  }
  here.block = -1;
  return true;
}

bool Validator::routeAt(unsigned leaf, unsigned depth) {
  for (const Block &block : config.blocks)
    if (!block.shaping && block.depth == depth)
      for (const Route &route : block.routes)
        if (route.leaf == leaf)
          return true;
  return false;
}

std::string validate(const Config &config, Place *place) {
  return Validator(config).run(place);
}

unsigned Config::leafOf(const std::vector<uint64_t> &packet) const {
  ProgramInputs inputs;
  inputs.fields = &packet;
  ProgramResult result;
  if (!classifier)
    return static_cast<unsigned>(leaves.size());
  execute(*classifier, {}, inputs, result);
  return static_cast<unsigned>(std::min<uint64_t>(result.flow, leaves.size()));
}

unsigned Config::depth() const {
  unsigned result = 0;
  for (const Block &block : blocks)
    result = std::max(result, block.depth);
  return result;
}

unsigned Config::metadataBits(const Block &block) const {
  unsigned bits = 0;
  for (unsigned field : block.carry)
    bits += fields[field].bits;
  return bits;
}

bool Config::isWritten(size_t field) const {
  for (const Block &block : blocks)
    for (const Program &program : block.programs)
      for (const FieldWrite &write : program.writes)
        if (write.field == field)
          return true;
  return false;
}

unsigned Config::capacity() const {
  unsigned result = ~0u;
  for (const Block &block : blocks)
    result = std::min(result, block.elements);
  return result;
}

} // namespace nm::mesh
