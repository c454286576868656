//===- Windows.cpp - Convolution and pooling -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"
#include "Scalars.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

using utils::IteratorType;

FailureOr<Windows> readWindows(NodeEmit &n, const Val &x,
                               ArrayRef<OpFoldResult> kernel) {
  Windows w;
  w.kernel.assign(kernel.begin(), kernel.end());
  auto count = static_cast<size_t>(x.rank() - 2);
  auto read = [&](StringRef name, int64_t otherwise, size_t expected,
                  int64_t least, SmallVectorImpl<int64_t> &list) {
    list.assign(expected, otherwise);
    if (auto given = n.intsAttribute(name); given && !given->empty()) {
      if (given->size() != expected || llvm::any_of(*given, [&](int64_t one) {
            return one < least || one > INT32_MAX;
          }))
        return n.fail("its " + name + " are not " + Twine(expected) +
                      " numbers from " + Twine(least));
      list.assign(given->begin(), given->end());
    }
    return success();
  };
  SmallVector<int64_t> pads;
  if (failed(read("strides", 1, count, 1, w.strides)) ||
      failed(read("dilations", 1, count, 1, w.dilations)) ||
      failed(read("pads", 0, 2 * count, 0, pads)))
    return failure();
  StringRef automatic = n.stringOr("auto_pad", "NOTSET");
  bool ceil = n.intOr("ceil_mode", 0);
  for (size_t d = 0; d < count; ++d) {
    OpFoldResult size = x.shape[d + 2], stride = n.size(w.strides[d]);
    OpFoldResult reach = n.add(
        n.mul(n.sub(kernel[d], n.size(1)), n.size(w.dilations[d])), n.size(1));
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      OpFoldResult out = n.compute(Emit::Arith::CeilDiv, size, stride);
      OpFoldResult total = n.compute(
          Emit::Arith::Max,
          n.sub(n.add(n.mul(n.sub(out, n.size(1)), stride), reach), size),
          n.size(0));
      OpFoldResult small = n.compute(Emit::Arith::Div, total, n.size(2));
      OpFoldResult large = n.sub(total, small);
      bool upper = automatic == "SAME_UPPER";
      w.before.push_back(upper ? small : large);
      w.after.push_back(upper ? large : small);
      w.result.push_back(out);
      continue;
    }
    bool valid = automatic == "VALID";
    w.before.push_back(n.size(valid ? 0 : pads[d]));
    w.after.push_back(n.size(valid ? 0 : pads[d + count]));
    OpFoldResult span =
        n.sub(n.add(size, n.add(w.before[d], w.after[d])), reach);
    if (std::optional<int64_t> known = Emit::constant(span);
        known && *known < 0)
      return n.fail("its window is larger than the padded input along "
                    "dimension " +
                    Twine(d + 2));
    OpFoldResult out = n.add(
        n.compute(ceil ? Emit::Arith::CeilDiv : Emit::Arith::Div, span, stride),
        n.size(1));
    if (ceil) {
      // The last window begins inside of the input or the padding before it.
      OpFoldResult inside =
          n.add(n.compute(Emit::Arith::Div,
                          n.sub(n.add(size, w.before[d]), n.size(1)), stride),
                n.size(1));
      out = n.compute(Emit::Arith::Min, out, inside);
    }
    w.result.push_back(out);
  }
  return w;
}

Value padWindows(NodeEmit &n, Val &x, const Windows &w, Value fill) {
  Dims shape = x.shape, low(x.rank(), n.size(0)), high(x.rank(), n.size(0));
  bool any = false;
  for (size_t d = 0; d < w.before.size(); ++d) {
    low[d + 2] = w.before[d];
    // As far as the last window reaches, which ceil_mode moves.
    OpFoldResult reach = n.add(
        n.mul(n.sub(w.result[d], n.size(1)), n.size(w.strides[d])),
        n.add(n.mul(n.sub(w.kernel[d], n.size(1)), n.size(w.dilations[d])),
              n.size(1)));
    OpFoldResult missing =
        n.compute(Emit::Arith::Max,
                  n.sub(reach, n.add(x.shape[d + 2], w.before[d])), n.size(0));
    high[d + 2] = missing;
    shape[d + 2] = n.add(x.shape[d + 2], n.add(w.before[d], missing));
    any |= Emit::constant(w.before[d]) != 0 || Emit::constant(missing) != 0;
  }
  Value source = n.tensor(x);
  if (!any)
    return source;
  Value init = n.filled(shape, fill);
  SmallVector<OpFoldResult> ones(x.rank(), n.size(1));
  return tensor::InsertSliceOp::create(n.b, n.loc, source, init, low, x.shape,
                                       ones);
}

