//===- Gathers.cpp - Gathers, scatters, generators -*- C++ -*-===//
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
#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::nm::onnx {

namespace {

/// An index of the data's axis from an element of the indices: from the end if
/// it is negative.
Value fromEnd(OpBuilder &b, Location loc, Value element, Value size) {
  Value place = arith::IndexCastOp::create(b, loc, b.getIndexType(), element);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value negative =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, place, zero);
  Value wrapped = arith::AddIOp::create(b, loc, place, size);
  return arith::SelectOp::create(b, loc, negative, wrapped, place);
}

/// Indices that are constants are checked here, others by compiled code.
LogicalResult checkConstantIndices(NodeEmit &n, const Val &indices,
                                   OpFoldResult size) {
  std::optional<SmallVector<int64_t>> places = indices.ints();
  std::optional<int64_t> count = Emit::constant(size);
  if (!places || !count)
    return success();
  for (int64_t place : *places)
    if (place < -*count || place >= *count)
      return n.fail("index " + Twine(place) + " is outside of an axis of " +
                    Twine(*count));
  return success();
}

LogicalResult gather(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &data = *n.in(0);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", 0), data.rank());
  if (failed(axis) ||
      failed(checkConstantIndices(n, *n.in(1), data.shape[*axis])))
    return failure();
  return n.set(n.gatherAlong(data, *n.in(1), *axis));
}

/// One loop for each element of `indices`, which stay an operand so that
/// their range is checked before.
Val overIndices(NodeEmit &n, Val &indices, int32_t type,
                llvm::function_ref<Value(OpBuilder &, Location, Value element,
                                         ValueRange place)>
                    body) {
  Value init = n.empty(indices.shape, n.elementType(type));
  AffineMap identity = n.b.getMultiDimIdentityMap(indices.rank());
  SmallVector<utils::IteratorType> iterators(indices.rank(),
                                             utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(
      n.b, n.loc, init.getType(), n.tensor(indices), init,
      ArrayRef<AffineMap>{identity, identity}, iterators,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        SmallVector<Value> place;
        for (int64_t d = 0; d < indices.rank(); ++d)
          place.push_back(linalg::IndexOp::create(b, loc, d));
        linalg::YieldOp::create(b, loc, body(b, loc, a[0], place));
      });
  return n.make(op.getResult(0), type, indices.shape);
}

LogicalResult gatherElements(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &data = *n.in(0), &indices = *n.in(1);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", 0), data.rank());
  if (failed(axis) ||
      failed(checkConstantIndices(n, indices, data.shape[*axis])))
    return failure();
  if (indices.rank() != data.rank())
    return n.fail("indices have rank " + Twine(indices.rank()) +
                  ", expected that of the data, " + Twine(data.rank()));
  Value source = n.tensor(data), size = n.index(data.shape[*axis]);
  return n.set(overIndices(
      n, indices, data.type,
      [&](OpBuilder &b, Location loc, Value element, ValueRange place) {
        SmallVector<Value> from(place);
        from[*axis] = fromEnd(b, loc, element, size);
        return tensor::ExtractOp::create(b, loc, source, from).getResult();
      }));
}

/// data[batch.., index.., rest..] for index tuples of the last dimension.
LogicalResult gatherNd(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &data = *n.in(0), &indices = *n.in(1);
  int64_t batch = n.intOr("batch_dims", 0);
  std::optional<int64_t> depth =
      indices.rank() ? Emit::constant(indices.shape.back()) : std::nullopt;
  if (!depth || batch < 0 || *depth < 1 || batch >= indices.rank() ||
      batch + *depth > data.rank())
    return n.fail("indices do not fit data of rank " + Twine(data.rank()));
  Dims shape(indices.shape.begin(), indices.shape.end() - 1);
  int64_t outer = static_cast<int64_t>(shape.size());
  shape.append(data.shape.begin() + batch + *depth, data.shape.end());
  Value source = n.tensor(data), tuples = n.tensor(indices);
  SmallVector<Value> sizes = n.indices(data.shape);
  return n.set(n.generate(
      data.type, shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        SmallVector<Value> from(place.take_front(batch));
        SmallVector<Value> tuple(place.take_front(outer));
        for (int64_t k = 0; k < *depth; ++k) {
          tuple.push_back(arith::ConstantIndexOp::create(b, loc, k));
          Value element = tensor::ExtractOp::create(b, loc, tuples, tuple);
          tuple.pop_back();
          from.push_back(fromEnd(b, loc, element, sizes[batch + k]));
        }
        llvm::append_range(from, place.drop_front(outer));
        return tensor::ExtractOp::create(b, loc, source, from).getResult();
      }));
}

