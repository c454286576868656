//===- LowerMasks.cpp - Reference lowering of masks -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block's rank is the number of blocks of its group that come before it, and
// those of rank below N are kept. Quadratic in M, and free of case
// distinctions.
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

using arith::CmpIPredicate;

static Value compare(ReferenceBuilder &b, CmpIPredicate predicate, Value x,
                     Value y) {
  return arith::CmpIOp::create(b, predicate, x, y);
}

static Value both(ReferenceBuilder &b, Value x, Value y) {
  return arith::AndIOp::create(b, x, y);
}

static Value either(ReferenceBuilder &b, Value x, Value y) {
  return arith::OrIOp::create(b, x, y);
}

/// `count` plus one where `condition` holds.
static Value countIf(ReferenceBuilder &b, Value count, Value condition) {
  return arith::AddIOp::create(
      b, count, arith::ExtUIOp::create(b, count.getType(), condition));
}

/// Whether magnitude `other` comes before `own`: it is larger, or equal and at
/// a lower index.
static Value isBefore(ReferenceBuilder &b, Value other, Value own,
                      Value hasLowerIndex) {
  Value larger = compare(b, CmpIPredicate::sgt, other, own);
  Value equal = compare(b, CmpIPredicate::eq, other, own);
  return either(b, larger, both(b, equal, hasLowerIndex));
}

/// A tensor that is never read: it gives loops their bounds.
static Value bounds(ReferenceBuilder &b, ArrayRef<int64_t> sizes) {
  return tensor::EmptyOp::create(b, sizes, b.getI1Type());
}

//===----------------------------------------------------------------------===//
// step.mask and step.soft_threshold
//===----------------------------------------------------------------------===//

MaskLowering::MaskLowering(ReferenceBuilder &b, Value source,
                           PatternAttr pattern, Value n)
    : b(b), source(source), pattern(pattern), n(n),
      type(cast<RankedTensorType>(source.getType())), rank(type.getRank()),
      identity(b.getMultiDimIdentityMap(rank)) {
  if (!n)
    this->n = b.integer(pattern.getN());
  for (int64_t dim = 0; dim < rank; ++dim)
    assertMultiple(b, source, dim,
                   dim == pattern.getAxis() ? pattern.getPeriod()
                                            : pattern.getBlockSize(dim),
                   "step.mask");
}

Value MaskLowering::magnitudes() {
  SmallVector<OpFoldResult> shape = b.sizes(source);
  Value scores = source;
  if (!pattern.hasUnitBlock()) {
    for (int64_t dim = 0; dim < rank; ++dim) {
      Value size = getValueOrCreateConstantIndexOp(b, b.getLoc(), shape[dim]);
      Value block = b.index(pattern.getBlockSize(dim));
      shape[dim] = arith::DivUIOp::create(b, size, block).getResult();
    }
    // Loops: the blocks, then the elements of one.
    AffineMap blocks =
        AffineMap::getMultiDimIdentityMap(2 * rank, b.getContext())
            .getMajorSubMap(rank);
    AffineMap elements =
        AffineMap::getMultiDimIdentityMap(2 * rank, b.getContext())
            .getMinorSubMap(rank);
    scores = b.generic(
        {bounds(b, pattern.getBlock())}, {elements},
        b.zeros(shape, b.getF32Type()), blocks,
        [&](ReferenceBuilder &body, ValueRange args) -> Value {
          SmallVector<Value> at;
          for (int64_t dim = 0; dim < rank; ++dim) {
            Value first = arith::MulIOp::create(
                body, body.loop(dim), body.index(pattern.getBlockSize(dim)));
            at.push_back(
                arith::AddIOp::create(body, first, body.loop(rank + dim)));
          }
          Value x = tensor::ExtractOp::create(body, source, at);
          return arith::AddFOp::create(body, args[1], emitAbs(body, x));
        });
  }
  return b.generic({scores}, {identity},
                   b.empty(b.sizes(scores), b.getI32Type()), identity,
                   [](ReferenceBuilder &body, ValueRange args) {
                     return emitMagnitude(body, args[0]);
                   });
}

