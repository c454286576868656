//===- Search.h - The best dataflows of an attention layer -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_SEARCH_H
#define NM_MODEL_SEARCH_H

#include "nm/Model/Attention.h"
#include <optional>
#include <string_view>

namespace nm::model {

/// Which model prices a candidate. A host has one model, whatever is asked.
enum class Mode {
  Faithful, ///< the paper's (Faithful.h)
  Extended  ///< what a compiler needs (Extended.h)
};

/// Which part of the space is looked at.
enum class Scope {
  Naive,   ///< one point: weight stationary, fixed tiles, nothing staged
  Unfused, ///< all of it but the logits off chip: the paper's FLEX
  All      ///< all of it: the paper's FLAT
};

/// What is least in the best mapping.
enum class Objective {
  Cycles,
  Energy,
  EnergyDelay, ///< the product of the two
  Capacity     ///< live bytes on chip: the smallest machine that will do
};
/// "time", "energy", "edp" or "capacity".
const char *toString(Objective objective);
/// None of these words: nothing.
std::optional<Objective> parseObjective(std::string_view word);
/// What an objective makes of a cost.
double measureOf(Objective objective, const Cost &cost);

struct SearchOptions {
  Mode mode = Mode::Extended;
  Scope scope = Scope::All;
  Objective objective = Objective::Cycles;
  /// Among candidates whose objective is within so many percent of the best
  /// one's, 0 to 100, the one best in `then` comes first. 0: only among equals.
  int64_t withinPercent = 0;
  /// Energy if the objective is cycles, else cycles, unless it is given.
  std::optional<Objective> then;

  Objective second() const {
    return then                             ? *then
           : objective == Objective::Cycles ? Objective::Energy
                                            : Objective::Cycles;
  }
  /// Faithful mode: charge three softmax passes to the special-function unit.
  bool modelSoftmax = false;
  /// Faithful mode: only what the published mappings were searched over, heads
  /// and blocks of one, two or four array sides of rows.
  bool publishedSpace = false;
  /// Candidates to return, best first.
  size_t keep = 20;
  /// Rejections to describe; all are counted.
  size_t keepRejected = 20;
  /// Also find SearchResult::front.
  bool wantsFront = false;
  /// Price every point instead of pruning; for tests.
  bool exhaustive = false;
  /// Only key tiles of the online softmax, or only whole rows; extended mode
  /// and hosts.
  bool allowKeyTiles = true;
  bool allowWholeRows = true;
  /// Hosts: threads that share the work; 0: the cores of the description.
  int64_t threads = 0;
};

struct Candidate {
  Dataflow dataflow;
  Cost cost;
};

struct Rejection {
  Dataflow dataflow;
  std::string reason; ///< lower case, no final period
};

struct SearchResult {
  std::vector<Candidate> ranked; ///< best first; ties in order of the space
  std::vector<Rejection> rejected;
  /// The mappings that no other beats in all of time, energy and live bytes, in
  /// order of time; of equal ones the first. Empty unless it was asked for.
  std::vector<Candidate> front;
  int64_t points = 0;     ///< of the space
  int64_t priced = 0;     ///< points whose cost was computed
  int64_t pruned = 0;     ///< points below whose bound lay a better set
  int64_t infeasible = 0; ///< points that do not fit the machine
};

/// Searches the space of `shape` on `device`. Pruning skips only points whose
/// lower bound is worse than the last candidate kept: the ranking equals that
/// of the exhaustive search. Fails if the shape is out of range, the mode does
/// not apply to the device, or nothing fits.
Result<SearchResult> searchDataflows(const Device &device,
                                     const AttentionShape &shape,
                                     const SearchOptions &options = {});

} // namespace nm::model

#endif // NM_MODEL_SEARCH_H
