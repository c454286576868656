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

/// One x = |after - before|, and whether the tensor has it.
namespace {
struct Change {
  Value x, exists;
};
} // namespace

/// A loop over the pairs of a run: elements number l and l + 8 of every 16.
/// `body` gets the state, the pair and l, and returns the state after it.
static ValueRange forEachPair(
    ReferenceBuilder &b, Value before, Value after, ValueRange state,
    function_ref<SmallVector<Value>(ValueRange, Change, Change, Value)> body) {
  Value from = flatten(b, before), to = flatten(b, after);
  Value count = tensor::DimOp::create(b, from, 0);
  Value lanes = b.index(kStatisticLanes);
  auto runs =
      scf::ForOp::create(b, b.index(0), count, b.index(kStatisticRun), state);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(runs.getBody());
  auto loop = scf::ForOp::create(b, b.index(0), lanes, b.index(1),
                                 runs.getRegionIterArgs());
  scf::YieldOp::create(b, loop.getResults());
  b.setInsertionPointToStart(loop.getBody());
  Value lane = loop.getInductionVar();
  auto changeAt = [&](Value i) -> Change {
    Value exists =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, i, count);
    Value safe = arith::SelectOp::create(b, exists, i, b.index(0));
    Value x =
        emitChange(b, tensor::ExtractOp::create(b, from, ValueRange{safe}),
                   tensor::ExtractOp::create(b, to, ValueRange{safe}));
    return {arith::SelectOp::create(b, exists, x, b.zero(b.getF32Type())),
            exists};
  };
  Value i = arith::AddIOp::create(b, runs.getInductionVar(), lane);
  Change low = changeAt(i);
  Change high = changeAt(arith::AddIOp::create(b, i, lanes));
  scf::YieldOp::create(b, body(loop.getRegionIterArgs(), low, high, lane));
  return runs.getResults();
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
  Value sums =
      forEachPair(b, op.getBefore(), op.getAfter(), {none},
                  [&](ValueRange state, Change low, Change high, Value lane) {
                    Value pair = arith::AddFOp::create(b, low.x, high.x);
                    Value wide = arith::ExtFOp::create(b, f64, pair);
                    return SmallVector<Value>{
                        updateLane(b, state[0], lane, [&](Value sum) -> Value {
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
  Value ones = tensor::SplatOp::create(
      b, arith::ConstantOp::create(b, b.getF64FloatAttr(1)),
      RankedTensorType::get({kStatisticLanes}, f64));
  Value zero = b.integer(0, 64);
  Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1));
  Value half = arith::ConstantOp::create(b, b.getF32FloatAttr(0.5));
  ValueRange found = forEachPair(
      b, op.getBefore(), op.getAfter(), {ones, zero, zero},
      [&](ValueRange state, Change low, Change high, Value lane) {
        Value exponents = state[1], leftOut = state[2];
        // The mantissa that enters; exponent and number are added up.
        auto enter = [&](Change change, bool isHigh) -> Value {
          Value normal = emitIsNormal(b, change.x);
          auto [mantissa, exponent] =
              emitSplit(b, arith::SelectOp::create(b, normal, change.x, one));
          Value wide = arith::ExtSIOp::create(b, i64, exponent);
          if (isHigh) {
            mantissa = arith::MulFOp::create(b, mantissa, half);
            wide = arith::AddIOp::create(b, wide, b.integer(1, 64));
          }
          exponents = arith::AddIOp::create(b, exponents, wide);
          Value isOut = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt,
                                              change.exists, normal);
          leftOut = arith::AddIOp::create(
              b, leftOut, arith::ExtUIOp::create(b, i64, isOut));
          return mantissa;
        };
        Value first = enter(low, false), second = enter(high, true);
        Value product = arith::MulFOp::create(b, first, second);
        Value pair = arith::ExtFOp::create(b, f64, product);
        Value products = updateLane(b, state[0], lane, [&](Value now) -> Value {
          return arith::MulFOp::create(b, now, pair);
        });
        return SmallVector<Value>{products, exponents, leftOut};
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
