//===- Normalizations.cpp - Layer, RMS, group, batch -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Normalize.h"
#include "Scalars.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"

namespace mlir::nm::onnx {

Moments normalizedMoments(NodeEmit &n, Val &x, ArrayRef<int64_t> axes,
                          double epsilon, bool centered) {
  int32_t type = x.type;
  Type element = n.elementType(type);
  Dims kept = Emit::reducedShape(n.b, x.shape, axes, true), reduced;
  for (int64_t axis : axes)
    reduced.push_back(x.shape[axis]);
  Value count = arith::IndexCastOp::create(n.b, n.loc, n.b.getI64Type(),
                                           n.index(n.product(reduced)));
  Value divisor = n.cast(count, Int64, type);
  if (std::optional<int64_t> known = Emit::constant(n.product(reduced)))
    divisor = n.number(element, static_cast<double>(*known));
  auto average = [&](Val &values, bool squared) {
    Value sum = n.reduce(
        n.tensor(values), x.shape, axes, n.number(element, 0),
        [&](OpBuilder &b, Location loc, Value e, Value total) {
          Scalar s(b, loc);
          return s.add(total, squared ? s.mul(e, e) : e);
        },
        true);
    Val total = n.make(sum, type, kept);
    return n.unary(total, [&](OpBuilder &b, Location loc, ValueRange a) {
      return Scalar(b, loc).div(a[0], divisor, false);
    });
  };
  Moments result;
  Val centredValues = x;
  if (centered) {
    result.mean = average(x, false);
    centredValues =
        n.binary(x, result.mean, [](OpBuilder &b, Location loc, ValueRange a) {
          return Scalar(b, loc).sub(a[0], a[1]);
        });
  }
  result.variance = average(centredValues, true);
  result.inverse =
      n.unary(result.variance, [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Value root =
            math::SqrtOp::create(b, loc, s.add(a[0], s.number(a[0], epsilon)));
        return s.div(s.number(a[0], 1), root, false);
      });
  result.normalized = n.binary(centredValues, result.inverse,
                               [](OpBuilder &b, Location loc, ValueRange a) {
                                 return Scalar(b, loc).mul(a[0], a[1]);
                               });
  return result;
}

Val scaleAndShift(NodeEmit &n, Val &x, Val *scale, Val *bias) {
  Val result = x;
  auto apply = [&](Val *by, bool adds) {
    if (!by)
      return;
    Val wide = n.castTo(*by, x.type);
    result =
        n.elementwise({&result, &wide}, x.type, x.shape,
                      [&](OpBuilder &b, Location loc, ValueRange a) {
                        Scalar s(b, loc);
                        return adds ? s.add(a[0], a[1]) : s.mul(a[0], a[1]);
                      });
  };
  apply(scale, false);
  apply(bias, true);
  return result;
}

/// `vector` with the sizes of `shape` and no other dimensions; nothing if it
/// has other sizes.
static std::optional<Val> alongRow(NodeEmit &n, Val *vector,
                                   ArrayRef<OpFoldResult> shape) {
  Dims sizes = vector->shape;
  while (sizes.size() > shape.size() && Emit::constant(sizes.front()) == 1)
    sizes.erase(sizes.begin());
  if (!llvm::equal(sizes, shape, Emit::same))
    return std::nullopt;
  return n.reshape(*vector, sizes);
}

static Value emitNorm(NodeEmit &n, Val &x, int64_t axis, bool centered,
                      Val *scale, Val *bias) {
  auto epsilon = n.b.getF64FloatAttr(n.floatOr("epsilon", 1e-5f));
  auto first = n.b.getI64IntegerAttr(axis);
  Value input = n.tensor(x), init = n.empty(x.shape, n.elementType(x.type));
  Value factor = scale ? n.tensor(*scale) : Value();
  Value shift = bias ? n.tensor(*bias) : Value();
  if (centered)
    return layer::NormOp::create(n.b, n.loc, input.getType(), input, factor,
                                 shift, init, first, epsilon);
  return layer::RMSNormOp::create(n.b, n.loc, input.getType(), input, factor,
                                  init, first, epsilon);
}

Val normalizeRows(NodeEmit &n, Val &input, int64_t axis, bool centered,
                  Val *scale, Val *bias, int32_t wide, int32_t result) {
  // The operation computes narrow floats in f32 and rounds once.
  bool isPlain = wide == Float && input.type == result &&
                 isFloatType(input.type) &&
                 llvm::all_of(ArrayRef<Val *>{scale, bias}, [&](Val *vector) {
                   return !vector || vector->type == input.type;
                 });
  Val x = isPlain ? input : n.castTo(input, wide);
  Dims row(x.shape.begin() + axis, x.shape.end());
  bool fits = centered || !bias;
  Val vectors[2];
  Val *operands[2] = {scale, bias};
  for (auto [operand, vector] : llvm::zip(operands, vectors)) {
    std::optional<Val> found = operand ? alongRow(n, operand, row) : Val();
    fits &= found.has_value();
    if (operand && found)
      vector = n.castTo(*found, x.type);
  }
  Val y = n.make(emitNorm(n, x, axis, centered,
                          fits && scale ? &vectors[0] : nullptr,
                          fits && bias ? &vectors[1] : nullptr),
                 x.type, x.shape);
  if (!fits)
    y = scaleAndShift(n, y, scale, bias);
  return n.castTo(y, result);
}

int32_t stashType(NodeEmit &n, int32_t storage) {
  auto type = static_cast<int32_t>(n.intOr("stash_type", Float));
  return computedType(storage == Double || !isFloatType(type) ? storage : type);
}

LogicalResult checkScale(NodeEmit &n, const Val &x, const Val *scale,
                         StringRef what) {
  if (!scale)
    return success();
  std::optional<Dims> shape = n.broadcast({&x, scale});
  if (!shape || shape->size() != x.shape.size() ||
      !llvm::all_of_zip(*shape, x.shape, Emit::same))
    return n.fail("its " + what + " cannot be broadcast to the input");
  return success();
}

namespace {

SmallVector<int64_t> axesFrom(int64_t first, int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(first, rank));
}

/// The statistics that a norm may have as further outputs.
Moments momentsOf(NodeEmit &n, Val &input, int64_t axis, int32_t wide,
                  bool centered) {
  Val x = n.castTo(input, wide);
  return normalizedMoments(n, x, axesFrom(axis, x.rank()),
                           n.floatOr("epsilon", 1e-5f), centered);
}

LogicalResult layerNorm(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &input = *n.in(0);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", -1), input.rank());
  if (failed(axis) || failed(checkScale(n, input, n.in(1), "scale")) ||
      failed(checkScale(n, input, n.in(2), "bias")))
    return failure();
  int32_t wide = stashType(n, input.type);
  (void)n.set(
      normalizeRows(n, input, *axis, true, n.in(1), n.in(2), wide, input.type));
  if (n.wants(1) || n.wants(2)) {
    Moments m = momentsOf(n, input, *axis, wide, true);
    (void)n.set(m.mean, 1);
    (void)n.set(m.inverse, 2);
  }
  return success();
}

LogicalResult rmsNorm(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &input = *n.in(0);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", -1), input.rank());
  if (failed(axis) || failed(checkScale(n, input, n.in(1), "scale")))
    return failure();
  int32_t wide = stashType(n, input.type);
  (void)n.set(normalizeRows(n, input, *axis, false, n.in(1), nullptr, wide,
                            n.in(1)->type));
  if (n.wants(1))
    (void)n.set(momentsOf(n, input, *axis, wide, false).inverse, 1);
  return success();
}

/// One number for each channel, as a tensor that broadcasts over [N, C, ..].
Val perChannel(NodeEmit &n, Val &values, int64_t rank) {
  Dims shape(rank, n.size(1));
  shape[1] = n.product(values.shape);
  return n.reshape(values, shape);
}

/// Whether the operands behind the input are that.
LogicalResult checkPerChannel(NodeEmit &n, size_t count) {
  for (size_t i = 1; i <= count; ++i)
    if (!n.require(n.product(n.in(i)->shape), n.in(0)->shape[1], "an operand"))
      return n.fail("input " + Twine(i) +
                    " is not one number for each channel");
  return success();
}

LogicalResult instanceNorm(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  Val &input = *n.in(0);
  if (input.rank() < 3)
    return n.fail("expected an input of rank 3 or more");
  if (failed(checkPerChannel(n, 2)))
    return failure();
  Val x = n.castTo(input, stashType(n, input.type));
  Val normalized =
      normalizeRows(n, x, 2, true, nullptr, nullptr, x.type, x.type);
  Val scale = perChannel(n, *n.in(1), x.rank());
  Val bias = perChannel(n, *n.in(2), x.rank());
  Val y = scaleAndShift(n, normalized, &scale, &bias);
  return n.set(n.castTo(y, input.type));
}

LogicalResult groupNorm(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  Val &input = *n.in(0);
  int64_t groups = n.intOr("num_groups", 1);
  std::optional<int64_t> channels =
      input.rank() >= 2 ? Emit::constant(input.shape[1]) : std::nullopt;
  if (!channels || groups < 1 || *channels % groups)
    return n.fail("channels cannot be divided into " + Twine(groups) +
                  " groups");
  Val x = n.castTo(input, stashType(n, input.type));
  Dims apart{x.shape[0], n.size(groups), n.size(*channels / groups)};
  apart.append(x.shape.begin() + 2, x.shape.end());
  Val parts = n.reshape(x, apart);
  Val normalized =
      normalizeRows(n, parts, 2, true, nullptr, nullptr, x.type, x.type);
  // Up to version 20 scale and bias were per group.
  bool perGroup = n.opset < 21;
  auto spread = [&](Val &values) {
    Dims shape(apart.size(), n.size(1));
    shape[1] = n.size(groups);
    if (!perGroup)
      shape[2] = apart[2];
    return n.reshape(values, shape);
  };
  for (size_t i : {1, 2})
    if (!n.require(n.product(n.in(i)->shape),
                   n.size(perGroup ? groups : *channels), "scale or bias"))
      return n.fail("scale or bias does not fit the channels");
  Val scale = spread(*n.in(1)), bias = spread(*n.in(2));
  Val y = scaleAndShift(n, normalized, &scale, &bias);
  Val whole = n.reshape(y, x.shape);
  return n.set(n.castTo(whole, input.type));
}

LogicalResult batchNorm(NodeEmit &n) {
  if (failed(n.needs(5)))
    return failure();
  Val &input = *n.in(0);
  if (input.rank() < 2)
    return n.fail("expected an input of rank 2 or more");
  if (failed(checkPerChannel(n, 4)))
    return failure();
  int64_t rank = input.rank();
  double epsilon = n.floatOr("epsilon", 1e-5f);
  double momentum = n.floatOr("momentum", 0.9f);
  int32_t wide = computedType(input.type);
  Val x = n.castTo(input, wide);
  Val scale = perChannel(n, *n.in(1), rank),
      bias = perChannel(n, *n.in(2), rank);
  bool training = n.intOr("training_mode", 0);
  Val normalized;
  if (training) {
    SmallVector<int64_t> axes{0};
    llvm::append_range(axes, llvm::seq<int64_t>(2, rank));
    Moments m = normalizedMoments(n, x, axes, epsilon, true);
    normalized = m.normalized;
    // running * momentum + of the batch * (1 - momentum)
    auto running = [&](size_t operand, Val &now) {
      Val flat = n.reshape(now, {input.shape[1]});
      Val old = n.castTo(*n.in(operand), wide);
      Val mixed =
          n.binary(old, flat, [&](OpBuilder &b, Location loc, ValueRange a) {
            Scalar s(b, loc);
            return s.add(s.mul(a[0], s.number(a[0], momentum)),
                         s.mul(a[1], s.number(a[1], 1 - momentum)));
          });
      return n.castTo(mixed, n.in(operand)->type);
    };
    (void)n.set(running(3, m.mean), 1);
    (void)n.set(running(4, m.variance), 2);
  } else {
    Val mean = perChannel(n, *n.in(3), rank);
    Val variance = perChannel(n, *n.in(4), rank);
    mean = n.castTo(mean, wide);
    variance = n.castTo(variance, wide);
    normalized =
        n.elementwise({&x, &mean, &variance}, wide, x.shape,
                      [&](OpBuilder &b, Location loc, ValueRange a) {
                        Scalar s(b, loc);
                        Value root = math::SqrtOp::create(
                            b, loc, s.add(a[2], s.number(a[2], epsilon)));
                        return s.div(s.sub(a[0], a[1]), root, false);
                      });
  }
  Val y = scaleAndShift(n, normalized, &scale, &bias);
  return n.set(n.castTo(y, input.type), 0);
}

LogicalResult lpNorm(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", -1), x.rank());
  if (failed(axis))
    return failure();
  bool square = n.intOr("p", 2) == 2;
  Type element = n.elementType(x.type);
  Val size = n.make(n.reduce(
                        n.tensor(x), x.shape, *axis, n.number(element, 0),
                        [&](OpBuilder &b, Location loc, Value e, Value sum) {
                          Scalar s(b, loc);
                          Value term =
                              square
                                  ? s.mul(e, e)
                                  : math::AbsFOp::create(b, loc, e).getResult();
                          return s.add(sum, term);
                        },
                        true),
                    x.type, Emit::reducedShape(n.b, x.shape, *axis, true));
  return n.set(n.elementwise(
      {&x, &size}, x.type, x.shape,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Value norm =
            square ? math::SqrtOp::create(b, loc, a[1]).getResult() : a[1];
        Value none =
            s.compare(arith::CmpFPredicate::OEQ, norm, s.number(norm, 0));
        return s.select(
            none, s.number(norm, 0),
            s.div(a[0], s.select(none, s.number(norm, 1), norm), false));
      }));
}

