//===- Resize.cpp - Images of other sizes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interpolation is separable: along one axis after the other each element of
// the result is a sum of few neighbours with weights. Places and weights are
// vectors that compiled code works out from the sizes, so that these may be
// known only when the model runs.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "Scalars.h"
#include "Windows.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

using utils::IteratorType;

/// The numbers of an operand, of the model or of the call that it is imported
/// for; nothing if it is left out or has none.
FailureOr<SmallVector<double>> constantFloats(NodeEmit &n, size_t i,
                                              StringRef what) {
  Val *value = n.in(i);
  if (!value || Emit::constant(n.product(value->shape)) == 0)
    return SmallVector<double>();
  if (std::optional<SmallVector<double>> known = value->floats())
    return *known;
  constexpr int64_t most = 64;
  if (const ::nm::rt::Tensor *given = n.importer.valuesOf(*value);
      given && given->view.count() <= most && given->view.isContiguous()) {
    const ::nm::rt::TensorView &view = given->view;
    SmallVector<double> values;
    for (int64_t k = 0; k < view.count(); ++k)
      values.push_back(::nm::rt::elementToDouble(
          view.data + k * ::nm::rt::elementBytes(view.dtype), view.dtype));
    return values;
  }
  return n.fail("its " + what +
                " are known only when the model runs, but decide what code is "
                "made; expected constants, or sizes instead of scales");
}

/// What is resized: one axis of the input.
struct ResizedAxis {
  int64_t axis = 0;
  OpFoldResult before, after;  ///< sizes
  std::optional<double> scale; ///< after / before if it is not known
  double start = 0, end = 1;   ///< of the region of interest
};

struct ResizePlan {
  StringRef mode, coordinates, rounding;
  double cubic = -0.75, extrapolation = 0;
  bool excludesOutside = false, antialias = false;
  SmallVector<ResizedAxis> axes;

  bool crops() const { return coordinates == "tf_crop_and_resize"; }
};

/// The coordinates of one axis, as f64 in a body.
class AxisBody {
public:
  AxisBody(OpBuilder &b, Location loc, const ResizePlan &plan,
           const ResizedAxis &axis, ValueRange sizes)
      : b(b), loc(loc), s(b, loc), plan(plan), axis(axis),
        before(real(sizes[0])), after(real(sizes[1])) {
    scale = axis.scale ? constant(*axis.scale) : div(after, before);
  }

