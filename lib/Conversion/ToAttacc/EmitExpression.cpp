//===- EmitExpression.cpp - Expressions as instructions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"

using namespace mlir;
using namespace mlir::attacc;
using isa::BinaryKind;
using isa::TensorId;
using isa::UnaryKind;

static UnaryKind kindOf(Expressions::Function function) {
  switch (function) {
  case Expressions::Function::Relu:
    return UnaryKind::Relu;
  case Expressions::Function::Exp:
    return UnaryKind::Exp;
  case Expressions::Function::Tanh:
    return UnaryKind::Tanh;
  case Expressions::Function::Gelu:
    return UnaryKind::Gelu;
  case Expressions::Function::GeluTanh:
    return UnaryKind::GeluTanh;
  case Expressions::Function::Silu:
    return UnaryKind::Silu;
  }
  llvm_unreachable("unknown function");
}

std::optional<ProgramEmitter::Function>
ProgramEmitter::matchFunction(const Expression &value) {
  std::optional<Expressions::Applied> applied = algebra.matchFunction(value);
  if (!applied)
    return std::nullopt;
  return Function{kindOf(applied->function), applied->argument};
}

std::optional<ProgramEmitter::Split>
ProgramEmitter::split(const Expression &value,
                      function_ref<bool(const Expression &)> fits) {
  if (value.terms.empty())
    return std::nullopt;
  for (const Factor &factor : value.terms[0].factors) {
    Atom::Kind kind = algebra[factor.atom].kind;
    bool isCommon =
        (kind == Atom::Tensor || kind == Atom::Vector) &&
        llvm::all_of(value.terms, [&](const Term &term) {
          return llvm::any_of(term.factors, [&](const Factor &other) {
            return other.atom == factor.atom && other.power >= 1;
          });
        });
    if (!isCommon)
      continue;
    Expression inverse;
    inverse.terms.push_back({1, {{factor.atom, -1}}});
    Expression rest = algebra.multiply(value, inverse);
    if (fits(rest))
      return Split{factor.atom, rest};
  }
  return std::nullopt;
}

bool ProgramEmitter::isEmittable(const Expression &value, int64_t cols) {
  if (std::optional<int> atom = value.asAtom())
    if (algebra[*atom].kind == Atom::Tensor)
      return true;
  if (auto activation = matchFunction(value))
    return isEmittable(activation->argument, cols);
  auto isActivation = [&](const Expression &rest) {
    return matchFunction(rest).has_value();
  };
  if (auto gate = split(value, isActivation))
    return isEmittable(gate->rest, cols);
  llvm::SmallDenseSet<int> seen;
  for (const Term &term : value.terms)
    for (const Factor &factor : term.factors) {
      const Atom atom = algebra[factor.atom];
      // An atom in two terms comes from a product of sums that was expanded;
      // where its terms cancel, digits are lost.
      if (factor.power < 1 || !seen.insert(factor.atom).second)
        return false;
      if (atom.kind == Atom::Tensor || atom.kind == Atom::Vector)
        continue;
      if (auto activation = matchFunction(Expressions::single(factor.atom))) {
        if (!isEmittable(activation->argument, cols))
          return false;
        continue;
      }
      if (atom.kind != Atom::Max)
        return false;
      for (const Expression &part : {atom.argument, atom.argument2})
        if (!part.isConstant() && !isEmittable(part, cols))
          return false;
    }
  return true;
}

FailureOr<TensorId> ProgramEmitter::materialize(const Expression &value,
                                                int64_t rows, int64_t cols,
                                                Operation *op) {
  if (std::optional<int> atom = value.asAtom())
    if (algebra[*atom].kind == Atom::Tensor)
      return TensorId{static_cast<uint32_t>(algebra[*atom].tensor)};
  FailureOr<TensorId> dest = destination({}, rows, cols);
  if (failed(dest) || failed(emitExpression(value, rows, cols, *dest, op)))
    return failure();
  return *dest;
}

