//===- Body.cpp - A region of scalars on whole matrices -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Body.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "nm/Isa/Names.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::attacc;
using isa::BinaryKind;
using isa::TensorId;
using isa::UnaryKind;

void ProgramEmitter::Body::bind(Value argument, Cell cell) {
  cells[argument] = cell;
}

void ProgramEmitter::Body::findExpressions() {
  if (expressions)
    return;
  expressions.emplace();
  for (auto &[argument, cell] : cells) {
    Expression &leaf = (*expressions)[argument];
    int index = cell.tensor ? static_cast<int>(cell.tensor->index) : -1;
    leaf = !cell.tensor       ? Expressions::constant(cell.number)
           : e.isMatrix(cell) ? e.algebra.tensor(index)
                              : e.algebra.vector(index);
  }
  for (Operation &inner : block.without_terminator()) {
    bool isKnown = inner.getNumResults() == 1 &&
                   llvm::all_of(inner.getOperands(), [&](Value operand) {
                     FloatAttr number;
                     return expressions->contains(operand) ||
                            matchPattern(operand, m_Constant(&number));
                   });
    // A comparison has no expression of its own; a select looks through it.
    if (auto select = dyn_cast<arith::SelectOp>(inner))
      isKnown = expressions->contains(select.getTrueValue()) ||
                expressions->contains(select.getFalseValue());
    if (!isKnown || llvm::isa<arith::CmpFOp>(inner))
      continue;
    bool isWhole = true;
    std::optional<Expression> value =
        analysis::evaluate(e.algebra, inner, [&](Value operand) -> Expression {
          auto place = expressions->find(operand);
          if (place != expressions->end())
            return place->second;
          FloatAttr number;
          if (matchPattern(operand, m_Constant(&number)))
            return Expressions::constant(number.getValueAsDouble());
          isWhole = false;
          return Expression();
        });
    if (value && isWhole && !e.algebra.isTooLarge(*value))
      (*expressions)[inner.getResult(0)] = std::move(*value);
  }
}

