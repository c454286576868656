//===- TrainerState.cpp - Saving and loading training -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support.h"
#include "Trainer.h"
#include "nm/Runtime/Checkpoint.h"
#include "nm/Support/Json.h"
#include "nm/Support/JsonReader.h"
#include <cmath>
#include <limits>
#include <set>

namespace nm::rt {

using nlohmann::json;
using support::JsonReader;
using support::Need;

static constexpr int64_t kProgressVersion = 1;

namespace {
/// One tensor of the state of a parameter.
struct StatePart {
  const char *name;
  StateBuffer<float> Parameter::*buffer;
};
} // namespace

static std::vector<StatePart> partsOf(const OptimizerSpec &optimizer) {
  bool adam = optimizer.kind != OptimizerKind::Sgd;
  return {{adam ? "exp_avg" : "momentum_buffer", &Parameter::first},
          {"exp_avg_sq", &Parameter::second},
          {"max_exp_avg_sq", &Parameter::secondMax},
          {"weight", &Parameter::master}};
}

std::vector<NamedView> Trainer::state() const {
  std::vector<NamedView> list;
  for (const Parameter &parameter : parameters) {
    const ParameterDesc &desc = parameter.desc;
    for (const StatePart &part : partsOf(spec.optimizer))
      if (const StateBuffer<float> &buffer = parameter.*part.buffer)
        list.push_back({desc.name + "." + part.name,
                        denseView(buffer.get(), DType::F32, desc.shape)});
    if (parameter.view.mask != NM_MASK_NONE)
      list.push_back(
          {desc.name + ".mask", denseView(parameter.mask.get(), DType::U8,
                                          {parameter.maskBytes()})});
  }
  return list;
}

static std::string patternText(const Parameter &parameter) {
  if (!parameter.patterned())
    return "dense";
  PatternRule rule;
  rule.n = parameter.n;
  rule.m = parameter.m;
  rule.transposable = parameter.transposable;
  rule.block = parameter.block;
  return patternText(rule) + " along axis " + std::to_string(parameter.axis);
}

std::string Trainer::progress() const {
  nlohmann::ordered_json out;
  out["version"] = kProgressVersion;
  out["step"] = done;
  out["switched_at"] = nullptr;
  if (plan.switchedAt)
    out["switched_at"] = *plan.switchedAt;
  out["samples"] = plan.samples;
  auto &list = out["parameters"] = nlohmann::ordered_json::object();
  for (const Parameter &parameter : parameters) {
    auto &own = list[parameter.desc.name];
    own["steps"] = parameter.steps;
    own["shape"] = parameter.desc.shape;
    own["dtype"] = std::string(dtypeName(parameter.desc.dtype));
    own["pattern"] = patternText(parameter);
    if (parameter.view.soft)
      own["scale"] = parameter.softScale;
  }
  return out.dump();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// The progress of one parameter, as it was written.
struct ParameterProgress {
  int64_t steps = 0;
  std::vector<int64_t> shape;
  std::string dtype, pattern;
  double scale = 0;
};

struct Progress {
  int64_t version = 0, step = 0;
  std::optional<int64_t> switchedAt;
  std::vector<double> samples;
  std::map<std::string, ParameterProgress, std::less<>> parameters;
};
} // namespace

/// Steps are counted exactly by a double.
static constexpr int64_t kMostSteps = int64_t(1) << 53;

static void readParameter(JsonReader &reader, ParameterProgress &own) {
  reader.integer("steps", own.steps, int64_t(0), kMostSteps);
  reader.integers("shape", own.shape, int64_t(0),
                  std::numeric_limits<int64_t>::max(), size_t(32));
  reader.text("dtype", own.dtype);
  reader.text("pattern", own.pattern);
  reader.number("scale", own.scale, 0, std::numeric_limits<double>::max(),
                Need::Optional);
}

static void readProgress(JsonReader &reader, Progress &progress,
                         int64_t window) {
  reader.integer("version", progress.version);
  if (progress.version != kProgressVersion)
    reader.wrong("version", std::to_string(kProgressVersion));
  reader.integer("step", progress.step, int64_t(0), kMostSteps);
  if (reader.has("switched_at") && !reader.isNull("switched_at")) {
    int64_t at = 0;
    reader.integer("switched_at", at, int64_t(0), kMostSteps);
    progress.switchedAt = at;
  }
  reader.numbersOrNull("samples", progress.samples,
                       static_cast<size_t>(window));
  reader.objectsByName("parameters",
                       [&](JsonReader &own, const std::string &name) {
                         readParameter(own, progress.parameters[name]);
                       });
}

/// Takes what was written of a parameter, if it is one of this kind.
static Status takeProgress(const Progress &progress, const std::string &where,
                           Parameter &parameter) {
  const ParameterDesc &desc = parameter.desc;
  auto it = progress.parameters.find(desc.name);
  if (it == progress.parameters.end())
    return makeError(Errc::Mismatch, where, ": it has no state of ",
                     describe(desc));
  const ParameterProgress &own = it->second;
  auto differs = [&](const char *what, const std::string &found,
                     const std::string &expected) {
    return makeError(Errc::Mismatch, where, ": ", describe(desc),
                     ": the state has ", what, " ", found, ", expected ",
                     expected);
  };
  if (own.shape != desc.shape)
    return differs("shape", shapeString(own.shape), shapeString(desc.shape));
  std::string dtype(dtypeName(desc.dtype)), pattern = patternText(parameter);
  if (own.dtype != dtype)
    return differs("dtype", quote(own.dtype), quote(dtype));
  if (own.pattern != pattern)
    return differs("pattern", quote(own.pattern), quote(pattern));
  parameter.steps = own.steps;
  parameter.softScale = own.scale;
  return {};
}

namespace {
/// Tensors by name, each used once.
class TensorSource {
public:
  TensorSource(const std::vector<NamedView> &tensors, const std::string &where)
      : where(where) {
    for (const NamedView &tensor : tensors)
      byName.emplace(tensor.name, &tensor.view);
  }

