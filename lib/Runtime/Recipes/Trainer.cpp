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
  std::string pattern = patternText(rule);
  auto fail = [&](const std::string &why) {
    return makeError(Errc::Mismatch, describe(desc), ": pattern ", pattern,
                     " along axis ", rule.axis, ": ", why);
  };
  int64_t axis = rule.axis < 0 ? rule.axis + rank : rule.axis;
  if (axis < 0 || axis >= rank)
    return fail("it has " + std::to_string(rank) +
                " dimensions; give another axis, or the pattern \"dense\"");
  int64_t other = axis > 0 ? axis - 1 : 1;
  if (rule.transposable && rank < 2)
    return fail("it has one dimension, expected two for a transposable mask");
  if (!rule.block.empty() && rule.block.size() != desc.shape.size())
    return fail("its blocks have " + std::to_string(rule.block.size()) +
                " dimensions, expected " + std::to_string(rank));
  if (!rule.block.empty() && rule.m * rule.block[size_t(axis)] > 64)
    return fail("its groups are " +
                std::to_string(rule.m * rule.block[size_t(axis)]) +
                " elements long, expected at most 64");
  for (int64_t dim = 0; dim < rank; ++dim) {
    bool grouped = dim == axis || (rule.transposable && dim == other);
    int64_t block = rule.block.empty() ? 1 : rule.block[size_t(dim)];
    int64_t unit = block * (grouped ? longest : 1);
    int64_t size = desc.shape[size_t(dim)];
    if (size % unit != 0)
      return fail("dimension " + std::to_string(dim) + " is " +
                  std::to_string(size) + ", expected a multiple of " +
                  std::to_string(unit) +
                  (longest != rule.m && grouped
                       ? ", the first group of the geometric decay (fewer "
                         "\"frames\" begin smaller)"
                       : "; leave it \"dense\" or choose another pattern"));
  }
  parameter.transposable = rule.transposable;
  parameter.otherAxis = other;
  parameter.block = rule.block;
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
  if (rule && !rule->plain() && spec.method == Method::SSte)
    return makeError(Errc::Unsupported, describe(desc), ": pattern ",
                     quote(patternText(*rule)),
                     ", but s-ste has soft thresholds of single elements along "
                     "one axis only");
  if (rule && !rule->dense() && spec.method != Method::Dense)
    NM_RETURN_IF_ERROR(
        placeGroups(parameter, *rule, plan.longestGroup(rule->m)));
  return parameter;
}

MaskView Trainer::nextView(const Parameter &parameter, bool fresh) const {
  return plan.viewAt(done + 1, parameter.n, parameter.m, fresh);
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
        prepareView(parameters[i], nextView(parameters[i], true));
      showView(fresh, true);
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
    // New weights have a new mask, unless theirs is chosen for good.
    bool fresh = !plan.keepsMask(done + 1);
    prepareView(changed, nextView(changed, fresh));
    std::swap(parameter, changed);
    if (Status separate = checkOverlap(nullptr); !separate) {
      std::swap(parameter, changed);
      return separate;
    }
    showView({index}, fresh);
    return {};
  });
}

} // namespace nm::rt