LogicalResult checkFilter(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &x = *n.in(0), &weight = *n.in(1);
  if (x.rank() < 3 || weight.rank() != x.rank())
    return n.fail("expected input and weight of one rank from 3");
  if (!isFloatType(x.type) || x.type != weight.type)
    return n.fail("expected input and weight of one floating-point type");
  return success();
}

namespace {

/// Loops and maps of windows over [N, C, spatial..].
struct WindowLoops {
  SmallVector<AffineExpr> outer, inner, input;

  WindowLoops(MLIRContext *context, unsigned outerFirst, unsigned innerFirst,
              const Windows &w) {
    for (unsigned d = 0; d < w.strides.size(); ++d) {
      AffineExpr o = getAffineDimExpr(outerFirst + d, context);
      AffineExpr k = getAffineDimExpr(innerFirst + d, context);
      outer.push_back(o);
      inner.push_back(k);
      input.push_back(o * w.strides[d] + k * w.dilations[d]);
    }
  }
};

LogicalResult conv(NodeEmit &n) {
  if (failed(checkFilter(n)))
    return failure();
  Val &x = *n.in(0), &weight = *n.in(1);
  FailureOr<Val> result = convolve(n, x, weight);
  if (failed(result))
    return failure();
  FailureOr<Val> shifted = plusBias(n, *result, n.in(2));
  return failed(shifted) ? failure() : n.set(*shifted);
}

FailureOr<Dims> kernelShape(NodeEmit &n, const Val &x) {
  auto given = n.intsAttribute("kernel_shape");
  if (x.rank() < 3 || !given ||
      static_cast<int64_t>(given->size()) != x.rank() - 2 ||
      llvm::any_of(*given, [](int64_t k) { return k < 1; }))
    return n.fail("its kernel_shape does not fit an input of rank " +
                  Twine(x.rank()));
  Dims kernel;
  for (int64_t one : *given)
    kernel.push_back(n.size(one));
  return kernel;
}

Dims resultShape(const Val &x, const Windows &w) {
  Dims shape(x.shape.begin(), x.shape.begin() + 2);
  llvm::append_range(shape, w.result);
  return shape;
}

/// A reduction over windows of the padded input.
Value poolWindows(
    NodeEmit &n, Value padded, const Windows &w, ArrayRef<OpFoldResult> shape,
    Value initial,
    llvm::function_ref<Value(OpBuilder &, Location, Value, Value)> combine) {
  unsigned spatial = w.strides.size(), rank = 2 + 2 * spatial;
  MLIRContext *context = n.b.getContext();
  WindowLoops loops(context, 2, 2 + spatial, w);
  SmallVector<AffineExpr> front{getAffineDimExpr(0, context),
                                getAffineDimExpr(1, context)};
  SmallVector<AffineExpr> in(front), out(front);
  llvm::append_range(in, loops.input);
  llvm::append_range(out, loops.outer);
  SmallVector<AffineMap> maps{AffineMap::get(rank, 0, in, context),
                              AffineMap::get(rank, 0, loops.inner, context),
                              AffineMap::get(rank, 0, out, context)};
  SmallVector<IteratorType> iterators(2 + spatial, IteratorType::parallel);
  iterators.append(spatial, IteratorType::reduction);
  // Only its shape says how far the inner loops go.
  Value window = n.empty(w.kernel, initial.getType());
  Value init = n.filled(shape, initial);
  auto op = linalg::GenericOp::create(
      n.b, n.loc, init.getType(), ValueRange{padded, window}, init, maps,
      iterators, [&](OpBuilder &b, Location loc, ValueRange a) {
        linalg::YieldOp::create(b, loc, combine(b, loc, a[0], a[2]));
      });
  return op.getResult(0);
}

/// The windows of a pooling node over its first input.
FailureOr<Windows> readPooling(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &input = *n.in(0);
  FailureOr<Dims> kernel = kernelShape(n, input);
  if (failed(kernel))
    return failure();
  return readWindows(n, input, *kernel);
}

LogicalResult averagePool(NodeEmit &n) {
  FailureOr<Windows> w = readPooling(n);
  if (failed(w))
    return failure();
  Val &input = *n.in(0);
  int32_t type = computedType(input.type);
  Val x = n.castTo(input, type);
  Type element = n.elementType(type);
  Dims shape = resultShape(x, *w);
  Value zero = n.number(element, 0);
  Value padded = padWindows(n, x, *w, zero);
  Val sum =
      n.make(poolWindows(n, padded, *w, shape, zero,
                         [](OpBuilder &b, Location loc, Value e, Value total) {
                           return Scalar(b, loc).add(total, e);
                         }),
             type, shape);
  // How many elements of a window count, along each dimension.
  bool includesPads = n.intOr("count_include_pad", 0);
  SmallVector<Val> counts;
  for (size_t d = 0; d < w->strides.size(); ++d) {
    Value before = n.index(w->before[d]), size = n.index(x.shape[d + 2]);
    Value after = n.index(w->after[d]);
    int64_t taps = *Emit::constant(w->kernel[d]);
    int64_t stride = w->strides[d], dilation = w->dilations[d];
    Dims place(shape.size(), n.size(1));
    place[d + 2] = shape[d + 2];
    Value axis = n.generateTensor(
        element, shape[d + 2],
        [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
          Emit e(b, loc);
          auto constant = [&](int64_t value) -> Value {
            return arith::ConstantIndexOp::create(b, loc, value);
          };
          // First tap, and the range that counts: 0 <= first + k * dilation.
          Value first = arith::SubIOp::create(
              b, loc, arith::MulIOp::create(b, loc, at[0], constant(stride)),
              before);
          Value low = constant(0), high = size;
          if (includesPads) {
            low = arith::SubIOp::create(b, loc, low, before);
            high = arith::AddIOp::create(b, loc, size, after);
          }
          Value step = constant(dilation), none = constant(0);
          Value skipped = arith::CeilDivSIOp::create(
              b, loc, arith::SubIOp::create(b, loc, low, first), step);
          skipped = arith::MaxSIOp::create(b, loc, skipped, none);
          Value end = arith::CeilDivSIOp::create(
              b, loc, arith::SubIOp::create(b, loc, high, first), step);
          end = arith::MinSIOp::create(b, loc, end, constant(taps));
          Value count = arith::MaxSIOp::create(
              b, loc, arith::SubIOp::create(b, loc, end, skipped), none);
          Value whole =
              arith::IndexCastOp::create(b, loc, b.getI64Type(), count);
          return e.cast(whole, Int64, type);
        });
    counts.push_back(n.make(n.reshape(axis, shape[d + 2], place), type, place));
  }
  SmallVector<Val *> operands{&sum};
  for (Val &count : counts)
    operands.push_back(&count);
  Val result = n.elementwise(operands, type, shape,
                             [](OpBuilder &b, Location loc, ValueRange a) {
                               Scalar s(b, loc);
                               Value count = a[1];
                               for (Value more : a.drop_front(2))
                                 count = s.mul(count, more);
                               return s.div(a[0], count, false);
                             });
  return n.set(n.castTo(result, input.type));
}

/// |x|^p, whose sum is made the p-th root of by `lpRoot`.
Value lpTerm(OpBuilder &b, Location loc, Value x, double p) {
  Scalar s(b, loc);
  Value size = math::AbsFOp::create(b, loc, x);
  if (p == 1)
    return size;
  return p == 2 ? s.mul(size, size)
                : math::PowFOp::create(b, loc, size, s.number(size, p))
                      .getResult();
}

Val lpRoot(NodeEmit &n, Val &sum, double p) {
  return n.unary(sum, [&](OpBuilder &b, Location loc, ValueRange a) -> Value {
    if (p == 2)
      return math::SqrtOp::create(b, loc, a[0]);
    return math::PowFOp::create(b, loc, a[0],
                                Scalar(b, loc).number(a[0], 1 / p));
  });
}

FailureOr<double> lpOrder(NodeEmit &n) {
  int64_t p = n.intOr("p", 2);
  if (p < 1)
    return n.fail("its p is " + Twine(p) + ", expected 1 or more");
  return static_cast<double>(p);
}

/// (sum of |x|^p)^(1/p) over windows; padding is zero.
LogicalResult lpPool(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &input = *n.in(0);
  FailureOr<Dims> kernel = kernelShape(n, input);
  FailureOr<double> p = lpOrder(n);
  if (failed(kernel) || failed(p))
    return failure();
  FailureOr<Windows> w = readWindows(n, input, *kernel);
  if (failed(w))
    return failure();
  int32_t type = computedType(input.type);
  Val x = n.castTo(input, type);
  Value zero = n.number(n.elementType(type), 0);
  Value padded = padWindows(n, x, *w, zero);
  Dims shape = resultShape(x, *w);
  Val sum = n.make(
      poolWindows(n, padded, *w, shape, zero,
                  [&](OpBuilder &b, Location loc, Value e, Value total) {
                    return Scalar(b, loc).add(total, lpTerm(b, loc, e, *p));
                  }),
      type, shape);
  Val result = lpRoot(n, sum, *p);
  return n.set(n.castTo(result, input.type));
}

/// The same over all spatial dimensions.
LogicalResult globalLpPool(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &input = *n.in(0);
  FailureOr<double> p = lpOrder(n);
  if (failed(p))
    return failure();
  if (input.rank() < 3)
    return n.fail("expected an input of rank 3 or more");
  int32_t type = computedType(input.type);
  Val x = n.castTo(input, type);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(2, x.rank()));
  Value sum = n.reduce(
      n.tensor(x), x.shape, axes, n.number(n.elementType(type), 0),
      [&](OpBuilder &b, Location loc, Value e, Value total) {
        return Scalar(b, loc).add(total, lpTerm(b, loc, e, *p));
      },
      true);
  Val total = n.make(sum, type, Emit::reducedShape(n.b, x.shape, axes, true));
  Val result = lpRoot(n, total, *p);
  return n.set(n.castTo(result, input.type));
}

