//===- Expression.cpp - Sums of products of atoms -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Analysis/Expression.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <vector>

using namespace mlir::analysis;
using llvm::SmallVectorImpl;

/// Atoms in an expression that is not too large, those of arguments each time
/// that they occur: walks over them take as long.
static constexpr int64_t kMaxSize = 1024;

/// Order of terms: by atoms and powers.
static bool isBefore(const Term &a, const Term &b) {
  return std::lexicographical_compare(
      a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(),
      [](const Factor &x, const Factor &y) {
        return std::pair(x.atom, x.power) < std::pair(y.atom, y.power);
      });
}

std::optional<int> Expression::asAtom() const {
  if (terms.size() != 1 || terms[0].coefficient != 1 ||
      terms[0].factors.size() != 1 || terms[0].factors[0].power != 1)
    return std::nullopt;
  return terms[0].factors[0].atom;
}

Expression Expressions::constant(double value) {
  Expression result;
  if (value != 0)
    result.terms.push_back({value, {}});
  return result;
}

/// The coefficient of the sum of two terms of the same factors: what cancels
/// but for the rounding of constants has cancelled.
static double sumOf(const Term &a, const Term &b) {
  double sum = a.coefficient + b.coefficient;
  double size = std::abs(a.coefficient) + std::abs(b.coefficient);
  return std::abs(sum) > 1e-6 * size ? sum : 0;
}

Expression Expressions::add(const Expression &a, const Expression &b) {
  Expression result;
  auto x = a.terms.begin(), y = b.terms.begin();
  while (x != a.terms.end() || y != b.terms.end()) {
    if (y == b.terms.end() || (x != a.terms.end() && isBefore(*x, *y))) {
      result.terms.push_back(*x++);
    } else if (x == a.terms.end() || isBefore(*y, *x)) {
      result.terms.push_back(*y++);
    } else {
      if (double sum = sumOf(*x, *y))
        result.terms.push_back({sum, x->factors});
      ++x, ++y;
    }
  }
  return result;
}

Expression Expressions::scale(const Expression &a, double factor) {
  Expression result;
  if (factor == 0)
    return result;
  result = a;
  for (Term &term : result.terms)
    term.coefficient *= factor;
  return result;
}

static Term multiplyTerms(const Term &a, const Term &b) {
  Term result;
  result.coefficient = a.coefficient * b.coefficient;
  auto x = a.factors.begin(), y = b.factors.begin();
  while (x != a.factors.end() || y != b.factors.end()) {
    if (y == b.factors.end() || (x != a.factors.end() && x->atom < y->atom)) {
      result.factors.push_back(*x++);
    } else if (x == a.factors.end() || y->atom < x->atom) {
      result.factors.push_back(*y++);
    } else {
      if (int power = x->power + y->power)
        result.factors.push_back({x->atom, power});
      ++x, ++y;
    }
  }
  return result;
}

Expression Expressions::multiply(const Expression &a, const Expression &b) {
  std::vector<Term> products;
  products.reserve(a.terms.size() * b.terms.size());
  for (const Term &x : a.terms)
    for (const Term &y : b.terms)
      products.push_back(multiplyTerms(x, y));
  llvm::stable_sort(products, isBefore);
  Expression result;
  for (Term &product : products) {
    if (result.terms.empty() || isBefore(result.terms.back(), product)) {
      result.terms.push_back(std::move(product));
    } else if (double sum = sumOf(result.terms.back(), product)) {
      result.terms.back().coefficient = sum;
    } else {
      result.terms.pop_back();
    }
  }
  return result;
}

std::optional<Expression> Expressions::power(const Expression &a,
                                             int exponent) {
  if (exponent < 0) {
    if (a.terms.empty())
      return std::nullopt;
    // The sum of several terms is an atom of its own.
    Expression base = a;
    if (a.terms.size() > 1)
      base = function(Atom::Sum, a);
    Expression inverse = base;
    Term &term = inverse.terms[0];
    term.coefficient = 1 / term.coefficient;
    for (Factor &factor : term.factors)
      factor.power = -factor.power;
    return power(inverse, -exponent);
  }
  if (exponent > 4)
    return std::nullopt;
  Expression result = constant(1);
  for (int i = 0; i < exponent; ++i)
    result = multiply(result, a);
  return result;
}

Expression Expressions::ofAtom(Atom atom) {
  int index = -1;
  for (auto [i, known] : llvm::enumerate(atoms))
    if (known.kind == atom.kind && known.tensor == atom.tensor &&
        isSame(known.argument, atom.argument) &&
        isSame(known.argument2, atom.argument2))
      index = static_cast<int>(i);
  if (index < 0) {
    index = static_cast<int>(atoms.size());
    atoms.push_back(std::move(atom));
  }
  Expression result;
  result.terms.push_back({1, {{index, 1}}});
  return result;
}