/// What a scatter leaves where several updates meet.
Value combine(Scalar &s, StringRef kind, Value old, Value update,
              bool isUnsigned) {
  if (kind == "add")
    return update.getType().isInteger(1)
               ? arith::OrIOp::create(s.b, s.loc, old, update).getResult()
               : s.add(old, update);
  if (kind == "mul")
    return s.mul(old, update);
  if (kind == "max")
    return s.max(old, update, isUnsigned);
  if (kind == "min")
    return s.min(old, update, isUnsigned);
  return update;
}

LogicalResult checkReduction(NodeEmit &n, StringRef kind) {
  for (StringRef known : {"none", "add", "mul", "max", "min"})
    if (kind == known)
      return success();
  return n.fail("reduction is '" + kind +
                "', expected none, add, mul, max or min");
}

/// Compiled code gives up where an index leaves its axis, before anything is
/// written.
void requireWithin(NodeEmit &n, Val &indices, Value size) {
  Value zero = n.indexConstant(0);
  // The extremes of all indices are what is checked.
  Type element = n.elementType(indices.type);
  SmallVector<int64_t> all;
  llvm::append_range(all, llvm::seq<int64_t>(0, indices.rank()));
  for (bool upper : {false, true}) {
    Scalar s(n.b, n.loc);
    Value most = n.reduce(
        n.tensor(indices), indices.shape, all, n.integer(element, 0),
        [&](OpBuilder &b, Location loc, Value e, Value m) {
          Scalar t(b, loc);
          return upper ? t.max(m, e, false) : t.min(m, e, false);
        },
        false);
    Value bound = tensor::ExtractOp::create(n.b, n.loc, most, ValueRange{});
    bound = arith::IndexCastOp::create(n.b, n.loc, n.b.getIndexType(), bound);
    Value low = arith::SubIOp::create(n.b, n.loc, zero, size);
    Value fits = arith::CmpIOp::create(n.b, n.loc,
                                       upper ? arith::CmpIPredicate::slt
                                             : arith::CmpIPredicate::sge,
                                       bound, upper ? size : low);
    // No index, no fault.
    OpFoldResult count = n.product(indices.shape);
    if (!Emit::constant(count)) {
      Value none = arith::CmpIOp::create(n.b, n.loc, arith::CmpIPredicate::eq,
                                         n.index(count), zero);
      fits = arith::OrIOp::create(n.b, n.loc, fits, none);
    } else if (*Emit::constant(count) == 0) {
      return;
    }
    RequireOp::create(
        n.b, n.loc, fits,
        n.b.getStringAttr("index {0} is outside of an axis of {1}"),
        ValueRange{bound, size});
  }
}

/// `data` with the updates at the places that `placeOf` gives for each of
/// `shape`, one after another.
LogicalResult
scatter(NodeEmit &n, Val &data, Val &updates, StringRef kind,
        ArrayRef<OpFoldResult> shape,
        function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange)>
            placeOf) {
  Value values = n.tensor(updates);
  bool isUnsigned = isUnsignedType(data.type);
  ValueRange result = n.loops(
      shape, n.tensor(data),
      [&](OpBuilder &b, Location loc, ValueRange at, ValueRange carried) {
        SmallVector<Value> to = placeOf(b, loc, at);
        Value update = tensor::ExtractOp::create(b, loc, values, at);
        if (kind != "none") {
          Scalar s(b, loc);
          update = combine(s, kind,
                           tensor::ExtractOp::create(b, loc, carried[0], to),
                           update, isUnsigned);
        }
        return SmallVector<Value>{
            tensor::InsertOp::create(b, loc, update, carried[0], to)};
      });
  return n.set(n.make(result[0], data.type, data.shape));
}

