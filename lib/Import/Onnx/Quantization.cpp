//===- Quantization.cpp - Integers with scales and zero points -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scalars.h"
#include "Windows.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

/// A scale or zero point as a tensor that broadcasts to `x`: one number, one
/// for each element of the axis, or one for each block along it.
FailureOr<Val> spread(NodeEmit &n, Val &values, const Val &x, int64_t axis,
                      int64_t block) {
  if (values.rank() == 0)
    return values;
  if (values.rank() == 1 &&
      (x.rank() != 1 || block == 0 || Emit::constant(values.shape[0]) == 1)) {
    if (Emit::constant(values.shape[0]) == 1)
      return n.reshape(values, {});
    if (!n.require(values.shape[0], x.shape[axis], "the list of scales"))
      return n.fail("has " + Twine(*Emit::constant(values.shape[0])) +
                    " scales for an axis of " +
                    Twine(*Emit::constant(x.shape[axis])));
    Dims shape(x.rank(), n.size(1));
    shape[axis] = values.shape[0];
    return n.reshape(values, shape);
  }
  if (block < 1 || values.rank() != x.rank())
    return n.fail("has scales of rank " + Twine(values.rank()) +
                  " for a tensor of rank " + Twine(x.rank()) +
                  "; expected one, one for each element of the axis, or a "
                  "block_size");
  for (int64_t d = 0; d < x.rank(); ++d) {
    OpFoldResult want =
        d == axis ? n.compute(Emit::Arith::CeilDiv, x.shape[d], n.size(block))
                  : x.shape[d];
    if (!n.require(values.shape[d], want,
                   "dimension " + Twine(d) + " of the scales"))
      return n.fail("dimension " + Twine(d) + " of the scales is " +
                    Twine(*Emit::constant(values.shape[d])) + ", expected " +
                    Twine(*Emit::constant(want)));
  }
  Value source = n.tensor(values);
  return n.generate(
      values.type, x.shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        SmallVector<Value> from(place);
        Value size = arith::ConstantIndexOp::create(b, loc, block);
        from[axis] = arith::DivUIOp::create(b, loc, place[axis], size);
        return tensor::ExtractOp::create(b, loc, source, from).getResult();
      });
}

FailureOr<int64_t> quantizedAxis(NodeEmit &n, const Val &x) {
  // A scalar has no axis, and asks for none.
  if (x.rank() == 0)
    return 0;
  int64_t axis = n.intOr("axis", 1);
  if (axis >= x.rank() && n.has(1) &&
      (n.in(1)->rank() == 0 || Emit::constant(n.product(n.in(1)->shape)) == 1))
    return 0;
  return n.axis(axis, x.rank());
}

bool isQuantized(int32_t type) {
  return type == Int8 || type == Uint8 || type == Int16 || type == Uint16;
}

/// round(x / scale) + zero point, saturated; x and scale are f32.
Val quantize(NodeEmit &n, Val &x, Val &scale, Val *zero, int32_t type) {
  bool isUnsigned = isUnsignedType(type);
  Type element = n.elementType(type);
  SmallVector<Val *> operands{&x, &scale};
  if (zero)
    operands.push_back(zero);
  return n.elementwise(
      operands, type, x.shape, [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Emit e(b, loc);
        Value point =
            a.size() > 2 ? e.cast(a[2], zero->type, Float) : s.number(a[0], 0);
        return s.quantize(s.div(a[0], a[1], false), point, element, isUnsigned);
      });
}

LogicalResult quantizeLinear(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &input = *n.in(0);
  int32_t type = n.has(2)
                     ? n.in(2)->type
                     : static_cast<int32_t>(n.intOr("output_dtype", Uint8));
  if (type == Undefined)
    type = Uint8;
  if (!isQuantized(type))
    return n.fail("quantizes to " + elementTypeName(type) +
                  ", expected integers of 8 or 16 bits");
  FailureOr<int64_t> axis = quantizedAxis(n, input);
  if (failed(axis))
    return failure();
  int64_t block = n.intOr("block_size", 0);
  Val x = n.castTo(input, Float), wide = n.castTo(*n.in(1), Float);
  FailureOr<Val> scale = spread(n, wide, x, *axis, block);
  if (failed(scale))
    return failure();
  if (!n.has(2))
    return n.set(quantize(n, x, *scale, nullptr, type));
  FailureOr<Val> zero = spread(n, *n.in(2), x, *axis, block);
  if (failed(zero))
    return failure();
  return n.set(quantize(n, x, *scale, &*zero, type));
}

