//===- LowerStatistics.cpp - Reference lowering of statistics -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LowerToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Step/IR/Arithmetic.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::step;

/// The elements of a tensor of any rank in row-major order.
static Value flatten(ReferenceBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t rank = type.getRank();
  Type element = type.getElementType();
  if (rank == 0)
    return tensor::ExpandShapeOp::create(b, RankedTensorType::get({1}, element),
                                         tensor,
                                         ArrayRef<ReassociationIndices>{});
  // Of dynamic sizes alone: upstream disagrees with itself on what [0, ?]
  // collapses to.
  SmallVector<int64_t> dynamic(rank, ShapedType::kDynamic);
  Value cast = tensor::CastOp::create(
      b, RankedTensorType::get(dynamic, element), tensor);
  if (rank == 1)
    return cast;
  auto all = llvm::to_vector<2>(llvm::seq<int64_t>(0, rank));
  return tensor::CollapseShapeOp::create(
      b, RankedTensorType::get({ShapedType::kDynamic}, element), cast,
      ArrayRef<ReassociationIndices>{all});
}

/// The elements of `lanes`.
static SmallVector<Value> extractLanes(ReferenceBuilder &b, Value lanes) {
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < kStatisticLanes; ++lane)
    elements.push_back(
        tensor::ExtractOp::create(b, lanes, ValueRange{b.index(lane)}));
  return elements;
}

/// A loop over the elements x = |after - before|. `body` gets the state, x and
/// its lane, and returns the state after it.
static ValueRange
forEachChange(ReferenceBuilder &b, Value before, Value after, ValueRange state,
              function_ref<SmallVector<Value>(ValueRange, Value, Value)> body) {
  Value from = flatten(b, before), to = flatten(b, after);
  Value count = tensor::DimOp::create(b, from, 0);
  auto loop = scf::ForOp::create(b, b.index(0), count, b.index(1), state);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value i = loop.getInductionVar();
  Value x = emitChange(b, tensor::ExtractOp::create(b, from, ValueRange{i}),
                       tensor::ExtractOp::create(b, to, ValueRange{i}));
  Value lane = arith::RemUIOp::create(b, i, b.index(kStatisticLanes));
  scf::YieldOp::create(b, body(loop.getRegionIterArgs(), x, lane));
  return loop.getResults();
}

/// `lanes` with the element `lane` replaced by what `update` makes of it.
static Value updateLane(ReferenceBuilder &b, Value lanes, Value lane,
                        function_ref<Value(Value)> update) {
  Value now = tensor::ExtractOp::create(b, lanes, ValueRange{lane});
  return tensor::InsertOp::create(b, update(now), lanes, ValueRange{lane});
}

Value step::lowerChangeSum(ReferenceBuilder &b, ChangeSumOp op) {
  Type f64 = b.getF64Type();
  Value none = b.zeros({b.getIndexAttr(kStatisticLanes)}, f64);
  Value sums = forEachChange(b, op.getBefore(), op.getAfter(), {none},
                             [&](ValueRange state, Value x, Value lane) {
                               Value wide = arith::ExtFOp::create(b, f64, x);
                               return SmallVector<Value>{updateLane(
                                   b, state[0], lane, [&](Value sum) -> Value {
                                     return arith::AddFOp::create(b, sum, wide);
                                   })};
                             })[0];
  return emitCombineLanes(b, extractLanes(b, sums), [&](Value x, Value y) {
    return arith::AddFOp::create(b, x, y).getResult();
  });
}

SmallVector<Value> step::lowerChangeProduct(ReferenceBuilder &b,
                                            ChangeProductOp op) {
  Type f64 = b.getF64Type(), i64 = b.getI64Type();
  Value one = arith::ConstantOp::create(b, b.getF64FloatAttr(1));
  Value ones = tensor::SplatOp::create(
      b, one, RankedTensorType::get({kStatisticLanes}, f64));
  Value zero = b.integer(0, 64);
  ValueRange found = forEachChange(
      b, op.getBefore(), op.getAfter(), {ones, zero, zero},
      [&](ValueRange state, Value x, Value lane) {
        Value normal = emitIsNormal(b, x);
        auto [mantissa, exponent] = emitSplit(b, x);
        Value wide = arith::ExtFOp::create(b, f64, mantissa);
        Value factor = arith::SelectOp::create(b, normal, wide, one);
        Value products =
            updateLane(b, state[0], lane, [&](Value product) -> Value {
              return arith::MulFOp::create(b, product, factor);
            });
        Value entered = arith::SelectOp::create(
            b, normal, arith::ExtSIOp::create(b, i64, exponent), zero);
        Value exponents = arith::AddIOp::create(b, state[1], entered);
        Value leftOut = arith::SubIOp::create(
            b, b.integer(1, 64), arith::ExtUIOp::create(b, i64, normal));
        return SmallVector<Value>{products, exponents,
                                  arith::AddIOp::create(b, state[2], leftOut)};
      });
  auto [mantissa, exponent] =
      emitCombineProducts(b, extractLanes(b, found[0]), found[1]);
  return {mantissa, exponent, found[2]};
}

Value step::lowerCountNonfinite(ReferenceBuilder &b, CountNonfiniteOp op) {
  Value source = op.getSource();
  int64_t rank = op.getSource().getType().getRank();
  Value count = b.generic(
      {source}, {b.getMultiDimIdentityMap(rank)}, b.zeros({}, b.getI64Type()),
      AffineMap::get(rank, 0, b.getContext()),
      [&](ReferenceBuilder &body, ValueRange args) -> Value {
        Value bad = emitIsNonfinite(body, args[0]);
        return arith::AddIOp::create(
            body, args[1],
            arith::ExtUIOp::create(body, body.getI64Type(), bad));
      });
  return tensor::ExtractOp::create(b, count, ValueRange{});
}
