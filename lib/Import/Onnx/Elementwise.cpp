//===- Elementwise.cpp - Operators on one element at a time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::nm::onnx {

LogicalResult unary(NodeEmit &n,
                    llvm::function_ref<Value(Scalar &, Value)> body) {
  if (failed(n.needs(1)))
    return failure();
  if (!isFloatType(n.in(0)->type))
    return n.fail("elements are " + elementTypeName(n.in(0)->type) +
                  ", expected floating-point numbers");
  return n.set(n.unary(*n.in(0), [&](OpBuilder &b, Location loc, ValueRange a) {
    Scalar s(b, loc);
    return body(s, a[0]);
  }));
}

LogicalResult sameTypes(NodeEmit &n) {
  for (Val *operand : n.inputs)
    if (operand && operand->type != n.in(0)->type)
      return n.fail("operands are " + elementTypeName(n.in(0)->type) + " and " +
                    elementTypeName(operand->type) + ", expected one type");
  return success();
}

namespace {

using Binary = Value (*)(Scalar &, Value, Value, int32_t type);

/// The known elements of two lists of whole numbers, or of a list and one
/// number, in pairs.
std::optional<SmallVector<std::pair<OpFoldResult, OpFoldResult>>>
knownPairs(const Val &a, const Val &c) {
  if (!a.content || !c.content || a.type != c.type || isFloatType(a.type) ||
      isUnsignedType(a.type) || a.rank() > 1 || c.rank() > 1)
    return std::nullopt;
  size_t left = a.content->size(), right = c.content->size();
  if (left != right && left != 1 && right != 1)
    return std::nullopt;
  SmallVector<std::pair<OpFoldResult, OpFoldResult>> pairs;
  for (size_t i = 0; i < std::max(left, right) && left && right; ++i)
    pairs.emplace_back((*a.content)[left == 1 ? 0 : i],
                       (*c.content)[right == 1 ? 0 : i]);
  return pairs;
}

/// Shape arithmetic: elements that are sizes are computed here.
std::optional<Val> foldSizes(NodeEmit &n, Emit::Arith kind) {
  Val &a = *n.in(0), &c = *n.in(1);
  auto pairs = knownPairs(a, c);
  std::optional<Dims> shape = pairs ? n.broadcast({&a, &c}) : std::nullopt;
  if (!shape || elementBits(a.type) < 32)
    return std::nullopt;
  SmallVector<OpFoldResult> result;
  for (auto [left, right] : *pairs)
    result.push_back(n.compute(kind, left, right));
  return n.known(a.type, *shape, result);
}

/// Constant floating-point scalars, such as the square root of a width.
std::optional<Val> foldFloats(NodeEmit &n, double (*body)(double, double)) {
  Val &a = *n.in(0), &c = *n.in(1);
  if (!isFloatType(a.type) || (a.type != Float && a.type != Double))
    return std::nullopt;
  auto left = a.floats(), right = c.floats();
  if (!left || !right || left->size() != 1 || right->size() != 1 || !body)
    return std::nullopt;
  double value = body(left->front(), right->front());
  if (a.type == Float)
    value = static_cast<float>(value);
  return n.known(a.type, a.rank() >= c.rank() ? a.shape : c.shape,
                 OpFoldResult(n.b.getF64FloatAttr(value)));
}

LogicalResult arithmetic(NodeEmit &n, Binary body,
                         std::optional<Emit::Arith> kind,
                         double (*real)(double, double) = nullptr) {
  if (failed(n.needs(2)) || failed(sameTypes(n)))
    return failure();
  if (n.in(0)->type == Bool)
    return n.fail("elements are bool, expected numbers");
  if (kind)
    if (std::optional<Val> folded = foldSizes(n, *kind))
      return n.set(*folded);
  if (std::optional<Val> folded = foldFloats(n, real))
    return n.set(*folded);
  std::optional<Dims> shape = n.broadcastShapes({n.in(0), n.in(1)});
  if (!shape)
    return failure();
  int32_t type = n.in(0)->type;
  return n.set(n.elementwise({n.in(0), n.in(1)}, type, *shape,
                             [&](OpBuilder &b, Location loc, ValueRange a) {
                               Scalar s(b, loc);
                               return body(s, a[0], a[1], type);
                             }));
}

LogicalResult add(NodeEmit &n) {
  return arithmetic(
      n, [](Scalar &s, Value a, Value b, int32_t) { return s.add(a, b); },
      Emit::Arith::Add, [](double a, double b) { return a + b; });
}
LogicalResult sub(NodeEmit &n) {
  return arithmetic(
      n, [](Scalar &s, Value a, Value b, int32_t) { return s.sub(a, b); },
      Emit::Arith::Sub, [](double a, double b) { return a - b; });
}
LogicalResult mul(NodeEmit &n) {
  return arithmetic(
      n, [](Scalar &s, Value a, Value b, int32_t) { return s.mul(a, b); },
      Emit::Arith::Mul, [](double a, double b) { return a * b; });
}
LogicalResult div(NodeEmit &n) {
  return arithmetic(
      n,
      [](Scalar &s, Value a, Value b, int32_t type) {
        return s.div(a, b, isUnsignedType(type));
      },
      Emit::Arith::Div, [](double a, double b) { return a / b; });
}

LogicalResult mod(NodeEmit &n) {
  bool fmod = n.intOr("fmod", 0);
  if (n.has(0) && isFloatType(n.in(0)->type) && !fmod)
    return n.fail("remainders of floating-point numbers need fmod = 1");
  return arithmetic(n,
                    fmod ? Binary([](Scalar &s, Value a, Value b, int32_t t) {
                      return s.remainder(a, b, isUnsignedType(t), false);
                    })
                         : Binary([](Scalar &s, Value a, Value b, int32_t t) {
                             return s.remainder(a, b, isUnsignedType(t), true);
                           }),
                    fmod ? std::nullopt : std::optional(Emit::Arith::Mod));
}

LogicalResult pow(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &base = *n.in(0), &exponent = *n.in(1);
  std::optional<Dims> shape = n.broadcastShapes({&base, &exponent});
  if (!shape)
    return failure();
  int32_t type = base.type, power = exponent.type;
  auto constant = exponent.floats();
  return n.set(n.elementwise(
      {&base, &exponent}, type, *shape,
      [&](OpBuilder &b, Location loc, ValueRange a) -> Value {
        Scalar s(b, loc);
        Emit scalars(b, loc);
        if (!isFloatType(type) && !isFloatType(power))
          return s.intPower(a[0], scalars.cast(a[1], power, Int64));
        // What the exponent is used for most.
        if (isFloatType(type) && constant && constant->size() == 1) {
          if (constant->front() == 2)
            return s.mul(a[0], a[0]);
          if (constant->front() == 3)
            return s.mul(s.mul(a[0], a[0]), a[0]);
          if (constant->front() == 0.5)
            return math::SqrtOp::create(b, loc, a[0]);
        }
        int32_t wide = type == Double || !isFloatType(type) ? Double : Float;
        Value result =
            math::PowFOp::create(b, loc, scalars.cast(a[0], type, wide),
                                 scalars.cast(a[1], power, wide));
        return scalars.cast(result, wide, type);
      }));
}

/// Comparisons of sizes that come out the same in every call.
std::optional<Val> foldComparison(NodeEmit &n, arith::CmpIPredicate predicate,
                                  ArrayRef<OpFoldResult> shape) {
  auto pairs = knownPairs(*n.in(0), *n.in(1));
  if (!pairs)
    return std::nullopt;
  SmallVector<OpFoldResult> result;
  for (auto [left, right] : *pairs) {
    std::optional<bool> known = Emit::decide(predicate, left, right);
    if (!known)
      return std::nullopt;
    result.push_back(n.size(*known));
  }
  return n.known(Bool, shape, result);
}

/// Equal, Less and the like.
template <arith::CmpFPredicate real, arith::CmpIPredicate whole,
          arith::CmpIPredicate natural>
LogicalResult compare(NodeEmit &n) {
  if (failed(n.needs(2)) || failed(sameTypes(n)))
    return failure();
  Val &a = *n.in(0), &c = *n.in(1);
  std::optional<Dims> shape = n.broadcastShapes({&a, &c});
  if (!shape)
    return failure();
  if (std::optional<Val> folded = foldComparison(n, whole, *shape))
    return n.set(std::move(*folded));
  int32_t type = a.type;
  return n.set(
      n.elementwise({&a, &c}, Bool, *shape,
                    [&](OpBuilder &b, Location loc, ValueRange x) -> Value {
                      if (isFloatType(type))
                        return arith::CmpFOp::create(b, loc, real, x[0], x[1]);
                      bool isNatural = isUnsignedType(type) || type == Bool;
                      return arith::CmpIOp::create(
                          b, loc, isNatural ? natural : whole, x[0], x[1]);
                    }));
}

template <typename Op> LogicalResult logical(NodeEmit &n) {
  if (failed(n.needs(2)) || failed(sameTypes(n)))
    return failure();
  std::optional<Dims> shape = n.broadcastShapes({n.in(0), n.in(1)});
  if (!shape)
    return failure();
  return n.set(
      n.elementwise({n.in(0), n.in(1)}, n.in(0)->type, *shape,
                    [](OpBuilder &b, Location loc, ValueRange a) {
                      return Op::create(b, loc, a[0], a[1]).getResult();
                    }));
}

LogicalResult negateBits(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  if (auto known = n.in(0)->ints(); known && n.in(0)->type == Bool) {
    SmallVector<OpFoldResult> result;
    for (int64_t bit : *known)
      result.push_back(n.size(!bit));
    return n.set(n.known(Bool, n.in(0)->shape, result));
  }
  return n.set(n.unary(*n.in(0), [](OpBuilder &b, Location loc, ValueRange a) {
    Value ones = Emit(b, loc).integer(a[0].getType(), -1);
    return arith::XOrIOp::create(b, loc, a[0], ones).getResult();
  }));
}

LogicalResult shift(NodeEmit &n) {
  if (failed(n.needs(2)) || failed(sameTypes(n)))
    return failure();
  bool left = n.stringOr("direction", "LEFT") == "LEFT";
  std::optional<Dims> shape = n.broadcastShapes({n.in(0), n.in(1)});
  if (!shape)
    return failure();
  return n.set(n.elementwise(
      {n.in(0), n.in(1)}, n.in(0)->type, *shape,
      [&](OpBuilder &b, Location loc, ValueRange a) -> Value {
        // A shift by the width or more gives zero.
        Emit e(b, loc);
        int64_t width = a[0].getType().getIntOrFloatBitWidth();
        Value fits =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, a[1],
                                  e.integer(a[1].getType(), width));
        Value zero = e.integer(a[0].getType(), 0);
        Value by = arith::SelectOp::create(b, loc, fits, a[1], zero);
        Value moved = left ? arith::ShLIOp::create(b, loc, a[0], by).getResult()
                           : arith::ShRUIOp::create(b, loc, a[0], by);
        return arith::SelectOp::create(b, loc, fits, moved, zero);
      }));
}

