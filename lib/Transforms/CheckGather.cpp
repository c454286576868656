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

std::optional<std::pair<Value, Value>>
mlir::nm::checkGatheredIndex(OpBuilder &b, linalg::GenericOp op,
                             tensor::ExtractOp extract, unsigned dim) {
  Value index = extract.getIndices()[dim];
  Block *body = op.getBody();
  if (extract->getBlock() != body)
    return std::nullopt;
  llvm::SmallSetVector<Operation *, 8> slice;
  llvm::SmallSetVector<BlockArgument, 4> arguments;
  collectSlice(index, body, slice, arguments);

  // One loop for each loop of `op` that the index depends on.
  llvm::SmallBitVector used(op.getNumLoops());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (BlockArgument argument : arguments)
    for (AffineExpr expr : maps[argument.getArgNumber()].getResults())
      for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
        if (expr.isFunctionOfDim(loop))
          used.set(loop);
  for (Operation *inner : slice)
    if (auto position = dyn_cast<linalg::IndexOp>(inner))
      used.set(position.getDim());
  // Every loop needs an operand that gives its size: its first one.
  SmallVector<Value> inputs;
  SmallVector<AffineMap> inputMaps;
  auto addInput = [&](unsigned operand) {
    inputs.push_back(op->getOperand(operand));
    inputMaps.push_back(maps[operand]);
  };
  llvm::DenseMap<unsigned, unsigned> positionOf; // of arguments
  for (BlockArgument argument : arguments) {
    positionOf[argument.getArgNumber()] = inputs.size();
    addInput(argument.getArgNumber());
  }
  for (unsigned loop : used.set_bits()) {
    auto names = [&](AffineMap map) {
      return llvm::is_contained(map.getResults(), b.getAffineDimExpr(loop));
    };
    if (llvm::any_of(inputMaps, names))
      continue;
    for (auto [operand, map] : llvm::enumerate(maps))
      if (names(map)) {
        addInput(operand);
        for (AffineExpr expr : map.getResults())
          for (unsigned other = 0; other < op.getNumLoops(); ++other)
            if (expr.isFunctionOfDim(other))
              used.set(other);
        break;
      }
  }
  SmallVector<AffineExpr> newDims(op.getNumLoops(),
                                  getAffineConstantExpr(0, b.getContext()));
  unsigned count = 0;
  llvm::DenseMap<unsigned, unsigned> newLoop;
  for (unsigned loop : used.set_bits()) {
    newLoop[loop] = count;
    newDims[loop] = b.getAffineDimExpr(count++);
  }
  for (AffineMap &map : inputMaps)
    map = map.replaceDimsAndSymbols(newDims, {}, count, 0);
  inputMaps.push_back(AffineMap::get(count, 0, {}, b.getContext()));

  // The result is an index that is out of range, or `none`, which nothing
  // holds.
  Location loc = op.getLoc();
  constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
  Value none = arith::ConstantIntOp::create(b, loc, kNone, 64);
  Value size = b.createOrFold<tensor::DimOp>(loc, extract.getTensor(), dim);
  Value empty =
      tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{}, b.getI64Type());
  Value init = linalg::FillOp::create(b, loc, none, empty).getResult(0);
  auto reduce = linalg::GenericOp::create(
      b, loc, init.getType(), inputs, init, inputMaps,
      SmallVector<utils::IteratorType>(count, utils::IteratorType::reduction),
      [&](OpBuilder &inner, Location, ValueRange args) {
        IRMapping mapping;
        for (auto [number, position] : positionOf)
          mapping.map(body->getArgument(number), args[position]);
        for (Operation *step : slice)
          if (auto position = dyn_cast<linalg::IndexOp>(step))
            mapping.map(
                position.getResult(),
                linalg::IndexOp::create(inner, loc, newLoop[position.getDim()])
                    .getResult());
          else
            inner.clone(*step, mapping);
        Value at = mapping.lookupOrDefault(index);
        Value bad = arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::uge,
                                          at, size);
        Value number =
            arith::IndexCastOp::create(inner, loc, inner.getI64Type(), at);
        Value next =
            arith::SelectOp::create(inner, loc, bad, number, args.back());
        linalg::YieldOp::create(inner, loc, next);
      });
  Value found = tensor::ExtractOp::create(b, loc, reduce.getResult(0));
  Value holds =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, found, none);
  Value shown = arith::IndexCastOp::create(b, loc, b.getIndexType(), found);
  return std::pair(holds, shown);
}
