//===- Ranking.h - The best few of many candidates -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_RANKING_H
#define NM_LIB_MODEL_RANKING_H

#include "nm/Model/Search.h"
#include <algorithm>
#include <limits>
#include <tuple>

namespace nm::model {

/// What an objective makes of time, energy and live bytes; of lower bounds, a
/// lower bound.
inline double objectiveOf(Objective objective, double cycles, double energy,
                          double bytes) {
  switch (objective) {
  case Objective::Cycles:
    return cycles;
  case Objective::Energy:
    return energy;
  case Objective::EnergyDelay:
    return cycles * energy;
  case Objective::Capacity:
    break;
  }
  return bytes;
}

/// What no point of a part of the space falls below.
struct Bounds {
  double cycles = 0, energy = 0, bytes = 0;

  double of(Objective objective) const {
    return objectiveOf(objective, cycles, energy, bytes);
  }
};

/// Keeps the best candidates in a total order: objective, then the measure that
/// decides among equals, then bytes, footprint, time, order of arrival.
class Ranking {
public:
  explicit Ranking(const SearchOptions &options)
      : options(options), keep(std::max<size_t>(options.keep, 1)) {}

  SearchResult result;

  double objective(const Cost &cost) const {
    return measureOf(options.objective, cost);
  }

  /// Whether no point with these lower bounds can be kept. A bound equal to the
  /// last kept value may still win on a later key.
  bool hopeless(const Bounds &bounds) const {
    double bound = bounds.of(options.objective);
    return !options.exhaustive && result.ranked.size() == keep &&
           bound > objective(result.ranked.back().cost) &&
           !(options.withinPercent && bound <= limit()) &&
           !(options.wantsFront && !isBeaten(bounds));
  }

  void prune(int64_t points) { result.pruned += points; }

  void add(const Dataflow &dataflow, const Cost &cost) {
    ++result.priced;
    if (options.withinPercent)
      contend(dataflow, cost);
    if (options.wantsFront)
      addToFront(dataflow, cost);
    auto &ranked = result.ranked;
    if (ranked.size() == keep && !better(cost, ranked.back().cost))
      return;
    // Ties go behind: upper_bound keeps the order of arrival.
    auto at = std::upper_bound(
        ranked.begin(), ranked.end(), cost,
        [&](const Cost &c, const Candidate &k) { return better(c, k.cost); });
    ranked.insert(at, Candidate{dataflow, cost});
    if (ranked.size() > keep)
      ranked.pop_back();
  }

  template <typename Reason>
  void rejectMany(const Dataflow &dataflow, int64_t points, Reason reason) {
    result.infeasible += points;
    if (result.rejected.size() < options.keepRejected)
      result.rejected.push_back(Rejection{dataflow, reason()});
  }
  template <typename Reason>
  void reject(const Dataflow &dataflow, Reason reason) {
    rejectMany(dataflow, 1, reason);
  }

  /// The result; call once, at the end. With a margin, the contender best in
  /// the second measure comes first.
  SearchResult take() {
    auto winner = std::min_element(contenders.begin(), contenders.end(),
                                   [&](const Candidate &a, const Candidate &b) {
                                     return other(a.cost) < other(b.cost);
                                   });
    if (winner != contenders.end()) {
      auto &ranked = result.ranked;
      std::string name = toString(winner->dataflow);
      auto at =
          std::find_if(ranked.begin(), ranked.end(), [&](const Candidate &k) {
            return toString(k.dataflow) == name;
          });
      // Beyond the kept ones it takes the place of the last.
      if (at == ranked.end())
        *--at = *winner;
      std::rotate(ranked.begin(), at, at + 1);
    }
    // No two of a front are equal in all three.
    std::sort(result.front.begin(), result.front.end(),
              [](const Candidate &a, const Candidate &b) {
                return std::tie(a.cost.cycles, a.cost.energyPj,
                                a.cost.footprintBytes) <
                       std::tie(b.cost.cycles, b.cost.energyPj,
                                b.cost.footprintBytes);
              });
    return std::move(result);
  }

private:
  const SearchOptions &options;
  size_t keep;
  /// With a margin: candidates within the limit that no other beats in both
  /// measures.
  std::vector<Candidate> contenders;
  double best = std::numeric_limits<double>::infinity();

  double limit() const {
    return best * (1 + static_cast<double>(options.withinPercent) / 100);
  }

  /// The measure that decides among equals.
  double other(const Cost &cost) const {
    return measureOf(options.second(), cost);
  }

  /// Whether a mapping of the front is as good in all measures.
  bool isBeaten(const Bounds &point) const {
    return std::any_of(result.front.begin(), result.front.end(),
                       [&](const Candidate &c) {
                         return c.cost.cycles <= point.cycles &&
                                c.cost.energyPj <= point.energy &&
                                c.cost.footprintBytes <= point.bytes;
                       });
  }

  void addToFront(const Dataflow &dataflow, const Cost &cost) {
    if (isBeaten({cost.cycles, cost.energyPj, cost.footprintBytes}))
      return;
    auto &front = result.front;
    front.erase(std::remove_if(front.begin(), front.end(),
                               [&](const Candidate &c) {
                                 return cost.cycles <= c.cost.cycles &&
                                        cost.energyPj <= c.cost.energyPj &&
                                        cost.footprintBytes <=
                                            c.cost.footprintBytes;
                               }),
                front.end());
    front.push_back(Candidate{dataflow, cost});
  }

  void contend(const Dataflow &dataflow, const Cost &cost) {
    auto noWorse = [&](const Cost &a, const Cost &b) {
      return objective(a) <= objective(b) && other(a) <= other(b);
    };
    best = std::min(best, objective(cost));
    if (objective(cost) > limit())
      return;
    for (const Candidate &c : contenders)
      if (noWorse(c.cost, cost))
        return;
    contenders.erase(std::remove_if(contenders.begin(), contenders.end(),
                                    [&](const Candidate &c) {
                                      return noWorse(cost, c.cost) ||
                                             objective(c.cost) > limit();
                                    }),
                     contenders.end());
    contenders.push_back(Candidate{dataflow, cost});
  }

  bool better(const Cost &a, const Cost &b) const {
    double keysA[] = {objective(a), other(a), a.dramBytes, a.footprintBytes,
                      a.cycles};
    double keysB[] = {objective(b), other(b), b.dramBytes, b.footprintBytes,
                      b.cycles};
    return std::lexicographical_compare(keysA, keysA + 5, keysB, keysB + 5);
  }
};

/// Powers of two and divisors of `length` from `least` on, ascending, at most
/// `length`, which is among them.
std::vector<int64_t> blockSizes(int64_t length, int64_t least);

Result<SearchResult> searchFaithful(const Device &device,
                                    const AttentionShape &shape,
                                    const SearchOptions &options);
Result<SearchResult> searchExtended(const Device &device,
                                    const AttentionShape &shape,
                                    const SearchOptions &options);
Result<SearchResult> searchHost(const Device &device,
                                const AttentionShape &shape,
                                const SearchOptions &options);

} // namespace nm::model

#endif // NM_LIB_MODEL_RANKING_H
