//===- Idioms.cpp - Activations, layer norm and softmax -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each match guesses what the argument must be from one telling atom (an erf, a
// square root, ...), writes the idiom of that argument in normal form and
// compares.
//
//===----------------------------------------------------------------------===//

#include "nm/Conversion/ToAttacc/Expression.h"
#include <cmath>

using namespace mlir::attacc;
using ::nm::isa::UnaryKind;

/// Coefficients that are whole but for the rounding of constants, whole.
static Expression snap(Expression a) {
  for (Term &term : a.terms) {
    double whole = std::round(term.coefficient);
    if (whole != 0 && std::abs(term.coefficient - whole) < 1e-5)
      term.coefficient = whole;
  }
  return a;
}

/// x (1 + inner) / 2.
Expression Expressions::gelu(const Expression &x, const Expression &inner) {
  return scale(multiply(x, add(constant(1), inner)), 0.5);
}

/// The instruction that computes an atom of its argument.
static UnaryKind functionOf(Atom::Kind kind) {
  switch (kind) {
  case Atom::Gelu:
    return UnaryKind::Gelu;
  case Atom::GeluTanh:
    return UnaryKind::GeluTanh;
  case Atom::Silu:
    return UnaryKind::Silu;
  default:
    assert(kind == Atom::Exp && "no function");
    return UnaryKind::Exp;
  }
}

std::optional<Expressions::Activation>
Expressions::matchActivation(const Expression &a) {
  const Expression zero;
  for (const Term &term : a.terms)
    for (const Factor &factor : term.factors) {
      const Atom atom = atoms[factor.atom];
      Expression self;
      self.terms.push_back({1, {{factor.atom, 1}}});
      switch (atom.kind) {
      case Atom::Erf: {
        Expression x = snap(scale(atom.argument, std::sqrt(2.0)));
        if (isSame(a, gelu(x, self)))
          return Activation{UnaryKind::Gelu, x};
        break;
      }
      case Atom::Tanh: {
        if (isSame(a, self))
          return Activation{UnaryKind::Tanh, atom.argument};
        // sqrt(2 / pi) (x + 0.044715 x^3): x is the linear part.
        Expression x;
        for (const Term &part : atom.argument.terms)
          if (part.factors.size() == 1 && part.factors[0].power == 1)
            x.terms.push_back(part);
        x = snap(scale(x, std::sqrt(M_PI / 2)));
        std::optional<Expression> cube = power(x, 3);
        if (cube &&
            isSame(atom.argument, scale(add(x, scale(*cube, 0.044715)),
                                        std::sqrt(2 / M_PI))) &&
            isSame(a, gelu(x, self)))
          return Activation{UnaryKind::GeluTanh, x};
        break;
      }
      case Atom::Max:
        if (!isSame(a, self))
          break;
        if (isSame(atom.argument2, zero))
          return Activation{UnaryKind::Relu, atom.argument};
        if (isSame(atom.argument, zero))
          return Activation{UnaryKind::Relu, atom.argument2};
        break;
      case Atom::Exp:
      case Atom::Gelu:
      case Atom::GeluTanh:
      case Atom::Silu:
        if (isSame(a, self))
          return Activation{functionOf(atom.kind), atom.argument};
        break;
      case Atom::Sum: {
        // x / (1 + exp(-x)).
        Expression rest = subtract(atom.argument, constant(1));
        std::optional<int> inner = rest.asAtom();
        if (factor.power != -1 || !inner || atoms[*inner].kind != Atom::Exp)
          break;
        Expression x = scale(atoms[*inner].argument, -1);
        if (isSame(a, multiply(x, *power(self, -1))))
          return Activation{UnaryKind::Silu, x};
        break;
      }
      default:
        break;
      }
    }
  return std::nullopt;
}

std::optional<Expressions::LayerNorm>
Expressions::matchLayerNorm(const Expression &a, int64_t cols) {
  double count = static_cast<double>(cols);
  for (const Term &term : a.terms) {
    // x * gamma / root, gamma at most one vector.
    LayerNorm found{-1, -1, -1, 0};
    int root = -1;
    bool fits = true;
    for (const Factor &factor : term.factors) {
      const Atom &atom = atoms[factor.atom];
      if (atom.kind == Atom::Tensor && factor.power == 1 && found.tensor < 0)
        found.tensor = atom.tensor;
      else if (atom.kind == Atom::Vector && factor.power == 1 &&
               found.gamma < 0)
        found.gamma = atom.tensor;
      else if (atom.kind == Atom::Root && factor.power == -1 && root < 0)
        root = factor.atom;
      else
        fits = false;
    }
    if (!fits || found.tensor < 0 || root < 0)
      continue;
    Expression x = tensor(found.tensor);
    Expression sum = rowSum(x, cols), mean = scale(sum, 1 / count);
    Expression variance = subtract(
        scale(rowSum(multiply(x, x), cols), 1 / count), multiply(mean, mean));
    Expression epsilon = subtract(atoms[root].argument, variance);
    if (!epsilon.isConstant() || !(epsilon.constant() > 0))
      continue;
    found.epsilon = epsilon.constant();
    Expression inverse;
    inverse.terms.push_back({1, {{root, -1}}});
    Expression normal = multiply(subtract(x, mean), inverse);
    if (found.gamma >= 0)
      normal = multiply(normal, vector(found.gamma));
    Expression beta = subtract(a, normal);
    if (!beta.terms.empty()) {
      std::optional<int> atom = beta.asAtom();
      if (!atom || atoms[*atom].kind != Atom::Vector)
        continue;
      found.beta = atoms[*atom].tensor;
    }
    return found;
  }
  return std::nullopt;
}

std::optional<Expressions::Softmax>
Expressions::matchSoftmax(const Expression &a, int64_t cols) {
  if (a.terms.size() != 1)
    return std::nullopt;
  for (const Factor &factor : a.terms[0].factors) {
    const Atom atom = atoms[factor.atom];
    if (atom.kind != Atom::Exp || factor.power != 1)
      continue;
    // scale * x less the maximum of a row.
    for (const Term &term : atom.argument.terms) {
      if (term.factors.size() != 1 || term.factors[0].power != 1 ||
          atoms[term.factors[0].atom].kind != Atom::Tensor)
        continue;
      int index = atoms[term.factors[0].atom].tensor;
      Expression x = tensor(index), scaled = scale(x, term.coefficient);
      Expression maximum = function(Atom::RowMax, scaled),
                 scaledMaximum =
                     scale(function(Atom::RowMax, x), term.coefficient);
      if (!isSame(atom.argument, subtract(scaled, maximum)) &&
          !(term.coefficient > 0 &&
            isSame(atom.argument, subtract(scaled, scaledMaximum))))
        continue;
      Expression exponential = function(Atom::Exp, atom.argument);
      Expression sum = rowSum(exponential, cols);
      if (isSame(a, multiply(exponential, *power(sum, -1))))
        return Softmax{index, term.coefficient};
    }
  }
  return std::nullopt;
}
