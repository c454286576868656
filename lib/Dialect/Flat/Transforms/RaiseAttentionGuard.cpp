//===- RaiseAttentionGuard.cpp - Choices around a softmax -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A condition that only compares parts of the softmax with constants is
// constant between these constants: computing it at each of them, beside each
// of them and at the ends of the part's range decides it.
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionGuard.h"
#include "RaiseAttentionValue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr float kLargest = std::numeric_limits<float>::max();
static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

SmallVector<double> GuardCheck::sample(const Term *part,
                                       ArrayRef<double> constants,
                                       bool withHidden) {
  double low = -kLargest, high = kLargest;
  if (part != form.score) {
    switch (form.parts.lookup(part)) {
    case SoftmaxForm::Shift:
      break;
    case SoftmaxForm::Divisor:
      low = isShifted ? 1.0 : std::numeric_limits<float>::denorm_min();
      break;
    case SoftmaxForm::Weight:
      low = 0.0;
      high = 1.0;
    }
  }
  SmallVector<double> samples;
  auto add = [&](float value) {
    for (float near : {value, std::nextafter(value, kInfinity),
                       std::nextafter(value, -kInfinity)})
      if (near >= low && near <= high && !llvm::is_contained(samples, near))
        samples.push_back(near);
  };
  for (double end : {low, high, 0.0, 1.0})
    add(static_cast<float>(end));
  for (double constant : constants)
    if (!std::isnan(constant))
      for (double value : {constant, -constant})
        add(static_cast<float>(value));
  if (withHidden && part == form.score)
    samples.push_back(-kInfinity);
  return samples;
}

/// A reduction of a condition over the row's keys, one of which has a finite
/// score.
std::optional<bool> GuardCheck::decideRow(const Term *reduction) {
  if (std::optional<bool> everywhere =
          decide(reduction->operands[0], /*withHidden=*/true))
    return everywhere;
  std::optional<bool> somewhere = decide(reduction->operands[0]);
  bool isAll = reduction->kind == Term::All;
  return somewhere && *somewhere != isAll ? somewhere : std::nullopt;
}

std::optional<bool> GuardCheck::decide(const Term *condition, bool withHidden) {
  SmallVector<const Term *> parts;
  SmallVector<double> constants;
  SmallVector<std::pair<const Term *, bool>> decided;
  bool isReadable = true;
  DenseSet<const Term *> seen;
  SmallVector<const Term *> worklist{condition};
  while (!worklist.empty()) {
    const Term *term = worklist.pop_back_val();
    if (!seen.insert(term).second)
      continue;
    if (term == form.score || form.parts.contains(term)) {
      parts.push_back(term);
    } else if (term->kind == Term::Constant) {
      if (std::optional<double> value = term->getNumber())
        constants.push_back(*value);
    } else if (term->kind == Term::All || term->kind == Term::Any) {
      std::optional<bool> value = decideRow(term);
      isReadable &= value.has_value();
      decided.push_back({term, value.value_or(false)});
    } else if (term->kind == Term::Apply &&
               isa<arith::CmpFOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp,
                   arith::NegFOp, math::AbsFOp, math::IsNaNOp, math::IsInfOp,
                   math::IsFiniteOp>(term->op)) {
      llvm::append_range(worklist, term->operands);
    } else {
      isReadable = false;
    }
  }
  // Two parts beside one another may have a relation of their own.
  if (!isReadable || parts.size() > 1)
    return std::nullopt;

  std::optional<bool> result;
  auto tryCase = [&](std::optional<double> value) {
    TermEvaluator evaluator(1);
    for (auto [term, truth] : decided)
      evaluator.bind(term, truth);
    if (value)
      evaluator.bind(parts[0], *value);
    std::optional<double> truth = evaluator.evaluate(condition, 0);
    if (!truth || (result && *result != (*truth != 0)))
      return false;
    result = *truth != 0;
    return true;
  };
  if (parts.empty())
    return tryCase(std::nullopt) ? result : std::nullopt;
  for (double value : sample(parts[0], constants, withHidden))
    if (!tryCase(value))
      return std::nullopt;
  return result;
}

const Term *GuardCheck::findHarmful() {
  auto keeps = [&](const SoftmaxForm::Choice &choice) {
    std::optional<bool> taken = decide(choice.select->operands[0]);
    return taken && *taken == choice.keepsTrue;
  };
  // Subtracting 0 instead of the maximum changes nothing but the range, if all
  // keys of the row do.
  isShifted = form.maximum != nullptr;
  for (const SoftmaxForm::Choice &choice : form.choices)
    if (choice.place == SoftmaxForm::Shift && !keeps(choice)) {
      const Term *other = choice.select->operands[choice.keepsTrue ? 2 : 1];
      if (form.needsShift || other->getFloat() != 0.0 ||
          !isRowConstant(choice.select->operands[0], row))
        return choice.select;
      isShifted = false;
    }
  for (const SoftmaxForm::Choice &choice : form.choices)
    if (choice.place != SoftmaxForm::Shift && !keeps(choice))
      return choice.select;
  return nullptr;
}

