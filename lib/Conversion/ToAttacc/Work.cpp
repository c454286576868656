//===- Work.cpp - Expressions as instructions -*- C++ -*-===//
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

std::optional<ProgramEmitter::Split>
ProgramEmitter::split(const Expression &value,
                      function_ref<bool(const Expression &)> fits) {
  if (value.terms.empty())
    return std::nullopt;
  for (const Factor &factor : value.terms[0].factors) {
    Atom::Kind kind = x[factor.atom].kind;
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
    Expression rest = x.multiply(value, inverse);
    if (fits(rest))
      return Split{factor.atom, rest};
  }
  return std::nullopt;
}

FailureOr<TensorId> ProgramEmitter::workOut(const Expression &value,
                                            int64_t rows, int64_t cols,
                                            Operation *op) {
  if (std::optional<int> atom = value.asAtom())
    if (x[*atom].kind == Atom::Tensor)
      return TensorId{static_cast<uint32_t>(x[*atom].tensor)};
  FailureOr<TensorId> dest = destination({}, rows, cols);
  if (failed(dest) || failed(work(value, rows, cols, *dest, op)))
    return failure();
  return *dest;
}

LogicalResult ProgramEmitter::work(const Expression &value, int64_t rows,
                                   int64_t cols, TensorId dest, Operation *op) {
  auto unary = [&](UnaryKind kind, TensorId source) {
    return check(isa::emitUnary(b, device, options.type, kind, source, dest),
                 op);
  };
  auto id = [](int tensor) { return TensorId{static_cast<uint32_t>(tensor)}; };
  if (std::optional<int> atom = value.asAtom())
    if (x[*atom].kind == Atom::Tensor)
      return unary(UnaryKind::Copy, id(x[*atom].tensor));
  if (auto norm = x.matchLayerNorm(value, cols)) {
    TensorId gamma =
        norm->gamma < 0 ? constantVector(1, cols) : id(norm->gamma);
    TensorId beta = norm->beta < 0 ? constantVector(0, cols) : id(norm->beta);
    return check(isa::emitLayerNorm(b, device, options.type, id(norm->tensor),
                                    std::nullopt, gamma, beta,
                                    static_cast<float>(norm->epsilon), dest),
                 op);
  }
  if (auto softmax = x.matchSoftmax(value, cols))
    return check(isa::emitSoftmax(b, device, options.type,
                                  static_cast<float>(softmax->scale),
                                  id(softmax->tensor), dest),
                 op);
  if (auto activation = x.matchActivation(value)) {
    FailureOr<TensorId> source = workOut(activation->argument, rows, cols, op);
    return failed(source) ? failure() : unary(activation->kind, *source);
  }
  // A gate: an activation times a tensor.
  if (auto gate = split(value, [&](const Expression &rest) {
        return x.matchActivation(rest).has_value();
      })) {
    FailureOr<TensorId> source = workOut(gate->rest, rows, cols, op);
    if (failed(source))
      return failure();
    return check(isa::emitElementwise(b, device, options.type, BinaryKind::Mul,
                                      *source, id(x[gate->atom].tensor), dest),
                 op);
  }
  return workSum(value, rows, cols, dest, op);
}