/// Max, Min, Sum, Mean of any number of operands.
LogicalResult fold(NodeEmit &n, Binary body, bool mean) {
  if (failed(n.needs(1)) || failed(sameTypes(n)))
    return failure();
  int32_t type = n.in(0)->type;
  std::optional<Dims> shape = n.broadcastShapes(n.inputs);
  if (!shape)
    return failure();
  if (n.inputs.size() == 1)
    return n.set(*n.in(0));
  return n.set(n.elementwise(
      n.inputs, type, *shape, [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Value result = a[0];
        for (Value next : a.drop_front())
          result = body(s, result, next, type);
        if (mean)
          result =
              s.div(result, s.number(result, static_cast<double>(a.size())),
                    isUnsignedType(type));
        return result;
      }));
}
LogicalResult max(NodeEmit &n) {
  if (n.inputs.size() == 2 && n.in(0) && n.in(1))
    if (std::optional<Val> folded = foldSizes(n, Emit::Arith::Max))
      return n.set(*folded);
  return fold(
      n,
      [](Scalar &s, Value a, Value b, int32_t type) {
        return s.max(a, b, isUnsignedType(type));
      },
      false);
}
LogicalResult min(NodeEmit &n) {
  if (n.inputs.size() == 2 && n.in(0) && n.in(1))
    if (std::optional<Val> folded = foldSizes(n, Emit::Arith::Min))
      return n.set(*folded);
  return fold(
      n,
      [](Scalar &s, Value a, Value b, int32_t type) {
        return s.min(a, b, isUnsignedType(type));
      },
      false);
}
LogicalResult sum(NodeEmit &n) {
  return fold(
      n, [](Scalar &s, Value a, Value b, int32_t) { return s.add(a, b); },
      false);
}
LogicalResult mean(NodeEmit &n) {
  return fold(
      n, [](Scalar &s, Value a, Value b, int32_t) { return s.add(a, b); },
      true);
}

