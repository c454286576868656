//===- Trainer.h - Parameters under a recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The optimizer: state of every parameter, one pass over memory a step, and
// what the forward pass sees. A step checks everything first; then nothing can
// fail.
//
// Where weights live. What the caller gave is what the forward pass reads: the
// effective weights. While a tensor of f32 is not masked, that is all there is;
// once it is, the weights that are trained are a second copy in f32 (the
// *master*), which only recipes whose dropped weights live on need (not ASP).
// bf16 parameters always have one. A parameter may be `dense`: then it holds
// the trained weights itself, and the effective ones are computed when asked.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_TRAINER_H
#define NM_LIB_RUNTIME_RECIPES_TRAINER_H

#include "Schedule.h"
#include "nm/Runtime/Tensor.h"
#include "nm/Runtime/Writer.h"
#include <functional>
#include <map>
#include <memory>

namespace nm::rt {

/// 64-byte aligned memory that may not be there.
template <typename T> class StateBuffer {
public:
  T *get() const { return reinterpret_cast<T *>(owner.get()); }
  explicit operator bool() const { return bool(owner); }
  /// Zeros. Throws std::bad_alloc.
  void allocate(int64_t elements);

private:
  std::shared_ptr<unsigned char> owner;
};

/// A parameter as the caller describes it.
struct ParameterDesc {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  void *data = nullptr;
  size_t group = 0;
  /// Holds the trained weights, not the effective ones.
  bool dense = false;
  /// In place of the recipe's pattern.
  std::optional<PatternRule> pattern;
};

struct Parameter {
  ParameterDesc desc;
  int64_t count = 0;
  /// 0:0 is dense; the axis counts from the first.
  int64_t n = 0, m = 0, axis = 0;
  /// Elements between neighbours of a group.
  int64_t stride = 1;
  /// Masks that are not of single elements along one axis (PatternRule).
  bool transposable = false;
  int64_t otherAxis = 0;
  std::vector<int64_t> block;

  int64_t steps = 0;
  MaskView view;
  double softScale = 0;
  StateBuffer<float> first, second, secondMax, master;
  StateBuffer<uint8_t> mask;

  bool patterned() const { return m != 0; }
  /// Whether kernels choose the mask themselves.
  bool plain() const { return !transposable && block.empty(); }
  bool bf16() const { return desc.dtype == DType::BF16; }
  float *weights() const {
    return master ? master.get() : static_cast<float *>(desc.data);
  }
  int64_t maskBytes() const { return (count + 7) / 8; }
};

/// Numbers that may change from step to step, of a group of parameters.
struct Rates {
  double lr, beta1, beta2, eps, weightDecay, momentum, dampening;
};

/// What a step is given of one parameter.
struct Gradient {
  /// Null: the parameter is left alone in this step.
  const void *data = nullptr;
  DType dtype = DType::F32;
  /// Where the parameter lies now; null: where it did.
  void *parameter = nullptr;
};

struct StepReport {
  int64_t step = 0;
  Phase phase = Phase::Dense;
  /// Of the next step.
  Phase nextPhase = Phase::Dense;
  /// Elements that changed between kept and dropped.
  int64_t maskChanges = 0;
  int64_t nonfinite = 0;
  /// Left out for gradients that are not finite; nothing changed.
  bool skipped = false;
  SwitchReport autoSwitch;
};

/// What the parameters of one process, or of all, give in a step
/// (nm_recipe_totals).
struct Totals {
  int64_t nonfinite = 0;
  /// Elements of which `stats` are.
  int64_t elements = 0;
  nm_kernel_stats stats = {0, 1, 0, 0, 0};

  void add(const Totals &other);
};

class Trainer {
public:
  explicit Trainer(const Recipe &recipe);
  Trainer(const Trainer &) = delete;
  Trainer &operator=(const Trainer &) = delete;

  const Recipe &recipe() const { return spec; }
  const Schedule &schedule() const { return plan; }
  int64_t step() const { return done; }
  size_t size() const { return parameters.size(); }
  const Parameter &operator[](size_t i) const { return parameters[i]; }

  /// Adds parameters, and makes them what the next step's forward pass sees.
  /// All of them or none.
  Status add(const std::vector<ParameterDesc> &list);

  /// Replaces the totals of this process by those of all, where each has a part
  /// of the parameters. May be empty.
  std::function<Status(Totals &)> combine;
  /// The rule of the recipe that names a parameter, if there is one.
  std::optional<size_t> ruleOf(std::string_view name) const;
  /// Whether a pattern of the recipe has named a parameter.
  bool patternUsed(size_t index) const {
    return index < ruleUsed.size() && ruleUsed[index];
  }

  /// The rates that a group has if nobody says otherwise.
  Rates defaultRates() const;

  /// One gradient for each parameter; `rates` by group, empty: the default for
  /// all.
  Result<StepReport> runStep(const std::vector<Gradient> &gradients,
                             const std::vector<Rates> &rates);

  /// The weights that the next forward pass sees, in the parameter's type.
  Status effective(size_t index, void *out) const;

  /// The caller wrote new weights into a parameter: they become the trained
  /// ones.
  Status reset(size_t index, void *data);

  /// State as tensors: `<name>.exp_avg`, `exp_avg_sq`, `max_exp_avg_sq`,
  /// `momentum_buffer`, `weight` (the master), `mask` (one bit an element).
  /// They point into this object.
  std::vector<NamedView> state() const;
  /// What the tensors do not say, as JSON.
  std::string progress() const;
  /// The state that another trainer of this recipe and these parameters had.
  /// On an error nothing has changed.
  Status assign(const std::vector<NamedView> &tensors,
                std::string_view progress, const std::string &where);
  /// Whether a state of the recipe in `text` is one of this recipe; rates may
  /// differ.
  Status checkRecipe(std::string_view text, const std::string &where) const;

private:
  Recipe spec;
  Schedule plan;
  std::vector<Parameter> parameters;
  std::map<std::string, size_t, std::less<>> byName;
  /// Rules of the recipe that named a tensor.
  std::vector<bool> ruleUsed;
  int64_t done = 0;

  Result<Parameter> makeParameter(const ParameterDesc &desc);
  Status checkRules() const;
  Status checkOverlap(const std::vector<Gradient> *gradients) const;
  Status checkGradients(const std::vector<Gradient> &gradients,
                        const std::vector<Rates> &rates) const;
  MaskView nextView(const Parameter &parameter, bool fresh = false) const;
  static void prepareView(Parameter &parameter, const MaskView &view);
  /// Makes parameters what the next step sees; `fresh` as of Schedule.
  int64_t showView(const std::vector<size_t> &which, bool fresh = false);
  void fitScale(Parameter &parameter);
};

/// `name` and what it is, for messages.
std::string describe(const ParameterDesc &desc);

/// The metadata of a state file, and of a checkpoint.
constexpr const char *kStateFormat = "nm.recipe-state";

Status saveState(const Trainer &trainer, const std::string &path);
Status loadState(Trainer &trainer, const std::string &path);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_RECIPES_TRAINER_H
