//===- Trainer.cpp - Parameters under a recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Trainer.h"
#include "../Memory.h"
#include "../Support.h"
#include "../Threads.h"
#include "StepRun.h"
#include "nm/Runtime/Threads.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

template <typename T> void StateBuffer<T>::allocate(int64_t elements) {
  uint64_t bytes = uint64_t(elements) * sizeof(T);
  owner = allocateBuffer(bytes);
  std::memset(owner.get(), 0, bytes);
}
template class StateBuffer<float>;
template class StateBuffer<uint8_t>;

std::string describe(const ParameterDesc &desc) {
  return "parameter " + quote(desc.name) + " (" +
         std::string(dtypeName(desc.dtype)) + " " + shapeString(desc.shape) +
         ")";
}

Trainer::Trainer(const Recipe &recipe)
    : spec(recipe), plan(spec), ruleUsed(recipe.patterns.size(), false) {}

void Totals::add(const Totals &other) {
  nonfinite += other.nonfinite;
  elements += other.elements;
  addStats(stats, other.stats);
}

Rates Trainer::defaultRates() const {
  const OptimizerSpec &own = spec.optimizer;
  return {own.lr,          own.beta1,    own.beta2,    own.eps,
          own.weightDecay, own.momentum, own.dampening};
}

//===----------------------------------------------------------------------===//
// Adding parameters
//===----------------------------------------------------------------------===//

/// Where the groups of a pattern lie in a tensor.
static Status placeGroups(Parameter &parameter, const PatternRule &rule,
                          int64_t longest) {
  const ParameterDesc &desc = parameter.desc;
  int64_t rank = static_cast<int64_t>(desc.shape.size());
  std::string pattern = std::to_string(rule.n) + ":" + std::to_string(rule.m);
  auto fail = [&](const std::string &why) {
    return makeError(Errc::Mismatch, describe(desc), ": pattern ", pattern,
                     " along axis ", rule.axis, ": ", why);
  };
  int64_t axis = rule.axis < 0 ? rule.axis + rank : rule.axis;
  if (axis < 0 || axis >= rank)
    return fail("it has " + std::to_string(rank) +
                " dimensions; give another axis, or the pattern \"dense\"");
  int64_t size = desc.shape[size_t(axis)];
  if (size % longest != 0)
    return fail("dimension " + std::to_string(axis) + " is " +
                std::to_string(size) + ", expected a multiple of " +
                std::to_string(longest) +
                (longest != rule.m ? ", the first group of the geometric "
                                     "decay (fewer \"frames\" begin smaller)"
                                   : "; leave it \"dense\" or choose another "
                                     "pattern"));
  parameter.n = rule.n;
  parameter.m = rule.m;
  parameter.axis = axis;
  for (int64_t i = axis + 1; i < rank; ++i)
    parameter.stride *= desc.shape[size_t(i)];
  return {};
}

std::optional<size_t> Trainer::ruleOf(std::string_view name) const {
  for (size_t i = 0; i < spec.patterns.size(); ++i)
    if (matchesName(spec.patterns[i].tensors, name))
      return i;
  return std::nullopt;
}

Result<Parameter> Trainer::makeParameter(const ParameterDesc &desc) {
  Parameter parameter;
  parameter.desc = desc;
  if (desc.name.empty() || !isUtf8(desc.name))
    return makeError(Errc::Argument, describe(desc),
                     ": expected a name that is UTF-8 and not empty");
  if (desc.dtype != DType::F32 && desc.dtype != DType::BF16)
    return makeError(Errc::Unsupported, describe(desc),
                     ": expected element type f32 or bf16");
  Result<int64_t> count = checkedCount(desc.shape, elementBytes(DType::F32));
  if (!count)
    return makeError(count.error().code, describe(desc), ": ",
                     count.error().message);
  parameter.count = *count;
  if (!desc.data && parameter.count != 0)
    return makeError(Errc::Argument, describe(desc), ": its data is null");
  const PatternRule *rule = desc.pattern ? &*desc.pattern : nullptr;
  if (std::optional<size_t> i = ruleOf(desc.name); i && !rule) {
    rule = &spec.patterns[*i];
    ruleUsed[*i] = true;
  }
  if (rule && !rule->dense() && spec.method != Method::Dense)
    NM_RETURN_IF_ERROR(
        placeGroups(parameter, *rule, plan.longestGroup(rule->m)));
  return parameter;
}

MaskView Trainer::nextView(const Parameter &parameter) const {
  return plan.viewAt(done + 1, parameter.n, parameter.m);
}

void Trainer::prepareView(Parameter &parameter, const MaskView &view) {
  bool masked = view.mask != NM_MASK_NONE;
  if (masked && !parameter.mask)
    parameter.mask.allocate(parameter.maskBytes());
  bool hides = masked && !view.prune && !parameter.desc.dense;
  if (parameter.master || (!parameter.bf16() && !hides))
    return;
  StateBuffer<float> master;
  master.allocate(parameter.count);
  float *to = master.get();
  const void *from = parameter.desc.data;
  bool half = parameter.bf16();
  int threads = threadsFor(parameter.count, parameter.count * 4);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < parameter.count; ++i)
    to[i] = half ? bf16ToFloat(static_cast<const uint16_t *>(from)[i])
                 : static_cast<const float *>(from)[i];
  parameter.master = std::move(master);
}