LogicalResult clip(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val result = *n.in(0);
  int32_t type = result.type;
  for (size_t i : {1, 2})
    if (n.has(i) &&
        (n.in(i)->type != type ||
         !n.require(n.product(n.in(i)->shape), n.size(1), "a bound")))
      return n.fail("a bound is not one number of " + elementTypeName(type));
  auto bound = [&](size_t input, StringRef name, bool lower) {
    Val limit;
    if (Val *operand = n.in(input))
      limit = n.reshape(*operand, {});
    else if (std::optional<double> value = n.floatAttribute(name))
      limit = n.scalarConstant(type, *value);
    else
      return;
    result = n.elementwise({&result, &limit}, type, result.shape,
                           [&](OpBuilder &b, Location loc, ValueRange a) {
                             Scalar s(b, loc);
                             bool isUnsigned = isUnsignedType(type);
                             return lower ? s.max(a[0], a[1], isUnsigned)
                                          : s.min(a[0], a[1], isUnsigned);
                           });
  };
  // numpy.clip: the upper bound comes last and wins.
  bound(1, "min", true);
  bound(2, "max", false);
  return n.set(result);
}

LogicalResult where(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  Val &condition = *n.in(0), &a = *n.in(1), &c = *n.in(2);
  if (condition.type != Bool || a.type != c.type)
    return n.fail("operands are " + elementTypeName(condition.type) + ", " +
                  elementTypeName(a.type) + " and " + elementTypeName(c.type) +
                  ", expected bool and twice one type");
  std::optional<Dims> shape = n.broadcastShapes({&condition, &a, &c});
  if (!shape)
    return failure();
  auto chosen = condition.ints();
  if (chosen && a.content && c.content && a.rank() <= 1 && c.rank() <= 1 &&
      condition.rank() <= 1) {
    size_t count =
        std::max({chosen->size(), a.content->size(), c.content->size()});
    auto at = [&](auto &list, size_t i) {
      return list[list.size() == 1 ? 0 : i];
    };
    SmallVector<OpFoldResult> result;
    for (size_t i = 0; i < count; ++i)
      result.push_back(at(*chosen, i) ? at(*a.content, i) : at(*c.content, i));
    return n.set(n.known(a.type, *shape, result));
  }
  return n.set(n.elementwise(
      {&condition, &a, &c}, a.type, *shape,
      [](OpBuilder &b, Location loc, ValueRange x) {
        return arith::SelectOp::create(b, loc, x[0], x[1], x[2]).getResult();
      }));
}

