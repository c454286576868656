//===- RecipeReader.cpp - Recipes from JSON -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support.h"
#include "RecipeText.h"
#include "nm/Support/JsonReader.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

using support::JsonReader;
using support::Need;

/// Beyond any training; products of two still fit in 63 bits.
static constexpr int64_t kMostSteps = int64_t(1) << 31;
static constexpr int64_t kMostWindow = int64_t(1) << 24;
static constexpr size_t kMostPatterns = 1 << 16;
static constexpr double kMost = 1e30;

static const std::vector<std::string> &methodNames() {
  static const std::vector<std::string> names = {
      "dense",           "asp",  "sr-ste", "step", "mask-decay",
      "structure-decay", "s-ste"};
  return names;
}

std::string_view methodName(Method method) {
  return methodNames()[size_t(method)];
}

double Recipe::switchThreshold() const {
  return autoSwitch.threshold.value_or(optimizer.eps);
}

int64_t Recipe::switchWindow() const {
  if (autoSwitch.window)
    return *autoSwitch.window;
  double window = std::round(1 / (1 - optimizer.beta2));
  return static_cast<int64_t>(std::min(window, double(kMostWindow)));
}

static std::string on(Method method) {
  return "on " + std::string(methodName(method));
}

/// A field that is there, but would change nothing.
static void idle(JsonReader &reader, const char *name, const std::string &why) {
  if (reader.has(name))
    reader.fail(name, "it has no effect " + why);
}

/// One of several words; `out` is its place.
template <typename T>
static void choice(JsonReader &reader, const char *name,
                   const std::vector<std::string> &words, T &out,
                   Need need = Need::Optional) {
  std::string meant;
  if (reader.isText(name)) {
    reader.text(name, meant);
    meant = support::didYouMean(meant, words);
  }
  reader.word(
      name, support::alternatives(words) + meant,
      [&](const std::string &text) {
        auto it = std::find(words.begin(), words.end(), text);
        if (it == words.end())
          return false;
        out = static_cast<T>(it - words.begin());
        return true;
      },
      need);
}

/// An optional integer or number.
static void integer(JsonReader &reader, const char *name, int64_t &value,
                    int64_t least, int64_t most) {
  reader.integer(name, value, least, most, Need::Optional);
}
static void number(JsonReader &reader, const char *name, double &value) {
  reader.number(name, value, 0, kMost, Need::Optional);
}

static void readPatterns(JsonReader &reader, Recipe &recipe) {
  reader.objects(
      "patterns", 0, kMostPatterns,
      [&](JsonReader &item, size_t) {
        std::string tensors, text;
        item.text("tensors", tensors);
        item.text("pattern", text);
        if (!item.ok())
          return;
        if (tensors.empty())
          return item.wrong("tensors", "the name of a tensor, or an expression "
                                       "with * and ?");
        auto rule = parsePattern(text, "");
        if (!rule)
          return item.wrong("pattern",
                            "N:M with 1 <= N <= M <= 64, such as 2:4, N:M "
                            "transposable, N:M blocks AxB, or dense");
        rule->tensors = tensors;
        if (rule->dense())
          idle(item, "axis", "on a dense tensor");
        else
          integer(item, "axis", rule->axis, -32, 31);
        if (recipe.method == Method::SSte && !rule->plain())
          item.wrong("pattern", "single elements along one axis: s-ste has no "
                                "soft threshold of others");
        for (const PatternRule &before : recipe.patterns)
          if (before.tensors == tensors)
            item.fail("tensors", "an earlier pattern names them too");
        recipe.patterns.push_back(std::move(*rule));
      },
      Need::Optional);
}

static void readAdam(JsonReader &reader, OptimizerSpec &spec) {
  for (const char *name : {"momentum", "dampening", "nesterov"})
    idle(reader, name, "on adam");
  std::vector<double> betas = {spec.beta1, spec.beta2};
  reader.numbers("betas", betas, 0, 1, 2, Need::Optional);
  if (betas.size() != 2 || betas[0] == 1 || betas[1] == 1)
    return reader.wrong("betas", "two numbers from 0 to 1, that excluded");
  spec.beta1 = betas[0];
  spec.beta2 = betas[1];
  number(reader, "eps", spec.eps);
  reader.flag("amsgrad", spec.amsgrad);
}

