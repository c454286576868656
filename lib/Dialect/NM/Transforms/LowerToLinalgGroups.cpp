//===- LowerToLinalgGroups.cpp - Reference lowering of groups -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything here counts within groups: an element's rank is the number of
// elements of its group that come before it in some order, and the N of lowest
// rank are kept. Quadratic in M, and free of case distinctions.
//
//===----------------------------------------------------------------------===//

#include "LowerToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace mlir::nm;

using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Shapes and maps
//===----------------------------------------------------------------------===//

/// {[0], .., [axis, axis + 1], ..}.
static SmallVector<ReassociationIndices> splitGroups(int64_t rank,
                                                     int64_t axis) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < rank; ++d) {
    int64_t at = d > axis ? d + 1 : d;
    groups.push_back(d == axis ? ReassociationIndices{at, at + 1}
                               : ReassociationIndices{at});
  }
  return groups;
}

/// [.., K, ..] as [.., K / size, size, ..].
Value GroupLowering::split(Value dense, int64_t size) {
  auto from = cast<RankedTensorType>(dense.getType());
  SmallVector<int64_t> shape(from.getShape());
  SmallVector<OpFoldResult> sizes = b.sizes(dense);
  int64_t count = shape[axis] / size;
  shape[axis] = count;
  sizes[axis] = b.getIndexAttr(count);
  shape.insert(shape.begin() + axis + 1, size);
  sizes.insert(sizes.begin() + axis + 1, b.getIndexAttr(size));
  return tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, from.getElementType()), dense,
      splitGroups(rank, axis), sizes);
}

/// The reverse of `split`.
Value GroupLowering::join(Value grouped, int64_t size) {
  auto from = cast<RankedTensorType>(grouped.getType());
  SmallVector<int64_t> shape(from.getShape());
  shape[axis] *= size;
  shape.erase(shape.begin() + axis + 1);
  return tensor::CollapseShapeOp::create(
      b, RankedTensorType::get(shape, from.getElementType()), grouped,
      splitGroups(rank, axis));
}

AffineMap GroupLowering::own() {
  return AffineMap::getMultiDimIdentityMap(rank + 2, b.getContext())
      .getMajorSubMap(rank + 1);
}