Status Trainer::add(const std::vector<ParameterDesc> &list) {
  return guarded([&]() -> Status {
    NM_RETURN_IF_ERROR(checkThreadEnvironment());
    std::vector<bool> usedBefore = ruleUsed;
    size_t known = parameters.size();
    auto undo = [&](const Error &error) {
      for (size_t i = known; i < parameters.size(); ++i)
        byName.erase(parameters[i].desc.name);
      parameters.resize(known);
      ruleUsed = usedBefore;
      return error;
    };
    try {
      parameters.reserve(known + list.size());
      std::vector<size_t> fresh;
      for (const ParameterDesc &desc : list) {
        Result<Parameter> made = makeParameter(desc);
        if (!made)
          return undo(made.error());
        if (!byName.emplace(desc.name, parameters.size()).second)
          return undo(makeError(Errc::Argument, describe(desc),
                                ": there is a parameter of this name already"));
        fresh.push_back(parameters.size());
        parameters.push_back(std::move(*made));
      }
      if (Status separate = checkOverlap(nullptr); !separate)
        return undo(separate.error());
      for (size_t i : fresh)
        prepareView(parameters[i], nextView(parameters[i]));
      showView(fresh);
    } catch (const std::bad_alloc &) {
      return undo(makeError(Errc::Memory, "out of memory"));
    }
    return {};
  });
}

