//===- RaiseAttentionValue.cpp - Terms over a row of known scores -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionValue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::flat::raise;

using Value64 = std::optional<double>;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static bool isSame(Value64 a, Value64 b) {
  return a && b && (*a == *b || (std::isnan(*a) && std::isnan(*b)));
}

static bool compare(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool isUnordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return a == b;
  case P::OGT:
    return a > b;
  case P::OGE:
    return a >= b;
  case P::OLT:
    return a < b;
  case P::OLE:
    return a <= b;
  case P::ONE:
    return !isUnordered && a != b;
  case P::ORD:
    return !isUnordered;
  case P::UEQ:
    return isUnordered || a == b;
  case P::UGT:
    return isUnordered || a > b;
  case P::UGE:
    return isUnordered || a >= b;
  case P::ULT:
    return isUnordered || a < b;
  case P::ULE:
    return isUnordered || a <= b;
  case P::UNE:
    return isUnordered || a != b;
  case P::UNO:
    return isUnordered;
  case P::AlwaysTrue:
    return true;
  }
  return false;
}

/// Of signed numbers, but truth values, which are 0 and 1.
static Value64 compareIntegers(arith::CmpIOp op, double a, double b) {
  using P = arith::CmpIPredicate;
  P predicate = op.getPredicate();
  if (predicate == P::eq || predicate == P::ne)
    return (a == b) == (predicate == P::eq) ? 1.0 : 0.0;
  bool isTruth = op.getLhs().getType().isInteger(1);
  bool isSigned = predicate == P::slt || predicate == P::sle ||
                  predicate == P::sgt || predicate == P::sge;
  if (isSigned ? isTruth : a < 0 || b < 0)
    return std::nullopt;
  switch (predicate) {
  case P::slt:
  case P::ult:
    return a < b ? 1.0 : 0.0;
  case P::sle:
  case P::ule:
    return a <= b ? 1.0 : 0.0;
  case P::sgt:
  case P::ugt:
    return a > b ? 1.0 : 0.0;
  default:
    return a >= b ? 1.0 : 0.0;
  }
}

/// A conversion of an integer that every type on the way can hold.
static Value64 convertInteger(Operation *op, double value) {
  bool isUnsigned = isa<arith::ExtUIOp, arith::UIToFPOp>(op);
  if (op->getOperand(0).getType().isInteger(1))
    return isUnsigned ? value : -value;
  Type type = op->getResult(0).getType();
  double limit =
      isa<FloatType>(type) || type.isIndex()
          ? 0x1p24
          : std::ldexp(1.0, std::min(24, static_cast<int>(
                                             type.getIntOrFloatBitWidth()) -
                                             1));
  if (std::fabs(value) >= limit || (isUnsigned && value < 0))
    return std::nullopt;
  return value;
}

Value64 TermEvaluator::evaluate(const Term *term, unsigned key) {
  if (auto values = given.find(term); values != given.end())
    return values->second[key];
  auto [entry, isNew] = known.try_emplace({term, key});
  if (!isNew)
    return entry->second;
  Value64 value = compute(term, key);
  return known[{term, key}] = value;
}

Value64 TermEvaluator::compute(const Term *term, unsigned key) {
  switch (term->kind) {
  case Term::Constant:
    return term->getNumber();
  case Term::Apply:
    return apply(term, key);
  case Term::Max:
  case Term::Sum:
  case Term::All:
  case Term::Any:
    return reduce(term);
  default:
    return std::nullopt;
  }
}

Value64 TermEvaluator::reduce(const Term *term) {
  Value64 result = term->kind == Term::Max   ? term->getNumber()
                   : term->kind == Term::All ? 1.0
                                             : 0.0;
  bool isUnknown = !result;
  for (unsigned key = 0; key < keys; ++key) {
    Value64 next = evaluate(term->operands[0], key);
    if (!next) {
      isUnknown = true;
      continue;
    }
    if (isUnknown && !result)
      continue;
    switch (term->kind) {
    case Term::Sum:
      *result += *next;
      break;
    case Term::All:
      result = *result != 0 && *next != 0;
      break;
    case Term::Any:
      result = *result != 0 || *next != 0;
      break;
    default:
      if (std::isnan(*next) && isa<arith::MaxNumFOp>(term->combine))
        break;
      // A maximum by comparison drops NaN or not, depending on the order.
      if (std::isnan(*next) && isa<arith::SelectOp>(term->combine))
        isUnknown = true;
      result = std::isnan(*next) || *next > *result ? *next : *result;
    }
  }
  if (!isUnknown)
    return result;
  // What the rest may be does not matter.
  bool isDecided =
      result && ((term->kind == Term::Sum && std::isnan(*result)) ||
                 (term->kind == Term::All && *result == 0) ||
                 (term->kind == Term::Any && *result == 1));
  return isDecided ? result : std::nullopt;
}

