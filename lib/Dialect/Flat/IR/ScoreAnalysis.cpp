//===- ScoreAnalysis.cpp - What a score function does -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::flat;

namespace {

/// Far from overflow, far beyond any sequence.
constexpr int64_t kLimit = int64_t(1) << 40;

/// query * i + key * j + constant + sign * term.
struct Linear {
  int64_t query = 0, key = 0, constant = 0;
  Value term = {};
  int64_t sign = 0;

  /// Two terms do not combine: see isSmall.
  Linear combine(const Linear &other, int64_t factor) const {
    Linear sum{query + factor * other.query, key + factor * other.key,
               constant + factor * other.constant, term ? term : other.term,
               term ? sign : factor * other.sign};
    if (term && other.term)
      sum.sign = kLimit;
    return sum;
  }
  bool isConstant() const { return query == 0 && key == 0 && !term; }
  bool isSmall() const {
    return std::abs(query) < 16 && std::abs(key) < 16 &&
           std::abs(constant) < kLimit && std::abs(sign) <= 1;
  }
};

class Analyzer {
public:
  Analyzer(AttentionOp op, bool takesBatchValues)
      : block(op.getScore().front()), takesBatchValues(takesBatchValues),
        maps(op.getScoreMapArray()), score(block.getArgument(0)),
        query(block.getArgument(3)), key(block.getArgument(4)) {}

  void run(Value yielded) {
    result.value = yielded;
    while (peelWindow(result.value)) {
    }
    describe(result.value);
  }

