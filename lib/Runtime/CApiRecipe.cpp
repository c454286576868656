//===- CApiRecipe.cpp - C ABI: learning N:M masks -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CApiSupport.h"
#include "Recipes/Trainer.h"
#include "nm/Runtime/Recipes/KernelChoice.h"
#include "nm/Runtime/Threads.h"
#include "nm/Runtime/nm_recipe.h"

#include <cmath>

using namespace nm::rt;

struct nm_recipe {
  explicit nm_recipe(const Recipe &recipe)
      : trainer(recipe), json(printRecipe(recipe)) {}
  Trainer trainer;
  std::string json;
  nm_recipe_callback callback = nullptr;
  void *user = nullptr;
  /// What nm_recipe_state_tensor shows.
  std::vector<NamedView> state;
};

/// Writes `value` into a struct of the caller's version: what his header knows.
template <typename T>
static Status fillStruct(T *out, T value, const char *type) {
  size_t size = out->struct_size;
  NM_RETURN_IF_ERROR(checkStructSize(size, type, sizeof(T), sizeof(T)));
  value.struct_size = size;
  std::memset(static_cast<void *>(out), 0, size);
  std::memcpy(static_cast<void *>(out), &value, sizeof(T));
  return {};
}

static Result<Recipe> recipeOf(const char *json) {
  if (!json)
    return nullArgument("json");
  return parseRecipe(json, "recipe");
}

static Status checkIndex(const nm_recipe *recipe, size_t index) {
  if (!recipe)
    return nullArgument("recipe");
  if (index >= recipe->trainer.size())
    return makeError(Errc::Argument, "parameter ", index, ", but there are ",
                     recipe->trainer.size());
  return {};
}

//===----------------------------------------------------------------------===//
// Recipes and parameters
//===----------------------------------------------------------------------===//

extern "C" nm_status nm_recipe_parse(const char *json, char **full,
                                     nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(clearResult(full, "full"));
    Result<Recipe> recipe = recipeOf(json);
    if (!recipe)
      return recipe.error();
    *full = copyString(printRecipe(*recipe));
    return {};
  });
}

extern "C" nm_status nm_recipe_create(const char *json, nm_recipe **recipe,
                                      nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkThreadEnvironment());
    NM_RETURN_IF_ERROR(checkKernelEnvironment());
    NM_RETURN_IF_ERROR(clearResult(recipe, "recipe"));
    Result<Recipe> parsed = recipeOf(json);
    if (!parsed)
      return parsed.error();
    *recipe = new nm_recipe(*parsed);
    return {};
  });
}

extern "C" void nm_recipe_free(nm_recipe *recipe) { delete recipe; }

extern "C" const char *nm_recipe_json(const nm_recipe *recipe) {
  return recipe ? recipe->json.c_str() : nullptr;
}

static Result<PatternRule> ruleOf(std::string_view text, int64_t axis,
                                  const std::string &where) {
  Result<PatternRule> rule = parsePattern(text, where);
  if (rule)
    rule->axis = axis;
  return rule;
}

static Result<ParameterDesc> parameterOf(const nm_recipe_parameter &given) {
  if (!given.name)
    return nullArgument("name");
  ParameterDesc desc;
  desc.name = given.name;
  Result<DType> dtype = dtypeOf(given.dtype);
  if (!dtype)
    return dtype.error();
  desc.dtype = *dtype;
  Result<std::vector<int64_t>> shape = shapeOf(given.rank, given.shape);
  if (!shape)
    return shape.error();
  desc.shape = std::move(*shape);
  desc.data = given.data;
  desc.group = given.group;
  desc.dense = given.dense != 0;
  if (!given.pattern)
    return desc;
  Result<PatternRule> rule = ruleOf(given.pattern, given.axis, describe(desc));
  if (!rule)
    return rule.error();
  desc.pattern = *rule;
  return desc;
}

extern "C" nm_status nm_recipe_add(nm_recipe *recipe,
                                   const nm_recipe_parameter *parameters,
                                   size_t count, nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || (!parameters && count))
      return nullArgument(!recipe ? "recipe" : "parameters");
    std::vector<ParameterDesc> list;
    auto add = [&](const nm_recipe_parameter &parameter) -> Status {
      Result<ParameterDesc> desc = parameterOf(parameter);
      if (!desc)
        return desc.error();
      list.push_back(std::move(*desc));
      return {};
    };
    NM_RETURN_IF_ERROR(
        forEachStruct(parameters, count, "nm_recipe_parameter", add));
    recipe->state.clear();
    return recipe->trainer.add(list);
  });
}

