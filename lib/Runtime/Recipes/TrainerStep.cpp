//===- TrainerStep.cpp - One step of a trainer -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Memory.h"
#include "../Support.h"
#include "../Threads.h"
#include "GroupMasks.h"
#include "StepRun.h"
#include "Trainer.h"
#include "nm/Runtime/Threads.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

void Totals::add(const Totals &other) {
  nonfinite += other.nonfinite;
  elements += other.elements;
  addStats(stats, other.stats);
}

static bool needsFit(const Recipe &recipe, const Parameter &parameter,
                     const MaskView &view) {
  return view.soft && parameter.softScale == 0 && !recipe.softScale;
}

int64_t Trainer::showView(const std::vector<size_t> &which, bool fresh) {
  std::vector<KernelJob> jobs;
  int64_t changes = 0;
  for (size_t i : which) {
    Parameter &parameter = parameters[i];
    MaskView view = nextView(parameter, fresh);
    if (view.soft && spec.softScale)
      parameter.softScale = *spec.softScale;
    bool fits = needsFit(spec, parameter, view);
    bool selects = view.mask == NM_MASK_SELECT;
    bool countsChanges = selects && parameter.view.mask != NM_MASK_NONE;
    if (selects && !parameter.plain()) {
      int64_t changed = chooseMask(parameter, view.n, view.m);
      changes += countsChanges ? changed : 0;
      countsChanges = false;
    }
    parameter.view = view;
    if (fits)
      fitScale(parameter);
    jobs.push_back(viewJob(parameter, view));
    jobs.back().countChanges = countsChanges;
  }
  return changes + runJobs(jobs).maskChanges;
}

/// The scale of S-STE: least squares of scale * S(w) against w.
void Trainer::fitScale(Parameter &parameter) {
  parameter.softScale = 1;
  KernelJob job = viewJob(parameter, parameter.view);
  job.form.effective = NM_EFFECTIVE_NONE; // the mask only
  runJobs({job});
  int64_t m = parameter.view.m, stride = parameter.stride;
  int64_t range = rangeOf(job.form), ranges = ceilDiv(parameter.count, range);
  std::vector<double> with(size_t(ranges), 0), of(size_t(ranges), 0);
  const float *w = parameter.weights();
  const uint8_t *mask = parameter.mask.get();
  int threads = threadsFor(ranges, parameter.count * 4);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t r = 0; r < ranges; ++r) {
    int64_t end = std::min(parameter.count, (r + 1) * range);
    for (int64_t block = r * range; block < end; block += m * stride)
      for (int64_t column = 0; column < stride; ++column) {
        double threshold = 0;
        for (int64_t j = 0; j < m; ++j) {
          int64_t at = block + j * stride + column;
          if (!(mask[at >> 3] >> (at & 7) & 1))
            threshold = std::max(threshold, std::fabs(double(w[at])));
        }
        for (int64_t j = 0; j < m; ++j) {
          int64_t at = block + j * stride + column;
          if (!(mask[at >> 3] >> (at & 7) & 1))
            continue;
          double size = std::fabs(double(w[at])), soft = size - threshold;
          with[size_t(r)] += size * soft;
          of[size_t(r)] += soft * soft;
        }
      }
  }
  double numerator = 0, denominator = 0;
  for (int64_t r = 0; r < ranges; ++r) {
    numerator += with[size_t(r)];
    denominator += of[size_t(r)];
  }
  // All magnitudes of every group equal: nothing is above its threshold.
  bool fits = denominator > 0 && std::isfinite(numerator / denominator);
  parameter.softScale = fits ? numerator / denominator : 1;
}

namespace {
/// The update of one parameter in one step, as part of its job.
class UpdateJob {
public:
  UpdateJob(const Recipe &recipe, const Rates &rates, const GradientRule &rule)
      : recipe(recipe), rates(rates), rule(rule) {}

