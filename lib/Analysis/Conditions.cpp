//===- Conditions.cpp - What comparisons of numbers say -------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Analysis/Conditions.h"
#include "mlir/IR/Matchers.h"
#include <algorithm>
#include <cstdlib>

using namespace mlir;
using namespace mlir::analysis;
using Predicate = arith::CmpIPredicate;

/// Far from overflow, far beyond any sequence.
static constexpr int64_t kLimit = int64_t(1) << 40;
/// No mask has more parts.
static constexpr size_t kMostSums = 8, kMostBounds = 32;

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

int64_t Linear::of(int atom) const {
  for (auto [own, factor] : terms)
    if (own == atom)
      return factor;
  return 0;
}

Linear Linear::plus(const Linear &other, int64_t factor) const {
  Linear sum{constant + factor * other.constant, {}};
  const auto *a = terms.begin(), *b = other.terms.begin();
  while (a != terms.end() || b != other.terms.end()) {
    bool takesA =
        b == other.terms.end() || (a != terms.end() && a->first <= b->first);
    bool takesB =
        a == terms.end() || (b != other.terms.end() && b->first <= a->first);
    int atom = takesA ? a->first : b->first;
    int64_t total =
        (takesA ? a->second : 0) + (takesB ? factor * b->second : 0);
    if (total != 0)
      sum.terms.push_back({atom, total});
    a += takesA;
    b += takesB;
  }
  return sum;
}

/// Whether the sum is what the program computes: nothing overflows.
static bool isSafe(const Linear &sum, const AtomFacts &atoms) {
  return std::abs(sum.constant) < kLimit &&
         llvm::all_of(
             sum.terms,
             [&](auto &term) {
               return std::abs(term.second) < 16 && atoms.isSmall(term.first);
             });
}

static bool isZero(const Whole &whole) {
  return whole.isSum() && whole.sums[0] == Linear();
}

/// a + factor * b, of each sum with each; nothing where it may overflow.
static std::optional<Whole> combine(const Whole &a, const Whole &b,
                                    int64_t factor, const AtomFacts &atoms) {
  if (isZero(b))
    return a;
  bool turns = factor < 0;
  // A least and a most add up to neither.
  bool isMost = a.isSum() ? b.isMost != turns : a.isMost;
  if ((!a.isSum() && !b.isSum() && (b.isMost != turns) != a.isMost) ||
      a.sums.size() * b.sums.size() > kMostSums)
    return std::nullopt;
  Whole whole{{}, isMost};
  for (const Linear &x : a.sums)
    for (const Linear &y : b.sums) {
      whole.sums.push_back(x.plus(y, factor));
      if (!isSafe(x, atoms) || !isSafe(y, atoms) ||
          !isSafe(whole.sums.back(), atoms))
        return std::nullopt;
    }
  return whole;
}

/// One more sum; of two that differ by a number one alone counts.
static void addSum(Whole &whole, const Linear &sum) {
  for (Linear &other : whole.sums)
    if (other.terms == sum.terms) {
      other.constant = whole.isMost ? std::max(other.constant, sum.constant)
                                    : std::min(other.constant, sum.constant);
      return;
    }
  whole.sums.push_back(sum);
}

static std::optional<Whole> extremum(const Whole &a, const Whole &b,
                                     bool isMost) {
  if ((!a.isSum() && a.isMost != isMost) ||
      (!b.isSum() && b.isMost != isMost) ||
      a.sums.size() + b.sums.size() > kMostSums)
    return std::nullopt;
  Whole whole{a.sums, isMost};
  for (const Linear &sum : b.sums)
    addSum(whole, sum);
  return whole;
}

static std::optional<int64_t> numberOf(const Fact &fact) {
  if (!fact.number || !fact.number->isSum() || !fact.number->sums[0].isNumber())
    return std::nullopt;
  return fact.number->sums[0].constant;
}

//===----------------------------------------------------------------------===//
// Truth values
//===----------------------------------------------------------------------===//

Truth Truth::always() { return {{}, {{Linear::number(1)}, true}}; }

/// Whether nothing fulfils the bounds.
static bool isNever(const Bounds &bounds) {
  return llvm::any_of(bounds.atMostZero, [](const Linear &sum) {
    return sum.isNumber() && sum.constant > 0;
  });
}