/// x / (bias + alpha / size * sum over near channels of x^2)^beta.
LogicalResult localResponse(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &input = *n.in(0);
  int64_t size = n.intOr("size", 0);
  constexpr int64_t most = 1024;
  if (input.rank() < 2 || size < 1 || size > most)
    return n.fail("expected an input of rank 2 or more and a size from 1 to " +
                  Twine(most));
  double alpha = n.floatOr("alpha", 1e-4f), beta = n.floatOr("beta", 0.75f),
         bias = n.floatOr("bias", 1);
  int32_t wide = computedType(input.type);
  Val x = n.castTo(input, wide);
  // Zeros on both sides of the channels.
  int64_t before = (size - 1) / 2;
  Dims shape = x.shape, low(x.rank(), n.size(0)), ones(x.rank(), n.size(1));
  shape[1] = n.add(shape[1], n.size(size - 1));
  low[1] = n.size(before);
  Value init = n.filled(shape, n.number(n.elementType(wide), 0));
  Value source = n.tensor(x);
  Val padded = n.make(tensor::InsertSliceOp::create(n.b, n.loc, source, init,
                                                    low, x.shape, ones),
                      wide, shape);
  SmallVector<Val> near;
  for (int64_t i = 0; i < size; ++i)
    near.push_back(n.sliceAxis(padded, 1, n.size(i), x.shape[1]));
  SmallVector<Val *> operands{&x};
  for (Val &one : near)
    operands.push_back(&one);
  Val y = n.elementwise(
      operands, wide, x.shape, [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Value sum = s.number(a[0], 0);
        for (Value one : a.drop_front())
          sum = s.add(sum, s.mul(one, one));
        Value base =
            s.add(s.number(sum, bias),
                  s.mul(s.number(sum, alpha / static_cast<double>(size)), sum));
        return s.div(a[0],
                     math::PowFOp::create(b, loc, base, s.number(base, beta)),
                     false);
      });
  return n.set(n.castTo(y, input.type));
}