  Value constant(double value) {
    return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value));
  }
  Value real(Value index) {
    Value whole = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
    return arith::SIToFPOp::create(b, loc, b.getF64Type(), whole);
  }
  Value div(Value x, Value y) { return s.div(x, y, false); }
  Value floor(Value x) { return math::FloorOp::create(b, loc, x); }
  Value whole(Value x) {
    Value number = arith::FPToSIOp::create(b, loc, b.getI64Type(), x);
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), number);
  }
  Value less(Value x, Value y) {
    return s.compare(arith::CmpFPredicate::OLT, x, y);
  }
  /// Limited to the input.
  Value clamp(Value x) {
    return s.max(constant(0), s.min(x, s.sub(before, constant(1)), false),
                 false);
  }

  /// Where element `place` of the result lies in the input.
  Value coordinate(Value place) {
    Value x = real(place), half = constant(0.5), one = constant(1);
    auto halfPixel = [&] { return s.sub(div(s.add(x, half), scale), half); };
    // The length as a number, which need not be a whole one.
    Value length = axis.scale ? s.mul(scale, before) : after;
    auto unlessOne = [&](Value otherwise, Value at) {
      Value isOne = s.compare(arith::CmpFPredicate::OEQ, length, one);
      return s.select(isOne, at, otherwise);
    };
    if (plan.coordinates == "asymmetric")
      return div(x, scale);
    if (plan.coordinates == "pytorch_half_pixel")
      return unlessOne(halfPixel(), constant(0));
    if (plan.coordinates == "align_corners")
      return unlessOne(div(s.mul(x, s.sub(before, one)), s.sub(length, one)),
                       constant(0));
    if (plan.coordinates == "half_pixel_symmetric") {
      Value centre = s.mul(before, half);
      Value offset = s.mul(centre, s.sub(one, div(after, length)));
      return s.add(offset, halfPixel());
    }
    if (plan.crops()) {
      Value span = s.sub(before, one);
      Value extent = constant(axis.end - axis.start);
      Value inside =
          unlessOne(div(s.mul(s.mul(x, extent), span), s.sub(length, one)),
                    s.mul(s.mul(extent, span), half));
      return s.add(inside, s.mul(constant(axis.start), span));
    }
    return halfPixel();
  }

  /// The element of the input that is the nearest, a number of f64.
  Value nearest(Value x) {
    if (plan.rounding == "floor")
      return floor(x);
    if (plan.rounding == "ceil")
      return math::CeilOp::create(b, loc, x);
    if (plan.rounding == "round_prefer_ceil")
      return floor(s.add(x, constant(0.5)));
    return math::CeilOp::create(b, loc, s.sub(x, constant(0.5)));
  }

  /// The weight of a neighbour at `distance`, before they are divided by their
  /// sum. (Keys: Cubic convolution interpolation, 1981, equation 4)
  Value weight(Value distance) {
    Value d = math::AbsFOp::create(b, loc, distance);
    Value one = constant(1), zero = constant(0);
    if (plan.antialias)
      d = s.mul(d, s.min(scale, one, false));
    if (plan.mode == "linear")
      return s.max(zero, s.sub(one, d), false);
    double a = plan.cubic;
    auto polynomial = [&](std::initializer_list<double> factors) {
      Value result;
      for (double factor : factors)
        result = result ? s.add(s.mul(result, d), constant(factor))
                        : constant(factor);
      return result;
    };
    Value near = polynomial({a + 2, -(a + 3), 0, 1});
    Value far = polynomial({a, -5 * a, 8 * a, -4 * a});
    Value isNear = s.compare(arith::CmpFPredicate::OLE, d, one);
    return s.select(isNear, near, s.select(less(d, constant(2)), far, zero));
  }
  /// The same, zero outside of the input if that is excluded.
  Value weight(Value x, Value neighbour) {
    Value result = weight(s.sub(neighbour, x));
    if (!plan.excludesOutside)
      return result;
    Value isOutside =
        s.compare(arith::CmpFPredicate::ONE, neighbour, clamp(neighbour));
    return s.select(isOutside, constant(0), result);
  }

  OpBuilder &b;
  Location loc;
  Scalar s;
  const ResizePlan &plan;
  const ResizedAxis &axis;
  Value before, after, scale;
};

/// Neighbours of one axis: how many, and the first one counted from the
/// coordinate rounded down.
struct Taps {
  int64_t count, first;
};

FailureOr<Taps> tapsOf(NodeEmit &n, const ResizePlan &plan,
                       const ResizedAxis &axis) {
  int64_t reach = plan.mode == "cubic" ? 2 : 1;
  if (!plan.antialias)
    return Taps{2 * reach, 1 - reach};
  if (!axis.scale)
    return n.fail("its antialias needs scales that are known when code is "
                  "made; give the sizes by --size, or constants");
  double scale = std::min(1.0, *axis.scale);
  constexpr double most = 4096;
  if (static_cast<double>(reach) / scale > most)
    return n.fail("its antialias makes one element of more than 4096");
  auto first =
      static_cast<int64_t>(std::floor(-static_cast<double>(reach) / scale) + 1);
  return Taps{2 - 2 * first, first};
}

/// The elements of `x` that are the nearest along an axis.
Val takeNearest(NodeEmit &n, Val &x, const ResizePlan &plan,
                const ResizedAxis &axis) {
  SmallVector<Value> sizes{n.index(axis.before), n.index(axis.after)};
  Val places = n.generate(
      Int64, axis.after, [&](OpBuilder &b, Location loc, ValueRange at) {
        AxisBody body(b, loc, plan, axis, sizes);
        Value place = body.clamp(body.nearest(body.coordinate(at[0])));
        return arith::FPToSIOp::create(b, loc, b.getI64Type(), place)
            .getResult();
      });
  return n.gatherAlong(x, places, axis.axis);
}

/// The neighbours of each element of the result along one axis, [after, taps].
struct Neighbours {
  Val places;  ///< i64, within the input
  Val weights; ///< f64, then as `sumNeighbours` asks
};