extern "C" size_t nm_recipe_count(const nm_recipe *recipe) {
  return recipe ? recipe->trainer.size() : 0;
}

extern "C" nm_status nm_recipe_inspect(const nm_recipe *recipe, size_t index,
                                       nm_recipe_info *info, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkIndex(recipe, index));
    if (!info)
      return nullArgument("info");
    const Parameter &parameter = recipe->trainer[index];
    nm_recipe_info own = {};
    own.name = parameter.desc.name.c_str();
    own.n = parameter.n;
    own.m = parameter.m;
    own.axis = parameter.axis;
    own.steps = parameter.steps;
    own.masked = parameter.view.mask != NM_MASK_NONE;
    own.n_now = own.masked ? parameter.view.n : 0;
    own.m_now = own.masked ? parameter.view.m : 0;
    own.decay = own.masked ? parameter.view.decay : 1;
    own.scale = parameter.view.soft ? parameter.softScale : 0;
    own.transposable = parameter.transposable;
    own.block =
        parameter.block.empty() ? 1 : parameter.block[size_t(parameter.axis)];
    return fillStruct(info, own, "nm_recipe_info");
  });
}

extern "C" nm_status nm_recipe_mask(const nm_recipe *recipe, size_t index,
                                    uint8_t *mask, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkIndex(recipe, index));
    const Parameter &parameter = recipe->trainer[index];
    if (!mask && parameter.count)
      return nullArgument("mask");
    bool masked = parameter.view.mask != NM_MASK_NONE;
    const uint8_t *bits = parameter.mask.get();
    for (int64_t i = 0; i < parameter.count; ++i)
      mask[i] = masked ? bits[i >> 3] >> (i & 7) & 1 : 1;
    return {};
  });
}

extern "C" nm_status nm_recipe_effective(const nm_recipe *recipe, size_t index,
                                         void *weights, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkIndex(recipe, index));
    if (!weights && recipe->trainer[index].count)
      return nullArgument("weights");
    return recipe->trainer.effective(index, weights);
  });
}

extern "C" nm_status nm_recipe_weights(const nm_recipe *recipe, size_t index,
                                       float *weights, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkIndex(recipe, index));
    const Parameter &parameter = recipe->trainer[index];
    if (!weights && parameter.count)
      return nullArgument("weights");
    if (parameter.count)
      std::memcpy(weights, parameter.weights(),
                  static_cast<size_t>(parameter.count) * sizeof(float));
    return {};
  });
}

extern "C" nm_status nm_recipe_reset(nm_recipe *recipe, size_t index,
                                     void *data, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkIndex(recipe, index));
    if (!data && recipe->trainer[index].count)
      return nullArgument("data");
    recipe->state.clear();
    return recipe->trainer.reset(index, data);
  });
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

extern "C" nm_status nm_recipe_default_rates(const nm_recipe *recipe,
                                             nm_recipe_rates *rates,
                                             nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || !rates)
      return nullArgument(!recipe ? "recipe" : "rates");
    Rates own = recipe->trainer.defaultRates();
    nm_recipe_rates out = {
        0,       own.lr,          own.beta1,    own.beta2,
        own.eps, own.weightDecay, own.momentum, own.dampening};
    return fillStruct(rates, out, "nm_recipe_rates");
  });
}

static nm_recipe_report reportOf(const StepReport &step) {
  nm_recipe_report out = {};
  out.struct_size = sizeof(out);
  out.step = step.step;
  out.phase = static_cast<nm_recipe_phase>(step.phase);
  out.next_phase = static_cast<nm_recipe_phase>(step.nextPhase);
  out.mask_changes = step.maskChanges;
  out.nonfinite = step.nonfinite;
  out.skipped = step.skipped;
  const SwitchReport &own = step.autoSwitch;
  out.observed = own.active;
  out.statistic = own.statistic;
  out.window_mean = own.mean;
  out.window_samples = own.samples;
  out.window = own.window;
  out.threshold = own.threshold;
  out.switched = own.switched;
  out.reason = own.reason;
  return out;
}

