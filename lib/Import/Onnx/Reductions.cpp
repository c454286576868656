//===- Reductions.cpp - Sums, extrema, softmax -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Node.h"
#include "Scalars.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

enum class Kind : uint8_t {
  L1,
  L2,
  LogSum,
  LogSumExp,
  Max,
  Mean,
  Min,
  Prod,
  Sum,
  SumSquare
};

/// A reduction of `x` over `axes`; sums of narrow floats are f32.
class Reducer {
public:
  Reducer(NodeEmit &n, Val &x, ArrayRef<int64_t> axes, bool keep)
      : n(n), x(x), axes(axes.begin(), axes.end()), keep(keep),
        shape(Emit::reducedShape(n.b, x.shape, axes, keep)) {}

  Val run(Kind kind) {
    switch (kind) {
    case Kind::Max:
    case Kind::Min:
      return extremum(kind == Kind::Max);
    case Kind::LogSumExp:
      return logSumExp();
    default:
      return sums(kind);
    }
  }

private:
  Val extremum(bool max) {
    bool isUnsigned = isUnsignedType(x.type);
    Scalar s(n.b, n.loc);
    Type type = n.elementType(x.type);
    Value initial =
        max ? s.lowest(type, isUnsigned) : s.highest(type, isUnsigned);
    return n.make(n.reduce(
                      n.tensor(x), x.shape, axes, initial,
                      [&](OpBuilder &b, Location loc, Value e, Value m) {
                        Scalar t(b, loc);
                        return max ? t.max(m, e, isUnsigned)
                                   : t.min(m, e, isUnsigned);
                      },
                      keep),
                  x.type, shape);
  }

  Val sums(Kind kind) {
    int32_t wide =
        x.type == Float16 || x.type == Bfloat16 ? int32_t(Float) : x.type;
    Val input = n.castTo(x, wide);
    Type type = n.elementType(wide);
    bool product = kind == Kind::Prod;
    Value total = n.reduce(
        n.tensor(input), x.shape, axes, n.number(type, product ? 1 : 0),
        [&](OpBuilder &b, Location loc, Value e, Value sum) -> Value {
          Scalar s(b, loc);
          if (product)
            return s.mul(sum, e);
          if (kind == Kind::L2 || kind == Kind::SumSquare)
            e = s.mul(e, e);
          else if (kind == Kind::L1 && isa<FloatType>(type))
            e = math::AbsFOp::create(b, loc, e);
          else if (kind == Kind::L1 && !isUnsignedType(wide))
            e = s.max(e, s.sub(s.number(e, 0), e), false);
          return s.add(sum, e);
        },
        keep);
    Val result = n.make(total, wide, shape);
    if (kind == Kind::Mean) {
      Dims reduced;
      for (int64_t axis : axes)
        reduced.push_back(x.shape[axis]);
      Value count = arith::IndexCastOp::create(n.b, n.loc, n.b.getI64Type(),
                                               n.index(n.product(reduced)));
      Value divisor = n.cast(count, Int64, wide);
      result = n.unary(result, [&](OpBuilder &b, Location loc, ValueRange a) {
        return Scalar(b, loc).div(a[0], divisor, isUnsignedType(wide));
      });
    } else if (kind == Kind::L2 || kind == Kind::LogSum) {
      result = overReals(result, [&](Scalar &s, Value e) -> Value {
        if (kind == Kind::L2)
          return math::SqrtOp::create(s.b, s.loc, e);
        return math::LogOp::create(s.b, s.loc, e);
      });
    }
    return n.castTo(result, x.type);
  }

  /// Roots and logarithms of integers are those of f64, cut off.
  Val overReals(Val &input, llvm::function_ref<Value(Scalar &, Value)> body) {
    int32_t type = input.type;
    return n.unary(input, [&](OpBuilder &b, Location loc, ValueRange a) {
      Scalar s(b, loc);
      if (isFloatType(type))
        return body(s, a[0]);
      Emit e(b, loc);
      return e.cast(body(s, e.cast(a[0], type, Double)), Double, type);
    });
  }

  /// max + log(sum(exp(x - max))): exact where the exponentials overflow.
  Val logSumExp() {
    int32_t wide = x.type == Double || !isFloatType(x.type) ? int32_t(Double)
                                                            : int32_t(Float);
    Val input = n.castTo(x, wide);
    Reducer inner(n, input, axes, true);
    Val most = inner.extremum(true);
    // No shift by an infinity: inf - inf is no number.
    Val shift = n.unary(most, [](OpBuilder &b, Location loc, ValueRange a) {
      Scalar s(b, loc);
      Value size = math::AbsFOp::create(b, loc, a[0]);
      Value finite =
          s.compare(arith::CmpFPredicate::OLT, size, s.infinity(a[0], false));
      return s.select(finite, a[0], s.number(a[0], 0));
    });
    Val powers = n.elementwise({&input, &shift}, wide, x.shape,
                               [](OpBuilder &b, Location loc, ValueRange a) {
                                 Scalar s(b, loc);
                                 return s.exp(s.sub(a[0], a[1]));
                               });
    Reducer total(n, powers, axes, true);
    Val sum = total.sums(Kind::Sum);
    Val result =
        n.binary(sum, shift, [](OpBuilder &b, Location loc, ValueRange a) {
          Value log = math::LogOp::create(b, loc, a[0]);
          return Scalar(b, loc).add(log, a[1]);
        });
    result = n.castTo(result, x.type);
    return n.reshape(result, shape);
  }