LogicalResult scatterElements(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  Val &data = *n.in(0), &indices = *n.in(1), &updates = *n.in(2);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", 0), data.rank());
  StringRef kind = n.stringOr("reduction", "none");
  if (failed(axis) || failed(checkReduction(n, kind)) ||
      failed(checkConstantIndices(n, indices, data.shape[*axis])))
    return failure();
  if (indices.rank() != data.rank() || updates.rank() != data.rank())
    return n.fail("data, indices and updates differ in rank");
  for (int64_t d = 0; d < data.rank(); ++d)
    if (!n.require(updates.shape[d], indices.shape[d],
                   "dimension " + Twine(d) + " of the updates"))
      return n.fail("indices and updates differ in dimension " + Twine(d));
  Value places = n.tensor(indices);
  Value size = n.index(data.shape[*axis]);
  requireWithin(n, indices, size);
  return scatter(n, data, updates, kind, indices.shape,
                 [&](OpBuilder &b, Location loc, ValueRange at) {
                   SmallVector<Value> to(at);
                   Value place = tensor::ExtractOp::create(b, loc, places, at);
                   to[*axis] = fromEnd(b, loc, place, size);
                   return to;
                 });
}

LogicalResult scatterNd(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  Val &data = *n.in(0), &indices = *n.in(1), &updates = *n.in(2);
  StringRef kind = n.stringOr("reduction", "none");
  if (failed(checkReduction(n, kind)))
    return failure();
  std::optional<int64_t> depth =
      indices.rank() ? Emit::constant(indices.shape.back()) : std::nullopt;
  if (!depth || *depth < 1 || *depth > data.rank())
    return n.fail("indices do not fit data of rank " + Twine(data.rank()));
  int64_t outer = indices.rank() - 1;
  Dims expected(indices.shape.begin(), indices.shape.end() - 1);
  expected.append(data.shape.begin() + *depth, data.shape.end());
  if (updates.rank() != static_cast<int64_t>(expected.size()))
    return n.fail("updates have rank " + Twine(updates.rank()) + ", expected " +
                  Twine(expected.size()));
  for (auto [d, one] : llvm::enumerate(expected))
    if (!n.require(updates.shape[d], one,
                   "dimension " + Twine(d) + " of the updates"))
      return n.fail("dimension " + Twine(d) + " of the updates does not fit");
  Value tuples = n.tensor(indices);
  SmallVector<Value> sizes = n.indices(data.shape);
  for (int64_t k = 0; k < *depth; ++k) {
    Val column = n.sliceAxis(indices, outer, n.size(k), n.size(1));
    requireWithin(n, column, sizes[k]);
  }
  return scatter(n, data, updates, kind, expected,
                 [&](OpBuilder &b, Location loc, ValueRange at) {
                   SmallVector<Value> to, tuple(at.take_front(outer));
                   for (int64_t k = 0; k < *depth; ++k) {
                     tuple.push_back(arith::ConstantIndexOp::create(b, loc, k));
                     Value element =
                         tensor::ExtractOp::create(b, loc, tuples, tuple);
                     tuple.pop_back();
                     to.push_back(fromEnd(b, loc, element, sizes[k]));
                   }
                   llvm::append_range(to, at.drop_front(outer));
                   return to;
                 });
}

