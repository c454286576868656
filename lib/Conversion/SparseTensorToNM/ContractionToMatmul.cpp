//===- ContractionToMatmul.cpp - linalg contraction to nm.matmul -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionToMatmul.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

using namespace mlir;
using namespace mlir::nm;

/// True if the body multiplies and adds, and converts only as nm.matmul does.
static bool isProductBody(linalg::LinalgOp op) {
  return linalg::isaContractionOpInterface(op) &&
         llvm::all_of(op.getBlock()->getOperations(), [](Operation &inner) {
           return isa<arith::MulFOp, arith::AddFOp, arith::MulIOp,
                      arith::AddIOp, arith::ExtFOp, arith::ExtSIOp,
                      arith::SIToFPOp, linalg::YieldOp>(inner);
         });
}

static bool isZeroFilled(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    value = fill.getInputs()[0];
  return matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero());
}

namespace {
/// How an operand's dimensions follow the loops.
enum class Order { None, Straight, Transposed };
} // namespace

/// `map` as [batch.., row, column] or [batch.., column, row]; the batch loops
/// may be absent.
static Order getOrder(AffineMap map, ArrayRef<unsigned> batch, unsigned row,
                      unsigned column) {
  SmallVector<unsigned> loops;
  for (AffineExpr result : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(result);
    if (!dim)
      return Order::None;
    loops.push_back(dim.getPosition());
  }
  if (loops.size() < 2)
    return Order::None;
  auto leading = ArrayRef(loops).drop_back(2);
  if (!leading.empty() && leading != batch)
    return Order::None;
  auto last = ArrayRef(loops).take_back(2);
  if (last[0] == row && last[1] == column)
    return Order::Straight;
  return last[0] == column && last[1] == row ? Order::Transposed : Order::None;
}

/// The epilogue that adds the element of the destination.
static void addDestination(OpBuilder &builder, MatmulOp matmul) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = matmul.getLoc();
  Type accumulator = matmul.getAccumulatorType();
  Type element = matmul.getResult().getType().getElementType();
  Block *block = builder.createBlock(&matmul.getEpilogue(), {},
                                     {accumulator, element}, {loc, loc});
  Value sum = block->getArgument(0), added = block->getArgument(1);
  if (accumulator.isInteger()) {
    sum = arith::AddIOp::create(builder, loc, sum, added);
  } else if (element == accumulator) {
    sum = arith::AddFOp::create(builder, loc, sum, added);
  } else {
    added = arith::ExtFOp::create(builder, loc, accumulator, added);
    sum = arith::AddFOp::create(builder, loc, sum, added);
    sum = arith::TruncFOp::create(builder, loc, element, sum);
  }
  YieldOp::create(builder, loc, TypeRange{}, ValueRange{sum});
}

Value mlir::nm::buildMatmulOfContraction(OpBuilder &builder,
                                         linalg::LinalgOp op,
                                         ValueRange operands) {
  if (operands.size() != 3 || !isProductBody(op))
    return {};
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  int64_t rank = maps[2].getNumResults();
  if (rank < 2 || reductions.size() != 1 ||
      static_cast<int64_t>(op.getNumLoops()) != rank + 1 ||
      !maps[2].isProjectedPermutation())
    return {};
  SmallVector<unsigned> loops;
  for (int64_t d = 0; d < rank; ++d)
    loops.push_back(maps[2].getDimPosition(d));
  auto batch = ArrayRef(loops).drop_back(2);
  unsigned row = loops[rank - 2], column = loops[rank - 1], k = reductions[0];

  // Whichever operand has the result's rows is the left one.
  int left = maps[0].isFunctionOfDim(row) ? 0 : 1;
  Value lhs = operands[left], rhs = operands[1 - left], init = operands[2];
  Order lhsOrder = getOrder(maps[left], batch, row, k);
  Order rhsOrder = getOrder(maps[1 - left], batch, k, column);
  if (lhsOrder == Order::None || rhsOrder == Order::None)
    return {};

  auto result = cast<RankedTensorType>(init.getType());
  auto lhsType = cast<RankedTensorType>(lhs.getType());
  auto rhsType = cast<RankedTensorType>(rhs.getType());
  SparsityAttr lhsSparsity = nm::getSparsity(lhsType);
  SparsityAttr rhsSparsity = nm::getSparsity(rhsType);
  int64_t lhsK = lhsType.getRank() - (lhsOrder == Order::Straight ? 1 : 2);
  int64_t rhsK = rhsType.getRank() - (rhsOrder == Order::Straight ? 2 : 1);
  if (static_cast<bool>(lhsSparsity) == static_cast<bool>(rhsSparsity) ||
      (lhsSparsity && lhsSparsity.getAxis() != lhsK) ||
      (rhsSparsity && rhsSparsity.getAxis() != rhsK))
    return {};
  // The sum is i32 for i8 by i8, f32 otherwise, and linalg's is the result's
  // element type: take only what does not get less exact.
  Type lhsElement = lhsType.getElementType();
  Type rhsElement = rhsType.getElementType(), element = result.getElementType();
  auto isFloat = [](Type type) {
    return type.isF32() || type.isBF16() || type.isF16();
  };
  bool integer = lhsElement.isInteger(8) && rhsElement.isInteger(8) &&
                 element.isInteger(32);
  bool floating =
      isFloat(lhsElement) && isFloat(rhsElement) && isFloat(element);
  if (!integer && !floating)
    return {};

  SmallVector<Value> epilogueOperands;
  SmallVector<AffineMap> epilogueMaps;
  bool zero = isZeroFilled(op.getDpsInits()[0]);
  if (!zero) {
    epilogueOperands.push_back(init);
    epilogueMaps.push_back(builder.getMultiDimIdentityMap(rank));
  }
  auto matmul = MatmulOp::create(
      builder, op.getLoc(), lhs, rhs, init, lhsOrder == Order::Transposed,
      rhsOrder == Order::Transposed, epilogueOperands, epilogueMaps);
  if (!zero)
    addDestination(builder, matmul);
  return matmul.getResult();
}