/// Term by term, and factor by factor: each step combines what is there with
/// one more tensor or vector.
LogicalResult ProgramEmitter::workSum(const Expression &value, int64_t rows,
                                      int64_t cols, TensorId dest,
                                      Operation *op) {
  struct Step {
    BinaryKind kind;
    TensorId operand;
  };
  auto refuse = [&]() -> LogicalResult {
    return op->emitOpError("has no instructions on ")
           << device.name
           << ": it is no layer norm, softmax, activation, sum or product of "
              "tensors that the compiler knows";
  };
  auto finish = [&](TensorId first, ArrayRef<Step> steps,
                    TensorId last) -> LogicalResult {
    for (auto [i, step] : llvm::enumerate(steps)) {
      TensorId to = last;
      if (i + 1 != steps.size()) {
        FailureOr<TensorId> temporary = destination({}, rows, cols);
        if (failed(temporary))
          return failure();
        to = *temporary;
      }
      if (failed(check(isa::emitElementwise(b, device, options.type, step.kind,
                                            first, step.operand, to),
                       op)))
        return failure();
      first = to;
    }
    return success();
  };
  // An operand of a product: a tensor, a vector, or what it takes to make one.
  auto operandOf = [&](int index) -> FailureOr<TensorId> {
    const Atom atom = x[index];
    if (atom.kind == Atom::Tensor || atom.kind == Atom::Vector)
      return TensorId{static_cast<uint32_t>(atom.tensor)};
    if (atom.kind == Atom::Max && !atom.isRowConstant) {
      FailureOr<TensorId> l = workOut(atom.argument, rows, cols, op);
      if (failed(l))
        return failure();
      TensorId r;
      if (atom.argument2.isConstant()) {
        r = constantVector(atom.argument2.constant(), cols);
      } else {
        FailureOr<TensorId> other = workOut(atom.argument2, rows, cols, op);
        if (failed(other))
          return failure();
        r = *other;
      }
      FailureOr<TensorId> to = destination({}, rows, cols);
      if (failed(to) ||
          failed(check(isa::emitElementwise(b, device, options.type,
                                            BinaryKind::Max, *l, r, *to),
                       op)))
        return failure();
      return *to;
    }
    Expression self;
    self.terms.push_back({1, {{index, 1}}});
    if (!atom.isRowConstant && x.matchActivation(self))
      return workOut(self, rows, cols, op);
    return refuse();
  };
  auto isMatrix = [&](TensorId id) { return b[id].shape.size() == 2; };

  // Products first, so that a sum begins with a matrix.
  SmallVector<Step> sum;
  std::optional<TensorId> first;
  auto product = [&](const Term &term, bool isWhole,
                     double coefficient) -> FailureOr<TensorId> {
    SmallVector<Step> steps;
    std::optional<TensorId> begin;
    SmallVector<TensorId> operands;
    for (const Factor &factor : term.factors) {
      if (factor.power < 1)
        return refuse();
      FailureOr<TensorId> operand = operandOf(factor.atom);
      if (failed(operand))
        return failure();
      for (int i = 0; i < factor.power; ++i) {
        if (!begin && isMatrix(*operand))
          begin = *operand;
        else
          operands.push_back(*operand);
      }
    }
    if (!begin)
      return refuse();
    for (TensorId operand : operands)
      steps.push_back({BinaryKind::Mul, operand});
    if (coefficient != 1)
      steps.push_back({BinaryKind::Mul, constantVector(coefficient, cols)});
    if (steps.empty())
      return *begin;
    TensorId to = dest;
    if (!isWhole) {
      FailureOr<TensorId> temporary = destination({}, rows, cols);
      if (failed(temporary))
        return failure();
      to = *temporary;
    }
    if (failed(finish(*begin, steps, to)))
      return failure();
    return to;
  };
  for (const Term &term : value.terms) {
    bool isVector = llvm::all_of(term.factors, [&](const Factor &factor) {
      return x[factor.atom].kind == Atom::Vector && factor.power == 1;
    });
    if (isVector && term.factors.empty()) {
      sum.push_back({BinaryKind::Add, constantVector(term.coefficient, cols)});
      continue;
    }
    if (isVector && term.factors.size() == 1 &&
        (term.coefficient == 1 || term.coefficient == -1)) {
      int vector = x[term.factors[0].atom].tensor;
      sum.push_back({term.coefficient > 0 ? BinaryKind::Add : BinaryKind::Sub,
                     TensorId{static_cast<uint32_t>(vector)}});
      continue;
    }
    bool isSubtracted = term.coefficient == -1 && (first || !sum.empty());
    bool isWhole = value.terms.size() == 1;
    FailureOr<TensorId> part =
        product(term, isWhole, isSubtracted ? 1 : term.coefficient);
    if (failed(part))
      return failure();
    if (isWhole)
      return part->index == dest.index
                 ? success()
                 : check(isa::emitUnary(b, device, options.type,
                                        UnaryKind::Copy, *part, dest),
                         op);
    if (!first && !isSubtracted)
      first = *part;
    else
      sum.push_back({isSubtracted ? BinaryKind::Sub : BinaryKind::Add, *part});
  }
  if (!first)
    return refuse();
  return finish(*first, sum, dest);
}