AffineMap GroupLowering::other() {
  SmallVector<AffineExpr> results(own().getResults());
  results[axis + 1] = b.getAffineDimExpr(rank + 1);
  return AffineMap::get(rank + 2, 0, results, b.getContext());
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

Value GroupLowering::rankInGroup(Value keys) {
  int64_t element = axis + 1, competitor = rank + 1;
  return b.generic(
      {keys, keys}, {own(), other()}, b.zeros(b.sizes(keys), b.getI32Type()),
      own(), [&](ReferenceBuilder &body, ValueRange args) -> Value {
        auto compare = [&](CmpIPredicate predicate, Value x, Value y) -> Value {
          return arith::CmpIOp::create(body, predicate, x, y);
        };
        Value larger = compare(CmpIPredicate::ugt, args[1], args[0]);
        Value equal = compare(CmpIPredicate::eq, args[1], args[0]);
        Value lower = compare(CmpIPredicate::ult, body.loop(competitor),
                              body.loop(element));
        Value tie = arith::AndIOp::create(body, equal, lower);
        Value before = arith::OrIOp::create(body, larger, tie);
        Value one = arith::ExtUIOp::create(body, body.getI32Type(), before);
        return arith::AddIOp::create(body, args[2], one);
      });
}

/// The magnitude as an unsigned integer of the same order. The bits of a float
/// without its sign are one; every NaN counts as just above infinity.
Value GroupLowering::magnitudeKey(ReferenceBuilder &body, Value scalar) {
  Type i32 = body.getI32Type();
  auto floatType = dyn_cast<FloatType>(scalar.getType());
  if (!floatType) {
    Value wide = arith::ExtSIOp::create(body, i32, scalar);
    return math::AbsIOp::create(body, wide);
  }
  unsigned width = floatType.getWidth();
  APInt infinity =
      APFloat::getInf(floatType.getFloatSemantics()).bitcastToAPInt();
  Value bits =
      arith::BitcastOp::create(body, body.getIntegerType(width), scalar);
  if (width < 32)
    bits = arith::ExtUIOp::create(body, i32, bits);
  Value magnitude = arith::AndIOp::create(
      body, bits, body.integer(APInt::getSignedMaxValue(width).getZExtValue()));
  return arith::MinUIOp::create(body, magnitude,
                                body.integer(infinity.getZExtValue() + 1));
}

Value GroupLowering::prune(Value dense) {
  Value grouped = split(dense, m);
  AffineMap identity = b.getMultiDimIdentityMap(rank + 1);
  SmallVector<OpFoldResult> shape = b.sizes(grouped);
  Value keys =
      b.generic({grouped}, {identity}, b.empty(shape, b.getI32Type()), identity,
                [&](ReferenceBuilder &body, ValueRange args) {
                  return magnitudeKey(body, args[0]);
                });
  Value kept =
      b.generic({grouped, rankInGroup(keys)}, {identity, identity},
                b.empty(shape, type.getElementType()), identity,
                [&](ReferenceBuilder &body, ValueRange args) -> Value {
                  Value keep = arith::CmpIOp::create(body, CmpIPredicate::ult,
                                                     args[1], body.integer(n));
                  return arith::SelectOp::create(body, keep, args[0],
                                                 body.zero(args[0].getType()));
                });
  return join(kept, m);
}

void GroupLowering::assertNotOverFull(Value dense) {
  Value grouped = split(dense, m);
  AffineMap identity = b.getMultiDimIdentityMap(rank + 1);
  AffineMap groups = identity.dropResult(axis + 1);
  SmallVector<OpFoldResult> shape = b.sizes(grouped);
  shape.erase(shape.begin() + axis + 1);
  Value counts =
      b.generic({grouped}, {identity}, b.zeros(shape, b.getI32Type()), groups,
                [](ReferenceBuilder &body, ValueRange args) -> Value {
                  Value one = arith::ExtUIOp::create(body, body.getI32Type(),
                                                     body.isNonZero(args[0]));
                  return arith::AddIOp::create(body, args[1], one);
                });
  Value fullest = b.generic(
      {counts}, {b.getMultiDimIdentityMap(rank)}, b.zeros({}, b.getI32Type()),
      AffineMap::get(rank, 0, b.getContext()),
      [](ReferenceBuilder &body, ValueRange args) -> Value {
        return arith::MaxUIOp::create(body, args[0], args[1]);
      });
  Value most = tensor::ExtractOp::create(b, fullest, ValueRange{});
  Value fits = arith::CmpIOp::create(b, CmpIPredicate::ule, most, b.integer(n));
  cf::AssertOp::create(b, fits,
                       "nm.compress: a group of " + std::to_string(m) +
                           " holds more than " + std::to_string(n) +
                           " non-zeros");
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

SmallVector<OpFoldResult> GroupLowering::slotShape() {
  SmallVector<OpFoldResult> shape;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    if (static_cast<int64_t>(dim) != axis) {
      shape.push_back(b.getIndexAttr(size));
      continue;
    }
    shape.push_back(b.getIndexAttr(size / m));
    shape.push_back(b.getIndexAttr(n));
  }
  return shape;
}

Slots GroupLowering::toSlots(Value dense) {
  Type i32 = b.getI32Type();
  Value grouped = split(dense, m);
  AffineMap identity = b.getMultiDimIdentityMap(rank + 1);
  SmallVector<OpFoldResult> shape = b.sizes(grouped);
  Value keys = b.generic({grouped}, {identity}, b.empty(shape, i32), identity,
                         [&](ReferenceBuilder &body, ValueRange args) -> Value {
                           return arith::ExtUIOp::create(
                               body, i32, body.isNonZero(args[0]));
                         });
  Value ranks = rankInGroup(keys);
  auto isKept = [&](ReferenceBuilder &body, Value rank) -> Value {
    return arith::CmpIOp::create(body, CmpIPredicate::ult, rank,
                                 body.integer(n));
  };

  // A kept element's slot is the number of kept elements of lower index.
  Value slots =
      b.generic({ranks}, {other()}, b.zeros(shape, i32), own(),
                [&](ReferenceBuilder &body, ValueRange args) -> Value {
                  Value lower = arith::CmpIOp::create(body, CmpIPredicate::ult,
                                                      body.loop(rank + 1),
                                                      body.loop(axis + 1));
                  Value counts =
                      arith::AndIOp::create(body, isKept(body, args[0]), lower);
                  Value one = arith::ExtUIOp::create(body, i32, counts);
                  return arith::AddIOp::create(body, args[1], one);
                });

  // `own` is a slot here, `other` an element of its group.
  auto gather = [&](Type element,
                    function_ref<Value(ReferenceBuilder &, Value)> pick) {
    return b.generic(
        {grouped, ranks, slots}, {other(), other(), other()},
        b.zeros(slotShape(), element), own(),
        [&](ReferenceBuilder &body, ValueRange args) -> Value {
          Value slot =
              arith::IndexCastOp::create(body, i32, body.loop(axis + 1));
          Value here =
              arith::CmpIOp::create(body, CmpIPredicate::eq, args[2], slot);
          Value take = arith::AndIOp::create(body, isKept(body, args[1]), here);
          return arith::SelectOp::create(body, take, pick(body, args[0]),
                                         args[3]);
        });
  };
  Value values = gather(type.getElementType(),
                        [](ReferenceBuilder &, Value value) { return value; });
  Value indices = gather(i32, [&](ReferenceBuilder &body, Value) -> Value {
    return arith::IndexCastOp::create(body, i32, body.loop(rank + 1));
  });
  return {values, indices};
}

Value GroupLowering::toDense(Slots slots) {
  SmallVector<OpFoldResult> shape = slotShape();
  shape[axis + 1] = b.getIndexAttr(m);
  // `own` is an element here, `other` a slot of its group.
  Value grouped =
      b.generic({slots.values, slots.indices}, {other(), other()},
                b.zeros(shape, type.getElementType()), own(),
                [&](ReferenceBuilder &body, ValueRange args) -> Value {
                  Value element = arith::IndexCastOp::create(
                      body, body.getI32Type(), body.loop(axis + 1));
                  Value here = arith::CmpIOp::create(body, CmpIPredicate::eq,
                                                     args[1], element);
                  return arith::SelectOp::create(body, here, args[0], args[2]);
                });
  return join(grouped, m);
}
