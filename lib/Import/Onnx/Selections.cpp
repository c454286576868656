//===- Selections.cpp - Results as large as the data say -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How many elements these have is known when they have been computed. They are
// written to a buffer of the largest number, of which the result is the part
// that was written.
//
//===----------------------------------------------------------------------===//

#include "Node.h"
#include "Scalars.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

Value indexOf(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}
Value toI64(OpBuilder &b, Location loc, Value index) {
  return arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
}
Value both(OpBuilder &b, Location loc, Value x, Value y) {
  return arith::AndIOp::create(b, loc, x, y);
}

/// Whether an element is not zero; NaN is not.
Value isSet(OpBuilder &b, Location loc, Value element, int32_t type) {
  return Emit(b, loc).cast(element, type, Bool);
}

/// The index tuples of elements that are not zero, [rank, count], row-major.
LogicalResult nonZero(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val x = *n.in(0);
  if (x.rank() == 0)
    x = n.reshape(x, {n.size(1)});
  int64_t rank = x.rank();
  Value source = n.tensor(x);
  int32_t type = x.type;
  Value one = n.indexConstant(1), none = n.indexConstant(0);
  auto found = [&](OpBuilder &b, Location loc, ValueRange place) {
    return isSet(b, loc, tensor::ExtractOp::create(b, loc, source, place),
                 type);
  };
  ValueRange count = n.loops(
      x.shape, none,
      [&](OpBuilder &b, Location loc, ValueRange at, ValueRange had) {
        Value more =
            arith::SelectOp::create(b, loc, found(b, loc, at), one, none);
        return SmallVector<Value>{arith::AddIOp::create(b, loc, had[0], more)};
      });
  Dims shape{n.size(n.in(0)->rank() ? rank : 1), count[0]};
  Value init = n.empty(shape, n.b.getI64Type());
  ValueRange result =
      n.loops(x.shape, {init, none},
              [&](OpBuilder &b, Location loc, ValueRange at, ValueRange had) {
                auto branch = scf::IfOp::create(
                    b, loc, found(b, loc, at),
                    [&](OpBuilder &in, Location where) {
                      Value list = had[0];
                      for (int64_t d = 0; d < rank; ++d)
                        list = tensor::InsertOp::create(
                            in, where, toI64(in, where, at[d]), list,
                            ValueRange{indexOf(in, where, d), had[1]});
                      Value next =
                          arith::AddIOp::create(in, where, had[1], one);
                      scf::YieldOp::create(in, where, ValueRange{list, next});
                    },
                    [&](OpBuilder &in, Location where) {
                      scf::YieldOp::create(in, where, had);
                    });
                return SmallVector<Value>(branch.getResults());
              });
  return n.set(n.make(result[0], Int64, shape));
}

/// The slices along an axis, or elements of the flattened tensor, whose
/// condition holds.
LogicalResult compress(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val x = *n.in(0), &condition = *n.in(1);
  int64_t axis = 0;
  if (std::optional<int64_t> given = n.intAttribute("axis")) {
    FailureOr<int64_t> checked = n.axis(*given, x.rank());
    if (failed(checked))
      return failure();
    axis = *checked;
  } else {
    x = n.reshape(x, {n.product(x.shape)});
  }
  if (condition.rank() != 1 || condition.type != Bool)
    return n.fail("its condition is not a list of bool");
  OpFoldResult length = condition.shape[0];
  if (std::optional<int64_t> have = Emit::constant(x.shape[axis]),
      wanted = Emit::constant(length);
      have && wanted && *wanted > *have)
    return n.fail("its condition has " + Twine(*wanted) +
                  " elements, expected at most " + Twine(*have));
  length = n.compute(Emit::Arith::Min, length, x.shape[axis]);
  Value flags = n.tensor(condition);
  Value one = n.indexConstant(1), none = n.indexConstant(0);
  Value init = n.empty(length, n.b.getI64Type());
  // Places first, each written behind those that were kept.
  ValueRange kept =
      n.loops(length, {init, none},
              [&](OpBuilder &b, Location loc, ValueRange at, ValueRange had) {
                Value keeps = tensor::ExtractOp::create(b, loc, flags, at);
                Value list = tensor::InsertOp::create(
                    b, loc, toI64(b, loc, at[0]), had[0], had[1]);
                Value more = arith::SelectOp::create(b, loc, keeps, one, none);
                return SmallVector<Value>{
                    list, arith::AddIOp::create(b, loc, had[1], more)};
              });
  Val places = n.make(kept[0], Int64, length);
  places = n.sliceAxis(places, 0, n.size(0), kept[1]);
  return n.set(n.gatherAlong(x, places, axis));
}

/// Corners of a box, [y1, x1, y2, x2] in order, and its area, f32.
struct Box {
  Value low[2], high[2], area;
};