/// (x - mean) / (standard deviation + 1e-9).
LogicalResult meanVariance(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &input = *n.in(0);
  FailureOr<SmallVector<int64_t>> axes =
      n.axes(n.intsAttribute("axes").value_or(SmallVector<int64_t>{0, 2, 3}),
             input.rank());
  if (failed(axes))
    return failure();
  int32_t wide = computedType(input.type);
  Val x = n.castTo(input, wide);
  Moments m = normalizedMoments(n, x, *axes, 0, true);
  Val y = n.elementwise(
      {&x, &m.mean, &m.variance}, wide, x.shape,
      [](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Value deviation = math::SqrtOp::create(b, loc, a[2]);
        return s.div(s.sub(a[0], a[1]),
                     s.add(deviation, s.number(deviation, 1e-9)), false);
      });
  return n.set(n.castTo(y, input.type));
}

} // namespace

void addNormalizations(OperatorTable &t) {
  t.family("normalization");
  t.add("BatchNormalization", batchNorm);
  t.add("GroupNormalization", groupNorm, 18);
  t.add("InstanceNormalization", instanceNorm);
  t.add("LayerNormalization", layerNorm, 17);
  t.add("LRN", localResponse);
  t.add("LpNormalization", lpNorm);
  t.takes("LpNormalization", Elements::Float);
  t.add("MeanVarianceNormalization", meanVariance, 9);
  t.add("RMSNormalization", rmsNorm, 23);
  // Written by exporters before the operator was ONNX's.
  t.add("SimplifiedLayerNormalization", rmsNorm);
}

} // namespace mlir::nm::onnx
