//===- Evaluate.cpp - Scalar operations on expressions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Analysis/Evaluate.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::analysis;

namespace {

/// One operation, given what its operands are.
struct Evaluator {
  Expressions &algebra;
  Operation &op;
  function_ref<Expression(Value)> get;

  using Result = std::optional<Expression>;

  Expression operand(unsigned i) { return get(op.getOperand(i)); }
  Expression maximum(const Expression &l, const Expression &r) {
    return algebra.function(Atom::Max, l, r);
  }
  /// -max(-l, -r).
  Expression minimum(const Expression &l, const Expression &r) {
    return Expressions::scale(
        maximum(Expressions::scale(l, -1), Expressions::scale(r, -1)), -1);
  }
  Result function(Atom::Kind kind) {
    return algebra.function(kind, operand(0));
  }
  Expression root() { return algebra.function(Atom::Root, operand(0)); }

  Result quotient() {
    Result inverse = algebra.power(operand(1), -1);
    if (!inverse)
      return std::nullopt;
    return algebra.multiply(operand(0), *inverse);
  }

  /// x > y ? x : y
  Result select(arith::SelectOp select) {
    auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
    if (!compare)
      return std::nullopt;
    using Predicate = arith::CmpFPredicate;
    Predicate predicate = compare.getPredicate();
    bool isGreater = predicate == Predicate::OGT ||
                     predicate == Predicate::OGE ||
                     predicate == Predicate::UGT || predicate == Predicate::UGE;
    bool isLess = predicate == Predicate::OLT || predicate == Predicate::OLE ||
                  predicate == Predicate::ULT || predicate == Predicate::ULE;
    Expression l = get(compare.getLhs()), r = get(compare.getRhs());
    if (isLess)
      std::swap(l, r);
    if ((!isGreater && !isLess) ||
        !Expressions::isSame(l, get(select.getTrueValue())) ||
        !Expressions::isSame(r, get(select.getFalseValue())))
      return std::nullopt;
    return maximum(l, r);
  }

  Result power() {
    Expression exponent = operand(1);
    double number = exponent.constant();
    if (!exponent.isConstant())
      return std::nullopt;
    if (number == 0.5 || number == -0.5)
      return algebra.power(root(), number > 0 ? 1 : -1);
    if (number != std::round(number) || std::abs(number) > 4)
      return std::nullopt;
    return algebra.power(operand(0), static_cast<int>(number));
  }

  Result power(math::FPowIOp power) {
    IntegerAttr exponent;
    if (!matchPattern(power.getRhs(), m_Constant(&exponent)) ||
        exponent.getValue().abs().sgt(4))
      return std::nullopt;
    return algebra.power(operand(0), static_cast<int>(exponent.getInt()));
  }

  /// silu(alpha x) / alpha.
  Result swish(layer::SwishOp swish) {
    double alpha = swish.getAlpha().convertToDouble();
    if (alpha == 0)
      return Expressions::scale(operand(0), 0.5);
    Expression silu =
        algebra.function(Atom::Silu, Expressions::scale(operand(0), alpha));
    return Expressions::scale(silu, 1 / alpha);
  }

  Result arithmetic() {
    return llvm::TypeSwitch<Operation *, Result>(&op)
        .Case([&](arith::ConstantOp constant) -> Result {
          if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
            return Expressions::constant(number.getValueAsDouble());
          return std::nullopt;
        })
        .Case([&](arith::AddFOp) {
          return Expressions::add(operand(0), operand(1));
        })
        .Case([&](arith::SubFOp) {
          return Expressions::subtract(operand(0), operand(1));
        })
        .Case([&](arith::MulFOp) {
          return algebra.multiply(operand(0), operand(1));
        })
        .Case([&](arith::DivFOp) { return quotient(); })
        .Case([&](arith::NegFOp) { return Expressions::scale(operand(0), -1); })
        .Case<arith::MaximumFOp, arith::MaxNumFOp>(
            [&](Operation *) { return maximum(operand(0), operand(1)); })
        .Case<arith::MinimumFOp, arith::MinNumFOp>(
            [&](Operation *) { return minimum(operand(0), operand(1)); })
        .Case([&](arith::SelectOp choice) { return select(choice); })
        .Case([&](arith::CmpFOp) { return Expression(); })
        .Case<arith::ExtFOp, arith::TruncFOp>(
            [&](Operation *) { return operand(0); })
        .Default([&](Operation *) -> Result { return std::nullopt; });
  }

  Result functions() {
    return llvm::TypeSwitch<Operation *, Result>(&op)
        .Case([&](layer::GeluOp) { return function(Atom::Gelu); })
        .Case([&](layer::GeluTanhOp) { return function(Atom::GeluTanh); })
        .Case([&](layer::SwishOp op) { return swish(op); })
        .Case([&](math::ExpOp) { return function(Atom::Exp); })
        .Case([&](math::Exp2Op) {
          return algebra.function(Atom::Exp,
                                  Expressions::scale(operand(0), M_LN2));
        })
        .Case([&](math::LogOp) { return function(Atom::Log); })
        .Case([&](math::ErfOp) { return function(Atom::Erf); })
        .Case([&](math::TanhOp) { return function(Atom::Tanh); })
        .Case([&](math::SqrtOp) { return root(); })
        .Case([&](math::RsqrtOp) { return algebra.power(root(), -1); })
        .Case([&](math::PowFOp) { return power(); })
        .Case([&](math::FPowIOp op) { return power(op); })
        .Default([&](Operation *) -> Result { return std::nullopt; });
  }
};

} // namespace

std::optional<Expression>
mlir::analysis::evaluate(Expressions &algebra, Operation &op,
                         function_ref<Expression(Value)> get) {
  Evaluator evaluator{algebra, op, get};
  return isa<arith::ArithDialect>(op.getDialect()) ? evaluator.arithmetic()
                                                   : evaluator.functions();
}