static void readSgd(JsonReader &reader, OptimizerSpec &spec) {
  for (const char *name : {"betas", "eps", "amsgrad"})
    idle(reader, name, "on sgd");
  number(reader, "momentum", spec.momentum);
  reader.number("dampening", spec.dampening, 0, 1, Need::Optional);
  reader.flag("nesterov", spec.nesterov);
  if (spec.nesterov && (spec.momentum == 0 || spec.dampening != 0))
    reader.fail("nesterov", "it needs a momentum and no dampening");
  if (spec.dampening != 0 && spec.momentum == 0)
    idle(reader, "dampening", "without momentum");
}

static void readOptimizer(JsonReader &reader, Recipe &recipe) {
  reader.object(
      "optimizer",
      [&](JsonReader &own) {
        OptimizerSpec &spec = recipe.optimizer;
        choice(own, "kind", {"adam", "adamw", "sgd"}, spec.kind);
        if (spec.kind == OptimizerKind::AdamW)
          spec.weightDecay = 0.01;
        number(own, "lr", spec.lr);
        number(own, "weight_decay", spec.weightDecay);
        own.flag("maximize", spec.maximize);
        if (spec.kind == OptimizerKind::Sgd)
          readSgd(own, spec);
        else
          readAdam(own, spec);
      },
      Need::Optional);
}

/// The fields of AutoSwitch.
static void readAutoSwitch(JsonReader &reader, SwitchSpec &spec) {
  reader.integer("option", spec.option, 1, 2, Need::Optional);
  double threshold = 0;
  number(reader, "threshold", threshold);
  if (reader.has("threshold"))
    spec.threshold = threshold;
  int64_t window = 1;
  integer(reader, "window", window, 1, kMostWindow);
  if (reader.has("window"))
    spec.window = window;
  reader.flag("partial_window", spec.partialWindow);
  if (reader.isNull("clip")) {
    spec.clip.reset();
  } else if (reader.has("clip")) {
    std::vector<double> clip;
    reader.numbers("clip", clip, 0, 1, 2);
    if (clip.size() != 2 || clip[0] >= clip[1])
      return reader.wrong("clip", "null, or two numbers, the lower one first");
    spec.clip = {clip[0], clip[1]};
  }
}

static void readSwitch(JsonReader &reader, Recipe &recipe) {
  SwitchSpec &spec = recipe.autoSwitch;
  bool clipGiven = false;
  reader.object(
      "switch",
      [&](JsonReader &own) {
        if (!own.has("at")) {
          clipGiven = own.has("clip");
          return readAutoSwitch(own, spec);
        }
        int64_t at = 1;
        own.integer("at", at, int64_t(1), kMostSteps);
        spec.at = at;
        spec.clip.reset();
        for (const char *name :
             {"option", "threshold", "window", "partial_window", "clip"})
          idle(own, name, "where 'at' says the step");
        if (recipe.steps && at >= recipe.steps)
          own.wrong("at", "less than the " + std::to_string(recipe.steps) +
                              " steps of the recipe");
      },
      Need::Optional);
  if (spec.clip && recipe.steps == 0)
    reader.fail("", std::string("AutoSwitch ") +
                        (clipGiven ? "is" : "is by default") +
                        " clipped to fractions of the training, but 'steps' is "
                        "missing; give it, or \"switch\": {\"clip\": null}");
}

static void readPhases(JsonReader &reader, Recipe &recipe) {
  Method method = recipe.method;
  bool decays = method == Method::MaskDecay || method == Method::StructureDecay;
  if (method == Method::Step)
    idle(reader, "dense_steps", "on step, where 'switch' ends the dense phase");
  if (method == Method::Dense)
    idle(reader, "dense_steps", on(method));
  integer(reader, "dense_steps", recipe.denseSteps, 0, kMostSteps);
  if (!decays)
    for (const char *name : {"fine_tune_steps", "freeze_mask"})
      idle(reader, name, on(method));
  integer(reader, "fine_tune_steps", recipe.fineTuneSteps, 0, kMostSteps);
  reader.flag("freeze_mask", recipe.freezeMask);
  if (recipe.fineTuneSteps == 0)
    idle(reader, "freeze_mask", "without 'fine_tune_steps'");
  int64_t taken = recipe.denseSteps + recipe.fineTuneSteps;
  if (recipe.steps == 0 &&
      (recipe.fineTuneSteps || method == Method::StructureDecay))
    reader.fail("steps", "missing: frames and the fine-tune phase are counted "
                         "from the end of the training");
  else if (recipe.steps && taken >= recipe.steps)
    reader.fail("", "the dense and the fine-tune phase take " +
                        std::to_string(taken) + " of " +
                        std::to_string(recipe.steps) +
                        " steps, expected fewer");
}