LogicalResult maxPool(NodeEmit &n) {
  FailureOr<Windows> w = readPooling(n);
  if (failed(w))
    return failure();
  Val &x = *n.in(0);
  bool isUnsigned = isUnsignedType(x.type);
  Type element = n.elementType(x.type), i64 = n.b.getI64Type();
  Scalar s(n.b, n.loc);
  Value worst = s.lowest(element, isUnsigned);
  Value padded = padWindows(n, x, *w, worst);
  Dims shape = resultShape(x, *w);
  if (!n.wants(1))
    return n.set(
        n.make(poolWindows(n, padded, *w, shape, worst,
                           [&](OpBuilder &b, Location loc, Value e, Value m) {
                             return Scalar(b, loc).max(m, e, isUnsigned);
                           }),
               x.type, shape));
  // Values and places: the first largest of a window, as a place in the whole
  // input, row-major or column-major over the spatial dimensions.
  unsigned spatial = w->strides.size(), rank = 2 + 2 * spatial;
  MLIRContext *context = n.b.getContext();
  WindowLoops loops(context, 2, 2 + spatial, *w);
  SmallVector<AffineExpr> front{getAffineDimExpr(0, context),
                                getAffineDimExpr(1, context)};
  SmallVector<AffineExpr> in(front), out(front);
  llvm::append_range(in, loops.input);
  llvm::append_range(out, loops.outer);
  AffineMap outMap = AffineMap::get(rank, 0, out, context);
  SmallVector<AffineMap> maps{AffineMap::get(rank, 0, in, context),
                              AffineMap::get(rank, 0, loops.inner, context),
                              outMap, outMap};
  SmallVector<IteratorType> iterators(2 + spatial, IteratorType::parallel);
  iterators.append(spatial, IteratorType::reduction);
  Value window = n.empty(w->kernel, element);
  SmallVector<Value> inits{n.filled(shape, worst),
                           n.filled(shape, n.integer(i64, -1))};
  SmallVector<Value> sizes = n.indices(x.shape);
  SmallVector<Value> before = n.indices(w->before);
  bool columnMajor = n.intOr("storage_order", 0);
  auto op = linalg::GenericOp::create(
      n.b, n.loc, ValueRange(inits).getTypes(), ValueRange{padded, window},
      inits, maps, iterators, [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar t(b, loc);
        auto index = [&](unsigned d) -> Value {
          return linalg::IndexOp::create(b, loc, d);
        };
        Value channel = arith::AddIOp::create(
            b, loc, arith::MulIOp::create(b, loc, index(0), sizes[1]),
            index(1));
        Value place, inside, area;
        SmallVector<Value> where;
        for (unsigned d = 0; d < spatial; ++d) {
          auto constant = [&](int64_t value) -> Value {
            return arith::ConstantIndexOp::create(b, loc, value);
          };
          Value at = arith::AddIOp::create(
              b, loc,
              arith::MulIOp::create(b, loc, index(2 + d),
                                    constant(w->strides[d])),
              arith::MulIOp::create(b, loc, index(2 + spatial + d),
                                    constant(w->dilations[d])));
          at = arith::SubIOp::create(b, loc, at, before[d]);
          Value fits = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                             at, sizes[d + 2]);
          inside = inside
                       ? arith::AndIOp::create(b, loc, inside, fits).getResult()
                       : fits;
          where.push_back(at);
          area = area ? arith::MulIOp::create(b, loc, area, sizes[d + 2])
                            .getResult()
                      : sizes[d + 2];
        }
        for (unsigned k = 0; k < spatial; ++k) {
          unsigned d = columnMajor ? spatial - 1 - k : k;
          place = place
                      ? arith::AddIOp::create(
                            b, loc,
                            arith::MulIOp::create(b, loc, place, sizes[d + 2]),
                            where[d])
                            .getResult()
                      : where[d];
        }
        Value flat = arith::AddIOp::create(
            b, loc, arith::MulIOp::create(b, loc, channel, area), place);
        Value number = arith::IndexCastOp::create(b, loc, i64, flat);
        Value none = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                           a[3], t.number(a[3], 0));
        Value better = arith::OrIOp::create(b, loc, none,
                                            t.greater(a[0], a[2], isUnsigned));
        better = arith::AndIOp::create(b, loc, better, inside);
        linalg::YieldOp::create(b, loc,
                                ValueRange{t.select(better, a[0], a[2]),
                                           t.select(better, number, a[3])});
      });
  (void)n.set(n.make(op.getResult(0), x.type, shape), 0);
  return n.set(n.make(op.getResult(1), Int64, shape), 1);
}