LogicalResult ProgramEmitter::Body::refuse(Operation &inner) {
  InFlightDiagnostic error = op->emitOpError("has no instructions on ")
                             << e.device.name << ": it computes '"
                             << inner.getName()
                             << "', which its special function unit does not; "
                                "run it on a processor (--target=host)";
  error.attachNote(inner.getLoc()) << "'" << inner.getName() << "' is here";
  return failure();
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::Body::binary(BinaryKind kind, Operation &inner,
                             std::optional<TensorId> dest) {
  FailureOr<Cell> lhs = get(inner.getOperand(0), {});
  FailureOr<Cell> rhs = failed(lhs) ? lhs : get(inner.getOperand(1), {});
  if (failed(rhs))
    return failure();
  return e.combine(kind, *lhs, *rhs, rows, cols, dest, op);
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::Body::unary(UnaryKind kind, Operation &inner,
                            std::optional<TensorId> dest) {
  FailureOr<Cell> source = get(inner.getOperand(0), {});
  if (failed(source))
    return failure();
  return e.apply(kind, *source, rows, cols, dest, op);
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::Body::power(Value base, int64_t exponent,
                            std::optional<TensorId> dest) {
  FailureOr<Cell> source = get(base, {});
  if (failed(source))
    return failure();
  Cell result = exponent == 0 ? Cell{{}, 1} : *source;
  bool isInverse = exponent < 0;
  for (int64_t i = 1; i < std::abs(exponent); ++i) {
    bool isLast = i + 1 == std::abs(exponent) && !isInverse;
    FailureOr<Cell> next = e.combine(BinaryKind::Mul, result, *source, rows,
                                     cols, isLast ? dest : std::nullopt, op);
    if (failed(next))
      return failure();
    result = *next;
  }
  if (isInverse)
    return e.combine(BinaryKind::Div, Cell{{}, 1}, result, rows, cols, dest,
                     op);
  return result;
}

/// silu(alpha x) / alpha.
FailureOr<ProgramEmitter::Cell>
ProgramEmitter::Body::swish(layer::SwishOp inner,
                            std::optional<TensorId> dest) {
  double alpha = inner.getAlpha().convertToDouble();
  if (alpha == 1)
    return unary(UnaryKind::Silu, *inner, dest);
  FailureOr<Cell> x = get(inner.getOperand(), {});
  if (failed(x))
    return failure();
  auto times = [&](const Cell &cell, double factor,
                   std::optional<TensorId> to = {}) {
    return e.combine(BinaryKind::Mul, cell, Cell{{}, factor}, rows, cols, to,
                     op);
  };
  if (alpha == 0)
    return times(*x, 0.5, dest);
  FailureOr<Cell> scaled = times(*x, alpha);
  if (succeeded(scaled))
    scaled = e.apply(UnaryKind::Silu, *scaled, rows, cols, {}, op);
  return failed(scaled) ? scaled : times(*scaled, 1 / alpha, dest);
}

namespace {
enum class Choice { Larger, Smaller, Other };
} // namespace

/// What a select takes of the two values that it chooses from.
static Choice matchChoice(arith::SelectOp select) {
  auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return Choice::Other;
  Value l = compare.getLhs(), r = compare.getRhs();
  bool isStraight = l == select.getTrueValue() && r == select.getFalseValue();
  bool isCrossed = r == select.getTrueValue() && l == select.getFalseValue();
  if (!isStraight && !isCrossed)
    return Choice::Other;
  using Predicate = arith::CmpFPredicate;
  switch (compare.getPredicate()) {
  case Predicate::OGT:
  case Predicate::OGE:
  case Predicate::UGT:
  case Predicate::UGE:
    return isStraight ? Choice::Larger : Choice::Smaller;
  case Predicate::OLT:
  case Predicate::OLE:
  case Predicate::ULT:
  case Predicate::ULE:
    return isStraight ? Choice::Smaller : Choice::Larger;
  default:
    return Choice::Other;
  }
}

/// The function of the special function unit that has the name of an operation
/// of math: exp, tanh, rsqrt, ...
static std::optional<UnaryKind> functionOf(Operation &inner) {
  UnaryKind kind;
  if (inner.getDialect() !=
          inner.getContext()->getLoadedDialect<math::MathDialect>() ||
      inner.getNumOperands() != 1 ||
      !isa::parseName(inner.getName().stripDialect(), kind))
    return std::nullopt;
  return kind;
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::Body::compute(Operation &inner, std::optional<TensorId> dest) {
  using Found = FailureOr<Cell>;
  auto combine = [&](BinaryKind kind, const Cell &l, const Cell &r,
                     std::optional<TensorId> to = {}) {
    return e.combine(kind, l, r, rows, cols, to, op);
  };
  const Cell minusOne{{}, -1};
  if (std::optional<UnaryKind> kind = functionOf(inner))
    return unary(*kind, inner, dest);
  return TypeSwitch<Operation *, Found>(&inner)
      .Case([&](arith::AddFOp) { return binary(BinaryKind::Add, inner, dest); })
      .Case([&](arith::SubFOp) { return binary(BinaryKind::Sub, inner, dest); })
      .Case([&](arith::MulFOp) { return binary(BinaryKind::Mul, inner, dest); })
      .Case([&](arith::DivFOp) { return binary(BinaryKind::Div, inner, dest); })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>(
          [&](Operation *) { return binary(BinaryKind::Max, inner, dest); })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](Operation *) {
        return least(inner.getOperand(0), inner.getOperand(1), dest);
      })
      .Case([&](arith::SelectOp select) -> Found {
        Value l = select.getTrueValue(), r = select.getFalseValue();
        switch (matchChoice(select)) {
        case Choice::Larger: {
          Found lhs = get(l, {});
          Found rhs = failed(lhs) ? lhs : get(r, {});
          return failed(rhs) ? rhs : combine(BinaryKind::Max, *lhs, *rhs, dest);
        }
        case Choice::Smaller:
          return least(l, r, dest);
        case Choice::Other:
          return whole(inner, dest);
        }
        llvm_unreachable("unknown choice");
      })
      .Case([&](layer::GeluOp) { return unary(UnaryKind::Gelu, inner, dest); })
      .Case([&](layer::GeluTanhOp) {
        return unary(UnaryKind::GeluTanh, inner, dest);
      })
      .Case([&](layer::SwishOp swish) { return this->swish(swish, dest); })
      .Case<arith::NegFOp>([&](Operation *) -> Found {
        Found cell = get(inner.getOperand(0), {});
        return failed(cell) ? cell
                            : combine(BinaryKind::Mul, *cell, minusOne, dest);
      })
      .Case([&](math::AbsFOp) -> Found {
        Found cell = get(inner.getOperand(0), {});
        if (failed(cell))
          return failure();
        Found opposite = combine(BinaryKind::Mul, *cell, minusOne);
        return failed(opposite)
                   ? opposite
                   : combine(BinaryKind::Max, *cell, *opposite, dest);
      })
      .Case<arith::ExtFOp, arith::TruncFOp>(
          [&](Operation *) { return get(inner.getOperand(0), dest); })
      .Case([&](math::PowFOp pow) -> Found {
        FloatAttr exponent;
        if (!matchPattern(pow.getRhs(), m_Constant(&exponent)))
          return LogicalResult(refuse(inner));
        double number = exponent.getValueAsDouble();
        if (number == 0.5)
          return unary(UnaryKind::Sqrt, inner, dest);
        if (number == -0.5)
          return unary(UnaryKind::Rsqrt, inner, dest);
        if (number != std::round(number) || std::abs(number) > 16)
          return LogicalResult(refuse(inner));
        return power(pow.getLhs(), static_cast<int64_t>(number), dest);
      })
      .Case([&](math::FPowIOp pow) -> Found {
        IntegerAttr exponent;
        if (!matchPattern(pow.getRhs(), m_Constant(&exponent)) ||
            exponent.getValue().abs().sgt(16))
          return LogicalResult(refuse(inner));
        return power(pow.getLhs(), exponent.getInt(), dest);
      })
      .Default([&](Operation *) { return whole(inner, dest); });
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::Body::whole(Operation &inner, std::optional<TensorId> dest) {
  auto value = expressions->find(inner.getResult(0));
  if (value == expressions->end() || !e.isEmittable(value->second, cols))
    return LogicalResult(refuse(inner));
  TensorId to = dest ? *dest : e.temporary(rows, cols);
  if (failed(e.emitExpression(value->second, rows, cols, to, op)))
    return failure();
  return Cell{to, 0};
}

/// -max(-l, -r).
FailureOr<ProgramEmitter::Cell>
ProgramEmitter::Body::least(Value l, Value r, std::optional<TensorId> dest) {
  const Cell minusOne{{}, -1};
  auto combine = [&](BinaryKind kind, const Cell &a, const Cell &b,
                     std::optional<TensorId> to) {
    return e.combine(kind, a, b, rows, cols, to, op);
  };
  Cell sides[2];
  const Value operands[] = {l, r};
  for (auto [side, operand] : llvm::zip(sides, operands)) {
    FailureOr<Cell> cell = get(operand, {});
    if (succeeded(cell))
      cell = cell->tensor ? combine(BinaryKind::Mul, *cell, minusOne, {})
                          : FailureOr<Cell>(Cell{{}, -cell->number});
    if (failed(cell))
      return failure();
    side = *cell;
  }
  FailureOr<Cell> most = combine(BinaryKind::Max, sides[0], sides[1], {});
  return failed(most) ? most : combine(BinaryKind::Mul, *most, minusOne, dest);
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::Body::get(Value value, std::optional<TensorId> dest) {
  // Expressions are found before any value becomes a cell: they are expressions
  // of the arguments.
  findExpressions();
  auto known = cells.find(value);
  if (known != cells.end())
    return known->second;
  FloatAttr number;
  if (matchPattern(value, m_Constant(&number)))
    return Cell{{}, number.getValueAsDouble()};
  Operation *inner = value.getDefiningOp();
  if (!inner || inner->getBlock() != &block)
    return op->emitOpError("computes with a value that is no constant and no "
                           "operand, expected none");
  FailureOr<Cell> cell = failure();
  auto whole = expressions->find(value);
  if (whole != expressions->end() && e.matchFunction(whole->second) &&
      e.isEmittable(whole->second, cols)) {
    TensorId to = dest ? *dest : e.temporary(rows, cols);
    if (succeeded(e.emitExpression(whole->second, rows, cols, to, op)))
      cell = Cell{to, 0};
  } else {
    cell = compute(*inner, dest);
  }
  if (failed(cell))
    return failure();
  cells[value] = *cell;
  return *cell;
}

LogicalResult ProgramEmitter::Body::write(Value value, TensorId dest) {
  FailureOr<Cell> cell = get(value, dest);
  if (failed(cell))
    return failure();
  if (cell->tensor && cell->tensor->index == dest.index)
    return success();
  return e.fillMatrix(*cell, dest, op);
}