static void readGradient(JsonReader &reader, Recipe &recipe) {
  Method method = recipe.method;
  bool learns = learnsMasks(method) || method == Method::StructureDecay;
  if (!learns)
    for (const char *name : {"lambda", "gradient"})
      idle(reader, name, on(method));
  if (method == Method::SrSte)
    recipe.lambda = 2e-4;
  number(reader, "lambda", recipe.lambda);
  std::vector<std::string> flows = {"straight-through", "masked"};
  if (method == Method::MaskDecay)
    flows.emplace_back("decayed");
  choice(reader, "gradient", flows, recipe.gradient);
  if (!learnsMasks(method))
    idle(reader, "mask_every", on(method));
  integer(reader, "mask_every", recipe.maskEvery, 1, kMostSteps);
}

static void readDecays(JsonReader &reader, Recipe &recipe) {
  Method method = recipe.method;
  if (method != Method::MaskDecay)
    idle(reader, "decay", on(method));
  reader.object(
      "decay",
      [&](JsonReader &own) {
        choice(own, "shape", {"linear", "exponential"}, recipe.decay);
        number(own, "rate", recipe.decayRate);
      },
      Need::Optional);
  if (method != Method::StructureDecay)
    idle(reader, "structure", on(method));
  reader.object(
      "structure",
      [&](JsonReader &own) {
        choice(own, "shape", {"stepwise", "geometric"}, recipe.structure);
        if (recipe.structure == StructureShape::Stepwise)
          idle(own, "frames", "on the stepwise decay");
        integer(own, "frames", recipe.frames, 1, 4);
      },
      Need::Optional);
  if (method != Method::SSte)
    idle(reader, "scale", on(method));
  if (!reader.has("scale"))
    return;
  std::string fitted;
  if (reader.isText("scale"))
    reader.text("scale", fitted);
  if (fitted == "least-squares")
    return;
  double scale = 0;
  if (!fitted.empty())
    reader.wrong("scale", "\"least-squares\" or a number");
  number(reader, "scale", scale);
  recipe.softScale = scale;
}

static void readStep(JsonReader &reader, Recipe &recipe) {
  if (recipe.method != Method::Step) {
    for (const char *name : {"denominator", "switch"})
      idle(reader, name, on(recipe.method));
    return;
  }
  bool isSgd = recipe.optimizer.kind == OptimizerKind::Sgd;
  if (isSgd || recipe.optimizer.amsgrad)
    reader.fail("optimizer", "step freezes the second moment of adam or adamw, "
                             "but the optimizer is " +
                                 std::string(isSgd ? "sgd" : "amsgrad"));
  choice(reader, "denominator", {"paper", "public"}, recipe.denominator);
  readSwitch(reader, recipe);
}

static void readRecipe(JsonReader &reader, Recipe &recipe) {
  int64_t version = Recipe::kVersion;
  reader.integer("version", version);
  if (version != Recipe::kVersion)
    reader.wrong("version", std::to_string(Recipe::kVersion));
  choice(reader, "method", methodNames(), recipe.method, Need::Required);
  if (!reader.ok())
    return;
  integer(reader, "steps", recipe.steps, 1, kMostSteps);
  reader.flag("skip_nonfinite", recipe.skipNonfinite);
  int64_t seed = 0;
  integer(reader, "seed", seed, 0, INT64_MAX);
  if (reader.has("seed"))
    recipe.seed = seed;
  readOptimizer(reader, recipe);
  if (recipe.method == Method::Dense)
    idle(reader, "patterns", "on dense");
  readPatterns(reader, recipe);
  readPhases(reader, recipe);
  readGradient(reader, recipe);
  readDecays(reader, recipe);
  readStep(reader, recipe);
}

Result<Recipe> parseRecipe(std::string_view text, const std::string &where) {
  return guarded([&]() -> Result<Recipe> {
    Recipe recipe;
    NM_RETURN_IF_ERROR(support::readJsonObject(
        text, where, [&](JsonReader &reader) { readRecipe(reader, recipe); }));
    return recipe;
  });
}

} // namespace nm::rt
