//===- Schedule.h - What a recipe does in each step -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Steps are counted from 1. What the forward pass of step t sees of a tensor is
// its view at t; the step that was computed from it is the update at t. All of
// it follows from the recipe and t, and on STEP from the step that switched.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_SCHEDULE_H
#define NM_LIB_RUNTIME_RECIPES_SCHEDULE_H

#include "nm/Runtime/Recipe.h"
#include "nm/Runtime/Recipes/Kernels.h"
#include <optional>
#include <vector>

namespace nm::rt {

enum class Phase : uint8_t { Dense, Sparse, FineTune };

/// "dense", "sparse", "fine-tune".
const char *phaseName(Phase phase);

/// What the forward pass sees of a tensor.
struct MaskView {
  /// None: the weights themselves.
  nm_mask_form mask = NM_MASK_NONE;
  /// Of the selection: the pattern of this step.
  int32_t n = 1, m = 1;
  /// Factor of dropped weights.
  double decay = 0;
  bool soft = false;
  /// Dropped weights become zero for good.
  bool prune = false;

  friend bool operator==(const MaskView &a, const MaskView &b) {
    return a.mask == b.mask && a.n == b.n && a.m == b.m && a.decay == b.decay &&
           a.soft == b.soft && a.prune == b.prune;
  }
  friend bool operator!=(const MaskView &a, const MaskView &b) {
    return !(a == b);
  }
};

/// How a step treats the gradient of a tensor with a pattern.
struct GradientRule {
  nm_update_form update = NM_UPDATE_ADAM;
  /// What is left of the gradient of dropped weights; 1 is all.
  double dropped = 1;
  double lambda = 0;
};

/// What AutoSwitch saw and did in a step.
struct SwitchReport {
  /// Whether it looked: steps of its dense phase.
  bool active = false;
  double statistic = 0;
  double mean = 0;
  int64_t samples = 0, window = 0;
  double threshold = 0;
  bool switched = false;
  const char *reason = "";
};

class Schedule {
public:
  explicit Schedule(const Recipe &recipe) : recipe(recipe) {}

  Phase phaseAt(int64_t step) const;
  /// Of a tensor whose pattern is n:m in the end; 0:0 is dense. A `fresh` one
  /// has no mask yet.
  MaskView viewAt(int64_t step, int64_t n, int64_t m, bool fresh = false) const;
  /// Whether the mask of this step is for good that of the step before.
  bool keepsMask(int64_t step) const;
  GradientRule gradientAt(int64_t step, bool masked) const;

  /// The longest group that viewAt ever gives.
  int64_t longestGroup(int64_t m) const;

  /// Whether step `step` needs the statistics of the second moment.
  bool observes(int64_t step) const;
  /// `stats` are summed over `count` elements.
  SwitchReport observe(int64_t step, const nm_kernel_stats &stats,
                       int64_t count);

  /// The last dense step of STEP, if it is past.
  std::optional<int64_t> switchedAt;
  /// Samples of AutoSwitch, the oldest first; at most a window of them.
  std::vector<double> samples;

private:
  const Recipe &recipe;
  double decayAt(int64_t step) const;
  /// The last step without masks.
  int64_t lastDense() const;
  std::pair<int64_t, int64_t> structureAt(int64_t step, int64_t n,
                                          int64_t m) const;
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_RECIPES_SCHEDULE_H