LogicalResult ProgramEmitter::emitExpression(const Expression &value,
                                             int64_t rows, int64_t cols,
                                             TensorId dest, Operation *op) {
  auto unary = [&](UnaryKind kind, TensorId source) {
    emitUnary(kind, source, dest);
    return success();
  };
  auto id = [](int tensor) { return TensorId{static_cast<uint32_t>(tensor)}; };
  if (std::optional<int> atom = value.asAtom())
    if (algebra[*atom].kind == Atom::Tensor)
      return unary(UnaryKind::Copy, id(algebra[*atom].tensor));
  if (auto activation = matchFunction(value)) {
    FailureOr<TensorId> source =
        materialize(activation->argument, rows, cols, op);
    return failed(source) ? failure() : unary(activation->kind, *source);
  }
  // A gate: an activation times a tensor.
  if (auto gate = split(value, [&](const Expression &rest) {
        return matchFunction(rest).has_value();
      })) {
    FailureOr<TensorId> source = materialize(gate->rest, rows, cols, op);
    if (failed(source))
      return failure();
    emitElementwise(BinaryKind::Mul, *source, id(algebra[gate->atom].tensor),
                    dest);
    return success();
  }
  return emitSum(value, rows, cols, dest, op);
}

/// Term by term, and factor by factor: each step combines the partial result
/// with one more tensor, vector or number.
LogicalResult ProgramEmitter::emitSum(const Expression &value, int64_t rows,
                                      int64_t cols, TensorId dest,
                                      Operation *op) {
  using Step = std::pair<BinaryKind, Cell>;
  // Starts from the first matrix that is not subtracted.
  auto fold = [&](SmallVector<Step> steps,
                  std::optional<TensorId> to) -> FailureOr<Cell> {
    auto first = llvm::find_if(steps, [&](const Step &step) {
      return isMatrix(step.second) && step.first != BinaryKind::Sub;
    });
    if (first != steps.end())
      std::rotate(steps.begin(), first, first + 1);
    FailureOr<Cell> sum = steps[0].second;
    if (steps[0].first == BinaryKind::Sub)
      sum = combine(BinaryKind::Mul, *sum, Cell{{}, -1}, rows, cols,
                    steps.size() == 1 ? to : std::nullopt, op);
    for (size_t i = 1; succeeded(sum) && i != steps.size(); ++i)
      sum = combine(steps[i].first, *sum, steps[i].second, rows, cols,
                    i + 1 == steps.size() ? to : std::nullopt, op);
    return sum;
  };
  auto operandOf = [&](int index) -> FailureOr<Cell> {
    const Atom atom = algebra[index];
    if (atom.kind == Atom::Tensor || atom.kind == Atom::Vector)
      return Cell{TensorId{static_cast<uint32_t>(atom.tensor)}, 0};
    if (atom.kind == Atom::Max && !matchFunction(Expressions::single(index))) {
      Cell sides[2];
      const Expression parts[] = {atom.argument, atom.argument2};
      for (auto [side, part] : llvm::zip(sides, parts)) {
        if (part.isConstant()) {
          side = Cell{{}, part.constant()};
          continue;
        }
        FailureOr<TensorId> tensor = materialize(part, rows, cols, op);
        if (failed(tensor))
          return failure();
        side = Cell{*tensor, 0};
      }
      return combine(BinaryKind::Max, sides[0], sides[1], rows, cols, {}, op);
    }
    FailureOr<TensorId> tensor =
        materialize(Expressions::single(index), rows, cols, op);
    if (failed(tensor))
      return failure();
    return Cell{*tensor, 0};
  };

  bool isWhole = value.terms.size() == 1;
  SmallVector<Step> sum;
  for (const Term &term : value.terms) {
    bool isSubtracted = term.coefficient == -1 && !isWhole;
    double coefficient = isSubtracted ? 1 : term.coefficient;
    SmallVector<Step> product;
    for (const Factor &factor : term.factors) {
      FailureOr<Cell> operand = operandOf(factor.atom);
      if (failed(operand))
        return failure();
      product.append(factor.power, {BinaryKind::Mul, *operand});
    }
    if (coefficient != 1 || product.empty())
      product.push_back({BinaryKind::Mul, Cell{{}, coefficient}});
    FailureOr<Cell> part =
        fold(product, isWhole ? std::optional(dest) : std::nullopt);
    if (failed(part))
      return failure();
    sum.push_back({isSubtracted ? BinaryKind::Sub : BinaryKind::Add, *part});
  }
  FailureOr<Cell> total =
      sum.empty() ? FailureOr<Cell>(Cell{{}, 0}) : fold(sum, dest);
  if (failed(total))
    return failure();
  if (total->tensor && total->tensor->index == dest.index)
    return success();
  return fillMatrix(*total, dest, op);
}
