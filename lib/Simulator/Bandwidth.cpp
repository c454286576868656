//===- Bandwidth.cpp - Shares of DRAM and scratchpad -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each memory has a level: the most bytes a cycle that one flow gets of it. A
// flow runs at the least of its engine's rate and of what the two levels allow.
// A level is as high as the memory can give: with one memory this is filling
// with water; with two, each level depends on the other, since who waits at one
// memory leaves more of the other.
//
// The levels are unique. Say P flows wait for the scratchpad, D for DRAM, and a
// flow that waits for the scratchpad draws a bytes from DRAM for each there,
// one that waits for DRAM b bytes from the scratchpad. The former have a below
// the ratio r of the levels, the latter b at most 1 / r, so that
// sum(a) sum(b) < P r D / r = P D: the two equations have a positive
// determinant for any such sets, and the use of the scratchpad grows strictly
// with its level, also where the level of DRAM follows it.
//
//===----------------------------------------------------------------------===//

#include "nm/Simulator/Bandwidth.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace nm::sim {

namespace {

constexpr double kFree = std::numeric_limits<double>::infinity();
/// A share that rounding misses by a bit is still whole.
constexpr double kSlack = 1 + 1e-12;

/// What bounds a flow under these levels; the engine where the levels give as
/// much, DRAM where both memories do.
struct Levels {
  double dram = kFree, scratchpad = kFree;

  double engineRate(const Flow &flow) const {
    return flow.cycles > 0 ? 1 / flow.cycles : kFree;
  }
  double dramRate(const Flow &flow) const {
    return flow.dram > 0 ? dram / flow.dram : kFree;
  }
  double scratchpadRate(const Flow &flow) const {
    return flow.scratchpad > 0 ? scratchpad / flow.scratchpad : kFree;
  }
  double rate(const Flow &flow) const {
    return std::min({engineRate(flow), dramRate(flow), scratchpadRate(flow)});
  }
  Bound bound(const Flow &flow) const {
    double memories = std::min(dramRate(flow), scratchpadRate(flow));
    if (engineRate(flow) <= memories * kSlack)
      return Bound::Engine;
    return dramRate(flow) <= scratchpadRate(flow) ? Bound::Dram
                                                  : Bound::Scratchpad;
  }
};

using Flows = std::vector<Flow *>;

/// Bytes a cycle of one memory.
double used(const Flows &flows, double Flow::*bytes, const Levels &levels) {
  double sum = 0;
  for (const Flow *flow : flows)
    if (flow->*bytes > 0)
      sum += levels.rate(*flow) * (flow->*bytes);
  return sum;
}

/// The highest level of one memory that `capacity` allows beside the level of
/// the other; free if nobody waits for it.
double fill(const Flows &flows, double Flow::*bytes, double Levels::*level,
            Levels levels, double capacity) {
  levels.*level = kFree;
  // From below: who needs less than the level leaves the rest to the others.
  double height = 0;
  while (true) {
    double left = capacity;
    int above = 0;
    for (const Flow *flow : flows)
      if (flow->*bytes > 0) {
        double demand = levels.rate(*flow) * (flow->*bytes);
        if (demand <= height * kSlack)
          left -= demand;
        else
          ++above;
      }
    if (!above)
      return kFree;
    double next = left / above;
    if (next <= height)
      return height;
    height = next;
  }
}

/// By how much the use of the scratchpad grows with its level, while the level
/// of DRAM follows and everyone waits where it does.
double slope(const Flows &flows, const Levels &levels) {
  double atPad = 0, atDram = 0, dramOfPad = 0, padOfDram = 0;
  for (const Flow *flow : flows) {
    Bound bound = levels.bound(*flow);
    if (bound == Bound::Scratchpad) {
      ++atPad;
      dramOfPad += flow->dram / flow->scratchpad;
    } else if (bound == Bound::Dram) {
      ++atDram;
      padOfDram += flow->scratchpad / flow->dram;
    }
  }
  return atDram > 0 ? atPad - dramOfPad * padOfDram / atDram : atPad;
}

/// Both memories are used up: Newton's steps on a function that grows piece by
/// linear piece, held between bounds.
Levels fillBoth(const Flows &flows, double dram, double scratchpad,
                double least, double most) {
  Levels levels;
  levels.scratchpad = least;
  // Two or three steps are usual; halving alone would end by then.
  for (int step = 0; step != 200; ++step) {
    levels.dram = fill(flows, &Flow::dram, &Levels::dram, levels, dram);
    double missing = scratchpad - used(flows, &Flow::scratchpad, levels);
    if (std::abs(missing) <= scratchpad * 1e-13)
      break;
    (missing > 0 ? least : most) = levels.scratchpad;
    double next = levels.scratchpad + missing / slope(flows, levels);
    if (!(next > least && next < most))
      next = least + (most - least) / 2;
    if (next == least || next == most)
      break;
    levels.scratchpad = next;
  }
  return levels;
}

Levels findLevels(const Flows &flows, double dram, double scratchpad) {
  Levels free, atDram, atPad;
  atDram.dram = fill(flows, &Flow::dram, &Levels::dram, free, dram);
  if (used(flows, &Flow::scratchpad, atDram) <= scratchpad * kSlack)
    return atDram;
  atPad.scratchpad =
      fill(flows, &Flow::scratchpad, &Levels::scratchpad, free, scratchpad);
  if (used(flows, &Flow::dram, atPad) <= dram * kSlack)
    return atPad;
  // Who waits for DRAM leaves some of the scratchpad to the others, and with a
  // level of what one flow draws without any it would be overdrawn.
  double most = 0;
  for (const Flow *flow : flows)
    if (flow->scratchpad > 0)
      most = std::max(
          most, std::min(scratchpad, atDram.rate(*flow) * flow->scratchpad));
  return fillBoth(flows, dram, scratchpad, atPad.scratchpad, most);
}

} // namespace

