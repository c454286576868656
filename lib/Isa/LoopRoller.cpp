//===- LoopRoller.cpp - Loops found in straight-line emission -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/LoopRoller.h"
#include <algorithm>

namespace nm::isa {

Instruction &LoopRoller::add(Opcode opcode, std::vector<Tile> operands,
                             Tokens tokens) {
  if (isTooLong())
    return spare;
  ++live;
  ++added;
  std::vector<Node> &nodes = current();
  nodes.emplace_back();
  Instruction &instruction = nodes.back().instruction;
  instruction.opcode = opcode;
  instruction.operands = std::move(operands);
  for (SemaphoreId id : tokens.waits)
    instruction.waits.push_back(id.index);
  for (SemaphoreId id : tokens.signals)
    instruction.signals.push_back(id.index);
  return instruction;
}

std::vector<int64_t> LoopRoller::placesOf(const Instruction &instruction) {
  std::vector<int64_t> places;
  for (const Tile &tile : instruction.operands)
    places.insert(places.end(), tile.offsets.begin(), tile.offsets.end());
  places.push_back(instruction.row.base);
  places.push_back(instruction.column.base);
  return places;
}

/// Whether two instructions or loops differ in places and slots alone.
bool LoopRoller::isSameKind(const Node &a, const Node &b) {
  if (a.trips != b.trips || a.steps != b.steps)
    return false;
  if (a.trips)
    return isSameKind(a.body, b.body);
  const Instruction &x = a.instruction, &y = b.instruction;
  if (x.opcode != y.opcode || x.channel != y.channel ||
      x.syncEngine != y.syncEngine || x.waits != y.waits ||
      x.signals != y.signals || x.stationary != y.stationary ||
      x.transposeLhs != y.transposeLhs || x.transposeRhs != y.transposeRhs ||
      x.accumulate != y.accumulate || x.reciprocal != y.reciprocal ||
      x.binary != y.binary || x.unary != y.unary || x.value != y.value ||
      x.group != y.group || x.window != y.window || x.keys != y.keys ||
      x.causal != y.causal || x.operands.size() != y.operands.size())
    return false;
  for (size_t i = 0; i != x.operands.size(); ++i) {
    const Tile &s = x.operands[i], &t = y.operands[i];
    if (s.space != t.space || s.object != t.object || s.sizes != t.sizes ||
        s.dims != t.dims)
      return false;
  }
  return true;
}

bool LoopRoller::isSameKind(const std::vector<Node> &a,
                            const std::vector<Node> &b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](const Node &x, const Node &y) {
                                              return isSameKind(x, y);
                                            });
}

static int64_t slotCount(const Builder &builder, const Tile &tile) {
  return tile.space == Space::Dram ? 1 : builder[BufferId{tile.object}].slots;
}

/// How far b is from a, instruction by instruction.
void LoopRoller::collectSteps(const std::vector<Node> &a,
                              const std::vector<Node> &b,
                              std::vector<Step> &steps) const {
  for (size_t n = 0; n != a.size(); ++n) {
    if (a[n].trips) {
      collectSteps(a[n].body, b[n].body, steps);
      continue;
    }
    const Instruction &x = a[n].instruction, &y = b[n].instruction;
    Step step{placesOf(y), {}};
    std::vector<int64_t> from = placesOf(x);
    for (size_t i = 0; i != from.size(); ++i)
      step.places[i] -= from[i];
    for (size_t i = 0; i != x.operands.size(); ++i) {
      int64_t slots = slotCount(*slotsOf, x.operands[i]);
      step.slots.push_back((y.operands[i].slot - x.operands[i].slot + slots) %
                           slots);
    }
    steps.push_back(std::move(step));
  }
}

/// Whether `other` is `first`, `distance` steps further.
bool LoopRoller::continues(const std::vector<Node> &first,
                           const std::vector<Node> &other, int64_t distance,
                           const std::vector<Step> &steps, size_t &next) const {
  for (size_t n = 0; n != first.size(); ++n) {
    if (first[n].trips) {
      if (!continues(first[n].body, other[n].body, distance, steps, next))
        return false;
      continue;
    }
    const Instruction &x = first[n].instruction, &y = other[n].instruction;
    const Step &step = steps[next++];
    std::vector<int64_t> from = placesOf(x), to = placesOf(y);
    for (size_t i = 0; i != from.size(); ++i)
      if (from[i] + distance * step.places[i] != to[i])
        return false;
    for (size_t i = 0; i != x.operands.size(); ++i) {
      int64_t slots = slotCount(*slotsOf, x.operands[i]);
      if ((x.operands[i].slot + distance * step.slots[i]) % slots !=
          y.operands[i].slot)
        return false;
    }
  }
  return true;
}