Truth Truth::both(const Truth &other) const {
  if (isNever(holds) || isNever(other.holds))
    return always().negated();
  Truth result = unknown();
  result.holds = holds;
  result.holds.isExact &= other.holds.isExact;
  for (const Linear &bound : other.holds.atMostZero)
    if (!llvm::is_contained(result.holds.atMostZero, bound))
      result.holds.atMostZero.push_back(bound);
  if (result.holds.atMostZero.size() > kMostBounds)
    return unknown();
  // One of the two fails: which one is known where the other cannot.
  if (isNever(fails))
    result.fails = other.fails;
  else if (isNever(other.fails) ||
           (fails.atMostZero == other.fails.atMostZero && fails.isExact &&
            other.fails.isExact))
    result.fails = fails;
  return result;
}

/// Where a <= b: each part of a most is, and below each of a least.
static Bounds atMost(const Whole &a, const Whole &b) {
  Bounds bounds;
  if ((!a.isSum() && !a.isMost) || (!b.isSum() && b.isMost)) {
    bounds.isExact = false;
    return bounds;
  }
  for (const Linear &x : a.sums)
    for (const Linear &y : b.sums)
      bounds.atMostZero.push_back(x.plus(y, -1));
  return bounds;
}

/// `a` one more or less, which no bound overflows by.
static Whole shifted(Whole a, int64_t by) {
  for (Linear &sum : a.sums)
    sum.constant += by;
  return a;
}

static Truth compareAtMost(const Whole &a, const Whole &b) {
  return {atMost(a, b), atMost(shifted(b, 1), a)};
}