  NodeEmit &n;
  Val &x;
  SmallVector<int64_t> axes;
  bool keep;
  Dims shape;
};

template <Kind kind> LogicalResult reduction(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  if (x.type == Bool && kind != Kind::Max && kind != Kind::Min)
    return n.fail("elements are bool, expected numbers");
  FailureOr<std::optional<SmallVector<int64_t>>> given =
      n.attributeOrInput("axes", 1);
  if (failed(given))
    return failure();
  SmallVector<int64_t> list = given->value_or(SmallVector<int64_t>());
  if (list.empty()) {
    // An operator of its own: then each element is reduced by itself.
    if (n.intOr("noop_with_empty_axes", 0)) {
      if (kind != Kind::L1 && kind != Kind::L2 && kind != Kind::SumSquare &&
          kind != Kind::LogSum)
        return n.set(x);
    } else {
      llvm::append_range(list, llvm::seq<int64_t>(0, x.rank()));
    }
  }
  FailureOr<SmallVector<int64_t>> axes = n.axes(list, x.rank());
  if (failed(axes))
    return failure();
  // Products of sizes are shape arithmetic.
  std::optional<SmallVector<int64_t>> known = x.ints();
  if (kind == Kind::Prod && x.content && x.rank() == 1 && axes->size() == 1 &&
      x.type == Int64) {
    Dims shape =
        Emit::reducedShape(n.b, x.shape, *axes, n.intOr("keepdims", 1) != 0);
    return n.set(n.known(Int64, shape, n.product(*x.content)));
  }
  return n.set(Reducer(n, x, *axes, n.intOr("keepdims", 1) != 0).run(kind));
}

/// The place of the best element along an axis, the first or the last of equal
/// ones: value and place of the best so far.
template <bool max>
Val bestAlong(NodeEmit &n, Val &x, int64_t axis, bool last, bool keep) {
  bool isUnsigned = isUnsignedType(x.type), isFloat = isFloatType(x.type);
  Dims gone = Emit::reducedShape(n.b, x.shape, axis, false);
  Type element = n.elementType(x.type), i64 = n.b.getI64Type();
  Scalar s(n.b, n.loc);
  Value worst =
      max ? s.lowest(element, isUnsigned) : s.highest(element, isUnsigned);
  SmallVector<Value> inits{n.filled(gone, worst),
                           n.filled(gone, n.integer(i64, 0))};
  SmallVector<AffineExpr> exprs;
  SmallVector<utils::IteratorType> iterators;
  for (int64_t d = 0; d < x.rank(); ++d) {
    iterators.push_back(d == axis ? utils::IteratorType::reduction
                                  : utils::IteratorType::parallel);
    if (d != axis)
      exprs.push_back(n.b.getAffineDimExpr(d));
  }
  AffineMap out = AffineMap::get(x.rank(), 0, exprs, n.b.getContext());
  SmallVector<AffineMap> maps{n.b.getMultiDimIdentityMap(x.rank()), out, out};
  auto op = linalg::GenericOp::create(
      n.b, n.loc, ValueRange(inits).getTypes(), n.tensor(x), inits, maps,
      iterators, [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar t(b, loc);
        Value place = arith::IndexCastOp::create(
            b, loc, i64, linalg::IndexOp::create(b, loc, axis));
        Value better = max ? t.greater(a[0], a[1], isUnsigned)
                           : t.greater(a[1], a[0], isUnsigned);
        if (last) {
          Value equal =
              isFloat ? t.compare(arith::CmpFPredicate::OEQ, a[0], a[1])
                      : arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                              a[0], a[1])
                            .getResult();
          better = arith::OrIOp::create(b, loc, better, equal);
        }
        if (isFloat) {
          // The first NaN wins, as in NumPy.
          Value isNan = t.compare(arith::CmpFPredicate::UNO, a[0], a[0]);
          Value had = t.compare(arith::CmpFPredicate::ORD, a[1], a[1]);
          better = arith::OrIOp::create(
              b, loc, better, arith::AndIOp::create(b, loc, isNan, had));
        }
        linalg::YieldOp::create(b, loc,
                                ValueRange{t.select(better, a[0], a[1]),
                                           t.select(better, place, a[2])});
      });
  Dims shape = Emit::reducedShape(n.b, x.shape, axis, keep);
  return n.make(n.reshape(op.getResult(1), gone, shape), Int64, shape);
}

/// ArgMax and ArgMin.
template <bool max> LogicalResult argument(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", 0), x.rank());
  if (failed(axis))
    return failure();
  return n.set(bestAlong<max>(n, x, *axis, n.intOr("select_last_index", 0),
                              n.intOr("keepdims", 1)));
}

