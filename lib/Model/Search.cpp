//===- Search.cpp - The best dataflows of an attention layer ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Search.h"
#include "Ranking.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Result.h"

namespace nm::model {

const char *toString(Objective objective) {
  switch (objective) {
  case Objective::Cycles:
    return "time";
  case Objective::Energy:
    return "energy";
  case Objective::EnergyDelay:
    return "edp";
  case Objective::Capacity:
    break;
  }
  return "capacity";
}

std::optional<Objective> parseObjective(std::string_view word) {
  for (Objective objective : {Objective::Cycles, Objective::Energy,
                              Objective::EnergyDelay, Objective::Capacity})
    if (word == toString(objective))
      return objective;
  return std::nullopt;
}

double measureOf(Objective objective, const Cost &cost) {
  return objectiveOf(objective, cost.cycles, cost.energyPj,
                     cost.footprintBytes);
}

Result<SearchResult> searchDataflows(const Device &device,
                                     const AttentionShape &shape,
                                     const SearchOptions &options) {
  return support::guarded([&]() -> Result<SearchResult> {
    if (Status status = shape.check(); !status)
      return status.error();
    if (!options.allowKeyTiles && !options.allowWholeRows)
      return support::makeError(
          Errc::Argument, "found neither key tiles nor whole rows allowed, "
                          "expected at least one");
    if (options.withinPercent < 0 || options.withinPercent > 100)
      return support::makeError(Errc::Argument, "found a margin of ",
                                options.withinPercent,
                                " percent, expected 0 to 100");
    Result<SearchResult> result = device.kind == DeviceKind::Host
                                      ? searchHost(device, shape, options)
                                  : options.mode == Mode::Faithful
                                      ? searchFaithful(device, shape, options)
                                      : searchExtended(device, shape, options);
    if (result && result->ranked.empty())
      return support::makeError(
          Errc::Unsupported, "found no dataflow that fits ", device.name,
          result->rejected.empty() ? std::string()
                                   : ": " + result->rejected.front().reason,
          ", expected a larger scratchpad or a narrower head");
    return result;
  });
}

} // namespace nm::model
