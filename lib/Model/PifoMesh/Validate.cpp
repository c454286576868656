//===- Validate.cpp - Well-formed mesh configurations ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Config.h"
#include <algorithm>
#include <set>

namespace nm::mesh {

namespace {
std::string quote(const std::string &name) { return "'" + name + "'"; }
std::string str(uint64_t value) { return std::to_string(value); }

/// A name that is an identifier in C++ and SystemVerilog alike.
bool isName(const std::string &name) {
  if (name.empty() || name.size() > 64 || (name[0] >= '0' && name[0] <= '9'))
    return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
  });
}

class Validator {
public:
  explicit Validator(const Config &config) : config(config) {}

  std::string run(Place *place) {
    checkTop() && checkBlocks() && checkLeaves() && checkDequeues();
    if (place && !error.empty())
      *place = here;
    return error;
  }

private:
  const Config &config;
  std::string error;
  /// What is being checked. Every check that goes into a part says so, and
  /// takes it back when it comes out without an error.
  Place here;

  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }

  template <typename T>
  bool uniqueNames(const std::vector<T> &list, const std::string &what,
                   int Place::*part) {
    std::set<std::string> seen;
    for (const T &item : list) {
      ++(here.*part);
      if (!isName(item.name))
        return fail(what + " name " + quote(item.name) +
                    ": expected an identifier of at most 64 characters");
      if (!seen.insert(item.name).second)
        return fail(what + " " + quote(item.name) + " is declared twice");
    }
    here.*part = -1;
    return true;
  }

  bool inRange(uint64_t value, uint64_t low, uint64_t high,
               const std::string &what) {
    if (value >= low && value <= high)
      return true;
    return fail(what + " is " + str(value) + ", expected " + str(low) + " to " +
                str(high));
  }

  bool checkTop() {
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

  bool checkValue(const Block &block, const Program &program, size_t i,
                  bool dequeue) {
    const Value &value = program.values[i];
    std::string where = "block " + quote(block.name) + ", program " +
                        quote(program.name) + ", value " + str(i);
    if (!inRange(value.bits, 1, 64, where + ": bits"))
      return false;
    int operands[] = {value.a, value.b, value.c};
    unsigned arity = opArity(value.op);
    if (value.op == Op::Load && value.a >= 0)
      arity = 1;
    unsigned bits[3] = {0, 0, 0};
    for (unsigned k = 0; k < 3; ++k) {
      if ((operands[k] >= 0) != (k < arity))
        return fail(where + ": " + opName(value.op) + " takes " + str(arity) +
                    " operands");
      if (operands[k] >= 0 && static_cast<size_t>(operands[k]) >= i)
        return fail(where + ": operand " + str(operands[k]) +
                    " is not an earlier value");
      if (operands[k] >= 0)
        bits[k] = program.values[operands[k]].bits;
    }
    bool same = true;
    switch (value.op) {
    case Op::Const:
      if (value.immediate > maskOf(value.bits))
        return fail(where + ": constant " + str(value.immediate) +
                    " does not fit " + str(value.bits) + " bits");
      break;
    case Op::Field:
      if (dequeue)
        return fail(where + ": a dequeue program sees no packet fields");
      if (value.index >= config.fields.size())
        return fail(where + ": field " + str(value.index) + " does not exist");
      same = config.fields[value.index].bits == value.bits;
      break;
    case Op::Now:
      same = value.bits == config.nowBits;
      break;
    case Op::Rank:
      if (!dequeue)
        return fail(where + ": only a dequeue program sees a rank");
      same = value.bits == block.rankBits;
      break;
    case Op::Pifo:
      same = value.bits == indexBits(block.pifos.size());
      break;
    case Op::Leaf:
      if (dequeue)
        return fail(where + ": a dequeue program sees no leaf");
      same = value.bits == indexBits(config.leaves.size());
      break;
    case Op::Load:
      if (value.index >= block.states.size())
        return fail(where + ": state " + str(value.index) + " does not exist");
      same = block.states[value.index].bits == value.bits;
      break;
    case Op::Lookup:
      if (!inRange(value.table.size(), 1, 65536, where + ": table size"))
        return false;
      for (uint64_t entry : value.table)
        if (entry > maskOf(value.bits))
          return fail(where + ": table entry " + str(entry) + " does not fit " +
                      str(value.bits) + " bits");
      break;
    case Op::Eq:
    case Op::Ne:
    case Op::ULt:
    case Op::ULe:
    case Op::SLt:
    case Op::SLe:
      same = bits[0] == bits[1] && value.bits == 1;
      break;
    case Op::Select:
      same = bits[0] == 1 && bits[1] == value.bits && bits[2] == value.bits;
      break;
    case Op::ZExt:
    case Op::SExt:
      same = bits[0] < value.bits;
      break;
    case Op::Trunc:
      same = bits[0] > value.bits;
      break;
    default:
      same = bits[0] == value.bits && bits[1] == value.bits;
      break;
    }
    return same || fail(where + ": the widths of " + opName(value.op) +
                        " do not match");
  }

  bool checkProgram(const Block &block, const Program &program, bool dequeue) {
    std::string where =
        "block " + quote(block.name) + ", program " + quote(program.name);
    if (!inRange(program.values.size(), 0, 4096, where + ": number of values"))
      return false;
    for (size_t i = 0; i < program.values.size(); ++i) {
      ++here.value;
      if (!checkValue(block, program, i, dequeue))
        return false;
    }
    here.value = -1;
    int size = static_cast<int>(program.values.size());
    if (dequeue ? program.rank >= 0 || program.flow >= 0
                : program.rank < 0 || program.rank >= size)
      return fail(where + (dequeue ? ": a dequeue program has no rank or flow"
                                   : ": an enqueue program needs a rank"));
    if (!dequeue && program.values[program.rank].bits != block.rankBits)
      return fail(where + ": rank has " +
                  str(program.values[program.rank].bits) + " bits, expected " +
                  str(block.rankBits));
    if (program.flow >= size)
      return fail(where + ": flow value " + str(program.flow) +
                  " does not exist");
    return checkStateAccess(block, program, where);
  }

  /// A state is read and written at one entry per element: its memory has one
  /// address a cycle.
  bool checkStateAccess(const Block &block, const Program &program,
                        const std::string &where) {
    std::vector<int> entry(block.states.size(), -2);
    std::vector<bool> stored(block.states.size());
    auto touch = [&](unsigned state, int at) {
      if (entry[state] != -2 && entry[state] != at)
        return fail(where + ": state " + quote(block.states[state].name) +
                    " is touched at two entries");
      entry[state] = at;
      uint64_t reach =
          at < 0 ? 1 : maskOf(program.values[at].bits) + uint64_t(1);
      if (reach == 0 || reach > block.states[state].entries)
        return fail(where + ": state " + quote(block.states[state].name) +
                    " has " + str(block.states[state].entries) +
                    " entries, fewer than its entry value reaches");
      return true;
    };
    for (const Value &value : program.values) {
      ++here.value;
      if (value.op == Op::Load && !touch(value.index, value.a))
        return false;
    }
    here.value = -1;
    for (const Store &store : program.stores) {
      ++here.store;
      int size = static_cast<int>(program.values.size());
      if (store.state >= block.states.size() || store.value < 0 ||
          store.value >= size || store.entry >= size)
        return fail(where + ": a store refers to what does not exist");
      if (stored[store.state])
        return fail(where + ": state " + quote(block.states[store.state].name) +
                    " is stored twice");
      stored[store.state] = true;
      if (program.values[store.value].bits != block.states[store.state].bits)
        return fail(where + ": the stored value has " +
                    str(program.values[store.value].bits) + " bits, state " +
                    quote(block.states[store.state].name) + " has " +
                    str(block.states[store.state].bits));
      if (!touch(store.state, store.entry))
        return false;
    }
    here.store = -1;
    return true;
  }

  bool checkBlocks() {
    for (const Block &block : config.blocks) {
      ++here.block;
      if (!checkBlock(block))
        return false;
    }
    here.block = -1;
    return true;
  }

  bool checkBlock(const Block &block) {
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

  bool checkPifos(const Block &block) {
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
                      " and on (" + str(hop.numFlows) +
                      "), but the block has " + str(block.flows) + " flows");
        for (unsigned f = hop.firstFlow; f < hop.firstFlow + hop.numFlows;
             ++f) {
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

  bool checkHop(const Block &block, const NextHop &hop, const std::string &at) {
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

  bool checkWriters(const Block &block, const std::vector<int> &use) {
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

  bool checkRoutes(const Block &block, const std::vector<int> &owner) {
    std::string where = "block " + quote(block.name);
    std::set<unsigned> leaves;
    for (const Route &route : block.routes) {
      ++here.route;
      std::string at = where + ", route of leaf " + str(route.leaf);
      if (route.leaf >= config.leaves.size() ||
          route.pifo >= block.pifos.size())
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

  /// Every leaf has one route per depth from its own to the root.
  bool checkLeaves() {
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
          return fail("leaf " + quote(config.leaves[leaf].name) +
                      ": at depth " + str(depth) +
                      " the walk is suspended without a shaping block, or the "
                      "other way round");
    }
    here.leaf = -1;
    return true;
  }

  /// One block is popped by one block, one logical PIFO by one.
  bool checkDequeues() {
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
          if (source[hop.block] >= 0 &&
              source[hop.block] != static_cast<int>(b))
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

  bool routeAt(unsigned leaf, unsigned depth) {
    for (const Block &block : config.blocks)
      if (!block.shaping && block.depth == depth)
        for (const Route &route : block.routes)
          if (route.leaf == leaf)
            return true;
    return false;
  }
};
} // namespace

std::string validate(const Config &config, Place *place) {
  return Validator(config).run(place);
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

unsigned Config::capacity() const {
  unsigned result = ~0u;
  for (const Block &block : blocks)
    result = std::min(result, block.elements);
  return result;
}

} // namespace nm::mesh