extern "C" nm_status
nm_recipe_step(nm_recipe *recipe, const nm_recipe_gradient *gradients,
               size_t num_gradients, const nm_recipe_rates *rates,
               size_t num_rates, nm_recipe_report *report, nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || (!gradients && num_gradients) || (!rates && num_rates))
      return nullArgument(!recipe                       ? "recipe"
                          : !gradients && num_gradients ? "gradients"
                                                        : "rates");
    if (report)
      NM_RETURN_IF_ERROR(checkStructSize(report->struct_size,
                                         "nm_recipe_report", sizeof(*report),
                                         sizeof(*report)));
    std::vector<Gradient> list;
    auto addGradient = [&](const nm_recipe_gradient &gradient) -> Status {
      Gradient own;
      own.data = gradient.gradient;
      own.parameter = gradient.parameter;
      if (own.data) {
        Result<DType> dtype = dtypeOf(gradient.dtype);
        if (!dtype)
          return dtype.error();
        own.dtype = *dtype;
      }
      list.push_back(own);
      return {};
    };
    NM_RETURN_IF_ERROR(forEachStruct(gradients, num_gradients,
                                     "nm_recipe_gradient", addGradient));
    std::vector<Rates> groups;
    auto addGroup = [&](const nm_recipe_rates &group) -> Status {
      groups.push_back({group.lr, group.beta1, group.beta2, group.eps,
                        group.weight_decay, group.momentum, group.dampening});
      return {};
    };
    NM_RETURN_IF_ERROR(
        forEachStruct(rates, num_rates, "nm_recipe_rates", addGroup));
    recipe->state.clear();
    Result<StepReport> step = recipe->trainer.runStep(list, groups);
    if (!step)
      return step.error();
    nm_recipe_report out = reportOf(*step);
    if (report)
      NM_RETURN_IF_ERROR(fillStruct(report, out, "nm_recipe_report"));
    if (recipe->callback)
      recipe->callback(&out, recipe->user);
    return {};
  });
}

extern "C" void nm_recipe_set_callback(nm_recipe *recipe,
                                       nm_recipe_callback callback,
                                       void *user) {
  if (!recipe)
    return;
  recipe->callback = callback;
  recipe->user = user;
}

static nm_recipe_totals totalsOf(const Totals &totals) {
  nm_recipe_totals out = {};
  out.struct_size = sizeof(out);
  out.nonfinite = totals.nonfinite;
  out.elements = totals.elements;
  out.sum = totals.stats.sum;
  out.mantissa = totals.stats.mantissa;
  out.exponent = totals.stats.exponent;
  out.zeros = totals.stats.zeros;
  return out;
}

static Totals totalsOf(const nm_recipe_totals &totals) {
  Totals out;
  out.nonfinite = totals.nonfinite;
  out.elements = totals.elements;
  out.stats = {totals.sum, totals.mantissa, totals.exponent, totals.zeros, 0};
  return out;
}

/// Totals that other processes may have sent.
static Status checkTotals(const nm_recipe_totals &totals) {
  NM_RETURN_IF_ERROR(checkStructSize(totals.struct_size, "nm_recipe_totals",
                                     sizeof(totals), sizeof(totals)));
  if (totals.nonfinite >= 0 && totals.zeros >= 0 &&
      totals.elements >= totals.zeros && totals.mantissa > 0 &&
      std::isfinite(totals.mantissa))
    return {};
  return makeError(Errc::Argument,
                   "the totals of processes are no counts and a positive "
                   "mantissa, expected what nm_recipe_combine is given, added "
                   "by nm_recipe_add_totals");
}

extern "C" void nm_recipe_set_combine(nm_recipe *recipe,
                                      nm_recipe_combine combine, void *user) {
  if (!recipe)
    return;
  recipe->trainer.combine = nullptr;
  if (!combine)
    return;
  recipe->trainer.combine = [combine, user](Totals &totals) -> Status {
    nm_recipe_totals all = totalsOf(totals);
    if (int code = combine(&all, user))
      return makeError(Errc::Argument,
                       "the processes' totals could not be combined: the "
                       "program's function returned ",
                       code);
    NM_RETURN_IF_ERROR(checkTotals(all));
    totals = totalsOf(all);
    return {};
  };
}

extern "C" nm_status nm_recipe_add_totals(nm_recipe_totals *totals,
                                          const nm_recipe_totals *other,
                                          nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!totals || !other)
      return nullArgument(!totals ? "totals" : "other");
    NM_RETURN_IF_ERROR(checkTotals(*totals));
    NM_RETURN_IF_ERROR(checkTotals(*other));
    Totals sum = totalsOf(*totals);
    sum.add(totalsOf(*other));
    *totals = totalsOf(sum);
    return {};
  });
}