  Status copy(const std::string &name, DType dtype,
              const std::vector<int64_t> &shape, void *to) {
    auto it = byName.find(name);
    std::string expected =
        std::string(dtypeName(dtype)) + " " + shapeString(shape);
    if (it == byName.end())
      return makeError(Errc::NotFound, where, ": no tensor ", quote(name),
                       ", expected ", expected);
    const TensorView &view = *it->second;
    if (view.dtype != dtype || view.shape != shape || !view.isContiguous())
      return makeError(Errc::Mismatch, where, ": tensor ", quote(name), " is ",
                       dtypeName(view.dtype), " ", shapeString(view.shape),
                       ", expected ", expected);
    if (view.bytes())
      std::memcpy(to, view.data, static_cast<size_t>(view.bytes()));
    used.insert(name);
    return {};
  }

  bool has(const std::string &name) const { return byName.count(name) != 0; }

  Status finish() const {
    for (const auto &[name, view] : byName)
      if (!used.count(name))
        return makeError(Errc::Mismatch, where, ": tensor ", quote(name),
                         " is of no parameter, or of another optimizer");
    return {};
  }

private:
  const std::string &where;
  std::map<std::string, const TensorView *, std::less<>> byName;
  std::set<std::string, std::less<>> used;
};
} // namespace

/// What of the state must be there.
static bool needsPart(const StatePart &part, const Parameter &parameter,
                      const Recipe &recipe, const MaskView &view) {
  if (part.buffer == &Parameter::master)
    return parameter.bf16() ||
           (view.mask != NM_MASK_NONE && !view.prune && !parameter.desc.dense);
  bool adam = recipe.optimizer.kind != OptimizerKind::Sgd;
  bool moves = parameter.steps != 0;
  if (part.buffer == &Parameter::first)
    return moves && (adam || recipe.optimizer.momentum != 0);
  if (part.buffer == &Parameter::second)
    return moves && adam;
  return moves && adam && recipe.optimizer.amsgrad;
}

Status Trainer::assign(const std::vector<NamedView> &tensors,
                       std::string_view progressText,
                       const std::string &where) {
  return guarded([&]() -> Status {
    Progress read;
    NM_RETURN_IF_ERROR(
        support::readJsonObject(progressText, where, [&](JsonReader &reader) {
          readProgress(reader, read, spec.switchWindow());
        }));
    int64_t step = read.step;
    Schedule schedule(spec);
    schedule.switchedAt = read.switchedAt;
    schedule.samples = read.samples;
    if (read.switchedAt && (spec.method != Method::Step || spec.autoSwitch.at ||
                            *read.switchedAt > step))
      return makeError(Errc::Mismatch, where, ": field 'switched_at' is ",
                       *read.switchedAt,
                       ", but the recipe has not switched by step ", step);
    for (const auto &[name, own] : read.parameters)
      if (!byName.count(name))
        return makeError(Errc::Mismatch, where, ": it has a state of ",
                         quote(name), ", which is none of the ",
                         parameters.size(), " parameters");

    TensorSource source(tensors, where);
    std::vector<Parameter> loaded = parameters;
    for (Parameter &parameter : loaded) {
      const ParameterDesc &desc = parameter.desc;
      NM_RETURN_IF_ERROR(takeProgress(read, where, parameter));
      MaskView view = schedule.viewAt(step + 1, parameter.n, parameter.m);
      parameter.view = view;
      for (const StatePart &part : partsOf(spec.optimizer)) {
        StateBuffer<float> &buffer = parameter.*part.buffer;
        std::string name = desc.name + "." + part.name;
        buffer = StateBuffer<float>();
        if (!needsPart(part, parameter, spec, view) && !source.has(name))
          continue;
        buffer.allocate(parameter.count);
        NM_RETURN_IF_ERROR(
            source.copy(name, DType::F32, desc.shape, buffer.get()));
      }
      parameter.mask = StateBuffer<uint8_t>();
      if (view.mask == NM_MASK_NONE)
        continue;
      parameter.mask.allocate(parameter.maskBytes());
      NM_RETURN_IF_ERROR(source.copy(desc.name + ".mask", DType::U8,
                                     {parameter.maskBytes()},
                                     parameter.mask.get()));
    }
    NM_RETURN_IF_ERROR(source.finish());

    std::vector<size_t> which;
    for (size_t i = 0; i < loaded.size(); ++i)
      which.push_back(i);
    std::swap(parameters, loaded);
    std::swap(plan.switchedAt, schedule.switchedAt);
    std::swap(plan.samples, schedule.samples);
    std::swap(done, step);
    try {
      showView(which);
    } catch (...) {
      std::swap(parameters, loaded);
      std::swap(plan.switchedAt, schedule.switchedAt);
      std::swap(plan.samples, schedule.samples);
      std::swap(done, step);
      throw;
    }
    return {};
  });
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

Status saveState(const Trainer &trainer, const std::string &path) {
  return guarded([&]() -> Status {
    return writeSafetensors(path, trainer.state(),
                            {{"format", kStateFormat},
                             {"recipe", printRecipe(trainer.recipe())},
                             {"progress", trainer.progress()}});
  });
}

/// The first difference of two recipes; rates of the optimizer are of a step,
/// not of the state.
static std::string differenceOf(json found, json expected) {
  for (json *recipe : {&found, &expected}) {
    recipe->erase("seed");
    if (recipe->contains("optimizer") && (*recipe)["optimizer"].is_object())
      for (const char *rate : {"lr", "weight_decay"})
        (*recipe)["optimizer"].erase(rate);
  }
  if (found == expected)
    return "";
  // Of another method the other fields differ too.
  std::vector<std::string> keys = {"method"};
  for (const auto &item : expected.items())
    keys.push_back(item.key());
  for (const std::string &key : keys) {
    auto it = found.find(key);
    if (it == found.end() || *it != expected[key])
      return "its recipe has " + key + " " +
             (it == found.end() ? "missing" : it->dump(-1, ' ', true)) +
             ", expected " + expected[key].dump(-1, ' ', true);
  }
  return "its recipe has other fields";
}

Status Trainer::checkRecipe(std::string_view text,
                            const std::string &where) const {
  Result<Recipe> other = parseRecipe(text, where + ": recipe");
  if (!other)
    return other.error();
  std::string difference = differenceOf(json::parse(printRecipe(*other)),
                                        json::parse(printRecipe(spec)));
  if (!difference.empty())
    return makeError(Errc::Mismatch, where, ": ", difference);
  return {};
}

Status loadState(Trainer &trainer, const std::string &path) {
  return guarded([&]() -> Status {
    auto checkpoint = Checkpoint::open(path);
    if (!checkpoint)
      return checkpoint.error();
    const std::string *format = nullptr, *recipe = nullptr, *progress = nullptr;
    for (const auto &[name, text] : (*checkpoint)->metadata()) {
      if (name == "format")
        format = &text;
      if (name == "recipe")
        recipe = &text;
      if (name == "progress")
        progress = &text;
    }
    if (!format || *format != kStateFormat || !recipe || !progress)
      return makeError(Errc::Format, path,
                       ": it is not the state of a recipe, expected metadata "
                       "'format' ",
                       quote(kStateFormat), ", 'recipe' and 'progress'");
    NM_RETURN_IF_ERROR(trainer.checkRecipe(*recipe, path));
    std::vector<Tensor> owners;
    std::vector<NamedView> views;
    for (const TensorInfo &info : (*checkpoint)->tensors()) {
      Result<LoadedTensor> loaded = (*checkpoint)->read(info.name);
      if (!loaded)
        return loaded.error();
      views.push_back({info.name, loaded->tensor.view});
      owners.push_back(std::move(loaded->tensor));
    }
    return trainer.assign(views, *progress, path);
  });
}

} // namespace nm::rt