LogicalResult isInf(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  bool negative = n.intOr("detect_negative", 1);
  bool positive = n.intOr("detect_positive", 1);
  return n.set(n.elementwise(
      {n.in(0)}, Bool, n.in(0)->shape,
      [&](OpBuilder &b, Location loc, ValueRange a) -> Value {
        Scalar s(b, loc);
        Value infinite = s.infinity(a[0], false), low = s.infinity(a[0], true);
        Value up = s.compare(arith::CmpFPredicate::OEQ, a[0], infinite);
        Value down = s.compare(arith::CmpFPredicate::OEQ, a[0], low);
        if (positive && negative)
          return arith::OrIOp::create(b, loc, up, down);
        if (positive || negative)
          return positive ? up : down;
        return Emit(b, loc).integer(b.getI1Type(), 0);
      }));
}

LogicalResult isNan(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  return n.set(n.elementwise({n.in(0)}, Bool, n.in(0)->shape,
                             [](OpBuilder &b, Location loc, ValueRange a) {
                               return Scalar(b, loc).compare(
                                   arith::CmpFPredicate::UNO, a[0], a[0]);
                             }));
}

LogicalResult absolute(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  int32_t type = n.in(0)->type;
  if (isUnsignedType(type))
    return n.set(*n.in(0));
  return n.set(
      n.unary(*n.in(0), [&](OpBuilder &b, Location loc, ValueRange a) -> Value {
        if (isFloatType(type))
          return math::AbsFOp::create(b, loc, a[0]);
        Scalar s(b, loc);
        return s.max(a[0], s.sub(s.number(a[0], 0), a[0]), false);
      }));
}