Expression Expressions::leaf(Atom::Kind kind, int tensor) {
  Atom atom;
  atom.kind = kind;
  atom.tensor = tensor;
  atom.isRowConstant = kind == Atom::Row;
  return ofAtom(std::move(atom));
}

Expression Expressions::apply(Atom::Kind kind, Expression argument,
                              Expression argument2) {
  Atom atom;
  atom.kind = kind;
  bool isRow = kind == Atom::RowSum || kind == Atom::RowMax;
  atom.isRowConstant =
      isRow || (isRowConstant(argument) && isRowConstant(argument2));
  for (const Expression *part : {&argument, &argument2})
    for (const Term &term : part->terms)
      for (const Factor &factor : term.factors) {
        atom.depth = std::max(atom.depth, atoms[factor.atom].depth + 1);
        atom.size = std::min(kMaxSize + 1, atom.size + atoms[factor.atom].size);
      }
  atom.argument = std::move(argument);
  atom.argument2 = std::move(argument2);
  return ofAtom(std::move(atom));
}

Expression Expressions::rowSum(const Expression &a, int64_t cols) {
  Expression result;
  for (const Term &term : a.terms) {
    // What is the same in a whole row comes out of the sum.
    Term outer{term.coefficient, {}}, inner{1, {}};
    for (const Factor &factor : term.factors)
      (atoms[factor.atom].isRowConstant ? outer : inner)
          .factors.push_back(factor);
    Expression sum = constant(static_cast<double>(cols)), rest;
    if (!inner.factors.empty()) {
      Expression product;
      product.terms.push_back(inner);
      sum = function(Atom::RowSum, product);
    }
    rest.terms.push_back(outer);
    result = add(result, multiply(rest, sum));
  }
  return result;
}

bool Expressions::isSame(const Expression &a, const Expression &b) {
  return llvm::equal(a.terms, b.terms, [](const Term &x, const Term &y) {
    double size = std::max(std::abs(x.coefficient), std::abs(y.coefficient));
    return x.factors == y.factors &&
           std::abs(x.coefficient - y.coefficient) <= 1e-5 * size;
  });
}

std::optional<double> Expressions::ratio(const Expression &a,
                                         const Expression &b) {
  if (a.terms.empty() || b.terms.empty())
    return std::nullopt;
  double found = a.terms[0].coefficient / b.terms[0].coefficient;
  if (!std::isfinite(found) || !isSame(a, scale(b, found)))
    return std::nullopt;
  return found;
}

bool Expressions::isRowConstant(const Expression &a) const {
  return llvm::all_of(a.terms, [&](const Term &term) {
    return llvm::all_of(term.factors, [&](const Factor &factor) {
      return atoms[factor.atom].isRowConstant;
    });
  });
}

bool Expressions::isTooLarge(const Expression &a) const {
  int64_t size = 0;
  for (const Term &term : a.terms)
    for (const Factor &factor : term.factors)
      size += atoms[factor.atom].size;
  if (size > kMaxSize)
    return true;
  constexpr size_t kMaxTerms = 48;
  constexpr int kMaxDepth = 10, kMaxPower = 16;
  return a.terms.size() > kMaxTerms ||
         llvm::any_of(a.terms, [&](const Term &term) {
           return term.factors.size() > kMaxTerms ||
                  llvm::any_of(term.factors, [&](const Factor &factor) {
                    return atoms[factor.atom].depth > kMaxDepth ||
                           std::abs(factor.power) > kMaxPower;
                  });
         });
}

bool Expressions::contains(const Expression &a, Atom::Kind kind) const {
  return llvm::any_of(a.terms, [&](const Term &term) {
    return llvm::any_of(term.factors, [&](const Factor &factor) {
      const Atom &atom = atoms[factor.atom];
      return atom.kind == kind || contains(atom.argument, kind) ||
             contains(atom.argument2, kind);
    });
  });
}

void Expressions::collectTensors(const Expression &a,
                                 SmallVectorImpl<int> &tensors) const {
  for (const Term &term : a.terms)
    for (const Factor &factor : term.factors) {
      const Atom &atom = atoms[factor.atom];
      if (atom.kind == Atom::Tensor &&
          !llvm::is_contained(tensors, atom.tensor))
        tensors.push_back(atom.tensor);
      collectTensors(atom.argument, tensors);
      collectTensors(atom.argument2, tensors);
    }
}

Expression Expressions::replace(const Expression &a, int atom,
                                const Expression &by) {
  Expression result;
  for (const Term &term : a.terms) {
    Expression product = constant(term.coefficient);
    for (const Factor &factor : term.factors) {
      Expression base;
      base.terms.push_back({1, {factor}});
      if (factor.atom == atom)
        if (std::optional<Expression> replaced = power(by, factor.power))
          base = *replaced;
      product = multiply(product, base);
    }
    result = add(result, product);
  }
  return result;
}
