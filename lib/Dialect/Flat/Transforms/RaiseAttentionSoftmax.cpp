//===- RaiseAttentionSoftmax.cpp - The softmax behind weights -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionSoftmax.h"
#include "RaiseAttentionGuard.h"

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;

std::string mlir::flat::raise::nameOf(Operation *op) {
  return op ? "'" + op->getName().getStringRef().str() + "'"
            : std::string("a block argument");
}

/// A maximum that starts here does not change with its start.
static bool isLowest(double value) { return value <= -65504.0; }

static bool holdsExponential(const Term *root) {
  bool found = false;
  walkTerms(root, [&](const Term *term) {
    found |= term->isApply("math.exp") || term->isApply("math.exp2") ||
             term->isApply("linalg.softmax");
  });
  return found;
}

/// x of 1 / x.
static const Term *matchReciprocal(const Term *term) {
  if (term->isApply("arith.divf") && term->operands[0]->getFloat() == 1.0)
    return term->operands[1];
  return nullptr;
}

namespace {

class SoftmaxMatcher {
public:
  SoftmaxMatcher(const Term *weights, ArrayRef<Axis> row, Mismatch &mismatch)
      : weights(weights), row(row), mismatch(mismatch) {}

  std::optional<Softmax> match() {
    mismatch.isNear = holdsExponential(weights);
    if (!matchWeights(weights))
      return std::nullopt;
    GuardCheck check(form, row);
    if (const Term *choice = check.findHarmful()) {
      fail("a choice around the softmax may change rows of finite scores",
           choice);
      return std::nullopt;
    }
    std::optional<Guard> guard = check.classify(weights);
    if (!guard) {
      fail("rows of infinite or undefined scores give neither NaN nor zeros "
           "throughout",
           weights);
      return std::nullopt;
    }
    bool isShifted = form.maximum || !form.exponential;
    return Softmax{form.score, *guard,
                   !isShifted && check.takesLowestAsHidden(weights)
                       ? Softmax::Never
                   : isShifted && check.isAlwaysShifted() && !isAbsorbed
                       ? Softmax::Always
                       : Softmax::Sometimes};
  }

private:
  bool fail(StringRef reason, const Term *stop) {
    mismatch.reason = reason.str();
    mismatch.stop = stop->op;
    return false;
  }

  /// What `term` is but for choices of a constant, which are noted.
  const Term *strip(const Term *term, SoftmaxForm::Place place,
                    function_ref<bool(double)> isReplacement) {
    while (term->isApply("arith.select")) {
      const Term *kept = nullptr;
      for (int i : {1, 2}) {
        std::optional<double> other = term->operands[3 - i]->getFloat();
        if (!kept && other && isReplacement(*other) &&
            term->operands[i]->kind != Term::Constant) {
          kept = term->operands[i];
          form.choices.push_back({term, i == 1, place});
        }
      }
      if (!kept)
        return term;
      form.bind(term, place);
      term = kept;
    }
    return term;
  }
  static bool isZero(double value) { return value == 0.0; }
  static bool isAny(double) { return true; }

  bool matchWeights(const Term *term) {
    term = strip(term, SoftmaxForm::Weight, isZero);
    form.bind(term, SoftmaxForm::Weight);
    if (term->isApply("linalg.softmax")) {
      form.score = term->operands[0];
      return true;
    }
    if (term->isApply("math.exp"))
      return matchLogSumExp(term);
    const Term *divisor = nullptr;
    if (term->isApply("arith.divf")) {
      form.exponential = term->operands[0];
      divisor = term->operands[1];
    } else if (term->isApply("arith.mulf")) {
      for (int i : {0, 1})
        if (const Term *inverted = matchReciprocal(term->operands[i])) {
          form.exponential = term->operands[1 - i];
          divisor = inverted;
        }
    }
    if (!divisor)
      return fail("the weights are no quotient", term);
    if (!form.exponential->isApply("math.exp"))
      return fail("the dividend is " + nameOf(form.exponential->op) +
                      ", expected 'math.exp'",
                  form.exponential);
    if (!matchShift(form.exponential->operands[0]) || !matchSum(divisor))
      return false;
    if (form.sum->operands[0] != form.exponential)
      return fail("the divisor does not sum the exponentials that it divides",
                  form.sum);
    return true;
  }

  /// score - maximum, or a score alone.
  bool matchShift(const Term *shifted) {
    form.score = shifted;
    if (!shifted->isApply("arith.subf"))
      return true;
    SoftmaxForm before = form;
    const Term *maximum =
        strip(shifted->operands[1], SoftmaxForm::Shift, isZero);
    if (maximum->kind != Term::Max) {
      // Something else that belongs to the score.
      form = before;
      return true;
    }
    form.score = shifted->operands[0];
    form.shift = shifted->operands[1];
    return checkMaximum(maximum);
  }