/// Reads a box of two corners in any order, or of centre and size.
Box readBox(OpBuilder &b, Location loc, Value boxes, Value batch, Value place,
            bool isCentred) {
  Scalar s(b, loc);
  Value number[4];
  for (int64_t i = 0; i < 4; ++i)
    number[i] = tensor::ExtractOp::create(
        b, loc, boxes, ValueRange{batch, place, indexOf(b, loc, i)});
  Box box;
  for (int64_t d = 0; d < 2; ++d) {
    Value first = number[d], second = number[d + 2];
    if (isCentred) {
      Value half = s.mul(second, s.number(second, 0.5));
      second = s.add(first, half);
      first = s.sub(first, half);
    }
    box.low[d] = s.min(first, second, false);
    box.high[d] = s.max(first, second, false);
  }
  box.area =
      s.mul(s.sub(box.high[0], box.low[0]), s.sub(box.high[1], box.low[1]));
  return box;
}

/// Whether the boxes' intersection over union is above the threshold.
Value overlaps(OpBuilder &b, Location loc, const Box &x, const Box &y,
               Value threshold) {
  Scalar s(b, loc);
  Value zero = s.number(x.area, 0), side[2];
  for (int64_t d = 0; d < 2; ++d)
    side[d] = s.max(zero,
                    s.sub(s.min(x.high[d], y.high[d], false),
                          s.max(x.low[d], y.low[d], false)),
                    false);
  Value shared = s.mul(side[0], side[1]);
  Value all = s.sub(s.add(x.area, y.area), shared);
  Value ratio = s.div(shared, all, false);
  Value isReal =
      both(b, loc, s.compare(arith::CmpFPredicate::OGT, x.area, zero),
           s.compare(arith::CmpFPredicate::OGT, y.area, zero));
  return both(b, loc, isReal,
              s.compare(arith::CmpFPredicate::OGT, ratio, threshold));
}

/// What the boxes of each batch and class are judged by. `at` is the batch and
/// the class.
struct Suppression {
  Value corners;          ///< [batch, boxes, 4], f32
  Value grades;           ///< [batch, classes, boxes], f32
  Value overlap;          ///< intersection over union that is kept at most, f32
  Value least;            ///< the scores of boxes are above it, f32
  bool isCentred = false; ///< boxes are given by centre and size
  OpFoldResult count;     ///< of boxes in a batch
  OpFoldResult most;      ///< of boxes kept in each batch and class
  Value none, one, all;   ///< 0, 1, and `count`

  Value candidates(OpBuilder &b, Location loc, ValueRange at) const;
  Value bestLeft(OpBuilder &b, Location loc, ValueRange at, Value left) const;
  Value withoutRivals(OpBuilder &b, Location loc, Value batch, Value winner,
                      Value left) const;
  SmallVector<Value> keepBest(OpBuilder &b, Location loc, ValueRange at,
                              ValueRange state) const;
};

/// Which boxes have a score that is high enough, [boxes] of i1.
Value Suppression::candidates(OpBuilder &b, Location loc, ValueRange at) const {
  Value fresh = tensor::EmptyOp::create(b, loc, count, b.getI1Type());
  return linalg::GenericOp::create(
             b, loc, fresh.getType(), ValueRange{}, fresh,
             b.getMultiDimIdentityMap(1),
             ArrayRef<utils::IteratorType>{utils::IteratorType::parallel},
             [&](OpBuilder &in, Location where, ValueRange) {
               Value place = linalg::IndexOp::create(in, where, 0);
               Value grade = tensor::ExtractOp::create(
                   in, where, grades, ValueRange{at[0], at[1], place});
               linalg::YieldOp::create(
                   in, where,
                   Scalar(in, where).compare(arith::CmpFPredicate::OGT, grade,
                                             least));
             })
      .getResult(0);
}

/// The first of the best boxes that are left; `all` if none is.
Value Suppression::bestLeft(OpBuilder &b, Location loc, ValueRange at,
                            Value left) const {
  Value lowest = Scalar(b, loc).infinity(
      arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)), true);
  auto best = scf::ForOp::create(
      b, loc, none, all, one, ValueRange{all, lowest},
      [&](OpBuilder &in, Location where, Value i, ValueRange carried) {
        Scalar s(in, where);
        Value isLeft = tensor::ExtractOp::create(in, where, left, i);
        Value grade = tensor::ExtractOp::create(in, where, grades,
                                                ValueRange{at[0], at[1], i});
        Value isFirst = arith::CmpIOp::create(
            in, where, arith::CmpIPredicate::eq, carried[0], all);
        Value better = arith::OrIOp::create(
            in, where, isFirst,
            s.compare(arith::CmpFPredicate::OGT, grade, carried[1]));
        better = both(in, where, better, isLeft);
        scf::YieldOp::create(in, where,
                             ValueRange{s.select(better, i, carried[0]),
                                        s.select(better, grade, carried[1])});
      });
  return best.getResult(0);
}