/// Over all spatial dimensions at once.
template <bool max> LogicalResult globalPool(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &input = *n.in(0);
  if (input.rank() < 3)
    return n.fail("expected an input of rank 3 or more");
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(2, input.rank()));
  int32_t type = computedType(input.type);
  Val x = n.castTo(input, type);
  Type element = n.elementType(type);
  Dims kept = Emit::reducedShape(n.b, x.shape, axes, true), spatial;
  for (int64_t axis : axes)
    spatial.push_back(x.shape[axis]);
  Value first =
      max ? Scalar(n.b, n.loc).lowest(element, false) : n.number(element, 0);
  Val result = n.make(n.reduce(
                          n.tensor(x), x.shape, axes, first,
                          [](OpBuilder &b, Location loc, Value e, Value sum) {
                            Scalar s(b, loc);
                            return max ? s.max(sum, e, false) : s.add(sum, e);
                          },
                          true),
                      type, kept);
  if (!max) {
    Value count = arith::IndexCastOp::create(n.b, n.loc, n.b.getI64Type(),
                                             n.index(n.product(spatial)));
    Value divisor = n.cast(count, Int64, type);
    result = n.unary(result, [&](OpBuilder &b, Location loc, ValueRange a) {
      return Scalar(b, loc).div(a[0], divisor, false);
    });
  }
  return n.set(n.castTo(result, input.type));
}

} // namespace