LogicalResult dequantizeLinear(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &x = *n.in(0);
  int32_t type = n.in(1)->type;
  if (auto given = n.intAttribute("output_dtype"); given && *given)
    type = static_cast<int32_t>(*given);
  if ((!isQuantized(x.type) && x.type != Int32) || !isFloatType(type))
    return n.fail("takes " + elementTypeName(x.type) +
                  ", expected integers of 8, 16 or 32 bits");
  FailureOr<int64_t> axis = quantizedAxis(n, x);
  if (failed(axis))
    return failure();
  int64_t block = n.intOr("block_size", 0);
  FailureOr<Val> scale = spread(n, *n.in(1), x, *axis, block);
  if (failed(scale))
    return failure();
  SmallVector<Val *> operands{&x, &*scale};
  FailureOr<Val> zero = failure();
  if (n.has(2)) {
    zero = spread(n, *n.in(2), x, *axis, block);
    if (failed(zero))
      return failure();
    operands.push_back(&*zero);
  }
  int32_t from = x.type, scaleType = n.in(1)->type;
  return n.set(n.elementwise(
      operands, type, x.shape, [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Emit e(b, loc);
        Value number = e.cast(a[0], from, Int32);
        if (a.size() > 2)
          number = s.sub(number, e.cast(a[2], zero->type, Int32));
        Value real =
            s.mul(e.cast(number, Int32, Float), e.cast(a[1], scaleType, Float));
        return e.cast(real, Float, type);
      }));
}

LogicalResult dynamicQuantize(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  if (x.type != Float)
    return n.fail("takes " + elementTypeName(x.type) + ", expected float32");
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, x.rank()));
  Value none = n.number(n.b.getF32Type(), 0);
  // From 0 on, so that the range holds it.
  auto extreme = [&](bool max) {
    return n.make(n.reduce(
                      n.tensor(x), x.shape, axes, none,
                      [&](OpBuilder &b, Location loc, Value e, Value m) {
                        Scalar s(b, loc);
                        return max ? s.max(m, e, false) : s.min(m, e, false);
                      },
                      false),
                  Float, {});
  };
  Val high = extreme(true), low = extreme(false);
  Val scale = n.binary(high, low, [](OpBuilder &b, Location loc, ValueRange a) {
    Scalar s(b, loc);
    return s.div(s.sub(a[0], a[1]), s.number(a[0], 255), false);
  });
  Val zero = n.elementwise(
      {&low, &scale}, Uint8, {}, [](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Value nothing = s.number(a[0], 0);
        Value flat = s.compare(arith::CmpFPredicate::OEQ, a[1], nothing);
        Value by = s.select(flat, s.number(a[0], 1), a[1]);
        Value point = s.div(s.sub(nothing, a[0]), by, false);
        return s.quantize(point, nothing, b.getI8Type(), true);
      });
  // All zeros: whatever the scale, the quotient is to be 0.
  Val divisor = n.unary(scale, [](OpBuilder &b, Location loc, ValueRange a) {
    Scalar s(b, loc);
    Value flat = s.compare(arith::CmpFPredicate::OEQ, a[0], s.number(a[0], 0));
    return s.select(flat, s.number(a[0], 1), a[0]);
  });
  (void)n.set(quantize(n, x, divisor, &zero, Uint8), 0);
  (void)n.set(scale, 1);
  return n.set(zero, 2);
}

/// x minus its zero point, in 32 bits. The zero point is one number, or one for
/// each element of `axis`.
FailureOr<Val> centred(NodeEmit &n, Val &x, Val *zero, int64_t axis) {
  if (!isQuantized(x.type) && x.type != Int32)
    return n.fail("takes " + elementTypeName(x.type) +
                  ", expected integers of 8 bits");
  if (!zero)
    return n.castTo(x, Int32);
  Val point = *zero;
  if (zero->rank() == 1) {
    FailureOr<Val> placed = spread(n, *zero, x, axis, 0);
    if (failed(placed))
      return failure();
    point = *placed;
  }
  std::optional<Dims> shape = n.broadcastShapes({&x, &point});
  if (!shape)
    return failure();
  int32_t from = x.type, pointType = point.type;
  return n.elementwise({&x, &point}, Int32, *shape,
                       [&](OpBuilder &b, Location loc, ValueRange a) {
                         Emit e(b, loc);
                         return Scalar(b, loc).sub(
                             e.cast(a[0], from, Int32),
                             e.cast(a[1], pointType, Int32));
                       });
}

FailureOr<Val> integerProduct(NodeEmit &n, Val &a, Val *aZero, Val &w,
                              Val *wZero) {
  FailureOr<Val> left =
      centred(n, a, aZero, std::max<int64_t>(a.rank() - 2, 0));
  if (failed(left))
    return failure();
  FailureOr<Val> right =
      centred(n, w, wZero, std::max<int64_t>(w.rank() - 1, 0));
  if (failed(right))
    return failure();
  std::optional<Val> product = n.matmul(*left, *right);
  if (!product)
    return n.fail("the shapes of its operands do not fit a product");
  return *product;
}

