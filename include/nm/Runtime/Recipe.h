//===- Recipe.h - How N:M masks are learned, as a value -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A recipe says which tensors get which pattern, by which method, when, and
// with which optimizer. It is read from JSON (docs/recipe.schema.json,
// docs/recipes.md), drives training and travels in checkpoints.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_RECIPE_H
#define NM_RUNTIME_RECIPE_H

#include "nm/Runtime/Result.h"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nm::rt {

enum class Method : uint8_t {
  Dense,          ///< no masks
  Asp,            ///< one-shot magnitude mask, then fixed
  SrSte,          ///< straight-through gradients, dropped weights decay
  Step,           ///< arXiv 2302.01172: dense Adam until its second moment is
                  ///< precise, then masks under the frozen one
  MaskDecay,      ///< arXiv 2209.07617: dropped weights fade out
  StructureDecay, ///< arXiv 2209.07617: N:M tightens in frames
  SSte            ///< continuous soft threshold
};

enum class OptimizerKind : uint8_t { Adam, AdamW, Sgd };

/// Defaults are torch's.
struct OptimizerSpec {
  OptimizerKind kind = OptimizerKind::Adam;
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weightDecay = 0;
  bool amsgrad = false;
  double momentum = 0;
  double dampening = 0;
  bool nesterov = false;
  bool maximize = false;
};

/// The first entry that matches a tensor's name gives its pattern; a tensor
/// that none matches stays dense.
struct PatternRule {
  /// A name, or an expression: `*` is any text, `?` one character.
  std::string tensors;
  /// 0:0 is dense.
  int64_t n = 0, m = 0;
  /// Groups lie along it; negative counts from the last.
  int64_t axis = 1;
  /// N of M along the axis and along the one before it (after it, of the
  /// first), in blocks of M x M.
  bool transposable = false;
  /// Sizes of the blocks that stay or go together, one for each dimension;
  /// empty: single elements.
  std::vector<int64_t> block;

  bool dense() const { return m == 0; }
  /// N:M of single elements along one axis.
  bool plain() const { return !transposable && block.empty(); }
  friend bool operator==(const PatternRule &a, const PatternRule &b) {
    return a.tensors == b.tensors && a.n == b.n && a.m == b.m &&
           a.axis == b.axis && a.transposable == b.transposable &&
           a.block == b.block;
  }
};

/// What reaches dropped weights of the gradient that the forward pass gives.
enum class GradientFlow : uint8_t {
  StraightThrough, ///< all of it
  Masked,          ///< nothing
  Decayed          ///< times the factor of the mask decay
};

enum class DecayShape : uint8_t { Linear, Exponential };
enum class StructureShape : uint8_t { Stepwise, Geometric };
enum class Denominator : uint8_t {
  Paper, ///< sqrt(v* + eps)
  Public ///< sqrt(v*) + eps^(3/4)
};

/// When STEP goes from dense learning to mask learning.
struct SwitchSpec {
  /// The last dense step, if it is fixed; else AutoSwitch decides.
  std::optional<int64_t> at;
  /// Of AutoSwitch: 1 the arithmetic, 2 the geometric mean of |v - v before|.
  int option = 1;
  /// Below it the window's mean switches. Default: the optimizer's eps.
  std::optional<double> threshold;
  /// Samples. Default: round(1 / (1 - beta2)).
  std::optional<int64_t> window;
  /// The mean also counts while the window is not full.
  bool partialWindow = false;
  /// Not before and not after these fractions of the steps.
  std::optional<std::pair<double, double>> clip = {{0.1, 0.5}};
};

struct Recipe {
  static constexpr int64_t kVersion = 1;
  Method method = Method::Dense;
  OptimizerSpec optimizer;
  std::vector<PatternRule> patterns;
  /// Optimizer steps of the whole training; 0: not said.
  int64_t steps = 0;
  int64_t denseSteps = 0;
  int64_t fineTuneSteps = 0;
  /// The mask of the fine-tune phase stays as it was at its start.
  bool freezeMask = false;
  double lambda = 0;
  GradientFlow gradient = GradientFlow::StraightThrough;
  DecayShape decay = DecayShape::Linear;
  double decayRate = 0.01;
  StructureShape structure = StructureShape::Stepwise;
  /// Of the geometric decay: the first is N 2^(frames-1) : M 2^(frames-1).
  int64_t frames = 4;
  SwitchSpec autoSwitch;
  Denominator denominator = Denominator::Paper;
  /// Steps from one mask to the next, of methods that learn it in each.
  int64_t maskEvery = 1;
  /// Of S-STE; not given: least squares at the start of the sparse phase.
  std::optional<double> softScale;
  /// A step with a gradient that is not finite is left out.
  bool skipNonfinite = false;
  /// For the training program; recipes draw nothing.
  std::optional<int64_t> seed;

  /// Derived defaults.
  double switchThreshold() const;
  int64_t switchWindow() const;
};

/// Parses and checks a recipe. Unknown keys, and keys that have no effect on
/// the method, are errors. `where` begins the messages.
Result<Recipe> parseRecipe(std::string_view json, const std::string &where);

/// The JSON that parseRecipe reads, every value that has an effect spelled out.
/// One line.
std::string printRecipe(const Recipe &recipe);

/// "step", "sr-ste", ...
std::string_view methodName(Method method);

/// N:M as text; 1 <= N <= M <= 64.
Result<std::pair<int64_t, int64_t>> parseRatio(std::string_view text,
                                               const std::string &where);

/// "N:M", "N:M transposable", "N:M blocks AxB...", or "dense": a rule without
/// tensors and axis.
Result<PatternRule> parsePattern(std::string_view text,
                                 const std::string &where);
/// The text of a rule's pattern.
std::string patternText(const PatternRule &rule);

/// Whether a name fits an expression of PatternRule.
bool matchesName(std::string_view expression, std::string_view name);

} // namespace nm::rt

#endif // NM_RUNTIME_RECIPE_H
