//===- Bandwidth.cpp - Shares of DRAM and scratchpad -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Simulator/Bandwidth.h"
#include <algorithm>

namespace nm::sim {

void shareBandwidth(const std::vector<Flow *> &flows, double dram,
                    double scratchpad) {
  // A share that rounding misses by a bit is still whole.
  constexpr double slack = 1 + 1e-12;
  size_t open = flows.size();
  for (Flow *flow : flows)
    flow->rate = 0;
  auto settle = [&](Flow &flow, double rate, Bound bound) {
    flow.rate = rate;
    flow.bound = bound;
    dram = std::max(dram - rate * flow.dram, 0.0);
    scratchpad = std::max(scratchpad - rate * flow.scratchpad, 0.0);
    --open;
  };
  while (open) {
    int dramUsers = 0, padUsers = 0;
    for (const Flow *flow : flows)
      if (flow->rate == 0) {
        dramUsers += flow->dram > 0;
        padUsers += flow->scratchpad > 0;
      }
    double dramShare = dramUsers ? dram / dramUsers : 0;
    double padShare = padUsers ? scratchpad / padUsers : 0;

    // Whoever needs less than its shares leaves the rest to the others.
    size_t before = open;
    bool allAtDram = true;
    for (Flow *flow : flows) {
      if (flow->rate != 0)
        continue;
      if (flow->cycles > 0 && flow->dram <= dramShare * flow->cycles * slack &&
          flow->scratchpad <= padShare * flow->cycles * slack)
        settle(*flow, 1 / flow->cycles, Bound::Engine);
      else if (flow->dram > 0 &&
               flow->dram * padShare < flow->scratchpad * dramShare)
        allAtDram = false;
    }
    if (open != before)
      continue;
    // The shares of DRAM are final if all who wait for it are held up there;
    // else those of the scratchpad are.
    for (Flow *flow : flows) {
      if (flow->rate != 0)
        continue;
      bool atDram = flow->dram > 0 &&
                    flow->dram * padShare >= flow->scratchpad * dramShare;
      if (atDram && allAtDram)
        settle(*flow, dramShare / flow->dram, Bound::Dram);
      else if (!atDram && !(allAtDram && dramUsers))
        settle(*flow, padShare / flow->scratchpad, Bound::Scratchpad);
    }
  }
}

} // namespace nm::sim