Status Trainer::checkRules() const {
  for (size_t i = 0; i < spec.patterns.size(); ++i) {
    if (ruleUsed[i])
      continue;
    const std::string &tensors = spec.patterns[i].tensors;
    std::vector<std::string> names;
    for (const Parameter &parameter : parameters)
      names.push_back(parameter.desc.name);
    bool shadowed = false;
    for (const std::string &name : names)
      shadowed = shadowed || matchesName(tensors, name);
    return makeError(
        Errc::NotFound, "pattern ", i, " of the recipe (tensors ",
        quote(tensors), ") ",
        shadowed ? "names only parameters that an earlier pattern or their own "
                   "has taken"
                 : "names none of the " + std::to_string(names.size()) +
                       " parameters" + support::didYouMean(tensors, names));
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

namespace {
struct Extent {
  uintptr_t begin, end;
  size_t index;
  bool gradient;
};
} // namespace

Status Trainer::checkOverlap(const std::vector<Gradient> *gradients) const {
  std::vector<Extent> extents;
  auto put = [&](const void *data, int64_t bytes, size_t index, bool gradient) {
    auto begin = reinterpret_cast<uintptr_t>(data);
    if (data && bytes)
      extents.push_back({begin, begin + uintptr_t(bytes), index, gradient});
  };
  for (size_t i = 0; i < parameters.size(); ++i) {
    const ParameterDesc &desc = parameters[i].desc;
    int64_t count = parameters[i].count;
    bool moved = gradients && (*gradients)[i].parameter;
    put(moved ? (*gradients)[i].parameter : desc.data,
        count * elementBytes(desc.dtype), i, false);
    if (gradients)
      put((*gradients)[i].data, count * elementBytes((*gradients)[i].dtype), i,
          true);
  }
  std::sort(extents.begin(), extents.end(),
            [](const Extent &a, const Extent &b) { return a.begin < b.begin; });
  // The furthest end so far of parameters and of gradients.
  const Extent *last[2] = {nullptr, nullptr};
  for (const Extent &extent : extents) {
    for (bool gradient : {false, true}) {
      const Extent *before = last[gradient];
      if (!before || before->end <= extent.begin ||
          (gradient && extent.gradient))
        continue;
      auto name = [&](const Extent &e) {
        return (e.gradient ? "the gradient of " : "") +
               describe(parameters[e.index].desc);
      };
      return makeError(Errc::Argument, name(extent), " shares memory with ",
                       name(*before),
                       "; expected each parameter once, and gradients of their "
                       "own");
    }
    const Extent *&mine = last[extent.gradient];
    if (!mine || mine->end < extent.end)
      mine = &extent;
  }
  return {};
}

static Status checkRates(const Rates &rates, size_t group, bool sgd) {
  auto fail = [&](const char *name, double value, const char *expected) {
    return makeError(Errc::Argument, "rates of group ", group, ": ", name,
                     " is ", value, ", expected ", expected);
  };
  auto positive = [](double value) {
    return std::isfinite(value) && value >= 0;
  };
  const char *number = "a finite number that is not negative";
  if (!positive(rates.lr))
    return fail("lr", rates.lr, number);
  if (!positive(rates.weightDecay))
    return fail("weight_decay", rates.weightDecay, number);
  if (sgd) {
    if (!positive(rates.momentum))
      return fail("momentum", rates.momentum, number);
    if (!std::isfinite(rates.dampening))
      return fail("dampening", rates.dampening, "a finite number");
    return {};
  }
  if (!positive(rates.eps))
    return fail("eps", rates.eps, number);
  for (double beta : {rates.beta1, rates.beta2})
    if (!(beta >= 0 && beta < 1))
      return fail("beta", beta, "a number from 0 to 1, that excluded");
  return {};
}

Status Trainer::checkGradients(const std::vector<Gradient> &gradients,
                               const std::vector<Rates> &rates) const {
  if (!combine)
    NM_RETURN_IF_ERROR(checkRules());
  if (gradients.size() != parameters.size())
    return makeError(Errc::Argument, "a step was given ", gradients.size(),
                     " gradients, expected one for each of the ",
                     parameters.size(), " parameters");
  for (size_t i = 0; i < gradients.size(); ++i) {
    const ParameterDesc &desc = parameters[i].desc;
    if (gradients[i].data && gradients[i].dtype != DType::F32 &&
        gradients[i].dtype != DType::BF16)
      return makeError(Errc::Unsupported, describe(desc),
                       ": its gradient has element type ",
                       dtypeName(gradients[i].dtype), ", expected f32 or bf16");
    if (!rates.empty() && desc.group >= rates.size())
      return makeError(Errc::Argument, describe(desc), ": it is of group ",
                       desc.group, ", but there are rates of ", rates.size(),
                       " groups only");
  }
  for (size_t i = 0; i < rates.size(); ++i)
    NM_RETURN_IF_ERROR(
        checkRates(rates[i], i, spec.optimizer.kind == OptimizerKind::Sgd));
  return checkOverlap(&gradients);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

static bool needsFit(const Recipe &recipe, const Parameter &parameter,
                     const MaskView &view) {
  return view.soft && parameter.softScale == 0 && !recipe.softScale;
}

int64_t Trainer::showView(const std::vector<size_t> &which) {
  std::vector<KernelJob> jobs;
  for (size_t i : which) {
    Parameter &parameter = parameters[i];
    MaskView view = nextView(parameter);
    if (view.soft && spec.softScale)
      parameter.softScale = *spec.softScale;
    bool fits = needsFit(spec, parameter, view);
    bool countsChanges =
        view.mask == NM_MASK_SELECT && parameter.view.mask != NM_MASK_NONE;
    parameter.view = view;
    if (fits)
      fitScale(parameter);
    jobs.push_back(viewJob(parameter, view));
    jobs.back().countChanges = countsChanges;
  }
  return runJobs(jobs).maskChanges;
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
      later[i] = fits || (!gradients[i].data && shown[i] != parameter.view);
      if (!gradients[i].data)
        continue;
      const MaskView &view = fits ? parameter.view : shown[i];
      if (view.soft && spec.softScale)
        parameter.softScale = *spec.softScale;
      KernelJob job = viewJob(parameter, view);
      bool masked = parameter.view.mask != NM_MASK_NONE;
      GradientRule rule = plan.gradientAt(now, masked);
      UpdateJob(spec, all[parameter.desc.group], rule)
          .addTo(job, parameter, gradients[i]);
      job.countChanges = masked && view.mask == NM_MASK_SELECT;
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

//===----------------------------------------------------------------------===//
// Looking and writing from outside
//===----------------------------------------------------------------------===//

Status Trainer::effective(size_t index, void *out) const {
  return guarded([&]() -> Status {
    const Parameter &parameter = parameters[index];
    int64_t bytes = parameter.count * elementBytes(parameter.desc.dtype);
    bool masked = parameter.view.mask != NM_MASK_NONE;
    if (!parameter.master && !(parameter.desc.dense && masked)) {
      if (bytes)
        std::memcpy(out, parameter.desc.data, static_cast<size_t>(bytes));
      return {};
    }
    bool soft = parameter.view.soft, half = parameter.bf16();
    MaskView view = parameter.view;
    // The mask is there; only soft weights need the groups again.
    if (masked && !soft)
      view.mask = NM_MASK_FIXED;
    KernelJob job = viewJob(parameter, view);
    job.form.flags &= ~uint32_t(NM_FORM_PRUNE);
    job.form.effective =
        half ? (soft ? NM_EFFECTIVE_SOFT_BF16 : NM_EFFECTIVE_MASKED_BF16)
             : (soft ? NM_EFFECTIVE_SOFT_F32 : NM_EFFECTIVE_MASKED_F32);
    job.call.decay = static_cast<float>(parameter.view.decay);
    job.call.effective = out;
    runJobs({job});
    return {};
  });
}

Status Trainer::reset(size_t index, void *data) {
  return guarded([&]() -> Status {
    Parameter &parameter = parameters[index];
    Parameter changed = parameter;
    changed.desc.data = data;
    changed.master = StateBuffer<float>();
    if (parameter.view.mask != NM_MASK_FIXED)
      changed.softScale = 0;
    prepareView(changed, nextView(changed));
    std::swap(parameter, changed);
    if (Status separate = checkOverlap(nullptr); !separate) {
      std::swap(parameter, changed);
      return separate;
    }
    showView({index});
    return {};
  });
}

} // namespace nm::rt