  void addTo(KernelJob &job, Parameter &parameter,
             const Gradient &gradient) const {
    nm_kernel_form &form = job.form;
    nm_kernel_call &call = job.call;
    form.update = rule.update;
    call.gradient = gradient.data;
    if (gradient.dtype == DType::BF16)
      form.flags |= NM_FORM_GRADIENT_BF16;
    if (recipe.optimizer.maximize)
      call.gradient_sign = -1;
    if (parameter.view.mask != NM_MASK_NONE)
      addMaskTerms(form, call, parameter);
    double step = static_cast<double>(parameter.steps + 1);
    if (recipe.optimizer.kind == OptimizerKind::Sgd)
      addMomentum(form, call, parameter);
    else
      addAdam(form, call, parameter, step);
    addWeightDecay(form, call);
  }

private:
  const Recipe &recipe;
  const Rates &rates;
  const GradientRule &rule;

  void addMaskTerms(nm_kernel_form &form, nm_kernel_call &call,
                    const Parameter &parameter) const {
    call.mask = parameter.mask.get();
    if (rule.dropped != 1) {
      form.flags |= NM_FORM_DROPPED;
      call.dropped_gradient = static_cast<float>(rule.dropped);
    }
    if (rule.lambda != 0) {
      form.flags |= NM_FORM_LAMBDA;
      call.lambda = static_cast<float>(rule.lambda);
    }
  }

  void addAdam(nm_kernel_form &form, nm_kernel_call &call,
               const Parameter &parameter, double step) const {
    call.m = parameter.first.get();
    call.v = parameter.second.get();
    if (recipe.optimizer.amsgrad) {
      form.flags |= NM_FORM_AMSGRAD;
      call.v_max = parameter.secondMax.get();
    }
    call.beta1 = static_cast<float>(rates.beta1);
    call.one_minus_beta1 = static_cast<float>(1 - rates.beta1);
    call.beta2 = static_cast<float>(rates.beta2);
    call.one_minus_beta2 = static_cast<float>(1 - rates.beta2);
    call.step_size =
        static_cast<float>(rates.lr / (1 - std::pow(rates.beta1, step)));
    call.bias2_sqrt =
        static_cast<float>(std::sqrt(1 - std::pow(rates.beta2, step)));
    call.eps = static_cast<float>(rule.update == NM_UPDATE_STEP_PUBLIC
                                      ? std::pow(rates.eps, 0.75)
                                      : rates.eps);
  }

  void addMomentum(nm_kernel_form &form, nm_kernel_call &call,
                   const Parameter &parameter) const {
    call.step_size = static_cast<float>(rates.lr);
    if (rule.update != NM_UPDATE_MOMENTUM)
      return;
    call.m = parameter.first.get();
    call.beta1 = static_cast<float>(rates.momentum);
    // The buffer begins as the first gradient.
    call.one_minus_beta1 =
        parameter.steps == 0 ? 1.0f : static_cast<float>(1 - rates.dampening);
    if (recipe.optimizer.nesterov)
      form.flags |= NM_FORM_NESTEROV;
  }

  void addWeightDecay(nm_kernel_form &form, nm_kernel_call &call) const {
    if (rates.weightDecay == 0)
      return;
    if (recipe.optimizer.kind == OptimizerKind::AdamW) {
      form.flags |= NM_FORM_DECOUPLED;
      call.weight_scale = static_cast<float>(1 - rates.lr * rates.weightDecay);
    } else {
      form.flags |= NM_FORM_L2;
      call.weight_decay = static_cast<float>(rates.weightDecay);
    }
  }
};
} // namespace

/// Moments that the optimizer keeps of a parameter with a gradient.
static void allocateMoments(const OptimizerSpec &optimizer,
                            Parameter &parameter) {
  bool adam = optimizer.kind != OptimizerKind::Sgd;
  if (!parameter.first && (adam || optimizer.momentum != 0))
    parameter.first.allocate(parameter.count);
  if (!parameter.second && adam)
    parameter.second.allocate(parameter.count);
  if (!parameter.secondMax && adam && optimizer.amsgrad)
    parameter.secondMax.allocate(parameter.count);
}

/// What the weights are in the end is shown later.
static void showNothing(KernelJob &job) {
  job.form.effective = NM_EFFECTIVE_NONE;
  job.form.flags &= ~uint32_t(NM_FORM_PRUNE);
  job.call.effective = nullptr;
}

