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
#include "nm/Analysis/Conditions.h"

using namespace mlir;
using namespace mlir::flat;

namespace {

using analysis::Fact;
using analysis::Linear;

/// What the sums of conditions are made of; other atoms are terms.
enum : int { kQuery, kKey, kFirstTerm };

class Analyzer final : public analysis::AtomFacts {
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

  bool isPosition(int atom) const override { return atom < kFirstTerm; }
  bool isSmall(int /*atom*/) const override { return true; }

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

  /// What `value` says of the positions.
  Fact factOf(Value value) {
    if (value == query || value == key)
      return Linear::atom(value == query ? kQuery : kKey);
    auto known = facts.find(value);
    if (known != facts.end())
      return known->second;
    Fact fact;
    Operation *def = value.getDefiningOp();
    if (def && matchPattern(def, m_Constant())) {
      fact = analysis::evaluateCondition(*def, {}, *this);
    } else if (isTerm(value)) {
      terms.push_back(value);
      fact = Linear::atom(kFirstTerm + static_cast<int>(terms.size()) - 1);
    } else if (def && def->getBlock() == &block && def->getNumRegions() == 0) {
      SmallVector<Fact, 3> operands;
      for (Value operand : def->getOperands())
        operands.push_back(operand.getType().isIntOrIndex() ? factOf(operand)
                                                            : Fact());
      fact = analysis::evaluateCondition(*def, operands, *this);
    }
    return facts[value] = fact;
  }

  static void limit(std::optional<int64_t> &bound, int64_t value) {
    bound = bound ? std::min(*bound, value) : value;
  }

  /// Notes `l <= 0`; false if it is no bound of the key.
  bool addBound(const Linear &l) {
    // What holds of all positions: max(q - w, 0) <= k says so of 0 <= k.
    if (l.constant <= 0 && llvm::all_of(l.terms, [&](auto &term) {
          return isPosition(term.first) && term.second < 0;
        }))
      return true;
    int64_t ofKey = l.of(kKey), ofQuery = l.of(kQuery);
    if (std::abs(ofKey) != 1 || (ofQuery != 0 && ofQuery != -ofKey))
      return false;
    std::pair<int, int64_t> term{-1, 0};
    for (auto part : l.terms)
      if (part.first >= kFirstTerm) {
        if (term.second != 0 || std::abs(part.second) != 1)
          return false;
        term = part;
      }
    bool isPlain = term.second == 0 && ofQuery != 0;
    // key - query <= -constant, or query - key <= -constant.
    if (isPlain)
      limit(ofKey == 1 ? result.right : result.left, -l.constant);
    if (isPlain || !takesBatchValues)
      return isPlain;
    Value value = term.second ? terms[term.first - kFirstTerm] : Value();
    if (ofKey == 1)
      result.endKeys.push_back(
          {ofQuery != 0, value, -term.second, 1 - l.constant});
    else
      result.firstKeys.push_back(
          {ofQuery != 0, value, term.second, l.constant});
    return true;
  }

  /// Notes that `condition` (or its opposite) holds of every key that is seen;
  /// false if the bounds do not say it all.
  bool addCondition(Value condition, bool isNegated) {
    Fact fact = factOf(condition);
    if (!fact.truth)
      return false;
    const analysis::Bounds &bounds =
        isNegated ? fact.truth->fails : fact.truth->holds;
    // Each helps even if another is not understood.
    bool isExact = bounds.isExact;
    for (const Linear &bound : bounds.atMostZero)
      isExact &= addBound(bound);
    return isExact;
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

  /// The sum that `value` is.
  std::optional<Linear> sumOf(Value value) {
    Fact fact = factOf(value);
    if (!fact.number || !fact.number->isSum())
      return std::nullopt;
    return fact.number->sums[0];
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
      std::optional<Linear> l = sumOf(integer);
      if (l && std::abs(l->of(kKey)) == 1 &&
          l->terms.size() == 1 + (l->of(kQuery) != 0) &&
          (l->of(kQuery) == 0 || l->of(kQuery) == -l->of(kKey)))
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
  DenseMap<Value, Fact> facts;
  SmallVector<Value> terms;
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