  ScoreAnalysis result;

private:
  /// Whether `value` depends on the batch alone, and computing it has no other
  /// effect.
  bool followsBatch(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value);
        argument && argument.getOwner() == &block) {
      unsigned number = argument.getArgNumber();
      if (number < 5)
        return number == 1;
      AffineMap map = maps[number - 5];
      return !map.isFunctionOfDim(1) && !map.isFunctionOfDim(2) &&
             !map.isFunctionOfDim(3);
    }
    Operation *def = value.getDefiningOp();
    if (!def || def->getBlock() != &block)
      return true;
    auto [known, isNew] = ofBatch.try_emplace(value, false);
    if (!isNew)
      return known->second;
    bool follows = def->getNumRegions() == 0 && isMemoryEffectFree(def) &&
                   llvm::all_of(def->getOperands(), [&](Value operand) {
                     return followsBatch(operand);
                   });
    return ofBatch[value] = follows;
  }

  /// Whether `value` is a number of the batch that positions are compared with.
  bool isTerm(Value value) {
    Type type = value.getType();
    return takesBatchValues &&
           (type.isIndex() || type.isInteger(32) || type.isInteger(64)) &&
           followsBatch(value);
  }

  std::optional<Linear> linear(Value value) {
    if (value == query)
      return Linear{1, 0, 0};
    if (value == key)
      return Linear{0, 1, 0};
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant))) {
      if (constant.getSignificantBits() > 40)
        return std::nullopt;
      return Linear{0, 0, constant.getSExtValue()};
    }
    if (isTerm(value))
      return Linear{0, 0, 0, value, 1};
    Operation *def = value.getDefiningOp();
    if (!def)
      return std::nullopt;
    if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(def)) {
      // Positions fit 32 bits; fewer would wrap.
      Type type = value.getType();
      if (!type.isIndex() && type.getIntOrFloatBitWidth() < 32)
        return std::nullopt;
      return linear(def->getOperand(0));
    }
    if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(def))
      return std::nullopt;
    std::optional<Linear> a = linear(def->getOperand(0)),
                          b = linear(def->getOperand(1));
    if (!a || !b)
      return std::nullopt;
    Linear sum;
    if (isa<arith::AddIOp>(def))
      sum = a->combine(*b, 1);
    else if (isa<arith::SubIOp>(def))
      sum = a->combine(*b, -1);
    else if (b->isConstant() && std::abs(b->constant) < 16)
      sum = Linear().combine(*a, b->constant);
    else if (a->isConstant() && std::abs(a->constant) < 16)
      sum = Linear().combine(*b, a->constant);
    else
      return std::nullopt;
    return sum.isSmall() ? std::optional(sum) : std::nullopt;
  }

  static void limit(std::optional<int64_t> &bound, int64_t value) {
    bound = bound ? std::min(*bound, value) : value;
  }

  /// Notes `l <= 0` if it bounds key - query.
  bool addBound(const Linear &l) {
    if (!l.isSmall() || std::abs(l.key) != 1)
      return false;
    if (takesBatchValues && (l.term || l.query == 0))
      return addBatchBound(l);
    if (l.query != -l.key || l.term)
      return false;
    // key - query <= -constant, or query - key <= -constant.
    limit(l.key == 1 ? result.right : result.left, -l.constant);
    return true;
  }

  /// The same where it bounds the key by numbers of the batch as well.
  bool addBatchBound(const Linear &l) {
    if (l.query != 0 && l.query != -l.key)
      return false;
    bool followsQuery = l.query != 0;
    if (l.key == 1)
      result.endKeys.push_back({followsQuery, l.term, -l.sign, 1 - l.constant});
    else
      result.firstKeys.push_back({followsQuery, l.term, l.sign, l.constant});
    return true;
  }

  /// Notes what a comparison says of key - query; false if that is not all.
  bool addComparison(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    std::optional<Linear> a = linear(lhs), b = linear(rhs);
    if (!a || !b)
      return false;
    Linear difference = a->combine(*b, -1), reversed = b->combine(*a, -1);
    auto strict = [](Linear l) {
      ++l.constant;
      return l;
    };
    switch (predicate) {
    case arith::CmpIPredicate::eq:
      return addBound(difference) && addBound(reversed);
    case arith::CmpIPredicate::sle:
      return addBound(difference);
    case arith::CmpIPredicate::slt:
      return addBound(strict(difference));
    case arith::CmpIPredicate::sge:
      return addBound(reversed);
    case arith::CmpIPredicate::sgt:
      return addBound(strict(reversed));
    case arith::CmpIPredicate::ule:
    case arith::CmpIPredicate::ult: {
      // 0 <= a < constant in one comparison; or two positions, which are never
      // negative.
      bool isWindow = b->isConstant() && b->constant >= 0;
      if (a->term || (!isWindow && !(isPosition(*a) && isPosition(*b))))
        return false;
      if (isWindow && !addBound(Linear().combine(*a, -1)))
        return false;
      return addBound(predicate == arith::CmpIPredicate::ult
                          ? strict(difference)
                          : difference);
    }
    case arith::CmpIPredicate::uge:
    case arith::CmpIPredicate::ugt:
      if (!isPosition(*a) || !isPosition(*b))
        return false;
      return addBound(predicate == arith::CmpIPredicate::ugt ? strict(reversed)
                                                             : reversed);
    case arith::CmpIPredicate::ne:
      return false;
    }
    return false;
  }

  static bool isPosition(const Linear &l) {
    return l.query >= 0 && l.key >= 0 && l.constant >= 0 && !l.term;
  }

  /// Notes that `condition` (or its opposite) holds of every key that is seen;
  /// false if the bounds do not say it all.
  bool addCondition(Value condition, bool isNegated) {
    Operation *def = condition.getDefiningOp();
    if (!def)
      return false;
    if (auto compare = dyn_cast<arith::CmpIOp>(def)) {
      arith::CmpIPredicate predicate = compare.getPredicate();
      // A truth value as a number, beside zero.
      Operation *number = compare.getLhs().getDefiningOp();
      if (isa_and_nonnull<arith::ExtUIOp, arith::ExtSIOp>(number) &&
          number->getOperand(0).getType().isInteger(1) &&
          matchPattern(compare.getRhs(), m_Zero()) &&
          (predicate == arith::CmpIPredicate::eq ||
           predicate == arith::CmpIPredicate::ne))
        return addCondition(number->getOperand(0),
                            isNegated !=
                                (predicate == arith::CmpIPredicate::eq));
      if (isNegated)
        predicate = arith::invertPredicate(predicate);
      return addComparison(predicate, compare.getLhs(), compare.getRhs());
    }
    if (isNegated ? isa<arith::OrIOp>(def) : isa<arith::AndIOp>(def)) {
      // Both: the second bound helps even if the first is not understood.
      bool first = addCondition(def->getOperand(0), isNegated);
      bool second = addCondition(def->getOperand(1), isNegated);
      return first && second;
    }
    if (isa<arith::XOrIOp>(def) && matchPattern(def->getOperand(1), m_One()))
      return addCondition(def->getOperand(0), !isNegated);
    return false;
  }

  static bool isMinusInfinity(Value value) {
    APFloat constant(0.0f);
    return matchPattern(value, m_ConstantFloat(&constant)) &&
           constant.isInfinity() && constant.isNegative();
  }

  /// `select(c, x, -inf)` or `x + select(c, 0, -inf)` at the root: notes c and
  /// moves on to x. False if there is none, or if c says more than bounds.
  bool peelWindow(Value &value) {
    Value rest;
    auto select = value.getDefiningOp<arith::SelectOp>();
    if (auto add = value.getDefiningOp<arith::AddFOp>())
      for (auto [a, b] : {std::pair(add.getLhs(), add.getRhs()),
                          std::pair(add.getRhs(), add.getLhs())}) {
        auto mask = b.getDefiningOp<arith::SelectOp>();
        if (mask && (matchPattern(mask.getTrueValue(), m_AnyZeroFloat()) ||
                     matchPattern(mask.getFalseValue(), m_AnyZeroFloat()))) {
          select = mask;
          rest = a;
          break;
        }
      }
    if (!select)
      return false;
    bool isNegated;
    if (isMinusInfinity(select.getFalseValue()))
      isNegated = false;
    else if (isMinusInfinity(select.getTrueValue()))
      isNegated = true;
    else
      return false;
    bool isExact = addCondition(select.getCondition(), isNegated);
    result.hidesByAdding |= rest && result.hasWindow();
    if (!isExact) {
      result.isWindowExact = false;
      return false;
    }
    value = rest ? rest
                 : (isNegated ? select.getFalseValue() : select.getTrueValue());
    return true;
  }

  bool dependsOn(Value value, ArrayRef<Value> sources) {
    if (llvm::is_contained(sources, value))
      return true;
    Operation *def = value.getDefiningOp();
    if (!def || def->getBlock() != score.getParentBlock())
      return false;
    auto [known, isNew] = dependence.try_emplace({value, sources.front()});
    if (!isNew)
      return known->second;
    bool depends = llvm::any_of(def->getOperands(), [&](Value operand) {
      return dependsOn(operand, sources);
    });
    return dependence[{value, sources.front()}] = depends;
  }

  /// The slope of `slope * distance`.
  Value matchAlibi(Value term) {
    auto product = term.getDefiningOp<arith::MulFOp>();
    if (!product)
      return {};
    for (auto [slope, distance] :
         {std::pair(product.getLhs(), product.getRhs()),
          std::pair(product.getRhs(), product.getLhs())}) {
      if (auto negated = distance.getDefiningOp<arith::NegFOp>())
        distance = negated.getOperand();
      if (auto magnitude = distance.getDefiningOp<math::AbsFOp>())
        distance = magnitude.getOperand();
      auto number = distance.getDefiningOp<arith::SIToFPOp>();
      if (!number || dependsOn(slope, {query, key}))
        continue;
      Value integer = number.getIn();
      if (auto magnitude = integer.getDefiningOp<math::AbsIOp>())
        integer = magnitude.getOperand();
      std::optional<Linear> l = linear(integer);
      if (l && std::abs(l->key) == 1 && (l->query == 0 || l->query == -l->key))
        return slope;
    }
    return {};
  }

  /// Fills in what `value` does to the logit.
  void describe(Value value) {
    while (value != score) {
      if (auto add = value.getDefiningOp<arith::AddFOp>()) {
        bool left = dependsOn(add.getLhs(), {score}),
             right = dependsOn(add.getRhs(), {score});
        if (left != right) {
          Value term = left ? add.getRhs() : add.getLhs();
          result.added.push_back(term);
          if (Value slope = matchAlibi(term))
            result.alibiSlope = slope;
          value = left ? add.getLhs() : add.getRhs();
          continue;
        }
      }
      if (auto capped = matchSoftCap(value); capped && !result.softCap) {
        result.softCap = capped->first;
        value = capped->second;
        continue;
      }
      result.isGeneric = true;
      return;
    }
  }

  Block &block;
  bool takesBatchValues;
  SmallVector<AffineMap> maps;
  DenseMap<Value, bool> ofBatch;
  Value score, query, key;
  DenseMap<std::pair<Value, Value>, bool> dependence;
};

} // namespace