Value64 TermEvaluator::softmax(const Term *term, unsigned key) {
  double maximum = -kInfinity, sum = 0;
  SmallVector<double> scores;
  for (unsigned i = 0; i < keys; ++i) {
    Value64 score = evaluate(term->operands[0], i);
    if (!score)
      return std::nullopt;
    scores.push_back(*score);
    if (std::isnan(*score) || *score > maximum)
      maximum = *score;
  }
  for (double score : scores)
    sum += std::exp(score - maximum);
  return std::exp(scores[key] - maximum) / sum;
}

Value64 TermEvaluator::choose(const Term *term, unsigned key) {
  if (Value64 condition = evaluate(term->operands[0], key))
    return evaluate(term->operands[*condition != 0 ? 1 : 2], key);
  unknownConditions.insert(term->operands[0]);
  Value64 a = evaluate(term->operands[1], key),
          b = evaluate(term->operands[2], key);
  return isSame(a, b) ? a : std::nullopt;
}

Value64 TermEvaluator::apply(const Term *term, unsigned key) {
  Operation *op = term->op;
  if (isa<linalg::SoftmaxOp>(op))
    return softmax(term, key);
  if (isa<arith::SelectOp>(op))
    return choose(term, key);
  SmallVector<Value64> values;
  bool isUnknown = false, isNaN = false;
  for (const Term *operand : term->operands) {
    values.push_back(evaluate(operand, key));
    isUnknown |= !values.back();
    isNaN |= values.back() && std::isnan(*values.back());
  }
  bool isBoolean = op->getResult(0).getType().isInteger(1);
  if (isUnknown) {
    // One side may be enough.
    auto holds = [&](double value) {
      return llvm::is_contained(values, value);
    };
    if (isBoolean && isa<arith::AndIOp>(op) && holds(0))
      return 0.0;
    if (isBoolean && isa<arith::OrIOp>(op) && holds(1))
      return 1.0;
    if (isNaN && isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
                     arith::MaximumFOp, arith::MinimumFOp>(op))
      return kNaN;
    return std::nullopt;
  }
  auto at = [&](unsigned i) { return *values[i]; };
  return TypeSwitch<Operation *, Value64>(op)
      .Case([&](arith::AddFOp) { return at(0) + at(1); })
      .Case([&](arith::SubFOp) { return at(0) - at(1); })
      .Case([&](arith::MulFOp) { return at(0) * at(1); })
      .Case([&](arith::DivFOp) { return at(0) / at(1); })
      .Case([&](arith::NegFOp) { return -at(0); })
      .Case([&](arith::MaximumFOp) {
        return isNaN ? kNaN : std::max(at(0), at(1));
      })
      .Case([&](arith::MinimumFOp) {
        return isNaN ? kNaN : std::min(at(0), at(1));
      })
      .Case([&](arith::MaxNumFOp) { return std::fmax(at(0), at(1)); })
      .Case([&](arith::MinNumFOp) { return std::fmin(at(0), at(1)); })
      .Case([&](arith::CmpFOp compareOp) {
        return compare(compareOp.getPredicate(), at(0), at(1)) ? 1.0 : 0.0;
      })
      .Case([&](arith::CmpIOp compareOp) {
        return compareIntegers(compareOp, at(0), at(1));
      })
      .Case<arith::ExtUIOp, arith::ExtSIOp, arith::UIToFPOp, arith::SIToFPOp,
            arith::IndexCastOp>([&](auto) { return convertInteger(op, at(0)); })
      .Case<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(
          [&](auto bitwise) -> Value64 {
            if (!isBoolean)
              return std::nullopt;
            bool a = at(0) != 0, b = at(1) != 0;
            using Op = decltype(bitwise);
            return std::is_same_v<Op, arith::AndIOp>  ? a && b
                   : std::is_same_v<Op, arith::OrIOp> ? a || b
                                                      : a != b;
          })
      .Case([&](math::ExpOp) { return std::exp(at(0)); })
      .Case([&](math::Exp2Op) { return std::exp2(at(0)); })
      .Case([&](math::LogOp) { return std::log(at(0)); })
      .Case([&](math::SqrtOp) { return std::sqrt(at(0)); })
      .Case([&](math::RsqrtOp) { return 1 / std::sqrt(at(0)); })
      .Case([&](math::PowFOp) { return std::pow(at(0), at(1)); })
      .Case([&](math::AbsFOp) { return std::fabs(at(0)); })
      .Case([&](math::IsNaNOp) { return isNaN ? 1.0 : 0.0; })
      .Case([&](math::IsInfOp) { return std::isinf(at(0)) ? 1.0 : 0.0; })
      .Case([&](math::IsFiniteOp) { return std::isfinite(at(0)) ? 1.0 : 0.0; })
      .Default([](Operation *) { return Value64(); });
}
