//===- Schedule.cpp - What a recipe does in each step -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Schedule.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

const char *phaseName(Phase phase) {
  switch (phase) {
  case Phase::Dense:
    return "dense";
  case Phase::Sparse:
    return "sparse";
  case Phase::FineTune:
    return "fine-tune";
  }
  return "";
}

Phase Schedule::phaseAt(int64_t step) const {
  if (recipe.method == Method::Dense)
    return Phase::Dense;
  if (recipe.method == Method::Step) {
    if (switchedAt)
      return step > *switchedAt ? Phase::Sparse : Phase::Dense;
    const std::optional<int64_t> &at = recipe.autoSwitch.at;
    return at && step > *at ? Phase::Sparse : Phase::Dense;
  }
  if (step <= recipe.denseSteps)
    return Phase::Dense;
  if (recipe.fineTuneSteps && step > recipe.steps - recipe.fineTuneSteps)
    return Phase::FineTune;
  return Phase::Sparse;
}

/// The factor of dropped weights, 2209.07617 section 3: from 1 at the end of
/// the dense phase.
double Schedule::decayAt(int64_t step) const {
  if (recipe.method != Method::MaskDecay || phaseAt(step) != Phase::Sparse)
    return 0;
  double elapsed = static_cast<double>(step - recipe.denseSteps);
  if (recipe.decay == DecayShape::Linear)
    return std::max(0.0, 1 - recipe.decayRate * elapsed);
  return std::exp(-recipe.decayRate * elapsed);
}

/// The patterns of the stepwise decay: M-1, M/2, M/4, ... of M, then N.
static std::vector<int64_t> stepwisePatterns(int64_t n, int64_t m) {
  std::vector<int64_t> list;
  for (int64_t next = m - 1, half = m / 2; next > n; next = half, half /= 2)
    if (list.empty() || next < list.back())
      list.push_back(next);
  list.push_back(n);
  return list;
}

std::pair<int64_t, int64_t> Schedule::structureAt(int64_t step, int64_t n,
                                                  int64_t m) const {
  if (recipe.method != Method::StructureDecay || phaseAt(step) != Phase::Sparse)
    return {n, m};
  // Frames of equal length; frame i holds the steps of which this is i.
  int64_t span = recipe.steps - recipe.denseSteps - recipe.fineTuneSteps;
  int64_t elapsed = step - 1 - recipe.denseSteps;
  auto frameOf = [&](int64_t frames) {
    return std::min(frames - 1, elapsed * frames / span);
  };
  if (recipe.structure == StructureShape::Geometric) {
    int64_t rest = recipe.frames - 1 - frameOf(recipe.frames);
    return {n << rest, m << rest};
  }
  std::vector<int64_t> list = stepwisePatterns(n, m);
  return {list[size_t(frameOf(int64_t(list.size())))], m};
}

int64_t Schedule::longestGroup(int64_t m) const {
  bool grows = recipe.method == Method::StructureDecay &&
               recipe.structure == StructureShape::Geometric;
  return grows ? m << (recipe.frames - 1) : m;
}

int64_t Schedule::lastDense() const {
  if (recipe.method != Method::Step)
    return recipe.denseSteps;
  return switchedAt.value_or(recipe.autoSwitch.at.value_or(0));
}

bool Schedule::keepsMask(int64_t step) const {
  return (recipe.method == Method::Asp && step > recipe.denseSteps + 1) ||
         (recipe.freezeMask && phaseAt(step) == Phase::FineTune &&
          step > recipe.steps - recipe.fineTuneSteps + 1);
}

MaskView Schedule::viewAt(int64_t step, int64_t n, int64_t m,
                          bool fresh) const {
  MaskView view;
  Phase phase = phaseAt(step);
  if (m == 0 || phase == Phase::Dense)
    return view;
  auto [rows, group] = structureAt(step, n, m);
  view.mask = NM_MASK_SELECT;
  view.n = static_cast<int32_t>(rows);
  view.m = static_cast<int32_t>(group);
  view.decay = decayAt(step);
  view.soft = recipe.method == Method::SSte;
  view.prune = recipe.method == Method::Asp;
  bool between = (step - 1 - lastDense()) % recipe.maskEvery != 0;
  if (!fresh && (keepsMask(step) || between))
    view.mask = NM_MASK_FIXED;
  return view;
}

GradientRule Schedule::gradientAt(int64_t step, bool masked) const {
  GradientRule rule;
  const OptimizerSpec &optimizer = recipe.optimizer;
  if (optimizer.kind == OptimizerKind::Sgd)
    rule.update = optimizer.momentum != 0 ? NM_UPDATE_MOMENTUM : NM_UPDATE_SGD;
  Phase phase = phaseAt(step);
  if (phase == Phase::Dense)
    return rule;
  // The frozen moment is that of the whole model.
  if (recipe.method == Method::Step)
    rule.update = recipe.denominator == Denominator::Paper
                      ? NM_UPDATE_STEP_PAPER
                      : NM_UPDATE_STEP_PUBLIC;
  if (!masked)
    return rule;
  if (recipe.method == Method::Asp || recipe.gradient == GradientFlow::Masked)
    rule.dropped = 0;
  else if (recipe.gradient == GradientFlow::Decayed)
    rule.dropped = decayAt(step);
  rule.lambda = recipe.lambda;
  return rule;
}

bool Schedule::observes(int64_t step) const {
  return recipe.method == Method::Step && !recipe.autoSwitch.at &&
         phaseAt(step) == Phase::Dense;
}

static double statisticOf(int option, const nm_kernel_stats &stats,
                          int64_t count) {
  if (option == 1)
    return count ? stats.sum / static_cast<double>(count) : 0;
  // A difference of zero has no logarithm: what did not move is left out.
  int64_t moved = count - stats.zeros;
  if (moved == 0)
    return 0;
  double sum = std::log(stats.mantissa) +
               static_cast<double>(stats.exponent) * std::log(2.0);
  return std::exp(sum / static_cast<double>(moved));
}

SwitchReport Schedule::observe(int64_t step, const nm_kernel_stats &stats,
                               int64_t count) {
  const SwitchSpec &spec = recipe.autoSwitch;
  SwitchReport report;
  report.active = true;
  report.statistic = statisticOf(spec.option, stats, count);
  report.window = recipe.switchWindow();
  report.threshold = recipe.switchThreshold();
  if (int64_t(samples.size()) == report.window)
    samples.erase(samples.begin());
  samples.push_back(report.statistic);
  report.samples = static_cast<int64_t>(samples.size());
  for (double sample : samples)
    report.mean += sample;
  report.mean /= static_cast<double>(report.samples);

  double steps = static_cast<double>(recipe.steps);
  double now = static_cast<double>(step);
  bool full = report.samples == report.window || spec.partialWindow;
  bool low = report.mean < report.threshold;
  if (spec.clip && now > spec.clip->second * steps) {
    report.switched = true;
    report.reason = "the latest step is past";
  } else if (!full) {
    report.reason = "the window is not full";
  } else if (!low) {
    report.reason = "the mean is not below the threshold";
  } else if (spec.clip && now <= spec.clip->first * steps) {
    report.reason = "the earliest step is not past";
  } else {
    report.switched = true;
    report.reason = "the mean is below the threshold";
  }
  if (report.switched)
    switchedAt = step;
  return report;
}

} // namespace nm::rt
