//===- CheckGather.cpp - Indices that come from data -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SizeConstraints.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include <limits>

using namespace mlir;
using namespace mlir::nm;

/// What the index is computed by, in the body's order.
static void collectSlice(Value index, Block *body,
                         llvm::SmallSetVector<Operation *, 8> &slice,
                         llvm::SmallSetVector<BlockArgument, 4> &arguments) {
  SmallVector<Value> worklist{index};
  llvm::SmallPtrSet<Operation *, 8> found;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (argument.getOwner() == body)
        arguments.insert(argument);
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (op->getBlock() != body || !found.insert(op).second)
      continue;
    llvm::append_range(worklist, op->getOperands());
    op->walk([&](Operation *inner) {
      llvm::append_range(worklist, inner->getOperands());
    });
  }
  for (Operation &op : *body)
    if (found.contains(&op))
      slice.insert(&op);
}

namespace {

/// The loop nest that computes one index of a gather and nothing else: one loop
/// for each loop of `op` that the index depends on.
class IndexLoops {
public:
  IndexLoops(linalg::GenericOp op, Value index)
      : op(op), body(op.getBody()), index(index),
        maps(op.getIndexingMapsArray()), used(op.getNumLoops()) {
    collectSlice(index, body, slice, arguments);
    findLoops();
    addInputs();
    renumber();
  }

  /// Builds the nest, which joins to its first element, `none`, every index
  /// that is not below `size`.
  Value build(OpBuilder &b, Value size, Value none);

private:
  void useLoopsOf(AffineExpr expr) {
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      if (expr.isFunctionOfDim(loop))
        used.set(loop);
  }
  void addInput(unsigned operand) {
    inputs.push_back(op->getOperand(operand));
    inputMaps.push_back(maps[operand]);
  }
  void findLoops();
  void addInputs();
  void renumber();
  Value cloneIndex(OpBuilder &b, ValueRange args);

  linalg::GenericOp op;
  Block *body;
  Value index;
  SmallVector<AffineMap> maps;
  llvm::SmallSetVector<Operation *, 8> slice;
  llvm::SmallSetVector<BlockArgument, 4> arguments;
  llvm::SmallBitVector used; ///< loops of `op`
  SmallVector<Value> inputs;
  SmallVector<AffineMap> inputMaps;
  llvm::DenseMap<unsigned, unsigned> positionOf; ///< inputs, by argument
  llvm::DenseMap<unsigned, unsigned> newLoop;    ///< by loop of `op`
};

} // namespace

void IndexLoops::findLoops() {
  for (BlockArgument argument : arguments)
    for (AffineExpr expr : maps[argument.getArgNumber()].getResults())
      useLoopsOf(expr);
  for (Operation *inner : slice)
    if (auto position = dyn_cast<linalg::IndexOp>(inner))
      used.set(position.getDim());
}

/// What the index reads; and as every loop needs an operand that gives its
/// size, the first one that does.
void IndexLoops::addInputs() {
  for (BlockArgument argument : arguments) {
    positionOf[argument.getArgNumber()] = inputs.size();
    addInput(argument.getArgNumber());
  }
  for (unsigned loop : used.set_bits()) {
    auto names = [&](AffineMap map) {
      return llvm::is_contained(map.getResults(),
                                getAffineDimExpr(loop, op.getContext()));
    };
    if (llvm::any_of(inputMaps, names))
      continue;
    for (auto [operand, map] : llvm::enumerate(maps))
      if (names(map)) {
        addInput(operand);
        for (AffineExpr expr : map.getResults())
          useLoopsOf(expr);
        break;
      }
  }
}

void IndexLoops::renumber() {
  MLIRContext *context = op.getContext();
  SmallVector<AffineExpr> newDims(op.getNumLoops(),
                                  getAffineConstantExpr(0, context));
  for (unsigned loop : used.set_bits()) {
    unsigned number = newLoop.size();
    newLoop[loop] = number;
    newDims[loop] = getAffineDimExpr(number, context);
  }
  for (AffineMap &map : inputMaps)
    map = map.replaceDimsAndSymbols(newDims, {}, newLoop.size(), 0);
}

Value IndexLoops::cloneIndex(OpBuilder &b, ValueRange args) {
  IRMapping mapping;
  for (auto [number, position] : positionOf)
    mapping.map(body->getArgument(number), args[position]);
  for (Operation *step : slice)
    if (auto position = dyn_cast<linalg::IndexOp>(step))
      mapping.map(
          position.getResult(),
          linalg::IndexOp::create(b, op.getLoc(), newLoop[position.getDim()])
              .getResult());
    else
      b.clone(*step, mapping);
  return mapping.lookupOrDefault(index);
}

Value IndexLoops::build(OpBuilder &b, Value size, Value none) {
  Location loc = op.getLoc();
  Value empty =
      tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{}, b.getI64Type());
  Value init = linalg::FillOp::create(b, loc, none, empty).getResult(0);
  SmallVector<AffineMap> allMaps(inputMaps);
  allMaps.push_back(AffineMap::get(newLoop.size(), 0, {}, b.getContext()));
  auto reduce = linalg::GenericOp::create(
      b, loc, init.getType(), inputs, init, allMaps,
      SmallVector<utils::IteratorType>(newLoop.size(),
                                       utils::IteratorType::reduction),
      [&](OpBuilder &inner, Location, ValueRange args) {
        Value at = cloneIndex(inner, args);
        Value bad = arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::uge,
                                          at, size);
        Value number =
            arith::IndexCastOp::create(inner, loc, inner.getI64Type(), at);
        Value next =
            arith::SelectOp::create(inner, loc, bad, number, args.back());
        linalg::YieldOp::create(inner, loc, next);
      });
  return tensor::ExtractOp::create(b, loc, reduce.getResult(0));
}

std::optional<std::pair<Value, Value>>
mlir::nm::checkGatheredIndex(OpBuilder &b, linalg::GenericOp op,
                             tensor::ExtractOp extract, unsigned dim) {
  if (extract->getBlock() != op.getBody())
    return std::nullopt;
  IndexLoops loops(op, extract.getIndices()[dim]);
  // The result is an index that is out of range, or `none`, which nothing
  // holds.
  Location loc = op.getLoc();
  constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
  Value none = arith::ConstantIntOp::create(b, loc, kNone, 64);
  Value size = b.createOrFold<tensor::DimOp>(loc, extract.getTensor(), dim);
  Value found = loops.build(b, size, none);
  Value holds =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, found, none);
  Value shown = arith::IndexCastOp::create(b, loc, b.getIndexType(), found);
  return std::pair(holds, shown);
}