LogicalResult negative(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  if (x.content && (x.type == Int64 || x.type == Int32)) {
    SmallVector<OpFoldResult> result;
    for (OpFoldResult one : *x.content)
      result.push_back(n.Emit::sub(n.size(0), one));
    return n.set(n.known(x.type, x.shape, result));
  }
  return n.set(
      n.unary(x, [](OpBuilder &b, Location loc, ValueRange a) -> Value {
        if (isa<FloatType>(a[0].getType()))
          return arith::NegFOp::create(b, loc, a[0]);
        Scalar s(b, loc);
        return s.sub(s.number(a[0], 0), a[0]);
      }));
}

LogicalResult sign(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  bool isUnsigned = isUnsignedType(n.in(0)->type);
  return n.set(
      n.unary(*n.in(0), [&](OpBuilder &b, Location loc, ValueRange a) -> Value {
        Scalar s(b, loc);
        Value zero = s.number(a[0], 0), one = s.number(a[0], 1);
        Value up = s.greater(a[0], zero, isUnsigned);
        Value down = isUnsigned ? Emit(b, loc).integer(b.getI1Type(), 0)
                                : s.greater(zero, a[0], false);
        // A NaN is neither and stays.
        Value rest =
            isa<FloatType>(a[0].getType())
                ? s.select(s.compare(arith::CmpFPredicate::UNO, a[0], a[0]),
                           a[0], zero)
                : zero;
        return s.select(up, one, s.select(down, s.number(a[0], -1), rest));
      }));
}

LogicalResult castNode(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  auto to = static_cast<int32_t>(n.intOr("to", 0));
  if (n.node.opType == "CastLike") {
    if (failed(n.needs(2)))
      return failure();
    to = n.in(1)->type;
  }
  if (!n.elementType(to))
    return n.fail("casts to " + elementTypeName(to) +
                  ", expected floats of 16 to 64 bits, integers of 8 to 64 "
                  "or bool");
  return n.set(n.castTo(*n.in(0), to));
}

LogicalResult squareRoot(NodeEmit &n) {
  if (n.has(0) && n.in(0)->type == Float)
    if (auto values = n.in(0)->floats(); values && values->size() == 1)
      return n.set(n.known(Float, n.in(0)->shape,
                           OpFoldResult(n.b.getF64FloatAttr(std::sqrt(
                               static_cast<float>(values->front()))))));
  return unary<direct<math::SqrtOp>>(n);
}

Value reciprocal(Scalar &s, Value x) { return s.div(s.number(x, 1), x, false); }
} // namespace

