//===- RaiseAttentionExpression.cpp - Terms in normal form -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionExpression.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace mlir::flat::raise;
using analysis::Atom;
using analysis::Expression;
using analysis::Expressions;

Expression TermExpressions::makeLeaf(const Term *term) {
  int number = static_cast<int>(leaves.size());
  leaves.push_back(term);
  // In a row of one key everything is the same: what would differ in a longer
  // one counts as if it did.
  bool mayDiffer = term->kind == Term::Index || term->kind == Term::Leaf ||
                   term->kind == Term::Product || term->kind == Term::Apply;
  bool isRow = !mayDiffer || (!row.empty() && isRowConstant(term, row));
  return isRow ? algebra.row(number) : algebra.tensor(number);
}

const Term *TermExpressions::leaf(int atom) const {
  int number = algebra[atom].tensor;
  return number < 0 ? nullptr : leaves[number];
}

Expression TermExpressions::of(const Term *term) {
  if (auto found = known.find(term); found != known.end())
    return found->second;
  std::optional<Expression> value = read(term);
  if (!value || algebra.isTooLarge(*value))
    value = makeLeaf(term);
  known[term] = *value;
  return *value;
}

unsigned TermExpressions::keptOperand(const Term *term) {
  if (!term->isApply("arith.select"))
    return 0;
  for (unsigned kept : {1, 2}) {
    const Term *operand = term->operands[kept];
    if (operand->kind == Term::Constant ||
        !term->operands[3 - kept]->getFloat())
      continue;
    Expression value = of(operand);
    for (Atom::Kind kind : {Atom::Exp, Atom::Log, Atom::RowMax, Atom::RowSum})
      if (algebra.contains(value, kind))
        return kept;
  }
  return 0;
}

std::optional<Expression> TermExpressions::read(const Term *term) {
  switch (term->kind) {
  case Term::Constant:
    if (std::optional<double> value = term->getFloat();
        value && std::isfinite(*value))
      return Expressions::constant(*value);
    return std::nullopt;
  case Term::Max:
    return algebra.function(Atom::RowMax, of(term->operands[0]));
  case Term::Sum: {
    Expression addend = of(term->operands[0]);
    int64_t keys = table.getStaticSize(row);
    // How often a row holds what is the same in all of it.
    auto isPlain = [&](const analysis::Term &part) {
      return llvm::any_of(part.factors, [&](const analysis::Factor &factor) {
        return !algebra[factor.atom].isRowConstant;
      });
    };
    if (ShapedType::isDynamic(keys) && !llvm::all_of(addend.terms, isPlain))
      return std::nullopt;
    return algebra.rowSum(addend, keys);
  }
  case Term::Apply:
    return readApplied(term);
  default:
    return std::nullopt;
  }
}

std::optional<Expression> TermExpressions::readApplied(const Term *term) {
  if (term->isApply("linalg.softmax")) {
    Expression x = of(term->operands[0]);
    Expression e = algebra.function(
        Atom::Exp, Expressions::subtract(x, algebra.function(Atom::RowMax, x)));
    return algebra.multiply(
        e, *algebra.power(algebra.function(Atom::RowSum, e), -1));
  }
  if (unsigned kept = keptOperand(term))
    return of(term->operands[kept]);
  // A comparison has no number: the choice that reads it looks through it.
  if (!isa<FloatType>(term->op->getResult(0).getType()))
    return std::nullopt;
  SmallVector<std::pair<Value, const Term *>> operands;
  auto note = [&](OperandRange values, ArrayRef<const Term *> own) {
    for (auto [value, operand] : llvm::zip_equal(values, own))
      operands.push_back({value, operand});
  };
  note(term->op->getOperands(), term->operands);
  if (auto select = dyn_cast<arith::SelectOp>(term->op)) {
    auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
    if (!compare || term->operands[0]->kind != Term::Apply)
      return std::nullopt;
    note(compare->getOperands(), term->operands[0]->operands);
  }
  return analysis::evaluate(algebra, *term->op, [&](Value value) {
    return of(llvm::find_if(operands, [&](auto &known) {
                return known.first == value;
              })->second);
  });
}