/// One where the first of the largest elements along an axis is, else zero.
LogicalResult hardmax(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val x = *n.in(0);
  bool flattens = n.opset < 13;
  FailureOr<int64_t> axis =
      n.axis(n.intOr("axis", flattens ? 1 : -1), x.rank());
  if (failed(axis))
    return failure();
  Dims shape = x.shape;
  if (flattens && *axis != x.rank() - 1) {
    ArrayRef<OpFoldResult> sizes = shape;
    x = n.reshape(x, {n.product(sizes.take_front(*axis)),
                      n.product(sizes.drop_front(*axis))});
    axis = 1;
  }
  Val place = bestAlong<true>(n, x, *axis, false, true);
  Val result = n.elementwise(
      {&x, &place}, x.type, x.shape,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Value at = arith::IndexCastOp::create(
            b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, *axis));
        Value isBest =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, at, a[1]);
        return s.select(isBest, s.number(a[0], 1), s.number(a[0], 0));
      });
  return n.set(n.reshape(result, shape));
}

template <bool logarithm> LogicalResult softmax(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  if (!isFloatType(x.type))
    return n.fail("elements are " + elementTypeName(x.type) +
                  ", expected floating-point numbers");
  bool flattens = n.opset < 13;
  FailureOr<int64_t> axis =
      n.axis(n.intOr("axis", flattens ? 1 : -1), x.rank());
  if (failed(axis))
    return failure();
  // Before version 13 all dimensions from the axis on were one.
  if (flattens && *axis != x.rank() - 1) {
    ArrayRef<OpFoldResult> sizes = x.shape;
    Val flat = n.reshape(x, {n.product(sizes.take_front(*axis)),
                             n.product(sizes.drop_front(*axis))});
    Val result = n.softmax(flat, 1, logarithm);
    return n.set(n.reshape(result, x.shape));
  }
  return n.set(n.softmax(x, *axis, logarithm));
}

/// CumSum along one axis, in order.
LogicalResult cumSum(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &x = *n.in(0);
  FailureOr<SmallVector<int64_t>> given = n.constantInts(1, "axis");
  if (failed(given) || given->empty())
    return failure();
  FailureOr<int64_t> axis = n.axis(given->front(), x.rank());
  if (failed(axis))
    return failure();
  bool exclusive = n.intOr("exclusive", 0), reverse = n.intOr("reverse", 0);
  Value source = n.tensor(x);
  Value init = n.empty(x.shape, n.elementType(x.type));
  Value last = n.index(n.Emit::sub(x.shape[*axis], n.size(1)));
  Value zero = n.number(n.elementType(x.type), 0);
  // The rest outside, so that the sum is carried by the innermost loop.
  Dims others = x.shape;
  OpFoldResult count = x.shape[*axis];
  others.erase(others.begin() + *axis);
  Value begin = n.indexConstant(0), step = n.indexConstant(1);
  Value end = n.index(count);
  ValueRange result = n.loops(
      others, init,
      [&](OpBuilder &b, Location loc, ValueRange place, ValueRange carried) {
        auto loop = scf::ForOp::create(
            b, loc, begin, end, step, ValueRange{carried[0], zero},
            [&](OpBuilder &in, Location at, Value i, ValueRange v) {
              Value along =
                  reverse ? arith::SubIOp::create(in, at, last, i).getResult()
                          : i;
              SmallVector<Value> where(place);
              where.insert(where.begin() + *axis, along);
              Scalar s(in, at);
              Value element = tensor::ExtractOp::create(in, at, source, where);
              Value sum = s.add(v[1], element);
              Value next = tensor::InsertOp::create(
                  in, at, exclusive ? v[1] : sum, v[0], where);
              scf::YieldOp::create(in, at, ValueRange{next, sum});
            });
        return SmallVector<Value>{loop.getResult(0)};
      });
  return n.set(n.make(result[0], x.type, x.shape));
}

} // namespace

void addReductions(OperatorTable &t) {
  t.family("reductions");
  t.add("ArgMax", argument<true>);
  t.add("ArgMin", argument<false>);
  t.add("CumSum", cumSum, 11, "an axis known only when the model runs");
  t.add("Hardmax", hardmax);
  t.add("LogSoftmax", softmax<true>);
  t.add("ReduceL1", reduction<Kind::L1>);
  t.add("ReduceL2", reduction<Kind::L2>);
  t.add("ReduceLogSum", reduction<Kind::LogSum>);
  t.add("ReduceLogSumExp", reduction<Kind::LogSumExp>);
  t.add("ReduceMax", reduction<Kind::Max>);
  t.add("ReduceMean", reduction<Kind::Mean>);
  t.add("ReduceMin", reduction<Kind::Min>);
  t.add("ReduceProd", reduction<Kind::Prod>);
  t.add("ReduceSum", reduction<Kind::Sum>);
  t.add("ReduceSumSquare", reduction<Kind::SumSquare>);
  t.add("Softmax", softmax<false>);
}

} // namespace mlir::nm::onnx