extern "C" nm_status nm_recipe_pattern_of(const nm_recipe *recipe,
                                          const char *name, const char *given,
                                          int64_t axis,
                                          nm_recipe_pattern *pattern,
                                          nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || !name || !pattern)
      return nullArgument(!recipe ? "recipe" : !name ? "name" : "pattern");
    const Trainer &trainer = recipe->trainer;
    nm_recipe_pattern out = {};
    out.index = -1;
    PatternRule rule;
    if (given) {
      auto own = ruleOf(given, axis, "parameter " + quote(name));
      if (!own)
        return own.error();
      rule = *own;
    } else if (std::optional<size_t> i = trainer.ruleOf(name)) {
      rule = trainer.recipe().patterns[*i];
      out.index = static_cast<int64_t>(*i);
    }
    if (!rule.dense() && trainer.recipe().method != Method::Dense) {
      out.n = rule.n;
      out.m = rule.m;
      out.axis = rule.axis;
      out.group = trainer.schedule().longestGroup(rule.m);
      out.plain = rule.plain();
    }
    return fillStruct(pattern, out, "nm_recipe_pattern");
  });
}

extern "C" int nm_recipe_pattern_used(const nm_recipe *recipe, size_t index) {
  return recipe && recipe->trainer.patternUsed(index);
}

extern "C" int64_t nm_recipe_steps_done(const nm_recipe *recipe) {
  return recipe ? recipe->trainer.step() : 0;
}

extern "C" int64_t nm_recipe_switched_at(const nm_recipe *recipe) {
  if (!recipe)
    return 0;
  const Recipe &spec = recipe->trainer.recipe();
  if (spec.method != Method::Step)
    return 0;
  if (spec.autoSwitch.at)
    return recipe->trainer.step() >= *spec.autoSwitch.at ? *spec.autoSwitch.at
                                                         : 0;
  return recipe->trainer.schedule().switchedAt.value_or(0);
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

extern "C" size_t nm_recipe_state_count(const nm_recipe *recipe) {
  if (!recipe)
    return 0;
  size_t count = 0;
  (void)guarded([&]() -> Status {
    count = recipe->trainer.state().size();
    return {};
  });
  return count;
}

extern "C" nm_status nm_recipe_state_tensor(const nm_recipe *recipe,
                                            size_t index,
                                            nm_named_tensor *tensor,
                                            nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || !tensor)
      return nullArgument(!recipe ? "recipe" : "tensor");
    // The list is made anew when the state may have changed.
    auto *own = const_cast<nm_recipe *>(recipe);
    if (own->state.empty())
      own->state = own->trainer.state();
    if (index >= own->state.size())
      return makeError(Errc::Argument, "state tensor ", index,
                       ", but there are ", own->state.size());
    const NamedView &view = own->state[index];
    nm_named_tensor out = {};
    out.name = view.name.c_str();
    out.dtype = static_cast<nm_dtype>(view.view.dtype);
    out.rank = view.view.shape.size();
    out.shape = view.view.shape.data();
    out.data = view.view.data;
    return fillStruct(tensor, out, "nm_named_tensor");
  });
}

extern "C" nm_status nm_recipe_progress(const nm_recipe *recipe, char **json,
                                        nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || !json)
      return nullArgument(!recipe ? "recipe" : "json");
    *json = nullptr;
    *json = copyString(recipe->trainer.progress());
    return {};
  });
}

extern "C" nm_status nm_recipe_state_assign(nm_recipe *recipe,
                                            const nm_named_tensor *tensors,
                                            size_t count, const char *progress,
                                            const char *from,
                                            nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || !progress || (!tensors && count))
      return nullArgument(!recipe     ? "recipe"
                          : !progress ? "progress"
                                      : "tensors");
    const std::string where = "state";
    if (from)
      NM_RETURN_IF_ERROR(recipe->trainer.checkRecipe(from, where));
    Result<std::vector<NamedView>> views = namedViewsOf(tensors, count);
    if (!views)
      return views.error();
    recipe->state.clear();
    return recipe->trainer.assign(*views, progress, where);
  });
}

extern "C" nm_status nm_recipe_state_save(const nm_recipe *recipe,
                                          const char *path, nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || !path)
      return nullArgument(!recipe ? "recipe" : "path");
    return saveState(recipe->trainer, path);
  });
}

extern "C" nm_status nm_recipe_state_load(nm_recipe *recipe, const char *path,
                                          nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!recipe || !path)
      return nullArgument(!recipe ? "recipe" : "path");
    recipe->state.clear();
    return loadState(recipe->trainer, path);
  });
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

extern "C" const char *nm_recipe_kernels(size_t index) {
  const std::vector<const nm_kernel_set *> &sets = kernelSets();
  return index < sets.size() ? sets[index]->name : nullptr;
}

extern "C" nm_status nm_recipe_choose_kernels(const char *name,
                                              nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!name)
      return nullArgument("name");
    return chooseKernelSet(name);
  });
}
