//===- Expression.h - What elementwise code computes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters spell layer norms, softmax and activations in many ways. As a sum
// of products of atoms, a normal form, the spellings coincide: (x - m)^2 summed
// over a row becomes the sum of squares less the square of the sum. What
// elements are to an expression, its leaves, is the user's: numbers of tensors.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ANALYSIS_EXPRESSION_H
#define NM_ANALYSIS_EXPRESSION_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <deque>
#include <optional>

namespace mlir::analysis {

/// An atom to a power; atoms are numbers of an Expressions.
struct Factor {
  int atom;
  int power;
  bool operator==(const Factor &other) const {
    return atom == other.atom && power == other.power;
  }
};

struct Term {
  double coefficient = 0;
  llvm::SmallVector<Factor, 4> factors; ///< ascending atoms, no power of 0
};

/// A sum of terms, ordered by factors, none twice.
struct Expression {
  llvm::SmallVector<Term, 4> terms;

  bool isConstant() const {
    return terms.empty() || (terms.size() == 1 && terms[0].factors.empty());
  }
  double constant() const { return terms.empty() ? 0 : terms[0].coefficient; }
  /// The atom if the expression is that and nothing else.
  std::optional<int> asAtom() const;
};

struct Atom {
  enum Kind {
    Tensor,      ///< a tensor [rows, cols]
    Row,         ///< one number for each row
    Vector,      ///< a vector [cols], the same for all rows
    Accumulator, ///< the sum of the product under way
    Sum,         ///< of an expression
    RowSum,      ///< over a row
    RowMax,      ///< over a row
    Max,         ///< of two expressions
    Exp,
    Log,
    Erf,
    Tanh,
    Root, ///< square root
    Gelu,
    GeluTanh,
    Silu
  };
  Kind kind;
  int tensor = -1;                ///< its number: Tensor, Row, Vector
  Expression argument, argument2; ///< the others; argument2: Max
  /// The same in a whole row.
  bool isRowConstant = false;
  int depth = 0;    ///< of arguments within arguments
  int64_t size = 1; ///< atoms in it, written out
};

/// The atoms of one function, and arithmetic on expressions over them.
class Expressions {
public:
  const Atom &operator[](int atom) const { return atoms[atom]; }

  static Expression constant(double value);
  Expression tensor(int index) { return leaf(Atom::Tensor, index); }
  Expression vector(int index) { return leaf(Atom::Vector, index); }
  Expression row(int index) { return leaf(Atom::Row, index); }
  Expression accumulator() { return leaf(Atom::Accumulator, -1); }
  /// Written by the identities of its kind: of exponentials, logarithms and
  /// maxima of rows.
  Expression function(Atom::Kind kind, Expression argument,
                      Expression argument2 = {});

  static Expression add(const Expression &a, const Expression &b);
  static Expression scale(const Expression &a, double factor);
  static Expression subtract(const Expression &a, const Expression &b) {
    return add(a, scale(b, -1));
  }
  Expression multiply(const Expression &a, const Expression &b);
  /// Nothing where the result would leave the normal form.
  std::optional<Expression> power(const Expression &a, int exponent);
  /// An atom by itself.
  static Expression single(int atom) {
    Expression result;
    result.terms.push_back({1, {{atom, 1}}});
    return result;
  }
  /// Over the `cols` elements of a row.
  Expression rowSum(const Expression &a, int64_t cols);

  /// Equal up to rounding of constants to f32.
  static bool isSame(const Expression &a, const Expression &b);
  /// c of a = c b, not 0.
  static std::optional<double> ratio(const Expression &a, const Expression &b);
  bool isRowConstant(const Expression &a) const;
  /// Above 0, whatever the leaves are.
  bool isPositive(const Expression &a) const;
  /// Larger than any form with a name, so that what is done with it may take
  /// long.
  bool isTooLarge(const Expression &a) const;
  /// Atoms of a kind anywhere in it, arguments included.
  bool contains(const Expression &a, Atom::Kind kind) const;
  /// Tensors in it, arguments included.
  void collectTensors(const Expression &a,
                      llvm::SmallVectorImpl<int> &tensors) const;
  /// `a` with an atom, outside of arguments, replaced.
  Expression replace(const Expression &a, int atom, const Expression &by);

  /// A function of one number that is an atom, or a maximum with 0.
  enum class Function { Relu, Exp, Tanh, Gelu, GeluTanh, Silu };
  struct Applied {
    Function function;
    Expression argument;
  };
  std::optional<Applied> matchFunction(const Expression &a);

  // What has a name, however it is spelled.
  struct Activation {
    enum Kind { Gelu, GeluTanh, Swish } kind;
    Expression argument;
    double alpha = 1; ///< of Swish
  };
  std::optional<Activation> matchActivation(const Expression &a);
  struct Norm {
    int tensor;
    int gamma = -1, beta = -1; ///< vectors; -1: one, zero
    double epsilon;
    bool isCentred; ///< a layer norm; else by the root of the mean square
  };
  std::optional<Norm> matchNorm(const Expression &a, int64_t cols);
  /// exp(exponent) over its sum along the row, to which `added` is added, or
  /// which is `least` at least.
  struct Quotient {
    Expression exponent;
    double added = 0, least = 0;
  };
  std::optional<Quotient> matchQuotient(const Expression &a);
  /// Of `scale` times a tensor, its maximum subtracted.
  struct Softmax {
    int tensor;
    double scale;
  };
  std::optional<Softmax> matchSoftmax(const Expression &a);
  /// coefficient * atom * by, where `by` is one atom to a power at most.
  struct Multiple {
    double coefficient;
    std::optional<Factor> by;
  };
  static std::optional<Multiple> matchMultiple(const Expression &a, int atom);

private:
  Expression leaf(Atom::Kind kind, int tensor);
  Expression ofAtom(Atom atom);
  Expression apply(Atom::Kind kind, Expression argument,
                   Expression argument2 = {});
  Expression exponential(const Expression &a);
  Expression logarithm(const Expression &a);
  Expression rowMaximum(const Expression &a);
  Expression gelu(const Expression &x, const Expression &inner);
  std::optional<Activation> matchGelu(const Expression &a, int atom);
  std::optional<Activation> matchSwish(const Expression &a, int atom);
  std::optional<Norm> matchNormOf(const Expression &a, const Term &term,
                                  int64_t cols);

  std::deque<Atom> atoms; ///< references stay valid
};

} // namespace mlir::analysis

#endif // NM_ANALYSIS_EXPRESSION_H