/// The boxes of `left` but for the winner and those that overlap it.
Value Suppression::withoutRivals(OpBuilder &b, Location loc, Value batch,
                                 Value winner, Value left) const {
  Box chosen = readBox(b, loc, corners, batch, winner, isCentred);
  auto rest = scf::ForOp::create(
      b, loc, none, all, one, left,
      [&](OpBuilder &in, Location where, Value i, ValueRange carried) {
        Value isLeft = tensor::ExtractOp::create(in, where, carried[0], i);
        Box other = readBox(in, where, corners, batch, i, isCentred);
        Value goes = overlaps(in, where, chosen, other, overlap);
        goes = arith::OrIOp::create(
            in, where, goes,
            arith::CmpIOp::create(in, where, arith::CmpIPredicate::eq, i,
                                  winner));
        Value no = arith::ConstantOp::create(in, where, in.getBoolAttr(false));
        Value stays = arith::SelectOp::create(in, where, goes, no, isLeft);
        Value next = tensor::InsertOp::create(in, where, stays, carried[0], i);
        scf::YieldOp::create(in, where, next);
      });
  return rest.getResult(0);
}

/// One round: moves the best box that is left to the result. The state is the
/// list, how many it has, and the boxes that are left.
SmallVector<Value> Suppression::keepBest(OpBuilder &b, Location loc,
                                         ValueRange at,
                                         ValueRange state) const {
  Value winner = bestLeft(b, loc, at, state[2]);
  Value exists =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, winner, all);
  auto taken = scf::IfOp::create(
      b, loc, exists,
      [&](OpBuilder &in, Location where) {
        Value row = state[0];
        Value numbers[] = {at[0], at[1], winner};
        for (int64_t d = 0; d < 3; ++d)
          row = tensor::InsertOp::create(
              in, where, toI64(in, where, numbers[d]), row,
              ValueRange{state[1], indexOf(in, where, d)});
        Value rest = withoutRivals(in, where, at[0], winner, state[2]);
        Value next = arith::AddIOp::create(in, where, state[1], one);
        scf::YieldOp::create(in, where, ValueRange{row, next, rest});
      },
      [&](OpBuilder &in, Location where) {
        scf::YieldOp::create(in, where, state);
      });
  return SmallVector<Value>(taken.getResults());
}

/// Checks the operands of NonMaxSuppression and reads what boxes are judged by.
FailureOr<Suppression> readSuppression(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &boxes = *n.in(0), &scores = *n.in(1);
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.type != Float ||
      scores.type != Float ||
      !n.require(boxes.shape[2], n.size(4), "the numbers of a box") ||
      !n.require(scores.shape[2], boxes.shape[1], "the number of scores") ||
      !n.require(scores.shape[0], boxes.shape[0], "the batch of scores"))
    return n.fail("boxes and scores do not fit [batch, boxes, 4] and [batch, "
                  "classes, boxes] of f32");
  Suppression result;
  result.count = boxes.shape[1];
  result.most = n.size(0);
  if (n.has(2)) {
    FailureOr<SmallVector<OpFoldResult>> given =
        n.sizes(2, "max_output_boxes_per_class");
    if (failed(given) || given->size() != 1)
      return failure();
    result.most = n.compute(
        Emit::Arith::Max,
        n.compute(Emit::Arith::Min, given->front(), result.count), n.size(0));
  }
  Type f32 = n.b.getF32Type();
  result.overlap = n.has(3) ? n.scalar(*n.in(3)) : n.number(f32, 0);
  result.least = n.has(4) ? n.scalar(*n.in(4))
                          : Scalar(n.b, n.loc).infinity(n.number(f32, 0), true);
  result.isCentred = n.intOr("center_point_box", 0);
  result.corners = n.tensor(boxes);
  result.grades = n.tensor(scores);
  result.none = n.indexConstant(0);
  result.one = n.indexConstant(1);
  result.all = n.index(result.count);
  return result;
}

/// Of each batch and class the boxes in order of their scores, without those
/// that overlap one before them: [count, 3] of batch, class and box.
LogicalResult nonMaxSuppression(NodeEmit &n) {
  FailureOr<Suppression> judged = readSuppression(n);
  if (failed(judged))
    return failure();
  OpFoldResult batches = n.in(0)->shape[0], classes = n.in(1)->shape[1];
  Dims shape{n.mul(n.mul(batches, classes), judged->most), n.size(3)};
  Value list = n.empty(shape, n.b.getI64Type());
  if (Emit::constant(shape[0]) == 0)
    return n.set(n.make(list, Int64, shape));
  // Batch, class, and each round the best box that is left.
  ValueRange found = n.loops(
      {batches, classes}, {list, judged->none},
      [&](OpBuilder &b, Location loc, ValueRange at, ValueRange had) {
        Value left = judged->candidates(b, loc, at);
        auto rounds = scf::ForOp::create(
            b, loc, judged->none, Emit(b, loc).index(judged->most), judged->one,
            ValueRange{had[0], had[1], left},
            [&](OpBuilder &in, Location where, Value, ValueRange state) {
              scf::YieldOp::create(in, where,
                                   judged->keepBest(in, where, at, state));
            });
        return SmallVector<Value>{rounds.getResult(0), rounds.getResult(1)};
      });
  Val whole = n.make(found[0], Int64, shape);
  return n.set(n.sliceAxis(whole, 0, n.size(0), found[1]));
}

} // namespace

void addSelections(OperatorTable &t) {
  t.add("Compress", compress, 9);
  t.add("NonMaxSuppression", nonMaxSuppression, 10);
  t.add("NonZero", nonZero, 9);
}

} // namespace mlir::nm::onnx
