//===- RecipeReader.cpp - Recipes from JSON -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support.h"
#include "RecipeText.h"
#include "nm/Support/Json.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

using nlohmann::json;
using support::jsonKind;
using support::parseStrictJson;

namespace {
/// The fields of one object. Every field that was asked for is known.
class Fields {
public:
  Fields(const json &object, std::string where)
      : object(object), where(std::move(where)) {}

  Error fail(const std::string &what) const {
    return makeError(Errc::Format, where, ": ", what);
  }

  Status isObject() const {
    if (object.is_object())
      return {};
    return fail(std::string("found ") + jsonKind(object) +
                ", expected an object");
  }

  /// Null if it is not there.
  const json *get(const std::string &name) {
    known.push_back(name);
    auto it = object.find(name);
    return it == object.end() ? nullptr : &*it;
  }

  Status number(const std::string &name, double low, double high, double &out,
                bool open = false) {
    const json *value = get(name);
    return value ? number(name, *value, low, high, out, open) : Status();
  }

  Status number(const std::string &name, const json &value, double low,
                double high, double &out, bool open = false) const {
    std::string range = "a number from " + text(low) + " to " + text(high) +
                        (open ? ", that excluded" : "");
    if (!value.is_number())
      return wrong(name, jsonKind(value), range);
    double read = value.get<double>();
    if (!(read >= low && (open ? read < high : read <= high)))
      return wrong(name, value.dump(), range);
    out = read;
    return {};
  }

  Status whole(const std::string &name, int64_t low, int64_t high,
               int64_t &out) {
    const json *value = get(name);
    if (!value)
      return {};
    std::string range = "a whole number from " + std::to_string(low) + " to " +
                        std::to_string(high);
    if (!value->is_number_integer())
      return wrong(name, value->is_number() ? value->dump() : jsonKind(*value),
                   range);
    bool huge =
        value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX;
    int64_t read = huge ? INT64_MAX : value->get<int64_t>();
    if (huge || read < low || read > high)
      return wrong(name, value->dump(), range);
    out = read;
    return {};
  }

  Status boolean(const std::string &name, bool &out) {
    const json *value = get(name);
    if (!value)
      return {};
    if (!value->is_boolean())
      return wrong(name, jsonKind(*value), "true or false");
    out = value->get<bool>();
    return {};
  }

  /// One of several words; `out` is its place.
  Status word(const std::string &name, const std::vector<std::string> &words,
              size_t &out) {
    const json *value = get(name);
    if (!value)
      return {};
    if (!value->is_string())
      return wrong(name, jsonKind(*value), support::alternatives(words));
    const std::string &read = value->get_ref<const std::string &>();
    auto it = std::find(words.begin(), words.end(), read);
    if (it == words.end())
      return fail("field '" + name + "' is " + quote(read) + ", expected " +
                  support::alternatives(words) +
                  support::didYouMean(read, words));
    out = static_cast<size_t>(it - words.begin());
    return {};
  }

  Error wrong(const std::string &name, const std::string &found,
              const std::string &expected) const {
    return fail("field '" + name + "' is " + found + ", expected " + expected);
  }

  /// A field that is there, but would change nothing.
  Status idle(const std::string &name, const std::string &why) {
    return get(name) ? Status(fail("field '" + name + "' has no effect " + why))
                     : Status();
  }

  /// Fails on fields that nobody asked for.
  Status finish() const {
    for (const auto &item : object.items())
      if (std::find(known.begin(), known.end(), item.key()) == known.end())
        return fail("unknown field " + quote(item.key()) +
                    support::didYouMean(item.key(), known));
    return {};
  }

  const std::string &place() const { return where; }

private:
  const json &object;
  std::string where;
  std::vector<std::string> known;

  static std::string text(double value) { return json(value).dump(); }
};
} // namespace

/// Beyond any training; products of two still fit in 63 bits.
static constexpr int64_t kMostSteps = int64_t(1) << 31;
static constexpr int64_t kMostWindow = int64_t(1) << 24;
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

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

