//===- RecipePrinter.cpp - Recipes as JSON -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support.h"
#include "RecipeText.h"
#include "nm/Support/Json.h"

namespace nm::rt {

static nlohmann::ordered_json printOptimizer(const OptimizerSpec &spec) {
  static const char *const kinds[] = {"adam", "adamw", "sgd"};
  nlohmann::ordered_json out;
  out["kind"] = kinds[size_t(spec.kind)];
  out["lr"] = spec.lr;
  if (spec.kind == OptimizerKind::Sgd) {
    out["momentum"] = spec.momentum;
    if (spec.momentum != 0) {
      out["dampening"] = spec.dampening;
      out["nesterov"] = spec.nesterov;
    }
  } else {
    out["betas"] = {spec.beta1, spec.beta2};
    out["eps"] = spec.eps;
    out["amsgrad"] = spec.amsgrad;
  }
  out["weight_decay"] = spec.weightDecay;
  out["maximize"] = spec.maximize;
  return out;
}

static nlohmann::ordered_json printSwitch(const Recipe &recipe) {
  nlohmann::ordered_json out;
  const SwitchSpec &spec = recipe.autoSwitch;
  if (spec.at) {
    out["at"] = *spec.at;
    return out;
  }
  out["option"] = spec.option;
  out["threshold"] = recipe.switchThreshold();
  out["window"] = recipe.switchWindow();
  out["partial_window"] = spec.partialWindow;
  out["clip"] = nullptr;
  if (spec.clip)
    out["clip"] = {spec.clip->first, spec.clip->second};
  return out;
}

std::string printRecipe(const Recipe &recipe) {
  nlohmann::ordered_json out;
  Method method = recipe.method;
  out["version"] = Recipe::kVersion;
  out["method"] = std::string(methodName(method));
  out["optimizer"] = printOptimizer(recipe.optimizer);
  if (recipe.steps)
    out["steps"] = recipe.steps;
  if (method != Method::Dense) {
    auto &list = out["patterns"] = nlohmann::ordered_json::array();
    for (const PatternRule &rule : recipe.patterns) {
      nlohmann::ordered_json item;
      item["tensors"] = rule.tensors;
      item["pattern"] = patternText(rule);
      if (!rule.dense())
        item["axis"] = rule.axis;
      list.push_back(std::move(item));
    }
    if (method != Method::Step)
      out["dense_steps"] = recipe.denseSteps;
  }
  if (learnsMasks(method))
    out["mask_every"] = recipe.maskEvery;
  bool decays = method == Method::MaskDecay || method == Method::StructureDecay;
  if (decays) {
    out["fine_tune_steps"] = recipe.fineTuneSteps;
    if (recipe.fineTuneSteps)
      out["freeze_mask"] = recipe.freezeMask;
  }
  if (decays || method == Method::SrSte || method == Method::Step) {
    static const char *const flows[] = {"straight-through", "masked",
                                        "decayed"};
    out["lambda"] = recipe.lambda;
    out["gradient"] = flows[size_t(recipe.gradient)];
  }
  if (method == Method::MaskDecay) {
    out["decay"]["shape"] =
        recipe.decay == DecayShape::Linear ? "linear" : "exponential";
    out["decay"]["rate"] = recipe.decayRate;
  }
  if (method == Method::StructureDecay) {
    bool geometric = recipe.structure == StructureShape::Geometric;
    out["structure"]["shape"] = geometric ? "geometric" : "stepwise";
    if (geometric)
      out["structure"]["frames"] = recipe.frames;
  }
  if (method == Method::Step) {
    out["denominator"] =
        recipe.denominator == Denominator::Paper ? "paper" : "public";
    out["switch"] = printSwitch(recipe);
  }
  if (method == Method::SSte) {
    out["scale"] = "least-squares";
    if (recipe.softScale)
      out["scale"] = *recipe.softScale;
  }
  out["skip_nonfinite"] = recipe.skipNonfinite;
  if (recipe.seed)
    out["seed"] = *recipe.seed;
  return support::printJson(out);
}

} // namespace nm::rt