Truth mlir::analysis::compareNumbers(Predicate predicate, const Whole &a,
                                     const Whole &b, const AtomFacts &atoms) {
  auto isPosition = [&](const Whole &whole) {
    return llvm::all_of(whole.sums, [&](const Linear &sum) {
      return sum.constant >= 0 && llvm::all_of(sum.terms, [&](auto &term) {
               return term.second > 0 && atoms.isPosition(term.first);
             });
    });
  };
  switch (predicate) {
  case Predicate::sle:
    return compareAtMost(a, b);
  case Predicate::sge:
    return compareAtMost(b, a);
  case Predicate::slt:
    return compareAtMost(b, a).negated();
  case Predicate::sgt:
    return compareAtMost(a, b).negated();
  case Predicate::eq:
    return compareAtMost(a, b).both(compareAtMost(b, a));
  case Predicate::ne:
    return compareNumbers(Predicate::eq, a, b, atoms).negated();
  case Predicate::ule:
  case Predicate::ult: {
    // 0 <= a <= b in one comparison; the first of positions says nothing.
    if (!isPosition(b))
      return Truth::unknown();
    Truth below = predicate == Predicate::ule ? compareAtMost(a, b)
                                              : compareAtMost(b, a).negated();
    if (isPosition(a))
      return below;
    return below.both(compareAtMost(Whole{{Linear()}}, a));
  }
  case Predicate::ugt:
    return compareNumbers(Predicate::ule, a, b, atoms).negated();
  case Predicate::uge:
    return compareNumbers(Predicate::ult, a, b, atoms).negated();
  }
  return Truth::unknown();
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// A truth value by what a function of 0 and `one` gives for either.
static Fact byCases(const Truth &truth, bool ifHolds, bool ifFails) {
  if (ifHolds == ifFails)
    return ifHolds ? Truth::always() : Truth::always().negated();
  return ifHolds ? truth : truth.negated();
}

static Fact compareOneWith(Predicate predicate, const Fact &one,
                           int64_t number) {
  auto holds = [&](int64_t value) {
    return arith::applyCmpPredicate(predicate, APInt(64, value, true),
                                    APInt(64, number, true));
  };
  return byCases(*one.truth, holds(one.one), holds(0));
}

static Predicate swapped(Predicate predicate) {
  switch (predicate) {
  case Predicate::slt:
    return Predicate::sgt;
  case Predicate::sle:
    return Predicate::sge;
  case Predicate::sgt:
    return Predicate::slt;
  case Predicate::sge:
    return Predicate::sle;
  case Predicate::ult:
    return Predicate::ugt;
  case Predicate::ule:
    return Predicate::uge;
  case Predicate::ugt:
    return Predicate::ult;
  case Predicate::uge:
    return Predicate::ule;
  default:
    return predicate;
  }
}

static Fact compare(arith::CmpIOp op, const Fact &a, const Fact &b,
                    const AtomFacts &atoms) {
  Predicate predicate = op.getPredicate();
  bool isTruth = op.getLhs().getType().isInteger(1);
  if (a.number && b.number && !isTruth)
    return compareNumbers(predicate, *a.number, *b.number, atoms);
  if (a.truth && b.truth) {
    // Truth values as numbers, or as they are: equal or not.
    if (a.one != b.one)
      return {};
    Truth equal = a.truth->both(*b.truth).either(
        a.truth->negated().both(b.truth->negated()));
    if (predicate == Predicate::eq)
      return equal;
    return predicate == Predicate::ne ? Fact(equal.negated()) : Fact();
  }
  if (a.truth && a.one && numberOf(b))
    return compareOneWith(predicate, a, *numberOf(b));
  if (b.truth && b.one && numberOf(a))
    return compareOneWith(swapped(predicate), b, *numberOf(a));
  return {};
}

/// Whether numbers of the type may be sums of positions.
static bool isWide(Type type) {
  return type.isIndex() ||
         (type.isInteger() && type.getIntOrFloatBitWidth() >= 32);
}

/// Whether the sums are what a program computes in 32 bits: of positions, or
/// nothing but a number.
static bool isSafeIn32(const Whole &whole, const AtomFacts &atoms) {
  return llvm::all_of(whole.sums, [&](const Linear &sum) {
    bool isAtom =
        sum.constant == 0 && sum.terms.size() == 1 && sum.terms[0].second == 1;
    return isSafe(sum, atoms) && sum.terms.size() <= 2 &&
           std::abs(sum.constant) < int64_t(1) << 30 &&
           llvm::all_of(
               sum.terms,
               [&](auto &term) {
                 return std::abs(term.second) == 1 &&
                        (isAtom || atoms.isPosition(term.first));
               });
  });
}

/// A conversion that keeps a number that fits into 32 bits.
static Fact convert(Operation &op, const Fact &x, const AtomFacts &atoms) {
  Type from = op.getOperand(0).getType(), to = op.getResult(0).getType();
  if (x.truth) {
    if (to.isInteger(1))
      return std::abs(x.one) == 1 ? Fact(*x.truth) : Fact();
    if (x.one < 0 && isa<arith::ExtUIOp, arith::IndexCastUIOp>(op))
      return {};
    if (x.one)
      return std::abs(x.one) == 1 ? x : Fact();
    return Fact(*x.truth, isa<arith::ExtSIOp, arith::IndexCastOp>(op) ? -1 : 1);
  }
  bool keepsSign = isa<arith::ExtSIOp, arith::IndexCastOp, arith::TruncIOp>(op);
  if (!x.number || !keepsSign || !isWide(from) || !isWide(to) ||
      (to.isInteger(32) && !isSafeIn32(*x.number, atoms)))
    return {};
  return x;
}

static Fact choose(const Fact &condition, const Fact &a, const Fact &b) {
  if (!condition.truth)
    return {};
  const Truth &c = *condition.truth;
  if (a.truth && b.truth && a.one == b.one)
    return Fact(c.both(*a.truth).either(c.negated().both(*b.truth)), a.one);
  std::optional<int64_t> x = numberOf(a), y = numberOf(b);
  if (a.truth && a.one && y == 0)
    return Fact(c.both(*a.truth), a.one);
  if (b.truth && b.one && x == 0)
    return Fact(c.negated().both(*b.truth), b.one);
  if (x && y && *x != 0 && *y == 0)
    return Fact(c, *x);
  if (x && y && *x == 0 && *y != 0)
    return Fact(c.negated(), *y);
  return {};
}

/// And, or and the like of truth values, and of ones and zeros as numbers.
static Fact combineTruths(Operation &op, const Fact &a, const Fact &b) {
  if (a.one != b.one)
    return {};
  if (isa<arith::AndIOp>(op) || (a.one == 1 && isa<arith::MinSIOp>(op)) ||
      (a.one >= 0 && isa<arith::MinUIOp>(op)) ||
      ((a.one == 1 || a.one == 0) && isa<arith::MulIOp>(op)))
    return Fact(a.truth->both(*b.truth), a.one);
  if (isa<arith::OrIOp>(op) || (a.one == 1 && isa<arith::MaxSIOp>(op)) ||
      (a.one >= 0 && isa<arith::MaxUIOp>(op)))
    return Fact(a.truth->either(*b.truth), a.one);
  if (isa<arith::XOrIOp>(op)) {
    Truth equal = a.truth->both(*b.truth).either(
        a.truth->negated().both(b.truth->negated()));
    return Fact(equal.negated(), a.one);
  }
  return {};
}

/// The number beside a truth value as a number: not, or 1 less.
static Fact combineWithNumber(Operation &op, const Fact &a, const Fact &b) {
  const Fact &truth = a.truth ? a : b;
  std::optional<int64_t> number = numberOf(a.truth ? b : a);
  if (!number || !truth.one)
    return {};
  if (isa<arith::XOrIOp>(op) && *number == truth.one && truth.one == 1)
    return Fact(truth.truth->negated(), 1);
  if (isa<arith::SubIOp>(op) && b.truth && *number == truth.one)
    return Fact(truth.truth->negated(), truth.one);
  if (isa<arith::MulIOp>(op) && *number != 0 && truth.one == 1)
    return Fact(*truth.truth, *number);
  if (isa<arith::SubIOp>(op) && a.truth && *number == 0)
    return truth;
  return {};
}

static Fact combineNumbers(Operation &op, const Whole &a, const Whole &b,
                           const AtomFacts &atoms) {
  Type type = op.getResult(0).getType();
  if (!isWide(type))
    return {};
  auto fact = [&](std::optional<Whole> whole) {
    return whole && (!type.isInteger(32) || isSafeIn32(*whole, atoms))
               ? Fact(std::move(*whole))
               : Fact();
  };
  auto scaled = [&](const Whole &x, const Fact &by, bool isShift) {
    std::optional<int64_t> factor = numberOf(by);
    if (!factor || *factor < (isShift ? 0 : -15) ||
        *factor > (isShift ? 3 : 15))
      return Fact();
    return fact(combine(Whole{{Linear()}}, x,
                        isShift ? int64_t(1) << *factor : *factor, atoms));
  };
  if (isa<arith::AddIOp>(op))
    return fact(combine(a, b, 1, atoms));
  if (isa<arith::SubIOp>(op))
    return fact(combine(a, b, -1, atoms));
  if (isa<arith::MulIOp>(op))
    return scaled(numberOf(b) ? a : b, numberOf(b) ? Fact(b) : Fact(a), false);
  if (isa<arith::ShLIOp>(op))
    return scaled(a, b, true);
  if (isa<arith::MinSIOp>(op))
    return fact(extremum(a, b, false));
  if (isa<arith::MaxSIOp>(op))
    return fact(extremum(a, b, true));
  return {};
}

Fact mlir::analysis::constantFact(const APInt &number) {
  if (number.getBitWidth() == 1)
    return number.isZero() ? Truth::always().negated() : Truth::always();
  if (number.getSignificantBits() > 40)
    return {};
  return Linear::number(number.getSExtValue());
}

Fact mlir::analysis::evaluateCondition(Operation &op, ArrayRef<Fact> operands,
                                       const AtomFacts &atoms) {
  APInt number;
  if (matchPattern(&op, m_ConstantInt(&number)))
    return constantFact(number);
  if (auto cmp = dyn_cast<arith::CmpIOp>(op))
    return compare(cmp, operands[0], operands[1], atoms);
  if (isa<arith::SelectOp>(op))
    return choose(operands[0], operands[1], operands[2]);
  if (isa<arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp, arith::IndexCastOp,
          arith::IndexCastUIOp>(op))
    return convert(op, operands[0], atoms);
  if (op.getNumOperands() != 2 || op.getNumResults() != 1)
    return {};
  const Fact &a = operands[0], &b = operands[1];
  if (a.truth && b.truth)
    return combineTruths(op, a, b);
  // The bounds of one help even if the other is not understood.
  bool isKnown = a.truth.has_value() != b.truth.has_value();
  if (isKnown && op.getResult(0).getType().isInteger(1) &&
      isa<arith::AndIOp, arith::OrIOp>(op))
    return combineTruths(op, a.truth ? a : b, Truth::unknown());
  if (a.number && b.number)
    return combineNumbers(op, *a.number, *b.number, atoms);
  if ((a.truth && b.number) || (a.number && b.truth))
    return combineWithNumber(op, a, b);
  return {};
}
