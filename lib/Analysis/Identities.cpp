//===- Identities.cpp - Exponentials, logarithms, maxima -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What brings functions of expressions to one form. Each identity holds for all
// real numbers for which what was written is defined.
//
//===----------------------------------------------------------------------===//

#include "nm/Analysis/Expression.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir::analysis;

bool Expressions::isPositive(const Expression &a) const {
  auto isPositiveAtom = [&](const Factor &factor) {
    const Atom &atom = atoms[factor.atom];
    switch (atom.kind) {
    case Atom::Exp:
      return true;
    case Atom::Sum:
    case Atom::RowSum:
    case Atom::RowMax:
      return isPositive(atom.argument);
    case Atom::Max:
      return isPositive(atom.argument) || isPositive(atom.argument2);
    default:
      return false;
    }
  };
  return !a.terms.empty() && llvm::all_of(a.terms, [&](const Term &term) {
    return term.coefficient > 0 && llvm::all_of(term.factors, isPositiveAtom);
  });
}

/// exp(a + k log b) = b^k exp(a), of positive b. A product of exponentials
/// stays one: where a factor overflows it is not their sum's.
Expression Expressions::exponential(const Expression &a) {
  Expression result = constant(1), rest;
  for (const Term &term : a.terms) {
    bool isLog = term.factors.size() == 1 && term.factors[0].power == 1 &&
                 atoms[term.factors[0].atom].kind == Atom::Log &&
                 term.coefficient == std::round(term.coefficient) &&
                 std::abs(term.coefficient) <= 4;
    if (isLog) {
      const Expression base = atoms[term.factors[0].atom].argument;
      if (isPositive(base))
        if (std::optional<Expression> factor =
                power(base, static_cast<int>(term.coefficient))) {
          result = multiply(result, *factor);
          continue;
        }
    }
    rest.terms.push_back(term);
  }
  return rest.terms.empty() ? result : multiply(result, apply(Atom::Exp, rest));
}

/// log(exp(a) b) = a + log b, of positive b.
Expression Expressions::logarithm(const Expression &a) {
  if (a.terms.size() != 1 || !isPositive(a))
    return apply(Atom::Log, a);
  Expression result;
  Term rest{a.terms[0].coefficient, {}};
  for (const Factor &factor : a.terms[0].factors) {
    const Atom &atom = atoms[factor.atom];
    if (atom.kind == Atom::Exp)
      result = add(result, scale(atom.argument, factor.power));
    else
      rest.factors.push_back(factor);
  }
  if (rest.factors.empty())
    return add(result, constant(std::log(rest.coefficient)));
  Expression inner;
  inner.terms.push_back(rest);
  return add(result, apply(Atom::Log, inner));
}

/// max(c a + b) = c max(a) + b, of positive c and of b that is the same in the
/// whole row.
Expression Expressions::rowMaximum(const Expression &a) {
  Expression outer, inner;
  for (const Term &term : a.terms) {
    Expression single;
    single.terms.push_back(term);
    (isRowConstant(single) ? outer : inner).terms.push_back(term);
  }
  if (inner.terms.empty())
    return outer;
  double factor = std::abs(inner.terms[0].coefficient);
  for (Term &term : inner.terms)
    term.coefficient /= factor;
  return add(outer, scale(apply(Atom::RowMax, inner), factor));
}

Expression Expressions::function(Atom::Kind kind, Expression argument,
                                 Expression argument2) {
  switch (kind) {
  case Atom::Exp:
    return exponential(argument);
  case Atom::Log:
    return logarithm(argument);
  case Atom::RowMax:
    return rowMaximum(argument);
  default:
    return apply(kind, std::move(argument), std::move(argument2));
  }
}
