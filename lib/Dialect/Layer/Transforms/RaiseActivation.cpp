//===- RaiseActivation.cpp - Activations get their names -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseActivation.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::layer;
using analysis::Expression;
using analysis::Expressions;
using analysis::RowExpressions;
using Activation = Expressions::Activation;

static Value create(OpBuilder &b, Location loc, const Activation &found,
                    Value x) {
  switch (found.kind) {
  case Activation::Gelu:
    return GeluOp::create(b, loc, x);
  case Activation::GeluTanh:
    return GeluTanhOp::create(b, loc, x);
  case Activation::Swish:
    return SwishOp::create(b, loc, x, b.getF64FloatAttr(found.alpha));
  }
  llvm_unreachable("unknown activation");
}

namespace {

/// A scalar of a body that is an activation of another one, or of the element
/// of a tensor that the operation may not read yet.
struct Named {
  Activation activation;
  Value argument, tensor;
};

class BodyRaiser {
public:
  BodyRaiser(linalg::LinalgOp op, RowExpressions &rows)
      : op(op), rows(rows), body(*op.getBlock()) {}

  Value run(OpBuilder &builder) {
    std::optional<DenseMap<Value, Expression>> known = rows.scalarsOf(op);
    if (!known)
      return {};
    scalars = std::move(*known);
    for (Operation &inner : body.without_terminator()) {
      if (inner.getNumResults() != 1 || !scalars.contains(inner.getResult(0)))
        continue;
      Value value = inner.getResult(0);
      auto activation = rows.algebra.matchActivation(scalars[value]);
      if (!activation)
        continue;
      Value argument = findArgument(*activation, value), tensor;
      if (!argument)
        tensor = findTensor(*activation, value);
      if (argument || tensor)
        named.try_emplace(value, Named{*activation, argument, tensor});
    }
    return named.empty() ? Value() : emit(builder);
  }

private:
  /// The scalar that `activation` is of, before `value`.
  Value findArgument(const Activation &activation, Value value) {
    auto fits = [&](Value other) {
      auto found = scalars.find(other);
      return found != scalars.end() && other.getType() == value.getType() &&
             Expressions::isSame(found->second, activation.argument);
    };
    for (BlockArgument argument : body.getArguments())
      if (fits(argument))
        return argument;
    for (Operation &inner : body) {
      if (&inner == value.getDefiningOp())
        break;
      if (inner.getNumResults() == 1 && fits(inner.getResult(0)))
        return inner.getResult(0);
    }
    return {};
  }

  Value findTensor(const Activation &activation, Value value) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    return value.getType() == type.getElementType()
               ? rows.find(activation.argument, type, op)
               : Value();
  }

  /// What the body still reads once activations have their names.
  void markLive(Value value) {
    if (value.getParentBlock() != &body || !live.insert(value).second)
      return;
    auto found = named.find(value);
    if (found != named.end()) {
      if (found->second.argument)
        return markLive(found->second.argument);
      tensors.insert(found->second.tensor);
      return;
    }
    if (Operation *inner = value.getDefiningOp())
      for (Value operand : inner->getOperands())
        markLive(operand);
  }

  Value emit(OpBuilder &builder) {
    Value yielded = body.getTerminator()->getOperand(0);
    markLive(yielded);
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    SmallVector<BlockArgument> arguments;
    for (OpOperand *input : op.getDpsInputOperands()) {
      BlockArgument argument = op.getMatchingBlockArgument(input);
      if (!live.contains(argument))
        continue;
      inputs.push_back(input->get());
      maps.push_back(op.getMatchingIndexingMap(input));
      arguments.push_back(argument);
    }
    for (Value tensor : tensors) {
      inputs.push_back(tensor);
      maps.push_back(builder.getMultiDimIdentityMap(op.getNumLoops()));
    }
    OpOperand *init = op.getDpsInitOperand(0);
    maps.push_back(op.getMatchingIndexingMap(init));
    return linalg::GenericOp::create(
               builder, op.getLoc(), op->getResult(0).getType(), inputs,
               init->get(), maps, op.getIteratorTypesArray(),
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 IRMapping mapping;
                 for (auto [from, to] : llvm::zip(arguments, args))
                   mapping.map(from, to);
                 for (auto [from, to] :
                      llvm::zip(tensors, args.drop_front(arguments.size())))
                   mapping.map(from, to);
                 mapping.map(op.getMatchingBlockArgument(init), args.back());
                 cloneLive(b, mapping);
                 linalg::YieldOp::create(b, loc,
                                         mapping.lookupOrDefault(yielded));
               })
        .getResult(0);
  }

  void cloneLive(OpBuilder &b, IRMapping &mapping) {
    for (Operation &inner : body.without_terminator()) {
      Value value = inner.getNumResults() == 1 ? inner.getResult(0) : Value();
      auto found = named.find(value);
      if (found != named.end() && live.contains(value)) {
        const Named &name = found->second;
        Value argument = name.argument ? name.argument : name.tensor;
        mapping.map(value, create(b, inner.getLoc(), name.activation,
                                  mapping.lookupOrDefault(argument)));
      } else if (llvm::any_of(inner.getResults(),
                              [&](Value v) { return live.contains(v); })) {
        b.clone(inner, mapping);
      }
    }
  }

  linalg::LinalgOp op;
  RowExpressions &rows;
  Block &body;
  DenseMap<Value, Expression> scalars;
  DenseMap<Value, Named> named;
  DenseSet<Value> live;
  llvm::SetVector<Value> tensors; ///< that are read beside the operands
};

} // namespace

Value mlir::layer::raiseActivations(OpBuilder &builder, linalg::LinalgOp op,
                                    RowExpressions &rows) {
  return BodyRaiser(op, rows).run(builder);
}