FailureOr<Val> plusBias(NodeEmit &n, Val &x, Val *bias) {
  if (!bias)
    return x;
  Dims shape(x.rank(), n.size(1));
  shape[1] = n.product(bias->shape);
  if (bias->type != x.type || !n.require(shape[1], x.shape[1], "the bias"))
    return n.fail("its bias is not one number for each channel");
  Val each = n.reshape(*bias, shape);
  return n.elementwise({&x, &each}, x.type, x.shape,
                       [](OpBuilder &b, Location loc, ValueRange a) {
                         return Scalar(b, loc).add(a[0], a[1]);
                       });
}

FailureOr<Val> convolve(NodeEmit &n, Val &x, Val &weight) {
  ArrayRef<OpFoldResult> sizes = weight.shape;
  FailureOr<Windows> w = readWindows(n, x, sizes.drop_front(2));
  if (failed(w))
    return failure();
  return convolve(n, x, weight, *w);
}

FailureOr<Val> convolve(NodeEmit &n, Val &x, Val &weight, const Windows &w) {
  bool isFloat = isFloatType(x.type);
  int64_t groups = n.intOr("group", 1);
  std::optional<int64_t> outputs = Emit::constant(weight.shape[0]);
  if (groups < 1 || !outputs || *outputs % groups ||
      (Emit::constant(x.shape[1]) && Emit::constant(weight.shape[1]) &&
       *Emit::constant(x.shape[1]) !=
           groups * *Emit::constant(weight.shape[1])))
    return n.fail("channels of input and weight do not fit " + Twine(groups) +
                  " groups");
  if (isFloat && groups == 1)
    if (std::optional<Val> result = convolvePatches(n, x, weight, w))
      return *result;
  bool narrow = x.type == Float16 || x.type == Bfloat16;
  Type sum = !isFloat ? Type(n.b.getI32Type())
             : narrow ? Type(n.b.getF32Type())
                      : n.elementType(x.type);
  int32_t sumType = !isFloat ? int32_t(Int32)
                    : narrow ? int32_t(Float)
                             : x.type;
  Value padded = padWindows(n, x, w, n.number(n.elementType(x.type), 0));
  // [N, G, C/G, spatial..] and [G, M/G, C/G, kernel..]
  auto paddedType = llvm::cast<RankedTensorType>(padded.getType());
  Dims paddedShape;
  for (int64_t d = 0; d < paddedType.getRank(); ++d)
    paddedShape.push_back(
        paddedType.isDynamicDim(d)
            ? OpFoldResult(
                  tensor::DimOp::create(n.b, n.loc, padded, d).getResult())
            : n.size(paddedType.getDimSize(d)));
  Dims shape{x.shape[0], weight.shape[0]};
  llvm::append_range(shape, w.result);
  Dims inApart{paddedShape[0], n.size(groups), weight.shape[1]};
  inApart.append(paddedShape.begin() + 2, paddedShape.end());
  Dims kernelApart{n.size(groups), n.size(*outputs / groups), weight.shape[1]};
  llvm::append_range(kernelApart, w.kernel);
  Dims outApart{x.shape[0], n.size(groups), n.size(*outputs / groups)};
  llvm::append_range(outApart, w.result);
  unsigned spatial = w.strides.size();
  MLIRContext *context = n.b.getContext();
  bool grouped = groups != 1;
  // n, (g), m, spatial.., c, kernel..
  unsigned mDim = grouped ? 2 : 1, spaceDim = mDim + 1;
  unsigned cDim = spaceDim + spatial, rank = cDim + 1 + spatial;
  WindowLoops loops(context, spaceDim, cDim + 1, w);
  auto dim = [&](unsigned d) { return getAffineDimExpr(d, context); };
  SmallVector<AffineExpr> in{dim(0)}, taps, out{dim(0)};
  if (grouped) {
    in.push_back(dim(1));
    taps.push_back(dim(1));
    out.push_back(dim(1));
  }
  in.push_back(dim(cDim));
  taps.append({dim(mDim), dim(cDim)});
  out.push_back(dim(mDim));
  llvm::append_range(in, loops.input);
  llvm::append_range(taps, loops.inner);
  llvm::append_range(out, loops.outer);
  SmallVector<AffineMap> maps{AffineMap::get(rank, 0, in, context),
                              AffineMap::get(rank, 0, taps, context),
                              AffineMap::get(rank, 0, out, context)};
  SmallVector<IteratorType> iterators(cDim, IteratorType::parallel);
  iterators.append(1 + spatial, IteratorType::reduction);
  Value source = padded, filter = n.tensor(weight);
  if (grouped) {
    source = n.reshape(padded, paddedShape, inApart);
    filter = n.reshape(filter, weight.shape, kernelApart);
  }
  Value init = n.filled(grouped ? outApart : shape, n.number(sum, 0));
  int32_t xType = x.type, wType = weight.type;
  auto op = linalg::GenericOp::create(
      n.b, n.loc, init.getType(), ValueRange{source, filter}, init, maps,
      iterators, [&](OpBuilder &b, Location loc, ValueRange a) {
        Emit e(b, loc);
        Scalar s(b, loc);
        Value left = e.cast(a[0], xType, sumType);
        Value right = e.cast(a[1], wType, sumType);
        linalg::YieldOp::create(b, loc, s.add(a[2], s.mul(left, right)));
      });
  Value value = op.getResult(0);
  if (grouped)
    value = n.reshape(value, outApart, shape);
  Val result = n.make(value, sumType, shape);
  return isFloat ? n.castTo(result, x.type) : result;
}

void addWindows(OperatorTable &t) {
  t.family("convolution and pooling");
  t.add("AveragePool", averagePool);
  t.add("Conv", conv);
  t.add("GlobalAveragePool", globalPool<false>);
  t.add("GlobalLpPool", globalLpPool);
  t.add("GlobalMaxPool", globalPool<true>);
  t.add("LpPool", lpPool);
  t.add("MaxPool", maxPool);
  addTransposedConvolution(t);
  addResize(t);
}

} // namespace mlir::nm::onnx