void addElementwise(OperatorTable &t) {
  t.family("element by element");
  t.add("Abs", absolute);
  t.add("Acos", unary<direct<math::AcosOp>>);
  t.add("Acosh", unary<direct<math::AcoshOp>>);
  t.add("Add", add);
  t.add("And", logical<arith::AndIOp>);
  t.add("Asin", unary<direct<math::AsinOp>>);
  t.add("Asinh", unary<direct<math::AsinhOp>>);
  t.add("Atan", unary<direct<math::AtanOp>>);
  t.add("Atanh", unary<direct<math::AtanhOp>>);
  t.add("BitShift", shift, 11);
  t.add("BitwiseAnd", logical<arith::AndIOp>, 18);
  t.add("BitwiseNot", negateBits, 18);
  t.add("BitwiseOr", logical<arith::OrIOp>, 18);
  t.add("BitwiseXor", logical<arith::XOrIOp>, 18);
  t.add("Cast", castNode, 6, "strings, 8-bit floats, 4-bit types");
  t.add("CastLike", castNode, 15, "strings, 8-bit floats, 4-bit types");
  t.add("Ceil", unary<direct<math::CeilOp>>);
  t.add("Clip", clip);
  t.add("Cos", unary<direct<math::CosOp>>);
  t.add("Cosh", unary<direct<math::CoshOp>>);
  t.add("Div", div);
  using arith::CmpFPredicate;
  using arith::CmpIPredicate;
  t.add("Equal",
        compare<CmpFPredicate::OEQ, CmpIPredicate::eq, CmpIPredicate::eq>, 1,
        "strings");
  t.add("Erf", unary<direct<math::ErfOp>>, 9);
  t.add("Exp", unary<direct<math::ExpOp>>);
  t.add("Floor", unary<direct<math::FloorOp>>);
  t.add("Greater",
        compare<CmpFPredicate::OGT, CmpIPredicate::sgt, CmpIPredicate::ugt>);
  t.add("GreaterOrEqual",
        compare<CmpFPredicate::OGE, CmpIPredicate::sge, CmpIPredicate::uge>,
        12);
  t.add("IsInf", isInf, 10);
  t.add("IsNaN", isNan, 9);
  t.add("Less",
        compare<CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult>);
  t.add("LessOrEqual",
        compare<CmpFPredicate::OLE, CmpIPredicate::sle, CmpIPredicate::ule>,
        12);
  t.add("Log", unary<direct<math::LogOp>>);
  t.add("Max", max);
  t.add("Mean", mean);
  t.add("Min", min);
  t.add("Mod", mod, 10);
  t.add("Mul", mul);
  t.add("Neg", negative);
  t.add("Not", negateBits);
  t.add("Or", logical<arith::OrIOp>);
  t.add("Pow", pow);
  t.add("Reciprocal", unary<reciprocal>);
  t.add("Round", unary<direct<math::RoundEvenOp>>, 11);
  t.add("Sign", sign, 9);
  t.add("Sin", unary<direct<math::SinOp>>);
  t.add("Sinh", unary<direct<math::SinhOp>>);
  t.add("Sqrt", squareRoot);
  t.add("Sub", sub);
  t.add("Sum", sum);
  t.add("Tan", unary<direct<math::TanOp>>);
  t.add("Tanh", unary<direct<math::TanhOp>>);
  t.add("Where", where, 9);
  t.add("Xor", logical<arith::XOrIOp>);
  constexpr Elements Truth = Elements::Truth, Whole = Elements::Whole;
  for (StringRef name : {"And", "Or", "Xor"})
    t.takes(name, {Truth, Truth});
  t.takes("Not", Truth);
  for (StringRef name : {"BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"})
    t.takes(name, {Whole, Whole});
  t.takes("BitwiseNot", Whole);
  for (StringRef name : {"IsInf", "IsNaN"})
    t.takes(name, Elements::Float);
}

} // namespace mlir::nm::onnx
