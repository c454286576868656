//===- LowerToLinalgMatmul.cpp - Reference lowering of matrix products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"

using namespace mlir;
using namespace mlir::nm;

//===----------------------------------------------------------------------===//
// ReferenceBuilder
//===----------------------------------------------------------------------===//

Value ReferenceBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value ReferenceBuilder::integer(int64_t value, unsigned width) {
  return arith::ConstantOp::create(
      *this, getIntegerAttr(getIntegerType(width), value));
}

Value ReferenceBuilder::zero(Type element) {
  return arith::ConstantOp::create(*this, getZeroAttr(element));
}

Value ReferenceBuilder::isNonZero(Value scalar) {
  Value none = zero(scalar.getType());
  if (isa<FloatType>(scalar.getType()))
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::UNE, scalar,
                                 none);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, scalar, none);
}

Value ReferenceBuilder::widen(Value scalar, Type accumulator) {
  if (scalar.getType() == accumulator)
    return scalar;
  if (accumulator.isInteger())
    return arith::ExtSIOp::create(*this, accumulator, scalar);
  if (scalar.getType().isInteger())
    return arith::SIToFPOp::create(*this, accumulator, scalar);
  return arith::ExtFOp::create(*this, accumulator, scalar);
}

Value ReferenceBuilder::loop(int64_t dim) {
  return linalg::IndexOp::create(*this, dim);
}

Value ReferenceBuilder::empty(ArrayRef<OpFoldResult> shape, Type element) {
  return tensor::EmptyOp::create(*this, shape, element);
}

Value ReferenceBuilder::zeros(ArrayRef<OpFoldResult> shape, Type element) {
  return linalg::FillOp::create(*this, ValueRange{zero(element)},
                                ValueRange{empty(shape, element)})
      .getResult(0);
}

SmallVector<OpFoldResult> ReferenceBuilder::sizes(Value tensor) {
  return tensor::getMixedSizes(*this, getLoc(), tensor);
}

Value ReferenceBuilder::generic(ValueRange inputs,
                                ArrayRef<AffineMap> inputMaps, Value init,
                                AffineMap initMap, Body body) {
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(initMap);
  SmallVector<utils::IteratorType> iterators;
  for (unsigned dim = 0; dim < initMap.getNumDims(); ++dim)
    iterators.push_back(initMap.isFunctionOfDim(dim)
                            ? utils::IteratorType::parallel
                            : utils::IteratorType::reduction);
  return linalg::GenericOp::create(
             *this, TypeRange{init.getType()}, inputs, ValueRange{init}, maps,
             iterators,
             [&](OpBuilder &nested, Location loc, ValueRange args) {
               ReferenceBuilder inner(loc, nested);
               Value result = body(inner, args);
               linalg::YieldOp::create(inner, result);
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// nm.matmul
//===----------------------------------------------------------------------===//

/// Access map of an operand over the loops (batch.., i, j, k): its batch loops,
/// if it has any, then `row` and `column`.
static AffineMap getOperandMap(MLIRContext *context, int64_t batch,
                               bool hasBatch, int64_t row, int64_t column) {
  SmallVector<AffineExpr> results;
  for (int64_t d = 0; hasBatch && d < batch; ++d)
    results.push_back(getAffineDimExpr(d, context));
  results.push_back(getAffineDimExpr(row, context));
  results.push_back(getAffineDimExpr(column, context));
  return AffineMap::get(batch + 3, 0, results, context);
}

Value mlir::nm::emitReferenceMatmul(ReferenceBuilder &b, MatmulOp op, Value lhs,
                                    Value rhs, ValueRange epilogueOperands,
                                    Value init) {
  MLIRContext *context = b.getContext();
  Type accumulator = op.getAccumulatorType();
  Type element = op.getResult().getType().getElementType();
  int64_t batch = op.getBatchRank(), i = batch, j = batch + 1, k = batch + 2;
  bool lhsBatch = op.getLhs().getType().getRank() > 2;
  bool rhsBatch = op.getRhs().getType().getRank() > 2;
  bool lhsT = op.getTransposeLhs(), rhsT = op.getTransposeRhs();
  AffineMap lhsMap =
      getOperandMap(context, batch, lhsBatch, lhsT ? k : i, lhsT ? i : k);
  AffineMap rhsMap =
      getOperandMap(context, batch, rhsBatch, rhsT ? j : k, rhsT ? k : j);
  AffineMap resultMap = getOperandMap(context, batch, true, i, j);

  // The destination's contents do not matter, so its memory may hold the sum
  // when the sum needs no conversion.
  bool direct = !op.hasEpilogue() && element == accumulator;
  Value sum = direct ? linalg::FillOp::create(
                           b, ValueRange{b.zero(accumulator)}, ValueRange{init})
                           .getResult(0)
                     : b.zeros(b.sizes(init), accumulator);
  sum = b.generic({lhs, rhs}, {lhsMap, rhsMap}, sum, resultMap,
                  [&](ReferenceBuilder &body, ValueRange args) -> Value {
                    Value left = body.widen(args[0], accumulator);
                    Value right = body.widen(args[1], accumulator);
                    if (accumulator.isInteger()) {
                      Value product = arith::MulIOp::create(body, left, right);
                      return arith::AddIOp::create(body, args[2], product);
                    }
                    Value product = arith::MulFOp::create(body, left, right);
                    return arith::AddFOp::create(body, args[2], product);
                  });
  if (direct)
    return sum;

  SmallVector<Value> inputs{sum};
  llvm::append_range(inputs, epilogueOperands);
  AffineMap identity = b.getMultiDimIdentityMap(batch + 2);
  SmallVector<AffineMap> maps{identity};
  llvm::append_range(maps, op.getEpilogueMapArray());
  return b.generic(inputs, maps, init, identity,
                   [&](ReferenceBuilder &body, ValueRange args) -> Value {
                     if (!op.hasEpilogue())
                       return arith::TruncFOp::create(body, element, args[0]);
                     Block &block = op.getEpilogue().front();
                     IRMapping mapping;
                     mapping.map(block.getArguments(), args.drop_back());
                     for (Operation &inner : block.without_terminator())
                       body.clone(inner, mapping);
                     return mapping.lookupOrDefault(
                         block.getTerminator()->getOperand(0));
                   });
}

namespace {

struct LowerMatmul : OpConversionPattern<MatmulOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(MatmulOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ReferenceBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, emitReferenceMatmul(b, op, adaptor.getLhs(),
                                               adaptor.getRhs(),
                                               adaptor.getEpilogueOperands(),
                                               adaptor.getInit()));
    return success();
  }
};

} // namespace

void mlir::nm::populateReferenceMatmul(const TypeConverter &converter,
                                       RewritePatternSet &patterns) {
  patterns.add<LowerMatmul>(converter, patterns.getContext());
}