Neighbours neighboursOf(NodeEmit &n, const ResizePlan &plan,
                        const ResizedAxis &axis, const Taps &taps) {
  SmallVector<Value> sizes{n.index(axis.before), n.index(axis.after)};
  auto neighbour = [&](AxisBody &body, Value x, Value tap) {
    Value offset = body.s.add(body.real(tap),
                              body.constant(static_cast<double>(taps.first)));
    return body.s.add(body.floor(x), offset);
  };
  Dims table{axis.after, n.size(taps.count)};
  Neighbours result;
  result.places =
      n.generate(Int64, table, [&](OpBuilder &b, Location loc, ValueRange at) {
        AxisBody body(b, loc, plan, axis, sizes);
        Value place =
            body.clamp(neighbour(body, body.coordinate(at[0]), at[1]));
        return arith::FPToSIOp::create(b, loc, b.getI64Type(), place)
            .getResult();
      });
  result.weights =
      n.generate(Double, table, [&](OpBuilder &b, Location loc, ValueRange at) {
        AxisBody body(b, loc, plan, axis, sizes);
        Value x = body.coordinate(at[0]);
        return body.weight(x, neighbour(body, x, at[1]));
      });
  return result;
}

/// Weights, [after, taps], divided by their sums over the taps.
Val divideBySum(NodeEmit &n, Val &weights) {
  Dims kept{weights.shape[0], n.size(1)};
  Val total = n.make(n.reduce(
                         n.tensor(weights), weights.shape, int64_t(1),
                         n.number(n.b.getF64Type(), 0),
                         [](OpBuilder &b, Location loc, Value e, Value sum) {
                           return Scalar(b, loc).add(sum, e);
                         },
                         true),
                     Double, kept);
  return n.binary(weights, total, [](OpBuilder &b, Location loc, ValueRange a) {
    return Scalar(b, loc).div(a[0], a[1], false);
  });
}

/// Sums of the neighbours along an axis, times their weights, which have the
/// type of `x`.
Val sumNeighbours(NodeEmit &n, Val &x, Neighbours &neighbours,
                  const ResizedAxis &axis) {
  Dims shape = x.shape;
  shape[axis.axis] = axis.after;
  int64_t rank = x.rank();
  MLIRContext *context = n.b.getContext();
  AffineMap pair = AffineMap::get(
      rank + 1, 0,
      {n.b.getAffineDimExpr(axis.axis), n.b.getAffineDimExpr(rank)}, context);
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  iterators.push_back(IteratorType::reduction);
  Value source = n.tensor(x);
  Value init = n.filled(shape, n.number(n.elementType(x.type), 0));
  auto op = linalg::GenericOp::create(
      n.b, n.loc, init.getType(),
      ValueRange{n.tensor(neighbours.places), n.tensor(neighbours.weights)},
      init,
      ArrayRef<AffineMap>{pair, pair,
                          AffineMap::getMultiDimIdentityMap(rank + 1, context)
                              .dropResult(rank)},
      iterators, [&](OpBuilder &b, Location loc, ValueRange a) {
        SmallVector<Value> from;
        for (int64_t d = 0; d < rank; ++d)
          from.push_back(linalg::IndexOp::create(b, loc, d));
        from[axis.axis] =
            arith::IndexCastOp::create(b, loc, b.getIndexType(), a[0]);
        Scalar s(b, loc);
        Value element = tensor::ExtractOp::create(b, loc, source, from);
        linalg::YieldOp::create(b, loc, s.add(a[2], s.mul(element, a[1])));
      });
  return n.make(op.getResult(0), x.type, shape);
}

/// One axis of `x`, which has a floating-point type unless the mode is nearest.
FailureOr<Val> resizeAxis(NodeEmit &n, Val &x, const ResizePlan &plan,
                          const ResizedAxis &axis) {
  if (plan.mode == "nearest")
    return takeNearest(n, x, plan, axis);
  FailureOr<Taps> taps = tapsOf(n, plan, axis);
  if (failed(taps))
    return failure();
  Neighbours neighbours = neighboursOf(n, plan, axis, *taps);
  if (plan.antialias || plan.excludesOutside)
    neighbours.weights = divideBySum(n, neighbours.weights);
  neighbours.weights = n.castTo(neighbours.weights, x.type);
  return sumNeighbours(n, x, neighbours, axis);
}

