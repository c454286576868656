//===- RaiseAttentionSoftmax.cpp - The softmax behind weights -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionSoftmax.h"
#include "RaiseAttentionExpression.h"
#include "RaiseAttentionGuard.h"
#include <cmath>

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;
using analysis::Atom;
using analysis::Expression;
using analysis::Expressions;

std::string mlir::flat::raise::nameOf(Operation *op) {
  return op ? "'" + op->getName().getStringRef().str() + "'"
            : std::string("a block argument");
}

static bool holdsExponential(const Term *root) {
  bool found = false;
  walkTerms(root, [&](const Term *term) {
    found |= term->isApply("math.exp") || term->isApply("math.exp2") ||
             term->isApply("linalg.softmax");
  });
  return found;
}

namespace {

class SoftmaxMatcher {
public:
  SoftmaxMatcher(const Term *weights, ArrayRef<Axis> row,
                 const AxisTable &table, Mismatch &mismatch)
      : weights(weights), row(row), terms(table, row), mismatch(mismatch),
        whole(terms.of(weights)) {
    walkTerms(weights, [&](const Term *term) { all.push_back(term); });
  }

  std::optional<Softmax> match() {
    mismatch.isNear = holdsExponential(weights);
    if (!matchQuotient())
      return std::nullopt;
    collectParts();
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
    return Softmax{form.score, form.factor, *guard, shiftOf(check)};
  }

private:
  bool fail(const Twine &reason, const Term *stop) {
    mismatch.reason = reason.str();
    mismatch.stop = stop->op;
    return false;
  }

  /// The first term from the weights on that is `value`; null if none is.
  const Term *find(const Expression &value) {
    auto found = llvm::find_if(all, [&](const Term *term) {
      return Expressions::isSame(terms.of(term), value);
    });
    return found == all.end() ? nullptr : *found;
  }

  bool matchQuotient() {
    std::optional<Expressions::Quotient> found =
        terms.algebra.matchQuotient(whole);
    if (!found)
      return explain();
    dividend = terms.algebra.function(Atom::Exp, found->exponent);
    sum = terms.algebra.function(Atom::RowSum, dividend);
    if (!findScore(found->exponent))
      return false;
    // The largest exponential is 1: neither changes the sum then.
    form.needsShift = found->added != 0 || found->least != 0;
    bool isKept = found->added >= 0 && found->added <= 0x1p-25 &&
                  found->least <= 1 && (form.maximum || !form.needsShift);
    return isKept ||
           fail("the divisor is not the sum of a row's exponentials alone",
                weights);
  }

  /// The score behind an exponent: what the maximum is of that is subtracted,
  /// else the exponent itself.
  bool findScore(const Expression &exponent) {
    const Term *maximum = nullptr, *bare = nullptr;
    for (const Term *term : all) {
      if (term->isApply("linalg.softmax") &&
          Expressions::isSame(terms.of(term), whole)) {
        form.score = term->operands[0];
        isNamed = true;
        return true;
      }
      if (term->kind == Term::Max) {
        maximum = term;
        std::optional<double> factor = Expressions::ratio(
            exponent,
            Expressions::subtract(terms.of(term->operands[0]), terms.of(term)));
        if (factor && *factor > 0) {
          form.score = term->operands[0];
          form.factor = *factor;
          form.maximum = term;
          return true;
        }
      }
      bool isExponential =
          term->isApply("math.exp") || term->isApply("math.exp2");
      if (!bare && isExponential &&
          Expressions::isSame(terms.of(term), dividend))
        bare = term;
    }
    if (maximum && terms.algebra.contains(exponent, Atom::RowMax))
      return fail("what is subtracted is not the maximum of what it is "
                  "subtracted from",
                  maximum);
    if (!bare)
      return fail("no exponential is of the scores alone", weights);
    form.score = bare->operands[0];
    form.factor = bare->isApply("math.exp2") ? M_LN2 : 1;
    return true;
  }