LogicalResult oneHot(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  Val &indices = *n.in(0), &values = *n.in(2);
  if (values.rank() != 1 ||
      !n.require(values.shape[0], n.size(2), "the list of values"))
    return n.fail("expected a list of two values, off and on");
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", -1), indices.rank() + 1);
  if (failed(axis))
    return failure();
  Val number = n.castTo(*n.in(1), Int64);
  OpFoldResult depth;
  if (n.in(1)->content || n.isKnownNow(*n.in(1))) {
    FailureOr<SmallVector<int64_t>> given = n.constantInts(1, "depth");
    if (failed(given) || given->empty())
      return failure();
    depth = n.size(given->front());
  } else {
    depth = arith::IndexCastOp::create(n.b, n.loc, n.b.getIndexType(),
                                       n.scalar(number))
                .getResult();
  }
  Dims shape = indices.shape;
  shape.insert(shape.begin() + *axis, depth);
  Val places = n.castTo(indices, Int64);
  Value list = n.tensor(places), pair = n.tensor(values);
  Value size = n.index(depth);
  return n.set(n.generate(
      values.type, shape,
      [&](OpBuilder &b, Location loc, ValueRange place) -> Value {
        SmallVector<Value> from(place);
        Value here = place[*axis];
        from.erase(from.begin() + *axis);
        Value wanted = fromEnd(
            b, loc, tensor::ExtractOp::create(b, loc, list, from), size);
        Value on = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                         wanted, here);
        Value zero = arith::ConstantIndexOp::create(b, loc, 0);
        Value one = arith::ConstantIndexOp::create(b, loc, 1);
        Value which = arith::SelectOp::create(b, loc, on, one, zero);
        return tensor::ExtractOp::create(b, loc, pair, which);
      }));
}

LogicalResult trilu(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  if (x.rank() < 2)
    return n.fail("has an input of rank " + Twine(x.rank()) +
                  ", expected 2 or more");
  bool upper = n.intOr("upper", 1);
  Value k = n.indexConstant(0);
  if (n.has(1))
    k = arith::IndexCastOp::create(n.b, n.loc, n.b.getIndexType(),
                                   n.scalar(*n.in(1)));
  Value source = n.tensor(x);
  return n.set(n.generate(
      x.type, x.shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        Value row = place[x.rank() - 2], column = place.back();
        Value diagonal = arith::AddIOp::create(b, loc, row, k);
        Value kept = arith::CmpIOp::create(b, loc,
                                           upper ? arith::CmpIPredicate::sge
                                                 : arith::CmpIPredicate::sle,
                                           column, diagonal);
        Value element = tensor::ExtractOp::create(b, loc, source, place);
        Scalar s(b, loc);
        return s.select(kept, element, s.number(element, 0));
      }));
}

LogicalResult eyeLike(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  auto type = static_cast<int32_t>(n.intOr("dtype", x.type));
  if (x.rank() != 2 || !n.elementType(type))
    return n.fail("expected a matrix and an element type that is supported");
  Value k = n.indexConstant(n.intOr("k", 0));
  Type element = n.elementType(type);
  return n.set(n.generate(
      type, x.shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        Value diagonal = arith::AddIOp::create(b, loc, place[0], k);
        Value on = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                         place[1], diagonal);
        Emit e(b, loc);
        return arith::SelectOp::create(b, loc, on, e.number(element, 1),
                                       e.number(element, 0))
            .getResult();
      }));
}

LogicalResult range(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  int32_t type = n.in(0)->type;
  for (size_t i = 0; i < 3; ++i) {
    if (n.in(i)->type != type)
      return n.fail("start, limit and delta are of different types");
    if (!n.require(n.product(n.in(i)->shape), n.size(1), "a bound"))
      return n.fail("start, limit and delta are not one number each");
  }
  Val start = n.reshape(*n.in(0), {}), delta = n.reshape(*n.in(2), {});
  OpFoldResult count;
  if (!isFloatType(type) && n.in(0)->content && n.in(1)->content &&
      n.in(2)->content) {
    OpFoldResult first = n.in(0)->content->front(),
                 last = n.in(1)->content->front(),
                 step = n.in(2)->content->front();
    std::optional<int64_t> known = Emit::constant(step);
    if (known == 0)
      return n.fail("delta is 0");
    OpFoldResult span =
        known && *known < 0 ? n.sub(first, last) : n.sub(last, first);
    OpFoldResult by = known && *known < 0 ? n.size(-*known) : step;
    count = n.compute(Emit::Arith::Max,
                      n.compute(Emit::Arith::CeilDiv, span, by), n.size(0));
    std::optional<int64_t> total = Emit::constant(count),
                           begin = Emit::constant(first);
    constexpr int64_t most = 1024;
    if (total && begin && known && *total <= most) {
      SmallVector<OpFoldResult> content;
      for (int64_t i = 0; i < *total; ++i)
        content.push_back(n.size(*begin + i * *known));
      return n.set(n.known(type, count, content));
    }
  } else {
    // ceil((limit - start) / delta), at least 0.
    Value a = n.cast(n.scalar(*n.in(0)), type, Double);
    Value c = n.cast(n.scalar(*n.in(1)), type, Double);
    Value d = n.cast(n.scalar(*n.in(2)), type, Double);
    Scalar s(n.b, n.loc);
    Value steps =
        math::CeilOp::create(n.b, n.loc, s.div(s.sub(c, a), d, false));
    Value whole = arith::FPToSIOp::create(n.b, n.loc, n.b.getI64Type(), steps);
    count = n.compute(
        Emit::Arith::Max,
        arith::IndexCastOp::create(n.b, n.loc, n.b.getIndexType(), whole)
            .getResult(),
        n.size(0));
  }
  Value first = n.scalar(start), step = n.scalar(delta);
  return n.set(n.generate(
      type, count, [&](OpBuilder &b, Location loc, ValueRange place) {
        Scalar s(b, loc);
        Value i = arith::IndexCastOp::create(b, loc, b.getI64Type(), place[0]);
        Value at = Emit(b, loc).cast(i, Int64, type);
        return s.add(first, s.mul(at, step));
      }));
}