/// What lies outside of the input along any axis has one value.
Val extrapolate(NodeEmit &n, Val &x, const ResizePlan &plan) {
  Val result = x;
  for (const ResizedAxis &axis : plan.axes) {
    SmallVector<Value> sizes{n.index(axis.before), n.index(axis.after)};
    Dims along(x.rank(), n.size(1));
    along[axis.axis] = axis.after;
    Val outside =
        n.generate(Bool, along, [&](OpBuilder &b, Location loc, ValueRange at) {
          AxisBody body(b, loc, plan, axis, sizes);
          Value place = body.coordinate(at[axis.axis]);
          return body.s.compare(arith::CmpFPredicate::ONE, place,
                                body.clamp(place));
        });
    result = n.elementwise(
        {&result, &outside}, x.type, x.shape,
        [&](OpBuilder &b, Location loc, ValueRange a) {
          Scalar s(b, loc);
          return s.select(a[1], s.number(a[0], plan.extrapolation), a[0]);
        });
  }
  return result;
}

FailureOr<Val> resizeAll(NodeEmit &n, Val &input, const ResizePlan &plan) {
  bool nearest = plan.mode == "nearest";
  int32_t type = nearest || input.type == Double ? input.type : int32_t(Float);
  Val x = n.castTo(input, type);
  for (const ResizedAxis &axis : plan.axes) {
    if (!plan.crops() && Emit::same(axis.before, axis.after) &&
        axis.scale.value_or(1) == 1)
      continue;
    FailureOr<Val> next = resizeAxis(n, x, plan, axis);
    if (failed(next))
      return failure();
    x = *next;
  }
  if (plan.crops())
    x = extrapolate(n, x, plan);
  return n.castTo(x, input.type);
}

/// Sizes of the result from the scales of the plan's axes, or scales from
/// sizes.
LogicalResult readScales(NodeEmit &n, ResizePlan &plan,
                         ArrayRef<double> scales) {
  if (scales.size() != plan.axes.size())
    return n.fail("has " + Twine(scales.size()) + " scales for " +
                  Twine(plan.axes.size()) + " axes");
  for (auto [axis, scale] : llvm::zip(plan.axes, scales)) {
    constexpr double most = 1 << 24;
    if (!(scale > 0) || scale > most)
      return n.fail("a scale is " + Twine(std::to_string(scale)) +
                    ", expected more than 0");
    axis.scale = scale;
    if (std::optional<int64_t> size = Emit::constant(axis.before)) {
      double after = std::floor(static_cast<double>(*size) * scale);
      if (!(after < 0x1p31))
        return n.fail("its result has " + Twine(std::to_string(after)) +
                      " elements along axis " + Twine(axis.axis));
      axis.after = n.size(static_cast<int64_t>(after));
      continue;
    }
    Emit e(n.b, n.loc);
    SmallVector<Value> sizes(2, n.index(axis.before));
    AxisBody body(n.b, n.loc, plan, axis, sizes);
    axis.after = body.whole(body.floor(body.s.mul(body.before, body.scale)));
  }
  return success();
}

LogicalResult readSizes(NodeEmit &n, ResizePlan &plan, size_t operand) {
  FailureOr<SmallVector<OpFoldResult>> sizes = n.sizes(operand, "sizes");
  if (failed(sizes))
    return failure();
  if (sizes->size() != plan.axes.size())
    return n.fail("has " + Twine(sizes->size()) + " sizes for " +
                  Twine(plan.axes.size()) + " axes");
  StringRef policy = n.stringOr("keep_aspect_ratio_policy", "stretch");
  bool larger = policy == "not_smaller";
  if (policy != "stretch" && policy != "not_larger" && !larger)
    return n.fail("keep_aspect_ratio_policy is '" + policy +
                  "', expected stretch, not_larger or not_smaller");
  std::optional<double> common;
  for (auto [axis, size] : llvm::zip(plan.axes, *sizes)) {
    axis.after = size;
    std::optional<int64_t> before = Emit::constant(axis.before),
                           after = Emit::constant(size);
    if (after && (*after < 0 || *after >= INT32_MAX))
      return n.fail("a size is " + Twine(*after) + ", expected 0 or more");
    if (before && after && *before > 0) {
      axis.scale = static_cast<double>(*after) / static_cast<double>(*before);
      common = !common  ? *axis.scale
               : larger ? std::max(*common, *axis.scale)
                        : std::min(*common, *axis.scale);
    } else if (policy != "stretch") {
      return n.fail("keep_aspect_ratio_policy '" + policy +
                    "' needs sizes that are known when code is made");
    }
  }
  if (policy == "stretch" || !common)
    return success();
  for (ResizedAxis &axis : plan.axes) {
    auto before = static_cast<double>(*Emit::constant(axis.before));
    axis.scale = *common;
    axis.after =
        n.size(static_cast<int64_t>(std::floor(before * *common + 0.5)));
  }
  return success();
}

