//===- NamedForms.cpp - Activations, norms and softmax -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each match guesses what the argument must be from one telling atom (an erf, a
// square root, ...), writes the named form of that argument in normal form and
// compares.
//
//===----------------------------------------------------------------------===//

#include "nm/Analysis/Expression.h"
#include <cmath>

using namespace mlir::analysis;

/// Coefficients that are whole but for the rounding of constants, whole.
static Expression snap(Expression a) {
  for (Term &term : a.terms) {
    double whole = std::round(term.coefficient);
    if (whole != 0 && std::abs(term.coefficient - whole) < 1e-5)
      term.coefficient = whole;
  }
  return a;
}

std::optional<Expressions::Applied>
Expressions::matchFunction(const Expression &a) {
  std::optional<int> index = a.asAtom();
  if (!index)
    return std::nullopt;
  const Atom &atom = atoms[*index];
  auto apply = [&](Function function) {
    return Applied{function, atom.argument};
  };
  switch (atom.kind) {
  case Atom::Exp:
    return apply(Function::Exp);
  case Atom::Tanh:
    return apply(Function::Tanh);
  case Atom::Gelu:
    return apply(Function::Gelu);
  case Atom::GeluTanh:
    return apply(Function::GeluTanh);
  case Atom::Silu:
    return apply(Function::Silu);
  case Atom::Max:
    if (atom.argument2.terms.empty())
      return apply(Function::Relu);
    if (atom.argument.terms.empty())
      return Applied{Function::Relu, atom.argument2};
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

/// x (1 + inner) / 2.
Expression Expressions::gelu(const Expression &x, const Expression &inner) {
  return scale(multiply(x, add(constant(1), inner)), 0.5);
}

std::optional<Expressions::Activation>
Expressions::matchGelu(const Expression &a, int index) {
  const Expression self = single(index);
  const Atom atom = atoms[index];
  if (atom.kind == Atom::Erf) {
    Expression x = snap(scale(atom.argument, std::sqrt(2.0)));
    if (isSame(a, gelu(x, self)))
      return Activation{Activation::Gelu, x};
    return std::nullopt;
  }
  // sqrt(2 / pi) (x + 0.044715 x^3): x is the linear part.
  Expression x;
  for (const Term &part : atom.argument.terms)
    if (part.factors.size() == 1 && part.factors[0].power == 1)
      x.terms.push_back(part);
  x = snap(scale(x, std::sqrt(M_PI / 2)));
  std::optional<Expression> cube = power(x, 3);
  if (cube &&
      isSame(atom.argument,
             scale(add(x, scale(*cube, 0.044715)), std::sqrt(2 / M_PI))) &&
      isSame(a, gelu(x, self)))
    return Activation{Activation::GeluTanh, x};
  return std::nullopt;
}

/// x / (1 + exp(-alpha x)), `index` being the sum.
std::optional<Expressions::Activation>
Expressions::matchSwish(const Expression &a, int index) {
  Expression rest = subtract(atoms[index].argument, constant(1));
  std::optional<int> inner = rest.asAtom();
  if (!inner || atoms[*inner].kind != Atom::Exp)
    return std::nullopt;
  Expression x = multiply(a, single(index));
  const Expression argument = atoms[*inner].argument;
  std::optional<double> factor = ratio(argument, x);
  // No sum is left where each term was divided by it.
  if (!factor || !isSame(a, multiply(x, *power(single(index), -1))))
    return std::nullopt;
  double alpha = std::abs(*factor + 1) < 1e-5 ? 1 : -*factor;
  return Activation{Activation::Swish, x, alpha};
}

std::optional<Expressions::Activation>
Expressions::matchActivation(const Expression &a) {
  for (const Term &term : a.terms)
    for (const Factor &factor : term.factors) {
      Atom::Kind kind = atoms[factor.atom].kind;
      std::optional<Activation> found;
      if (kind == Atom::Erf || kind == Atom::Tanh)
        found = matchGelu(a, factor.atom);
      else if (kind == Atom::Sum && factor.power == -1)
        found = matchSwish(a, factor.atom);
      if (found)
        return found;
    }
  return std::nullopt;
}

std::optional<Expressions::Norm>
Expressions::matchNormOf(const Expression &a, const Term &term, int64_t cols) {
  // x * gamma / root, gamma at most one vector.
  Norm found{-1, -1, -1, 0, true};
  int root = -1;
  for (const Factor &factor : term.factors) {
    const Atom &atom = atoms[factor.atom];
    if (atom.kind == Atom::Tensor && factor.power == 1 && found.tensor < 0)
      found.tensor = atom.tensor;
    else if (atom.kind == Atom::Vector && factor.power == 1 && found.gamma < 0)
      found.gamma = atom.tensor;
    else if (atom.kind == Atom::Root && factor.power == -1 && root < 0)
      root = factor.atom;
    else
      return std::nullopt;
  }
  if (found.tensor < 0 || root < 0)
    return std::nullopt;
  double count = static_cast<double>(cols);
  Expression x = tensor(found.tensor);
  Expression mean = scale(rowSum(x, cols), 1 / count);
  Expression square = scale(rowSum(multiply(x, x), cols), 1 / count);
  Expression variance = subtract(square, multiply(mean, mean));
  auto epsilonBeside = [&](const Expression &spread) {
    Expression epsilon = subtract(atoms[root].argument, spread);
    found.epsilon = epsilon.isConstant() ? epsilon.constant() : 0;
    return found.epsilon > 0;
  };
  if (!epsilonBeside(variance)) {
    found.isCentred = false;
    if (!epsilonBeside(square))
      return std::nullopt;
  }
  Expression normal = found.isCentred ? subtract(x, mean) : x;
  Expression inverse;
  inverse.terms.push_back({1, {{root, -1}}});
  normal = multiply(normal, inverse);
  if (found.gamma >= 0)
    normal = multiply(normal, vector(found.gamma));
  Expression beta = subtract(a, normal);
  if (beta.terms.empty())
    return found;
  std::optional<int> atom = beta.asAtom();
  if (!found.isCentred || !atom || atoms[*atom].kind != Atom::Vector)
    return std::nullopt;
  found.beta = atoms[*atom].tensor;
  return found;
}

std::optional<Expressions::Norm> Expressions::matchNorm(const Expression &a,
                                                        int64_t cols) {
  for (const Term &term : a.terms)
    if (std::optional<Norm> found = matchNormOf(a, term, cols))
      return found;
  return std::nullopt;
}

std::optional<Expressions::Quotient>
Expressions::matchQuotient(const Expression &a) {
  if (a.terms.size() != 1 || std::abs(a.terms[0].coefficient - 1) > 1e-5 ||
      a.terms[0].factors.size() != 2)
    return std::nullopt;
  int exponential = -1, divisor = -1;
  for (const Factor &factor : a.terms[0].factors)
    if (atoms[factor.atom].kind == Atom::Exp && factor.power == 1)
      exponential = factor.atom;
    else if (factor.power == -1)
      divisor = factor.atom;
  if (exponential < 0 || divisor < 0)
    return std::nullopt;
  const Atom atom = atoms[divisor];
  Quotient found{atoms[exponential].argument};
  Expression sum = function(Atom::RowSum, single(exponential));
  if (isSame(single(divisor), sum))
    return found;
  if (atom.kind == Atom::Sum) {
    Expression rest = subtract(atom.argument, sum);
    found.added = rest.constant();
    return rest.isConstant() ? std::optional(found) : std::nullopt;
  }
  if (atom.kind != Atom::Max)
    return std::nullopt;
  bool isFirst = isSame(atom.argument, sum);
  const Expression &other = isFirst ? atom.argument2 : atom.argument;
  if ((!isFirst && !isSame(atom.argument2, sum)) || !other.isConstant())
    return std::nullopt;
  found.least = other.constant();
  return found;
}

std::optional<Expressions::Softmax>
Expressions::matchSoftmax(const Expression &a) {
  std::optional<Quotient> quotient = matchQuotient(a);
  if (!quotient || quotient->added != 0 || quotient->least != 0)
    return std::nullopt;
  for (const Term &term : quotient->exponent.terms) {
    Expression logits;
    logits.terms.push_back(term);
    if (term.factors.size() != 1 || term.factors[0].power != 1 ||
        atoms[term.factors[0].atom].kind != Atom::Tensor ||
        !isSame(quotient->exponent,
                subtract(logits, function(Atom::RowMax, logits))))
      continue;
    return Softmax{atoms[term.factors[0].atom].tensor, term.coefficient};
  }
  return std::nullopt;
}

std::optional<Expressions::Multiple>
Expressions::matchMultiple(const Expression &a, int atom) {
  if (a.terms.size() != 1 || a.terms[0].factors.size() > 2)
    return std::nullopt;
  Multiple found{a.terms[0].coefficient, std::nullopt};
  bool hasAtom = false;
  for (const Factor &factor : a.terms[0].factors)
    if (factor == Factor{atom, 1})
      hasAtom = true;
    else
      found.by = factor;
  bool isWhole = a.terms[0].factors.size() == (found.by ? 2u : 1u);
  return hasAtom && isWhole ? std::optional(found) : std::nullopt;
}