  bool checkMaximum(const Term *maximum) {
    if (maximum->operands[0] != form.score)
      return fail("what is subtracted is not the maximum of what it is "
                  "subtracted from",
                  maximum);
    std::optional<double> start = maximum->getNumber();
    if (!start || !isLowest(*start))
      return fail("the maximum does not start at minus infinity or the lowest "
                  "number",
                  maximum);
    form.maximum = maximum;
    form.bind(maximum, SoftmaxForm::Shift);
    return true;
  }

  /// The sum of the exponentials, but for what keeps it from being zero.
  bool matchSum(const Term *term) {
    const Term *sum = strip(term, SoftmaxForm::Divisor, isAny);
    // The largest exponential is 1: neither changes the sum then.
    if (form.maximum)
      for (int i : {0, 1}) {
        if (sum->operands.size() != 2)
          break;
        std::optional<double> other = sum->operands[1 - i]->getFloat();
        bool isLimit =
            sum->isApply("arith.maximumf") || sum->isApply("arith.maxnumf");
        if (other && ((isLimit && *other <= 1.0) ||
                      (sum->isApply("arith.addf") && *other >= 0.0 &&
                       *other <= 0x1p-25))) {
          form.bind(sum, SoftmaxForm::Divisor);
          form.needsShift = true;
          sum = strip(sum->operands[i], SoftmaxForm::Divisor, isAny);
          break;
        }
      }
    if (sum->kind != Term::Sum)
      return fail("the divisor is " + nameOf(sum->op) +
                      ", expected the sum of a row's exponentials",
                  sum);
    form.sum = sum;
    form.bind(sum, SoftmaxForm::Divisor);
    return true;
  }

  /// exp(score - (maximum + log(sum))) or exp((score - maximum) - log(sum)).
  bool matchLogSumExp(const Term *term) {
    const Term *difference = term->operands[0];
    if (!difference->isApply("arith.subf"))
      return fail("the weights are no quotient", term);
    const Term *normalizer =
        strip(difference->operands[1], SoftmaxForm::Shift, isZero);
    const Term *minuend = difference->operands[0], *logarithm = nullptr,
               *shift = nullptr;
    if (normalizer->isApply("math.log")) {
      logarithm = normalizer;
    } else if (normalizer->isApply("arith.addf")) {
      for (int i : {0, 1})
        if (normalizer->operands[i]->isApply("math.log")) {
          logarithm = normalizer->operands[i];
          shift = normalizer->operands[1 - i];
        }
    }
    if (!logarithm)
      return fail("the weights are no quotient", term);
    form.bind(normalizer, SoftmaxForm::Shift);
    // The sum says what the score and its shift are.
    const Term *sum = logarithm->operands[0];
    const Term *exponential = findSum(sum);
    if (!exponential || !exponential->isApply("math.exp"))
      return fail("what is subtracted is no logarithm of a sum of exponentials",
                  logarithm);
    form.exponential = exponential;
    // Beside the lowest number a logarithm is lost.
    isAbsorbed = shift != nullptr;
    if (!matchShift(exponential->operands[0]) || !matchSum(sum))
      return false;
    const Term *expected =
        shift || !form.shift ? form.score : exponential->operands[0];
    if (minuend != expected || (shift && shift != form.shift) ||
        form.sum->operands[0] != exponential)
      return fail("what is subtracted is not the logarithm of the sum of the "
                  "same exponentials",
                  logarithm);
    return true;
  }

  static const Term *findSum(const Term *root) {
    const Term *found = nullptr;
    while (root->isApply("arith.select") || root->isApply("arith.addf") ||
           root->isApply("arith.maximumf")) {
      const Term *next = nullptr;
      for (const Term *operand : root->operands)
        if (operand->kind == Term::Sum || operand->kind == Term::Apply)
          next = operand;
      if (!next)
        return nullptr;
      root = next;
    }
    if (root->kind == Term::Sum)
      found = root->operands[0];
    return found;
  }

  const Term *weights;
  ArrayRef<Axis> row;
  Mismatch &mismatch;
  SoftmaxForm form;
  bool isAbsorbed = false;
};

} // namespace

std::optional<Softmax> mlir::flat::raise::matchSoftmax(const Term *weights,
                                                       ArrayRef<Axis> row,
                                                       Mismatch &mismatch) {
  return SoftmaxMatcher(weights, row, mismatch).match();
}