static Status readPatterns(Fields &fields, Recipe &recipe) {
  const json *list = fields.get("patterns");
  if (!list)
    return {};
  if (!list->is_array())
    return fields.wrong("patterns", jsonKind(*list), "an array");
  for (size_t i = 0; i < list->size(); ++i) {
    Fields rule((*list)[i], fields.place() + ": pattern " + std::to_string(i));
    NM_RETURN_IF_ERROR(rule.isObject());
    PatternRule read;
    for (const char *name : {"tensors", "pattern"}) {
      const json *value = rule.get(name);
      if (!value || !value->is_string())
        return rule.wrong(name, value ? jsonKind(*value) : "missing",
                          "a string");
    }
    read.tensors = rule.get("tensors")->get<std::string>();
    if (read.tensors.empty())
      return rule.wrong("tensors", "empty",
                        "the name of a tensor, or an expression with * and ?");
    const std::string &text =
        rule.get("pattern")->get_ref<const std::string &>();
    auto pattern = parsePattern(text, rule.place());
    if (!pattern)
      return pattern.error();
    pattern->tensors = std::move(read.tensors);
    read = std::move(*pattern);
    if (read.dense())
      NM_RETURN_IF_ERROR(rule.idle("axis", "on a dense tensor"));
    else
      NM_RETURN_IF_ERROR(rule.whole("axis", -32, 31, read.axis));
    if (recipe.method == Method::SSte && !read.plain())
      return rule.wrong("pattern", quote(text),
                        "single elements along one axis: s-ste has no soft "
                        "threshold of others");
    NM_RETURN_IF_ERROR(rule.finish());
    for (const PatternRule &before : recipe.patterns)
      if (before.tensors == read.tensors)
        return rule.fail("tensors " + quote(read.tensors) +
                         " are named by an earlier pattern");
    recipe.patterns.push_back(std::move(read));
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Optimizer
//===----------------------------------------------------------------------===//

static Status readOptimizer(Fields &fields, Recipe &recipe) {
  static const json none = json::object();
  const json *value = fields.get("optimizer");
  Fields own(value ? *value : none, fields.place() + ": optimizer");
  NM_RETURN_IF_ERROR(own.isObject());
  OptimizerSpec &spec = recipe.optimizer;
  size_t kind = 0;
  NM_RETURN_IF_ERROR(own.word("kind", {"adam", "adamw", "sgd"}, kind));
  spec.kind = static_cast<OptimizerKind>(kind);
  bool sgd = spec.kind == OptimizerKind::Sgd;
  if (spec.kind == OptimizerKind::AdamW)
    spec.weightDecay = 0.01;
  NM_RETURN_IF_ERROR(own.number("lr", 0, kMost, spec.lr));
  NM_RETURN_IF_ERROR(own.number("weight_decay", 0, kMost, spec.weightDecay));
  NM_RETURN_IF_ERROR(own.boolean("maximize", spec.maximize));
  if (sgd) {
    for (const char *name : {"betas", "eps", "amsgrad"})
      NM_RETURN_IF_ERROR(own.idle(name, "on sgd"));
    NM_RETURN_IF_ERROR(own.number("momentum", 0, kMost, spec.momentum));
    NM_RETURN_IF_ERROR(own.number("dampening", 0, 1, spec.dampening));
    NM_RETURN_IF_ERROR(own.boolean("nesterov", spec.nesterov));
    if (spec.nesterov && (spec.momentum == 0 || spec.dampening != 0))
      return own.fail("nesterov needs a momentum and no dampening");
    if (spec.dampening != 0 && spec.momentum == 0)
      return own.idle("dampening", "without momentum");
  } else {
    for (const char *name : {"momentum", "dampening", "nesterov"})
      NM_RETURN_IF_ERROR(own.idle(name, "on adam"));
    if (const json *betas = own.get("betas")) {
      if (!betas->is_array() || betas->size() != 2)
        return own.wrong("betas", jsonKind(*betas), "an array of two numbers");
      NM_RETURN_IF_ERROR(
          own.number("betas", (*betas)[0], 0, 1, spec.beta1, true));
      NM_RETURN_IF_ERROR(
          own.number("betas", (*betas)[1], 0, 1, spec.beta2, true));
    }
    NM_RETURN_IF_ERROR(own.number("eps", 0, kMost, spec.eps));
    NM_RETURN_IF_ERROR(own.boolean("amsgrad", spec.amsgrad));
  }
  return own.finish();
}

//===----------------------------------------------------------------------===//
// Parts of methods
//===----------------------------------------------------------------------===//

static Status readSwitch(Fields &fields, Recipe &recipe) {
  const json *value = fields.get("switch");
  SwitchSpec &spec = recipe.autoSwitch;
  bool clipGiven = false;
  if (value) {
    Fields own(*value, fields.place() + ": switch");
    NM_RETURN_IF_ERROR(own.isObject());
    if (own.get("at")) {
      int64_t at = 0;
      NM_RETURN_IF_ERROR(own.whole("at", 1, kMostSteps, at));
      spec.at = at;
      for (const char *name :
           {"option", "threshold", "window", "partial_window", "clip"})
        NM_RETURN_IF_ERROR(own.idle(name, "where 'at' says the step"));
      if (recipe.steps && at >= recipe.steps)
        return own.wrong("at", std::to_string(at),
                         "less than the " + std::to_string(recipe.steps) +
                             " steps of the recipe");
      spec.clip.reset();
    } else {
      int64_t option = spec.option;
      NM_RETURN_IF_ERROR(own.whole("option", 1, 2, option));
      spec.option = static_cast<int>(option);
      if (own.get("threshold")) {
        double threshold = 0;
        NM_RETURN_IF_ERROR(own.number("threshold", 0, kMost, threshold));
        spec.threshold = threshold;
      }
      if (own.get("window")) {
        int64_t window = 0;
        NM_RETURN_IF_ERROR(own.whole("window", 1, kMostWindow, window));
        spec.window = window;
      }
      NM_RETURN_IF_ERROR(own.boolean("partial_window", spec.partialWindow));
      if (const json *clip = own.get("clip")) {
        clipGiven = true;
        spec.clip.reset();
        if (!clip->is_null()) {
          if (!clip->is_array() || clip->size() != 2)
            return own.wrong("clip", jsonKind(*clip),
                             "null or an array of two numbers");
          std::pair<double, double> range;
          NM_RETURN_IF_ERROR(own.number("clip", (*clip)[0], 0, 1, range.first));
          NM_RETURN_IF_ERROR(
              own.number("clip", (*clip)[1], 0, 1, range.second));
          if (range.first >= range.second)
            return own.wrong("clip", clip->dump(), "the lower number first");
          spec.clip = range;
        }
      }
    }
    NM_RETURN_IF_ERROR(own.finish());
  }
  if (spec.clip && recipe.steps == 0)
    return fields.fail(
        std::string("AutoSwitch ") + (clipGiven ? "is" : "is by default") +
        " clipped to fractions of the training, but 'steps' is missing; give "
        "it, or \"switch\": {\"clip\": null}");
  return {};
}

static Status readPhases(Fields &fields, Recipe &recipe) {
  Method method = recipe.method;
  std::string on = "on " + std::string(methodName(method));
  bool decays = method == Method::MaskDecay || method == Method::StructureDecay;
  if (method == Method::Dense || method == Method::Step)
    NM_RETURN_IF_ERROR(fields.idle(
        "dense_steps", method == Method::Step
                           ? "on step, where 'switch' ends the dense phase"
                           : on));
  NM_RETURN_IF_ERROR(
      fields.whole("dense_steps", 0, kMostSteps, recipe.denseSteps));
  if (!decays)
    for (const char *name : {"fine_tune_steps", "freeze_mask"})
      NM_RETURN_IF_ERROR(fields.idle(name, on));
  NM_RETURN_IF_ERROR(
      fields.whole("fine_tune_steps", 0, kMostSteps, recipe.fineTuneSteps));
  NM_RETURN_IF_ERROR(fields.boolean("freeze_mask", recipe.freezeMask));
  if (recipe.fineTuneSteps == 0)
    NM_RETURN_IF_ERROR(fields.idle("freeze_mask", "without 'fine_tune_steps'"));
  if (recipe.steps == 0 &&
      (recipe.fineTuneSteps || method == Method::StructureDecay))
    return fields.fail("field 'steps' is missing: frames and the fine-tune "
                       "phase are counted from the end of the training");
  if (recipe.steps && recipe.denseSteps + recipe.fineTuneSteps >= recipe.steps)
    return fields.fail(
        "the dense and the fine-tune phase take " +
        std::to_string(recipe.denseSteps + recipe.fineTuneSteps) + " of " +
        std::to_string(recipe.steps) + " steps, expected fewer");
  return {};
}

static Status readGradient(Fields &fields, Recipe &recipe) {
  Method method = recipe.method;
  std::string on = "on " + std::string(methodName(method));
  bool learns = method == Method::SrSte || method == Method::Step ||
                method == Method::MaskDecay || method == Method::StructureDecay;
  if (!learns)
    for (const char *name : {"lambda", "gradient"})
      NM_RETURN_IF_ERROR(fields.idle(name, on));
  if (method == Method::SrSte)
    recipe.lambda = 2e-4;
  NM_RETURN_IF_ERROR(fields.number("lambda", 0, kMost, recipe.lambda));
  size_t flow = 0;
  std::vector<std::string> flows = {"straight-through", "masked"};
  if (method == Method::MaskDecay)
    flows.emplace_back("decayed");
  NM_RETURN_IF_ERROR(fields.word("gradient", flows, flow));
  recipe.gradient = static_cast<GradientFlow>(flow);
  return {};
}

static Status readDecays(Fields &fields, Recipe &recipe) {
  static const json none = json::object();
  Method method = recipe.method;
  std::string on = "on " + std::string(methodName(method));
  auto part = [&](const char *name, Method owner) -> const json * {
    const json *value = fields.get(name);
    return value && method == owner ? value : &none;
  };
  if (method != Method::MaskDecay)
    NM_RETURN_IF_ERROR(fields.idle("decay", on));
  Fields decay(*part("decay", Method::MaskDecay), fields.place() + ": decay");
  NM_RETURN_IF_ERROR(decay.isObject());
  size_t shape = 0;
  NM_RETURN_IF_ERROR(decay.word("shape", {"linear", "exponential"}, shape));
  recipe.decay = static_cast<DecayShape>(shape);
  NM_RETURN_IF_ERROR(decay.number("rate", 0, kMost, recipe.decayRate));
  NM_RETURN_IF_ERROR(decay.finish());

  if (method != Method::StructureDecay)
    NM_RETURN_IF_ERROR(fields.idle("structure", on));
  Fields structure(*part("structure", Method::StructureDecay),
                   fields.place() + ": structure");
  NM_RETURN_IF_ERROR(structure.isObject());
  shape = 0;
  NM_RETURN_IF_ERROR(structure.word("shape", {"stepwise", "geometric"}, shape));
  recipe.structure = static_cast<StructureShape>(shape);
  if (recipe.structure == StructureShape::Stepwise)
    NM_RETURN_IF_ERROR(structure.idle("frames", "on the stepwise decay"));
  NM_RETURN_IF_ERROR(structure.whole("frames", 1, 4, recipe.frames));
  NM_RETURN_IF_ERROR(structure.finish());

  if (method != Method::SSte)
    NM_RETURN_IF_ERROR(fields.idle("scale", on));
  if (const json *scale = fields.get("scale");
      scale && *scale != json("least-squares")) {
    double value = 0;
    if (!scale->is_number())
      return fields.wrong("scale", jsonKind(*scale),
                          "\"least-squares\" or a number");
    NM_RETURN_IF_ERROR(fields.number("scale", 0, kMost, value));
    recipe.softScale = value;
  }
  return {};
}

static Status readInterval(Fields &fields, Recipe &recipe) {
  if (!learnsMasks(recipe.method))
    return fields.idle("mask_every",
                       "on " + std::string(methodName(recipe.method)));
  return fields.whole("mask_every", 1, kMostSteps, recipe.maskEvery);
}

static Result<Recipe> readRecipe(const json &document,
                                 const std::string &where) {
  Fields fields(document, where);
  NM_RETURN_IF_ERROR(fields.isObject());
  Recipe recipe;
  int64_t version = 0;
  NM_RETURN_IF_ERROR(fields.whole("version", 1, INT64_MAX, version));
  if (version != Recipe::kVersion)
    return fields.wrong("version",
                        version ? std::to_string(version) : "missing",
                        std::to_string(Recipe::kVersion));
  size_t method = methodNames().size();
  NM_RETURN_IF_ERROR(fields.word("method", methodNames(), method));
  if (method == methodNames().size())
    return fields.wrong("method", "missing",
                        support::alternatives(methodNames()));
  recipe.method = static_cast<Method>(method);
  NM_RETURN_IF_ERROR(fields.whole("steps", 1, kMostSteps, recipe.steps));
  NM_RETURN_IF_ERROR(fields.boolean("skip_nonfinite", recipe.skipNonfinite));
  if (fields.get("seed")) {
    int64_t seed = 0;
    NM_RETURN_IF_ERROR(fields.whole("seed", 0, INT64_MAX, seed));
    recipe.seed = seed;
  }
  NM_RETURN_IF_ERROR(readOptimizer(fields, recipe));
  if (recipe.method == Method::Dense)
    NM_RETURN_IF_ERROR(fields.idle("patterns", "on dense"));
  NM_RETURN_IF_ERROR(readPatterns(fields, recipe));
  NM_RETURN_IF_ERROR(readPhases(fields, recipe));
  NM_RETURN_IF_ERROR(readInterval(fields, recipe));
  NM_RETURN_IF_ERROR(readGradient(fields, recipe));
  NM_RETURN_IF_ERROR(readDecays(fields, recipe));
  if (recipe.method == Method::Step) {
    if (recipe.optimizer.kind == OptimizerKind::Sgd || recipe.optimizer.amsgrad)
      return fields.fail(
          "step freezes the second moment of adam or adamw, but "
          "the optimizer is " +
          std::string(recipe.optimizer.amsgrad ? "amsgrad" : "sgd"));
    size_t denominator = 0;
    NM_RETURN_IF_ERROR(
        fields.word("denominator", {"paper", "public"}, denominator));
    recipe.denominator = static_cast<Denominator>(denominator);
    NM_RETURN_IF_ERROR(readSwitch(fields, recipe));
  } else {
    std::string on = "on " + std::string(methodName(recipe.method));
    for (const char *name : {"denominator", "switch"})
      NM_RETURN_IF_ERROR(fields.idle(name, on));
  }
  NM_RETURN_IF_ERROR(fields.finish());
  return recipe;
}

Result<Recipe> parseRecipe(std::string_view text, const std::string &where) {
  return guarded([&]() -> Result<Recipe> {
    Result<json> document = parseStrictJson(text, where);
    if (!document)
      return document.error();
    return readRecipe(*document, where);
  });
}

} // namespace nm::rt