void shareBandwidth(const std::vector<Flow *> &flows, double dram,
                    double scratchpad) {
  Levels levels = findLevels(flows, dram, scratchpad);
  for (Flow *flow : flows) {
    flow->bound = levels.bound(*flow);
    flow->rate =
        flow->bound == Bound::Engine ? 1 / flow->cycles : levels.rate(*flow);
  }
}

namespace {

/// The most of the PEs that one flow gets.
double levelOfArray(const Flows &sharers) {
  double left = 1, height = 0;
  while (true) {
    left = 1;
    int above = 0;
    for (const Flow *flow : sharers) {
      double demand = flow->rate * flow->array;
      if (demand <= height * kSlack)
        left -= demand;
      else
        ++above;
    }
    if (!above || left / above <= height)
      return above ? height : kFree;
    height = left / above;
  }
}

} // namespace

void shareMachine(const std::vector<Flow *> &flows, double dram,
                  double scratchpad) {
  Flows sharers;
  for (Flow *flow : flows) {
    flow->cycles = flow->alone;
    if (flow->array > 0)
      sharers.push_back(flow);
  }
  shareBandwidth(flows, dram, scratchpad);
  if (sharers.size() < 2)
    return;
  auto use = [&] {
    double used = 0;
    for (const Flow *flow : sharers)
      used += flow->rate * flow->array;
    return used;
  };
  if (use() <= kSlack)
    return;
  // The highest level that does not ask for more PEs than there are. Where no
  // memory is in the way the first one is right; else a flow that is held back
  // leaves memory to another, which then wants more PEs.
  auto apply = [&](double level) {
    for (Flow *flow : sharers)
      flow->cycles = std::max(flow->alone, flow->array / level);
    shareBandwidth(flows, dram, scratchpad);
    return use();
  };
  double least = 1 / static_cast<double>(sharers.size()), most = 1;
  double level = std::clamp(levelOfArray(sharers), least, most);
  for (int step = 0; step != 40; ++step) {
    double used = apply(level);
    if (used <= kSlack)
      least = level;
    else
      most = level;
    if ((used <= kSlack && used >= 1 - 1e-9) || most - least <= 1e-12)
      break;
    level = least + (most - least) / 2;
  }
  if (level != least)
    apply(least);
  for (Flow *flow : sharers)
    if (flow->bound == Bound::Engine && flow->cycles > flow->alone * kSlack)
      flow->bound = Bound::Array;
}

} // namespace nm::sim