LogicalResult matmulInteger(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  FailureOr<Val> product =
      integerProduct(n, *n.in(0), n.in(2), *n.in(1), n.in(3));
  return failed(product) ? failure() : n.set(*product);
}

/// Quantizes sums of products: * a_scale * b_scale / y_scale.
FailureOr<Val> requantize(NodeEmit &n, Val &sums, Val &aScale, Val &wScale,
                          int64_t wAxis, Val &yScale, Val &yZero) {
  auto asReal = [&](Val &scale, int64_t axis) -> FailureOr<Val> {
    Val wide = n.castTo(scale, Float);
    return spread(n, wide, sums, axis, 0);
  };
  FailureOr<Val> a = asReal(aScale, std::max<int64_t>(sums.rank() - 2, 0));
  if (failed(a))
    return failure();
  FailureOr<Val> w = asReal(wScale, wAxis);
  if (failed(w))
    return failure();
  FailureOr<Val> y = asReal(yScale, wAxis);
  if (failed(y))
    return failure();
  FailureOr<Val> zero = spread(n, yZero, sums, wAxis, 0);
  if (failed(zero))
    return failure();
  int32_t type = yZero.type;
  bool isUnsigned = isUnsignedType(type);
  Type element = n.elementType(type);
  return n.elementwise({&sums, &*a, &*w, &*y, &*zero}, type, sums.shape,
                       [&](OpBuilder &b, Location loc, ValueRange v) {
                         Scalar s(b, loc);
                         Emit e(b, loc);
                         Value factor = s.div(s.mul(v[1], v[2]), v[3], false);
                         Value scaled =
                             s.mul(e.cast(v[0], Int32, Float), factor);
                         return s.quantize(scaled, e.cast(v[4], type, Float),
                                           element, isUnsigned);
                       });
}

LogicalResult qLinearMatmul(NodeEmit &n) {
  if (failed(n.needs(8)))
    return failure();
  if (!isQuantized(n.in(7)->type))
    return n.fail("quantizes to " + elementTypeName(n.in(7)->type));
  FailureOr<Val> sums = integerProduct(n, *n.in(0), n.in(2), *n.in(3), n.in(5));
  if (failed(sums))
    return failure();
  FailureOr<Val> result =
      requantize(n, *sums, *n.in(1), *n.in(4),
                 std::max<int64_t>(sums->rank() - 1, 0), *n.in(6), *n.in(7));
  return failed(result) ? failure() : n.set(*result);
}

LogicalResult convInteger(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  FailureOr<Val> x = centred(n, *n.in(0), n.in(2), 0);
  if (failed(x))
    return failure();
  FailureOr<Val> weight = centred(n, *n.in(1), n.in(3), 0);
  if (failed(weight))
    return failure();
  if (x->rank() < 3 || weight->rank() != x->rank())
    return n.fail("expected input and weight of one rank from 3");
  FailureOr<Val> result = convolve(n, *x, *weight);
  return failed(result) ? failure() : n.set(*result);
}

LogicalResult qLinearConv(NodeEmit &n) {
  if (failed(n.needs(8)))
    return failure();
  if (!isQuantized(n.in(7)->type))
    return n.fail("quantizes to " + elementTypeName(n.in(7)->type));
  FailureOr<Val> x = centred(n, *n.in(0), n.in(2), 0);
  if (failed(x))
    return failure();
  FailureOr<Val> weight = centred(n, *n.in(3), n.in(5), 0);
  if (failed(weight))
    return failure();
  if (x->rank() < 3 || weight->rank() != x->rank())
    return n.fail("expected input and weight of one rank from 3");
  FailureOr<Val> sums = convolve(n, *x, *weight);
  if (failed(sums))
    return failure();
  sums = plusBias(n, *sums, n.in(8));
  if (failed(sums))
    return failure();
  FailureOr<Val> result =
      requantize(n, *sums, *n.in(1), *n.in(4), 1, *n.in(6), *n.in(7));
  return failed(result) ? failure() : n.set(*result);
}

} // namespace

void addQuantization(OperatorTable &t) {
  t.family("quantization");
  t.add("ConvInteger", convInteger, 10);
  t.add("DequantizeLinear", dequantizeLinear, 10, "8-bit floats, 4-bit types");
  t.add("DynamicQuantizeLinear", dynamicQuantize, 11);
  t.add("MatMulInteger", matmulInteger, 10);
  t.add("QLinearConv", qLinearConv, 10);
  t.add("QLinearMatMul", qLinearMatmul, 10, "8-bit floats");
  t.add("QuantizeLinear", quantizeLinear, 10, "8-bit floats, 4-bit types");
}

} // namespace mlir::nm::onnx