  /// What conditions may ask about, and choices, from the weights to the score.
  void collectParts() {
    DenseSet<const Term *> seen{form.score};
    SmallVector<const Term *> worklist{weights};
    while (!worklist.empty()) {
      const Term *term = worklist.pop_back_val();
      if (!seen.insert(term).second)
        continue;
      std::optional<SoftmaxForm::Place> place = placeOf(term);
      if (place)
        form.bind(term, *place);
      if (unsigned kept = terms.keptOperand(term))
        form.choices.push_back(
            {term, kept == 1, place.value_or(SoftmaxForm::Weight)});
      llvm::append_range(worklist, term->operands);
    }
  }

  std::optional<SoftmaxForm::Place> placeOf(const Term *term) {
    if (term->kind == Term::Constant)
      return std::nullopt;
    Expression value = terms.of(term);
    if (Expressions::isSame(value, whole))
      return SoftmaxForm::Weight;
    if (!terms.algebra.isRowConstant(value))
      return std::nullopt;
    // The sum, and what the quotient has below: it or its limit.
    std::optional<Expression> inverse = terms.algebra.power(value, -1);
    if (Expressions::isSame(value, sum) ||
        (inverse && Expressions::isSame(
                        terms.algebra.multiply(dividend, *inverse), whole)))
      return SoftmaxForm::Divisor;
    bool isShift = llvm::any_of(value.terms, [&](const analysis::Term &part) {
      return llvm::any_of(part.factors, [&](const analysis::Factor &factor) {
        Atom::Kind kind = terms.algebra[factor.atom].kind;
        return kind == Atom::RowMax || kind == Atom::Log;
      });
    });
    return isShift ? std::optional(SoftmaxForm::Shift) : std::nullopt;
  }

  Softmax::Shift shiftOf(GuardCheck &check) {
    bool isShifted = form.maximum || isNamed;
    if (!isShifted)
      return check.takesLowestAsHidden(weights) ? Softmax::Never
                                                : Softmax::Sometimes;
    // Twice the lowest number is none; beside it, a logarithm is lost.
    return check.isAlwaysShifted() && form.factor <= 1 &&
                   check.takesLowestAsScore(weights)
               ? Softmax::Always
               : Softmax::Sometimes;
  }

  /// Why the weights are no quotient of exponentials and their sum.
  bool explain() {
    const Term *quotient = weights;
    while (unsigned kept = terms.keptOperand(quotient))
      quotient = quotient->operands[kept];
    std::optional<Expression> divisor;
    if (!whole.terms.empty())
      for (const analysis::Factor &factor : whole.terms[0].factors)
        if (factor.power == -1)
          divisor = Expressions::single(factor.atom);
    if (!divisor)
      return fail("the weights are no quotient", quotient);
    Expression rest = terms.algebra.multiply(whole, *divisor);
    const Term *above = find(rest), *below = find(*divisor);
    std::optional<int> atom = rest.asAtom();
    if (!atom || terms.algebra[*atom].kind != Atom::Exp)
      return above ? fail("the dividend is " + nameOf(above->op) +
                              ", expected 'math.exp'",
                          above)
                   : fail("the weights are no quotient", quotient);
    if (!below)
      return fail("the weights are no quotient", quotient);
    if (below->kind == Term::Sum)
      return fail("the divisor does not sum the exponentials that it divides",
                  below);
    return fail("the divisor is " + nameOf(below->op) +
                    ", expected the sum of a row's exponentials",
                below);
  }

  const Term *weights;
  ArrayRef<Axis> row;
  TermExpressions terms;
  Mismatch &mismatch;
  /// The weights in normal form, their exponential, and its sum.
  Expression whole, dividend, sum;
  SmallVector<const Term *> all;
  SoftmaxForm form;
  bool isNamed = false; ///< linalg.softmax
};

} // namespace

std::optional<Softmax> mlir::flat::raise::matchSoftmax(const Term *weights,
                                                       ArrayRef<Axis> row,
                                                       const AxisTable &table,
                                                       Mismatch &mismatch) {
  return SoftmaxMatcher(weights, row, table, mismatch).match();
}