void LoopRoller::addSteps(std::vector<Node> &nodes,
                          const std::vector<Step> &steps, size_t &next) {
  for (Node &node : nodes)
    if (node.trips)
      addSteps(node.body, steps, next);
    else
      node.steps.push_back(steps[next++]);
}

int64_t LoopRoller::sizeOf(const std::vector<Node> &nodes) {
  int64_t size = 0;
  for (const Node &node : nodes)
    size += node.trips ? sizeOf(node.body) : 1;
  return size;
}

/// Whether an iteration goes on as the run does; the second one says how.
bool LoopRoller::extend(Run &run, const Iteration &iteration) const {
  const std::vector<Node> &first = run.first.nodes;
  int64_t distance = iteration.index - run.first.index;
  if (!isSameKind(first, iteration.nodes))
    return false;
  if (!run.isLoop) {
    if (distance != 1)
      return false;
    collectSteps(first, iteration.nodes, run.steps);
    run.isLoop = true;
  } else {
    size_t next = 0;
    if (!continues(first, iteration.nodes, distance, run.steps, next))
      return false;
  }
  run.last = iteration.index;
  return true;
}

/// Ends the iteration under way: it joins the last run or begins one.
void LoopRoller::complete() {
  Scope &scope = scopes.back();
  Iteration &iteration = scope.pending;
  if (!scope.runs.empty()) {
    Run &run = scope.runs.back();
    if (extend(run, iteration)) {
      discard();
      return;
    }
    // Iterations were left out behind this one: a loop has to span the gap.
    if (run.last == scope.lastBeforeGap)
      isBroken = true;
  }
  Run run;
  run.last = iteration.index;
  run.first = std::move(iteration);
  scope.runs.push_back(std::move(run));
}

void LoopRoller::close() {
  Scope scope = std::move(scopes.back());
  scopes.pop_back();
  std::vector<Node> &out = current();
  for (Run &run : scope.runs) {
    std::vector<Node> &first = run.first.nodes;
    int64_t trips = run.last - run.first.index + 1;
    if (trips == 1 || first.empty()) {
      std::move(first.begin(), first.end(), std::back_inserter(out));
      continue;
    }
    size_t next = 0;
    addSteps(first, run.steps, next);
    Node loop;
    loop.trips = trips;
    loop.body = std::move(first);
    out.push_back(std::move(loop));
  }
}

void LoopRoller::write(Builder &builder, const std::vector<Node> &nodes,
                       std::vector<int> &depths) const {
  for (const Node &node : nodes) {
    if (node.trips) {
      LoopId loop = builder.beginLoop(node.trips);
      depths.push_back(loop.depth);
      write(builder, node.body, depths);
      depths.pop_back();
      builder.endLoop(loop);
      continue;
    }
    Instruction instruction = node.instruction;
    for (size_t k = 0; k != depths.size(); ++k) {
      uint8_t depth = static_cast<uint8_t>(depths[k]);
      const Step &step = node.steps[depths.size() - 1 - k];
      for (size_t i = 0; i != instruction.operands.size(); ++i) {
        Counter counter;
        counter.depth = depth;
        std::copy_n(step.places.begin() + i * kMaxRank, kMaxRank,
                    counter.steps.begin());
        counter.slotStep = step.slots[i];
        if (counter.slotStep || counter.steps != Counter().steps)
          instruction.operands[i].counters.push_back(counter);
      }
      size_t mask = instruction.operands.size() * kMaxRank;
      if (int64_t move = step.places[mask])
        instruction.row.steps.push_back({depth, move});
      if (int64_t move = step.places[mask + 1])
        instruction.column.steps.push_back({depth, move});
    }
    Instruction &written = builder.special(instruction.opcode, {}, {});
    instruction.source = written.source;
    written = std::move(instruction);
  }
}

bool LoopRoller::finish(Builder &builder) {
  if (isBroken || isTooLong())
    return false;
  std::vector<int> depths;
  write(builder, top, depths);
  return true;
}

} // namespace nm::isa