Result<StepReport> Trainer::runStep(const std::vector<Gradient> &gradients,
                                    const std::vector<Rates> &rates) {
  return guarded([&]() -> Result<StepReport> {
    NM_RETURN_IF_ERROR(checkThreadEnvironment());
    NM_RETURN_IF_ERROR(checkGradients(gradients, rates));
    int64_t now = done + 1;
    StepReport report;
    report.step = now;
    report.phase = report.nextPhase = plan.phaseAt(now);
    if (spec.skipNonfinite) {
      Totals totals;
      totals.nonfinite = countNonfinite(parameters, gradients);
      if (combine)
        NM_RETURN_IF_ERROR(combine(totals));
      report.nonfinite = totals.nonfinite;
      report.skipped = totals.nonfinite != 0;
      if (report.skipped)
        return report;
    }

    // What the step needs, before it changes anything.
    std::vector<Rates> all = rates;
    if (all.empty())
      for (const Parameter &parameter : parameters)
        all.resize(std::max(all.size(), parameter.desc.group + 1),
                   defaultRates());
    bool observes = plan.observes(now);
    if (observes)
      plan.samples.reserve(plan.samples.size() + 1);
    std::vector<KernelJob> jobs;
    // Parameters that are shown after the update.
    std::vector<bool> later(parameters.size(), false);
    std::vector<MaskView> shown(parameters.size());
    Totals observed;
    for (size_t i = 0; i < parameters.size(); ++i) {
      Parameter &parameter = parameters[i];
      if (gradients[i].parameter)
        parameter.desc.data = gradients[i].parameter;
      if (gradients[i].data)
        allocateMoments(spec.optimizer, parameter);
      shown[i] = plan.viewAt(now + 1, parameter.n, parameter.m);
      prepareView(parameter, shown[i]);
    }
    for (size_t i = 0; i < parameters.size(); ++i) {
      Parameter &parameter = parameters[i];
      bool fits = needsFit(spec, parameter, shown[i]);
      // Shown by a pass of its own.
      bool apart =
          fits || (!parameter.plain() && shown[i].mask == NM_MASK_SELECT);
      later[i] = apart || (!gradients[i].data && shown[i] != parameter.view);
      if (!gradients[i].data)
        continue;
      const MaskView &view = apart ? parameter.view : shown[i];
      if (view.soft && spec.softScale)
        parameter.softScale = *spec.softScale;
      KernelJob job = viewJob(parameter, view);
      if (apart)
        showNothing(job);
      bool masked = parameter.view.mask != NM_MASK_NONE;
      GradientRule rule = plan.gradientAt(now, masked);
      UpdateJob(spec, all[parameter.desc.group], rule)
          .addTo(job, parameter, gradients[i]);
      job.countChanges = masked && job.form.mask == NM_MASK_SELECT;
      if (observes && parameter.patterned()) {
        job.form.flags |= NM_FORM_STATISTICS;
        if (spec.autoSwitch.option == 2)
          job.form.flags |= NM_FORM_GEOMETRIC;
        observed.elements += parameter.count;
      }
      jobs.push_back(job);
    }
    KernelTotals totals = runJobs(jobs);

    // The step is done, whatever comes.
    done = now;
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (gradients[i].data)
        ++parameters[i].steps;
      if (!later[i])
        parameters[i].view = shown[i];
    }
    report.nonfinite = totals.nonfinite;
    report.maskChanges = totals.maskChanges;
    observed.nonfinite = totals.nonfinite;
    observed.stats = totals.stats;
    if (observes && combine) {
      NM_RETURN_IF_ERROR(combine(observed));
      report.nonfinite = observed.nonfinite;
    }
    if (observes && observed.elements)
      report.autoSwitch = plan.observe(now, observed.stats, observed.elements);
    if (report.autoSwitch.switched)
      for (size_t i = 0; i < parameters.size(); ++i)
        if (parameters[i].patterned()) {
          prepareView(parameters[i], nextView(parameters[i]));
          later[i] = true;
        }
    std::vector<size_t> which;
    for (size_t i = 0; i < parameters.size(); ++i)
      if (later[i])
        which.push_back(i);
    report.maskChanges += showView(which);
    report.nextPhase = plan.phaseAt(now + 1);
    return report;
  });
}

} // namespace nm::rt
