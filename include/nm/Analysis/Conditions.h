//===- Conditions.h - What comparisons of numbers say ---------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which keys a query sees is said by comparisons of positions, in many words:
// k <= q, q - k >= 0, not k > q, two of them as a product of ones and zeros.
// Here a truth value is what holds where it does, and what holds where it does
// not: inequalities of sums, in which the spellings coincide. What whole
// numbers are to the sums, their atoms, is the user's.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ANALYSIS_CONDITIONS_H
#define NM_ANALYSIS_CONDITIONS_H

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::analysis {

/// Whole multiples of atoms, and a number.
struct Linear {
  int64_t constant = 0;
  SmallVector<std::pair<int, int64_t>, 3> terms; ///< ascending; no factor of 0

  static Linear number(int64_t constant) { return {constant, {}}; }
  static Linear atom(int atom) { return {0, {{atom, 1}}}; }
  /// How often the atom is in it.
  int64_t of(int atom) const;
  bool isNumber() const { return terms.empty(); }
  Linear plus(const Linear &other, int64_t factor = 1) const;
  bool operator==(const Linear &other) const {
    return constant == other.constant && terms == other.terms;
  }
};

/// The least of some sums, or the most; of one it is that sum.
struct Whole {
  SmallVector<Linear, 1> sums;
  bool isMost = false;

  bool isSum() const { return sums.size() == 1; }
};

/// Sums that are at most 0.
struct Bounds {
  SmallVector<Linear, 2> atMostZero;
  /// Whether that is all that is said.
  bool isExact = true;
};

/// A truth value: what is known where it holds, and where it fails.
struct Truth {
  Bounds holds, fails;

  static Truth always();
  static Truth unknown() { return {{{}, false}, {{}, false}}; }
  Truth negated() const { return {fails, holds}; }
  Truth both(const Truth &other) const;
  Truth either(const Truth &other) const {
    return negated().both(other.negated()).negated();
  }
};

/// What a scalar is: a whole number, a truth value, or as a number `one` where
/// a truth value holds and 0 elsewhere. Nothing is known if it is neither.
struct Fact {
  std::optional<Whole> number;
  std::optional<Truth> truth;
  int64_t one = 0;

  Fact() = default;
  Fact(Linear sum) : number(Whole{{std::move(sum)}}) {}
  Fact(Whole whole) : number(std::move(whole)) {}
  Fact(Truth truth, int64_t one = 0) : truth(std::move(truth)), one(one) {}
};

/// What is known of atoms.
class AtomFacts {
public:
  virtual ~AtomFacts() = default;
  /// Never negative.
  virtual bool isPosition(int atom) const = 0;
  /// Far from overflow, as positions are, so that sums of it are what they say.
  virtual bool isSmall(int atom) const = 0;
};

/// A constant of any width; one bit is a truth value.
Fact constantFact(const APInt &number);

/// What an operation of arith computes, given its operands. Positions are
/// taken to fit into 32 bits, so that sums of few of them do not overflow.
Fact evaluateCondition(Operation &op, ArrayRef<Fact> operands,
                       const AtomFacts &atoms);

/// What `a predicate b` says, of numbers that do not overflow.
Truth compareNumbers(arith::CmpIPredicate predicate, const Whole &a,
                     const Whole &b, const AtomFacts &atoms);

} // namespace mlir::analysis

#endif // NM_ANALYSIS_CONDITIONS_H
