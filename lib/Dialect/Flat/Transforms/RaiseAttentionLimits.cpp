//===- RaiseAttentionLimits.cpp - Which keys comparisons hide ---*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionLimits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Analysis/Conditions.h"

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;
using analysis::Fact;
using analysis::Linear;

static unsigned widthOf(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

/// `term` before conversions that keep every number.
static const Term *stripWidening(const Term *term) {
  while (term->isApply("arith.index_cast") || term->isApply("arith.extsi")) {
    Type from = term->op->getOperand(0).getType(),
         to = term->op->getResult(0).getType();
    if (widthOf(from) > widthOf(to))
      break;
    term = term->operands[0];
  }
  return term;
}

namespace {

/// What terms say of query and key, and of numbers that are the same for all
/// rows.
class LimitReader final : public analysis::AtomFacts {
public:
  LimitReader(const Match &match, const AxisTable &table)
      : table(table), queries(table.resolve(match.queries)),
        keys(table.resolve(match.keys)) {}

  enum : int { kQuery, kKey, kFirstNumber };

  Fact of(const Term *term) {
    auto known = facts.find(term);
    if (known != facts.end())
      return known->second;
    Fact fact = read(term);
    return facts[term] = fact;
  }

  const Term *number(int atom) const { return numbers[atom - kFirstNumber]; }
  bool isPosition(int atom) const override { return atom < kFirstNumber; }
  /// A sum with a number of 64 bits may overflow.
  bool isSmall(int atom) const override {
    return isPosition(atom) || widthOf(typeOf(number(atom))) <= 32;
  }

private:
  static Type typeOf(const Term *number) {
    return getElementTypeOrSelf(number->value.getType());
  }

  /// A scalar of the program, or the only element of a tensor.
  bool isNumber(const Term *term) const {
    if (!term->value ||
        (term->kind != Term::Scalar && term->kind != Term::Leaf))
      return false;
    Type type = typeOf(term);
    if (term->kind == Term::Leaf &&
        !(cast<RankedTensorType>(term->value.getType()).hasStaticShape() &&
          llvm::all_of(term->dims, [&](const Axes &axes) {
            return table.resolve(axes).empty();
          })))
      return false;
    return (type.isIndex() || type.isSignlessInteger()) &&
           widthOf(type) <= 64 && !type.isInteger(1);
  }

  Fact read(const Term *term) {
    const Term *inner = stripWidening(term);
    if (isNumber(inner)) {
      auto found = llvm::find(numbers, inner);
      int place = static_cast<int>(found - numbers.begin());
      if (found == numbers.end())
        numbers.push_back(inner);
      return Linear::atom(kFirstNumber + place);
    }
    switch (term->kind) {
    case Term::Index: {
      Axes axes = table.resolve(term->dims[0]);
      if (axes.empty())
        return Linear::number(0);
      if (axes != queries && axes != keys)
        return {};
      return Linear::atom(axes == keys ? kKey : kQuery);
    }
    case Term::Constant:
      return constant(term->constant);
    case Term::Apply: {
      if (term->op->getNumResults() != 1 ||
          term->op->getNumOperands() != term->operands.size())
        return {};
      SmallVector<Fact, 3> operands;
      for (const Term *operand : term->operands)
        operands.push_back(of(operand));
      return analysis::evaluateCondition(*term->op, operands, *this);
    }
    default:
      return {};
    }
  }

  static Fact constant(Attribute value) {
    auto number = dyn_cast<IntegerAttr>(value);
    if (!number)
      return {};
    return analysis::constantFact(number.getValue());
  }

  const AxisTable &table;
  Axes queries, keys;
  DenseMap<const Term *, Fact> facts;
  SmallVector<const Term *> numbers;
};

} // namespace

std::optional<KeyLimits> mlir::flat::raise::readLimits(const Term *condition,
                                                       bool isNegated,
                                                       const Match &match,
                                                       const AxisTable &table) {
  if (table.resolve(match.keys).empty())
    return std::nullopt;
  LimitReader reader(match, table);
  Fact fact = reader.of(condition);
  if (!fact.truth || fact.one)
    return std::nullopt;
  const analysis::Bounds &bounds =
      isNegated ? fact.truth->fails : fact.truth->holds;
  if (!bounds.isExact)
    return std::nullopt;
  KeyLimits limits{{nullptr}, {}, {}};
  for (const Linear &sum : bounds.atMostZero) {
    int64_t ofKey = sum.of(LimitReader::kKey),
            ofQuery = sum.of(LimitReader::kQuery);
    if (std::abs(ofKey) != 1 || sum.terms.size() > 2)
      return std::nullopt;
    if (sum.terms.size() == 1) {
      // From a key on that is the first, or less.
      if (ofKey < 0 && sum.constant <= 0)
        continue;
      return std::nullopt;
    }
    if (ofQuery != 0) {
      if (ofQuery != -ofKey)
        return std::nullopt;
      std::optional<int64_t> &side = ofKey == 1 ? limits.right : limits.left;
      side = side ? std::min(*side, -sum.constant) : -sum.constant;
      continue;
    }
    // key <= number - constant.
    auto number = llvm::find_if(sum.terms, [](auto &term) {
      return term.first >= LimitReader::kFirstNumber;
    });
    if (ofKey != 1 || number->second != -1)
      return std::nullopt;
    const Term *value = reader.number(number->first);
    int64_t offset = 1 - sum.constant;
    if (limits.bound.value && limits.bound.value != value)
      return std::nullopt;
    if (limits.bound.value)
      offset = std::min(offset, limits.bound.offset);
    limits.bound = {value, offset};
  }
  return limits.bound.value ? std::optional(limits) : std::nullopt;
}

Value mlir::flat::raise::makeLength(const KeyBound &bound, OpFoldResult keys,
                                    OpBuilder &builder, Location loc) {
  Value value = bound.value->value;
  auto number = [&](int64_t constant) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, constant);
  };
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    value = tensor::ExtractOp::create(
        builder, loc, value, SmallVector<Value>(type.getRank(), number(0)));
  if (!value.getType().isIndex())
    value =
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value);
  // Limited first: the largest number has no successor.
  Value limit = getValueOrCreateConstantIndexOp(builder, loc, keys);
  if (bound.offset != 0)
    limit = arith::SubIOp::create(builder, loc, limit, number(bound.offset));
  value = arith::MinSIOp::create(builder, loc, value, limit);
  value = arith::MaxSIOp::create(builder, loc, value, number(-bound.offset));
  if (bound.offset != 0)
    value = arith::AddIOp::create(builder, loc, value, number(bound.offset));
  return value;
}