std::pair<SmallVector<Value>, Value> MaskLowering::place(ReferenceBuilder &body,
                                                         Value member) {
  SmallVector<Value> at;
  for (int64_t dim = 0; dim < rank; ++dim)
    at.push_back(body.loop(dim));
  Value &along = at[pattern.getAxis()];
  Value stride = body.index(pattern.getStride());
  Value own =
      arith::RemUIOp::create(body, arith::DivUIOp::create(body, along, stride),
                             body.index(pattern.getM()));
  Value first = arith::SubIOp::create(body, along,
                                      arith::MulIOp::create(body, own, stride));
  along = arith::AddIOp::create(body, first,
                                arith::MulIOp::create(body, member, stride));
  return {at, own};
}

Value MaskLowering::ranks(Value magnitudes) {
  AffineMap own = AffineMap::getMultiDimIdentityMap(rank + 1, b.getContext())
                      .getMajorSubMap(rank);
  AffineMap members =
      AffineMap::getMultiDimIdentityMap(rank + 1, b.getContext())
          .getMinorSubMap(1);
  return b.generic(
      {magnitudes, bounds(b, {pattern.getM()})}, {own, members},
      b.zeros(b.sizes(magnitudes), b.getI32Type()), own,
      [&](ReferenceBuilder &body, ValueRange args) {
        Value member = body.loop(rank);
        auto [at, number] = place(body, member);
        Value other = tensor::ExtractOp::create(body, magnitudes, at);
        Value lower = compare(body, CmpIPredicate::ult, member, number);
        return countIf(body, args[2], isBefore(body, other, args[0], lower));
      });
}

Value MaskLowering::isKept(ReferenceBuilder &body, Value rank) {
  return compare(body, CmpIPredicate::slt, rank, n);
}

Value MaskLowering::mask() {
  Value order = ranks(magnitudes());
  return b.generic(
      {source}, {identity}, b.empty(b.sizes(source), b.getI1Type()), identity,
      [&](ReferenceBuilder &body, ValueRange) {
        SmallVector<Value> at;
        for (int64_t dim = 0; dim < rank; ++dim)
          at.push_back(arith::DivUIOp::create(
              body, body.loop(dim), body.index(pattern.getBlockSize(dim))));
        return isKept(body, tensor::ExtractOp::create(body, order, at));
      });
}

Value MaskLowering::softThreshold(Value scale) {
  Value keys = magnitudes();
  Value order = ranks(keys);
  AffineMap own = AffineMap::getMultiDimIdentityMap(rank + 1, b.getContext())
                      .getMajorSubMap(rank);
  AffineMap members =
      AffineMap::getMultiDimIdentityMap(rank + 1, b.getContext())
          .getMinorSubMap(1);
  Value thresholds =
      b.generic({bounds(b, {pattern.getM()})}, {members},
                b.zeros(b.sizes(source), b.getI32Type()), own,
                [&](ReferenceBuilder &body, ValueRange args) -> Value {
                  auto [at, number] = place(body, body.loop(rank));
                  Value kept =
                      isKept(body, tensor::ExtractOp::create(body, order, at));
                  Value key = tensor::ExtractOp::create(body, keys, at);
                  Value dropped =
                      arith::SelectOp::create(body, kept, body.integer(0), key);
                  return arith::MaxSIOp::create(body, args[1], dropped);
                });
  return b.generic({source, order, thresholds}, {identity, identity, identity},
                   b.empty(b.sizes(source), b.getF32Type()), identity,
                   [&](ReferenceBuilder &body, ValueRange args) {
                     return emitSoftThreshold(
                         body, args[0], isKept(body, args[1]), args[2], scale);
                   });
}

//===----------------------------------------------------------------------===//
// step.transposable_mask
//===----------------------------------------------------------------------===//

namespace {

/// Greedy choice in every block of M x M at once: pass r visits the element of
/// rank r of each.
class TransposableLowering {
public:
  TransposableLowering(ReferenceBuilder &b, TransposableMaskOp op)
      : b(b), source(op.getSource()), n(op.getN()), m(op.getM()),
        rowAxis(op.getAxes()[0]), columnAxis(op.getAxes()[1]),
        rank(op.getSource().getType().getRank()) {
    assertMultiple(b, source, rowAxis, m, "step.transposable_mask");
    assertMultiple(b, source, columnAxis, m, "step.transposable_mask");
  }