LogicalResult resize(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  bool isOld = n.opset < 11; // scales are the second operand
  ResizePlan plan;
  plan.mode = n.stringOr("mode", "nearest");
  plan.coordinates = n.stringOr("coordinate_transformation_mode",
                                isOld ? "asymmetric" : "half_pixel");
  plan.rounding =
      n.stringOr("nearest_mode", isOld ? "floor" : "round_prefer_floor");
  plan.cubic = n.floatOr("cubic_coeff_a", -0.75f);
  plan.extrapolation = n.floatOr("extrapolation_value", 0);
  plan.excludesOutside =
      n.intOr("exclude_outside", 0) && plan.mode != "nearest";
  plan.antialias = n.intOr("antialias", 0) && plan.mode != "nearest";
  auto isOne = [&](StringRef value, StringRef what,
                   std::initializer_list<StringRef> known) -> LogicalResult {
    if (llvm::is_contained(known, value))
      return success();
    return n.fail(what + " is '" + value + "', expected one of " +
                  llvm::join(known, ", "));
  };
  if (failed(isOne(plan.mode, "mode", {"nearest", "linear", "cubic"})) ||
      failed(isOne(plan.coordinates, "coordinate_transformation_mode",
                   {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                    "align_corners", "asymmetric", "tf_crop_and_resize"})) ||
      failed(
          isOne(plan.rounding, "nearest_mode",
                {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})))
    return failure();
  SmallVector<int64_t> list = llvm::to_vector(llvm::seq<int64_t>(0, x.rank()));
  if (auto given = n.intsAttribute("axes"); given && !given->empty()) {
    FailureOr<SmallVector<int64_t>> axes = n.axes(*given, x.rank());
    if (failed(axes))
      return failure();
    list = *axes;
  }
  for (int64_t axis : list) {
    ResizedAxis &one = plan.axes.emplace_back();
    one.axis = axis;
    one.before = one.after = x.shape[axis];
  }
  if (!isOld && plan.crops()) {
    FailureOr<SmallVector<double>> region = constantFloats(n, 1, "roi");
    if (failed(region))
      return failure();
    if (region->size() != 2 * list.size())
      return n.fail("its roi has " + Twine(region->size()) +
                    " numbers, expected " + Twine(2 * list.size()));
    for (size_t i = 0; i < list.size(); ++i) {
      plan.axes[i].start = (*region)[i];
      plan.axes[i].end = (*region)[i + list.size()];
    }
  }
  SmallVector<double> scales;
  if (auto given = n.attribute("scales")) { // Upsample 7
    scales.assign(given->floats.begin(), given->floats.end());
  } else {
    FailureOr<SmallVector<double>> operand =
        constantFloats(n, isOld ? 1 : 2, "scales");
    if (failed(operand))
      return failure();
    scales = *operand;
  }
  if (scales.empty() && (isOld || !n.has(3)))
    return n.fail("has neither scales nor sizes");
  if (failed(scales.empty() ? readSizes(n, plan, 3)
                            : readScales(n, plan, scales)))
    return failure();
  for (const ResizedAxis &axis : plan.axes)
    if (Emit::constant(axis.before) == 0 && Emit::constant(axis.after) != 0)
      return n.fail("makes something of axis " + Twine(axis.axis) +
                    ", which has no elements");
  FailureOr<Val> result = resizeAll(n, x, plan);
  return failed(result) ? failure() : n.set(*result);
}

} // namespace

void addResize(OperatorTable &t) {
  t.add("Resize", resize, 10);
  t.add("Upsample", resize);
}

} // namespace mlir::nm::onnx