/// The k best along an axis, one after another: the best element after the one
/// before it in the order of value, then of place.
LogicalResult topK(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", -1), x.rank());
  if (failed(axis))
    return failure();
  OpFoldResult k;
  if (auto old = n.intAttribute("k")) {
    k = n.size(*old);
  } else {
    FailureOr<SmallVector<OpFoldResult>> given = n.sizes(1, "k");
    if (failed(given) || given->size() != 1)
      return failure();
    k = given->front();
  }
  if (std::optional<int64_t> wanted = Emit::constant(k),
      have = Emit::constant(x.shape[*axis]);
      wanted && have && (*wanted > *have || *wanted < 0))
    return n.fail("takes " + Twine(*wanted) + " elements of an axis of " +
                  Twine(*have));
  bool largest = n.intOr("largest", 1), isUnsigned = isUnsignedType(x.type);
  Dims shape = x.shape;
  shape[*axis] = k;
  Dims others = x.shape;
  others.erase(others.begin() + *axis);
  Type element = n.elementType(x.type), i64 = n.b.getI64Type();
  Value source = n.tensor(x);
  SmallVector<Value> inits{n.empty(shape, element), n.empty(shape, i64)};
  Value zero = n.indexConstant(0), one = n.indexConstant(1);
  Value count = n.index(k), length = n.index(x.shape[*axis]);
  Value minus = n.indexConstant(-1);
  Value nothing = n.number(element, 0);
  ValueRange results = n.loops(
      others, inits,
      [&](OpBuilder &b, Location loc, ValueRange rest, ValueRange carried) {
        auto at = [&](Value along) {
          SmallVector<Value> place(rest);
          place.insert(place.begin() + *axis, along);
          return place;
        };
        auto outer = scf::ForOp::create(
            b, loc, zero, count, one,
            ValueRange{carried[0], carried[1], nothing, minus},
            [&](OpBuilder &b1, Location l1, Value i, ValueRange v) {
              auto inner = scf::ForOp::create(
                  b1, l1, zero, length, one, ValueRange{nothing, minus},
                  [&](OpBuilder &b2, Location l2, Value j, ValueRange best) {
                    Scalar s(b2, l2);
                    Value e = tensor::ExtractOp::create(b2, l2, source, at(j));
                    auto before = [&](Value a, Value c) {
                      return largest ? s.greater(a, c, isUnsigned)
                                     : s.greater(c, a, isUnsigned);
                    };
                    auto both = [&](Value a, Value c) -> Value {
                      return arith::AndIOp::create(b2, l2, a, c);
                    };
                    auto either = [&](Value a, Value c) -> Value {
                      return arith::OrIOp::create(b2, l2, a, c);
                    };
                    auto index = [&](arith::CmpIPredicate p, Value a,
                                     Value c) -> Value {
                      return arith::CmpIOp::create(b2, l2, p, a, c);
                    };
                    Value no = Emit(b2, l2).integer(b2.getI1Type(), 1);
                    auto isNot = [&](Value a) -> Value {
                      return arith::XOrIOp::create(b2, l2, a, no);
                    };
                    // After the last one: worse, or as good and further on.
                    Value first = index(arith::CmpIPredicate::slt, v[3], zero);
                    Value later =
                        either(before(v[2], e),
                               both(isNot(before(e, v[2])),
                                    index(arith::CmpIPredicate::sgt, j, v[3])));
                    Value open = either(first, later);
                    Value none =
                        index(arith::CmpIPredicate::slt, best[1], zero);
                    Value better = both(open, either(none, before(e, best[0])));
                    scf::YieldOp::create(
                        b2, l2,
                        ValueRange{s.select(better, e, best[0]),
                                   s.select(better, j, best[1])});
                  });
              Value place =
                  arith::IndexCastOp::create(b1, l1, i64, inner.getResult(1));
              Value values = tensor::InsertOp::create(
                  b1, l1, inner.getResult(0), v[0], at(i));
              Value places =
                  tensor::InsertOp::create(b1, l1, place, v[1], at(i));
              scf::YieldOp::create(b1, l1,
                                   ValueRange{values, places,
                                              inner.getResult(0),
                                              inner.getResult(1)});
            });
        return SmallVector<Value>{outer.getResult(0), outer.getResult(1)};
      });
  (void)n.set(n.make(results[0], x.type, shape), 0);
  return n.set(n.make(results[1], Int64, shape), 1);
}