  Value lower() {
    AffineMap identity = b.getMultiDimIdentityMap(rank);
    Value keys = b.generic({source}, {identity},
                           b.empty(b.sizes(source), b.getI32Type()), identity,
                           [](ReferenceBuilder &body, ValueRange args) {
                             return emitMagnitude(body, args[0]);
                           });
    Value order = ranks(keys);
    Value none = b.zeros(b.sizes(source), b.getI1Type());
    auto passes = scf::ForOp::create(b, b.index(0), b.index(m * m), b.index(1),
                                     ValueRange{none});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(passes.getBody());
    Value kept = passes.getRegionIterArg(0);
    Value now =
        arith::IndexCastOp::create(b, b.getI32Type(), passes.getInductionVar());
    Value inRow = count(kept, columnAxis), inColumn = count(kept, rowAxis);
    Value next = b.generic(
        {order, inRow, inColumn}, SmallVector<AffineMap>(3, identity), kept,
        identity, [&](ReferenceBuilder &body, ValueRange args) -> Value {
          Value visited = compare(body, CmpIPredicate::eq, args[0], now);
          Value limit = body.integer(n);
          Value fits =
              both(body, compare(body, CmpIPredicate::slt, args[1], limit),
                   compare(body, CmpIPredicate::slt, args[2], limit));
          return either(body, args[3], both(body, visited, fits));
        });
    scf::YieldOp::create(b, ValueRange{next});
    return passes.getResult(0);
  }

private:
  /// Place of the loops' element with its position in the block along `axis`
  /// replaced by `position`; the old one is the second result.
  std::pair<SmallVector<Value>, Value> moved(ReferenceBuilder &body,
                                             SmallVector<Value> at,
                                             int64_t axis, Value position) {
    Value own = arith::RemUIOp::create(body, at[axis], body.index(m));
    Value first = arith::SubIOp::create(body, at[axis], own);
    at[axis] = arith::AddIOp::create(body, first, position);
    return {at, own};
  }

  SmallVector<Value> loops(ReferenceBuilder &body) {
    SmallVector<Value> at;
    for (int64_t dim = 0; dim < rank; ++dim)
      at.push_back(body.loop(dim));
    return at;
  }

  /// Maps over the tensor's loops and `more`.
  AffineMap major(int64_t more) {
    return AffineMap::getMultiDimIdentityMap(rank + more, b.getContext())
        .getMajorSubMap(rank);
  }
  AffineMap minor(int64_t more) {
    return AffineMap::getMultiDimIdentityMap(rank + more, b.getContext())
        .getMinorSubMap(more);
  }

  Value ranks(Value keys) {
    return b.generic({keys, bounds(b, {m, m})}, {major(2), minor(2)},
                     b.zeros(b.sizes(source), b.getI32Type()), major(2),
                     [&](ReferenceBuilder &body, ValueRange args) {
                       Value p = body.loop(rank), q = body.loop(rank + 1);
                       auto [row, i] = moved(body, loops(body), rowAxis, p);
                       auto [at, j] = moved(body, row, columnAxis, q);
                       Value other = tensor::ExtractOp::create(body, keys, at);
                       Value above = compare(body, CmpIPredicate::ult, p, i);
                       Value left =
                           both(body, compare(body, CmpIPredicate::eq, p, i),
                                compare(body, CmpIPredicate::ult, q, j));
                       return countIf(body, args[2],
                                      isBefore(body, other, args[0],
                                               either(body, above, left)));
                     });
  }

  /// For every element, how many of its block at the same place but for `axis`
  /// are kept.
  Value count(Value kept, int64_t axis) {
    return b.generic(
        {bounds(b, {m})}, {minor(1)}, b.zeros(b.sizes(source), b.getI32Type()),
        major(1), [&](ReferenceBuilder &body, ValueRange args) {
          auto [at, own] = moved(body, loops(body), axis, body.loop(rank));
          return countIf(body, args[1],
                         tensor::ExtractOp::create(body, kept, at));
        });
  }

  ReferenceBuilder &b;
  Value source;
  int64_t n, m, rowAxis, columnAxis, rank;
};

} // namespace

Value step::lowerTransposableMask(ReferenceBuilder &b, TransposableMaskOp op) {
  return TransposableLowering(b, op).lower();
}