bool GuardCheck::forEachCase(
    const Term *weights, ArrayRef<double> scores,
    function_ref<void(ArrayRef<std::optional<double>>)> visit) {
  constexpr unsigned kMaxConditions = 3;
  auto run = [&](ArrayRef<const Term *> conditions, unsigned truths,
                 SmallVector<const Term *> &unknown) {
    TermEvaluator evaluator(scores.size());
    evaluator.bind(form.score, scores);
    for (auto [bit, condition] : llvm::enumerate(conditions))
      evaluator.bind(condition, truths >> bit & 1);
    SmallVector<std::optional<double>> values;
    for (unsigned key = 0; key < scores.size(); ++key)
      values.push_back(evaluator.evaluate(weights, key));
    llvm::append_range(unknown, evaluator.getUnknownConditions());
    return values;
  };
  SmallVector<const Term *> conditions;
  SmallVector<std::optional<double>> values = run({}, 0, conditions);
  if (conditions.size() > kMaxConditions ||
      !llvm::all_of(conditions,
                    [&](const Term *term) { return isRowConstant(term, row); }))
    return false;
  if (conditions.empty()) {
    visit(values);
    return true;
  }
  for (unsigned truths = 0; truths < 1u << conditions.size(); ++truths) {
    SmallVector<const Term *> rest;
    values = run(conditions, truths, rest);
    visit(values);
  }
  return true;
}

bool GuardCheck::isSoftmax(const Term *weights, ArrayRef<double> scores) {
  auto exponential = [&](double score) {
    return std::exp(form.factor * (score - *llvm::max_element(scores)));
  };
  double sum = 0;
  for (double score : scores)
    sum += exponential(score);
  bool isEqual = true;
  auto compare = [&](ArrayRef<std::optional<double>> values) {
    for (auto [value, score] : llvm::zip(values, scores))
      isEqual &= value && std::abs(*value - exponential(score) / sum) <= 1e-6;
  };
  return forEachCase(weights, scores, compare) && isEqual;
}

GuardCheck::Outcome GuardCheck::evaluateRow(const Term *weights,
                                            ArrayRef<double> scores) {
  std::optional<Outcome> outcome;
  auto join = [&](ArrayRef<std::optional<double>> values) {
    // One NaN among the weights makes the sum of weighted values NaN.
    Outcome own = llvm::any_of(values,
                               [](std::optional<double> value) {
                                 return value && std::isnan(*value);
                               })
                      ? Outcome::NaN
                  : llvm::all_of(values,
                                 [](std::optional<double> value) {
                                   return value && *value == 0;
                                 })
                      ? Outcome::Zero
                      : Outcome::Other;
    outcome = outcome.value_or(own) == own ? own : Outcome::Other;
  };
  if (!forEachCase(weights, scores, join))
    return Outcome::Other;
  return *outcome;
}

std::optional<Guard> GuardCheck::classify(const Term *weights) {
  const double inf = kInfinity, nan = kNaN;
  const double finiteRows[][2] = {
      {0, 0}, {1, -3}, {0, -inf}, {-50, -45}, {30, 40}};
  const double undefinedRows[][2] = {
      {nan, 0}, {0, nan}, {nan, -inf}, {-inf, nan}, {nan, nan},
      {inf, 0}, {0, inf}, {inf, -inf}, {inf, inf},  {nan, inf}};
  for (ArrayRef<double> scores : finiteRows)
    if (!isSoftmax(weights, scores))
      return std::nullopt;
  Outcome unseen = evaluateRow(weights, {-inf, -inf});
  std::optional<Outcome> undefined;
  for (ArrayRef<double> scores : undefinedRows) {
    Outcome own = evaluateRow(weights, scores);
    undefined = undefined.value_or(own) == own ? own : Outcome::Other;
  }
  if (unseen == Outcome::NaN && undefined == Outcome::NaN)
    return Guard::None;
  if (unseen == Outcome::Zero && undefined == Outcome::NaN)
    return Guard::Unseen;
  if (unseen == Outcome::Zero && undefined == Outcome::Zero)
    return Guard::Undefined;
  return std::nullopt;
}

bool GuardCheck::takesLowestAsScore(const Term *weights) {
  const double lowest = -kLargest;
  return isSoftmax(weights, {lowest, lowest});
}

bool GuardCheck::takesLowestAsHidden(const Term *weights) {
  const double inf = kInfinity, lowest = -kLargest;
  const double rows[][2] = {{lowest, lowest}, {lowest, -inf}, {-inf, lowest}};
  Outcome unseen = evaluateRow(weights, {-inf, -inf});
  return llvm::all_of(rows, [&](ArrayRef<double> scores) {
    return evaluateRow(weights, scores) == unseen;
  });
}