std::optional<std::pair<double, Value>> mlir::flat::matchSoftCap(Value value) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return std::nullopt;
  APFloat cap(0.0f), inner(0.0f);
  Value other;
  if (matchPattern(product.getRhs(), m_ConstantFloat(&cap)))
    other = product.getLhs();
  else if (matchPattern(product.getLhs(), m_ConstantFloat(&cap)))
    other = product.getRhs();
  else
    return std::nullopt;
  auto tanh = other.getDefiningOp<math::TanhOp>();
  double c = cap.convertToDouble();
  if (!tanh || !(c > 0) || !std::isfinite(c))
    return std::nullopt;
  auto isNear = [](double a, double b) {
    return std::abs(a - b) <= 1e-6 * std::abs(b);
  };
  if (auto quotient = tanh.getOperand().getDefiningOp<arith::DivFOp>())
    if (matchPattern(quotient.getRhs(), m_ConstantFloat(&inner)) &&
        isNear(inner.convertToDouble(), c))
      return std::pair(c, Value(quotient.getLhs()));
  if (auto scaled = tanh.getOperand().getDefiningOp<arith::MulFOp>())
    for (auto [x, factor] : {std::pair(scaled.getLhs(), scaled.getRhs()),
                             std::pair(scaled.getRhs(), scaled.getLhs())})
      if (matchPattern(factor, m_ConstantFloat(&inner)) &&
          isNear(inner.convertToDouble(), 1 / c))
        return std::pair(c, Value(x));
  return std::nullopt;
}

ScoreAnalysis mlir::flat::analyzeScore(AttentionOp op, bool takesBatchValues) {
  if (!op.hasScoreRegion())
    return {};
  Analyzer analyzer(op, takesBatchValues);
  analyzer.run(op.getScore().front().getTerminator()->getOperand(0));
  return analyzer.result;
}