/// The first elements of each sequence along `time_axis` in reverse order.
LogicalResult reverseSequence(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &x = *n.in(0), &lengths = *n.in(1);
  int64_t time = n.intOr("time_axis", 0), batch = n.intOr("batch_axis", 1);
  if (x.rank() < 2 || time == batch || time < 0 || batch < 0 || time > 1 ||
      batch > 1 || lengths.rank() != 1 ||
      !n.require(lengths.shape[0], x.shape[batch], "the list of lengths"))
    return n.fail("expected time_axis and batch_axis 0 and 1, in any order, "
                  "and one length for each of the batch");
  Value source = n.tensor(x), ends = n.tensor(lengths);
  Value most = n.index(x.shape[time]);
  return n.set(n.generate(
      x.type, x.shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        Value length = arith::IndexCastOp::create(
            b, loc, b.getIndexType(),
            tensor::ExtractOp::create(b, loc, ends, place[batch]));
        length = arith::MinSIOp::create(b, loc, length, most);
        Value one = arith::ConstantIndexOp::create(b, loc, 1);
        Value last = arith::SubIOp::create(b, loc, length, one);
        Value isInside = arith::CmpIOp::create(
            b, loc, arith::CmpIPredicate::slt, place[time], length);
        SmallVector<Value> from(place);
        from[time] = arith::SelectOp::create(
            b, loc, isInside, arith::SubIOp::create(b, loc, last, place[time]),
            place[time]);
        return tensor::ExtractOp::create(b, loc, source, from).getResult();
      }));
}

} // namespace

void addGathers(OperatorTable &t) {
  t.family("gathers and scatters");
  t.add("EyeLike", eyeLike, 9);
  t.add("Gather", gather);
  t.add("GatherElements", gatherElements, 11);
  t.add("GatherND", gatherNd, 11);
  t.add("OneHot", oneHot, 9);
  t.add("Range", range, 11);
  t.add("ReverseSequence", reverseSequence, 10);
  t.add("Scatter", scatterElements, 9);
  t.add("ScatterElements", scatterElements, 11);
  t.add("ScatterND", scatterNd, 11);
  t.add("TensorScatter", tensorScatter, 24);
  t.add("TopK", topK, 1, "NaN as an order");
  t.add("Trilu", trilu, 14);
  addSelections(t);
  for (StringRef name : {"Gather", "GatherElements", "GatherND", "Scatter",
                         "ScatterElements", "ScatterND", "Trilu"})
    t.takes(name, {Elements::Any, Elements::Index});
}

} // namespace mlir::nm::onnx
