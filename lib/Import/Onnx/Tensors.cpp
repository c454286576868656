//===- Tensors.cpp - Element by element, from indices, reduced -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

using utils::IteratorType;

RankedTensorType Emit::tensorType(ArrayRef<OpFoldResult> shape, Type element) {
  SmallVector<int64_t> sizes;
  for (OpFoldResult one : shape)
    sizes.push_back(constant(one).value_or(ShapedType::kDynamic));
  return RankedTensorType::get(sizes, element);
}

Value Emit::empty(ArrayRef<OpFoldResult> shape, Type element) {
  return tensor::EmptyOp::create(b, loc, shape, element);
}

Value Emit::filled(ArrayRef<OpFoldResult> shape, Value scalar) {
  Value init = empty(shape, scalar.getType());
  return linalg::FillOp::create(b, loc, scalar, init).getResult(0);
}

Val Emit::make(Value tensor, int32_t type, ArrayRef<OpFoldResult> shape) {
  Val value;
  value.tensor = tensor;
  value.type = type;
  value.shape = Dims(shape.begin(), shape.end());
  return value;
}

Val Emit::known(int32_t type, ArrayRef<OpFoldResult> shape,
                ArrayRef<OpFoldResult> content) {
  Val value = make({}, type, shape);
  value.content.emplace(content.begin(), content.end());
  return value;
}

Val Emit::scalarConstant(int32_t type, double value) {
  OpFoldResult element = isFloatType(type)
                             ? OpFoldResult(b.getF64FloatAttr(value))
                             : size(wholeNumber(value));
  return known(type, {}, element);
}

/// A constant of an element type from an index or f64 attribute.
static TypedAttr constantAttr(OpBuilder &b, Type type, OpFoldResult element) {
  auto attr = llvm::cast<mlir::Attribute>(element);
  double real = 0;
  int64_t whole = 0;
  if (auto number = dyn_cast<FloatAttr>(attr)) {
    real = number.getValueAsDouble();
    whole = wholeNumber(real);
  } else {
    whole = llvm::cast<IntegerAttr>(attr).getInt();
    real = static_cast<double>(whole);
  }
  if (isa<FloatType>(type))
    return b.getFloatAttr(type, real);
  APInt bits(64, static_cast<uint64_t>(whole), /*isSigned=*/true);
  return b.getIntegerAttr(
      type, bits.sextOrTrunc(llvm::cast<IntegerType>(type).getWidth()));
}

Value Emit::tensor(Val &value) {
  if (value.tensor)
    return value.tensor;
  Type element = elementType(value.type);
  RankedTensorType type = tensorType(value.shape, element);
  bool allConstant = llvm::all_of(*value.content, [](OpFoldResult one) {
    return isa<mlir::Attribute>(one);
  });
  if (allConstant) {
    SmallVector<mlir::Attribute> elements;
    for (OpFoldResult one : *value.content)
      elements.push_back(constantAttr(b, element, one));
    return value.tensor = arith::ConstantOp::create(
               b, loc, DenseElementsAttr::get(type, elements));
  }
  SmallVector<Value> elements;
  for (OpFoldResult one : *value.content) {
    if (isa<mlir::Attribute>(one))
      elements.push_back(
          arith::ConstantOp::create(b, loc, constantAttr(b, element, one)));
    else
      elements.push_back(
          arith::IndexCastOp::create(b, loc, element, llvm::cast<Value>(one)));
  }
  return value.tensor = tensor::FromElementsOp::create(b, loc, type, elements);
}

Value Emit::scalar(Val &value) {
  Type element = elementType(value.type);
  if (value.content && value.content->size() == 1) {
    OpFoldResult one = value.content->front();
    if (isa<mlir::Attribute>(one))
      return arith::ConstantOp::create(b, loc, constantAttr(b, element, one));
    return arith::IndexCastOp::create(b, loc, element, llvm::cast<Value>(one));
  }
  SmallVector<Value> zeros(value.rank(), indexConstant(0));
  return tensor::ExtractOp::create(b, loc, tensor(value), zeros);
}

std::optional<Dims> Emit::broadcast(ArrayRef<Dims> shapes) {
  size_t rank = 0;
  for (const Dims &shape : shapes)
    rank = std::max(rank, shape.size());
  Dims result(rank, size(1));
  for (size_t d = 0; d < rank; ++d) {
    OpFoldResult chosen = size(1);
    // A constant size wins: the others agree with it, or the call fails.
    for (bool constants : {true, false})
      for (const Dims &shape : shapes) {
        size_t missing = rank - shape.size();
        if (d < missing)
          continue;
        OpFoldResult one = shape[d - missing];
        if (constant(one).has_value() != constants || constant(one) == 1)
          continue;
        if (constant(chosen) == 1)
          chosen = one;
        else if (!require(one, chosen,
                          "dimension " + Twine(d) + " of an operand"))
          return std::nullopt;
      }
    result[d] = chosen;
  }
  return result;
}

std::optional<Dims> Emit::broadcast(ArrayRef<const Val *> operands) {
  SmallVector<Dims> shapes;
  for (const Val *operand : operands)
    shapes.push_back(operand->shape);
  return broadcast(ArrayRef<Dims>(shapes));
}

AffineMap Emit::broadcastMap(ArrayRef<OpFoldResult> operand,
                             ArrayRef<OpFoldResult> result) {
  SmallVector<AffineExpr> exprs;
  size_t missing = result.size() - operand.size();
  for (size_t d = 0; d < operand.size(); ++d) {
    bool stretched =
        constant(operand[d]) == 1 && constant(result[d + missing]) != 1;
    exprs.push_back(stretched ? b.getAffineConstantExpr(0)
                              : b.getAffineDimExpr(d + missing));
  }
  return AffineMap::get(result.size(), 0, exprs, b.getContext());
}

Val Emit::elementwise(ArrayRef<Val *> operands, int32_t type,
                      ArrayRef<OpFoldResult> shape, ScalarFn body) {
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  SmallVector<std::optional<TypedAttr>> constants;
  for (Val *operand : operands) {
    std::optional<TypedAttr> &known = constants.emplace_back();
    if (operand->content && operand->content->size() == 1 &&
        isa<mlir::Attribute>(operand->content->front())) {
      known = constantAttr(b, elementType(operand->type),
                           operand->content->front());
      continue;
    }
    inputs.push_back(tensor(*operand));
    maps.push_back(broadcastMap(operand->shape, shape));
  }
  maps.push_back(b.getMultiDimIdentityMap(shape.size()));
  SmallVector<IteratorType> iterators(shape.size(), IteratorType::parallel);
  Value init = empty(shape, elementType(type));
  auto op = linalg::GenericOp::create(
      b, loc, init.getType(), inputs, init, maps, iterators,
      [&](OpBuilder &nested, Location where, ValueRange arguments) {
        SmallVector<Value> scalars;
        size_t next = 0;
        for (const std::optional<TypedAttr> &known : constants)
          scalars.push_back(
              known ? arith::ConstantOp::create(nested, where, *known)
                    : arguments[next++]);
        linalg::YieldOp::create(nested, where, body(nested, where, scalars));
      });
  return make(op.getResult(0), type, shape);
}

Value Emit::generateTensor(Type element, ArrayRef<OpFoldResult> shape,
                           ScalarFn body) {
  Value init = empty(shape, element);
  SmallVector<IteratorType> iterators(shape.size(), IteratorType::parallel);
  auto op = linalg::GenericOp::create(
      b, loc, init.getType(), ValueRange{}, init,
      b.getMultiDimIdentityMap(shape.size()), iterators,
      [&](OpBuilder &nested, Location where, ValueRange) {
        SmallVector<Value> place;
        for (size_t d = 0; d < shape.size(); ++d)
          place.push_back(linalg::IndexOp::create(nested, where, d));
        linalg::YieldOp::create(nested, where, body(nested, where, place));
      });
  return op.getResult(0);
}

Val Emit::update(Val &state, ArrayRef<Val *> operands, ScalarFn body) {
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Val *operand : operands) {
    inputs.push_back(tensor(*operand));
    maps.push_back(broadcastMap(operand->shape, state.shape));
  }
  maps.push_back(b.getMultiDimIdentityMap(state.rank()));
  SmallVector<IteratorType> iterators(state.rank(), IteratorType::parallel);
  Value before = tensor(state);
  auto op = linalg::GenericOp::create(
      b, loc, before.getType(), inputs, before, maps, iterators,
      [&](OpBuilder &n, Location w, ValueRange arguments) {
        linalg::YieldOp::create(n, w, body(n, w, arguments));
      });
  return make(op.getResult(0), state.type, state.shape);
}

Val Emit::generate(int32_t type, ArrayRef<OpFoldResult> shape, ScalarFn body) {
  return make(generateTensor(elementType(type), shape, body), type, shape);
}

Dims Emit::reducedShape(OpBuilder &b, ArrayRef<OpFoldResult> shape,
                        ArrayRef<int64_t> axes, bool keep) {
  Dims result;
  for (auto [d, one] : llvm::enumerate(shape)) {
    if (!llvm::is_contained(axes, static_cast<int64_t>(d)))
      result.push_back(one);
    else if (keep)
      result.push_back(b.getIndexAttr(1));
  }
  return result;
}

Value Emit::reduce(
    Value input, ArrayRef<OpFoldResult> shape, ArrayRef<int64_t> axes,
    Value initial,
    llvm::function_ref<Value(OpBuilder &, Location, Value, Value)> combine,
    bool keep) {
  Dims gone = reducedShape(b, shape, axes, /*keep=*/false);
  SmallVector<AffineExpr> exprs;
  SmallVector<IteratorType> iterators;
  for (size_t d = 0; d < shape.size(); ++d) {
    bool reduced = llvm::is_contained(axes, static_cast<int64_t>(d));
    iterators.push_back(reduced ? IteratorType::reduction
                                : IteratorType::parallel);
    if (!reduced)
      exprs.push_back(b.getAffineDimExpr(d));
  }
  SmallVector<AffineMap> maps{
      b.getMultiDimIdentityMap(shape.size()),
      AffineMap::get(shape.size(), 0, exprs, b.getContext())};
  Value init = filled(gone, initial);
  auto op = linalg::GenericOp::create(
      b, loc, init.getType(), input, init, maps, iterators,
      [&](OpBuilder &nested, Location where, ValueRange arguments) {
        linalg::YieldOp::create(
            nested, where, combine(nested, where, arguments[0], arguments[1]));
      });
  if (!keep)
    return op.getResult(0);
  return reshape(op.getResult(0), gone,
                 reducedShape(b, shape, axes, /*keep=*/true));
}

Val Emit::unary(Val &input, ScalarFn body) {
  return elementwise({&input}, input.type, input.shape, body);
}

Val Emit::binary(Val &a, Val &c, ScalarFn body) {
  std::optional<Dims> shape = broadcast({&a, &c});
  return elementwise({&a, &c}, a.type, *shape, body);
}

Val Emit::expand(Val &input, ArrayRef<OpFoldResult> shape) {
  if (input.rank() == static_cast<int64_t>(shape.size()) &&
      llvm::all_of_zip(input.shape, shape, same))
    return input;
  return elementwise({&input}, input.type, shape,
                     [](OpBuilder &, Location, ValueRange a) { return a[0]; });
}

Val Emit::castTo(Val &input, int32_t type) {
  if (input.type == type)
    return input;
  if (input.content && !isFloatType(type) && !isFloatType(input.type) &&
      type != Bool && elementBits(type) >= 32) {
    Val result = input;
    result.tensor = {};
    result.argument = {};
    result.type = type;
    return result;
  }
  int32_t from = input.type;
  Val result =
      elementwise({&input}, type, input.shape,
                  [&](OpBuilder &nested, Location where, ValueRange a) {
                    return Emit(nested, where).cast(a[0], from, type);
                  });
  std::optional<SmallVector<double>> values = input.floats();
  if (values && isFloatType(type) && type != Float16 && type != Bfloat16) {
    result.content.emplace();
    for (double value : *values)
      result.content->push_back(
          b.getF64FloatAttr(type == Float ? static_cast<float>(value) : value));
  } else if (values && isFloatType(from) && (type == Int64 || type == Int32)) {
    bool fits = llvm::all_of(
        *values, [](double value) { return std::abs(value) < 2147483648.0; });
    if (fits) {
      result.content.emplace();
      for (double value : *values)
        result.content->push_back(size(static_cast<int64_t>(value)));
    }
  }
  return result;
}

SmallVector<Value> Emit::indices(ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> values;
  for (OpFoldResult one : sizes)
    values.push_back(index(one));
  return values;
}

ValueRange
Emit::loops(ArrayRef<OpFoldResult> shape, ValueRange initial,
            llvm::function_ref<SmallVector<Value>(OpBuilder &, Location,
                                                  ValueRange, ValueRange)>
                body) {
  SmallVector<Value> zeros(shape.size(), indexConstant(0));
  SmallVector<Value> ones(shape.size(), indexConstant(1));
  SmallVector<Value> ends = indices(shape);
  if (shape.empty()) {
    SmallVector<Value> results = body(b, loc, {}, initial);
    // A loop that runs once keeps the values alive.
    auto once = scf::ForOp::create(
        b, loc, indexConstant(0), indexConstant(1), indexConstant(1), results,
        [](OpBuilder &nested, Location where, Value, ValueRange values) {
          scf::YieldOp::create(nested, where, values);
        });
    return once.getResults();
  }
  scf::LoopNest nest =
      scf::buildLoopNest(b, loc, zeros, ends, ones, initial,
                         [&](OpBuilder &nested, Location where,
                             ValueRange place, ValueRange values) {
                           SmallVector<Value> next =
                               body(nested, where, place, values);
                           return scf::ValueVector(next.begin(), next.end());
                         });
  return nest.loops.front().getResults();
}

Val Emit::softmax(Val &input, int64_t axis, bool logarithm) {
  int32_t storage = input.type;
  bool wide = storage == Double;
  int32_t type = wide ? Double : Float;
  Val x = castTo(input, type);
  Type element = elementType(type);
  if (!logarithm && !wide) {
    Value init = empty(x.shape, element);
    Value result =
        linalg::SoftmaxOp::create(b, loc, init.getType(), tensor(x), init, axis)
            .getResult()[0];
    Val soft = make(result, type, x.shape);
    return castTo(soft, storage);
  }
  auto lowest = b.getFloatAttr(
      element,
      APFloat::getInf(llvm::cast<FloatType>(element).getFloatSemantics(),
                      /*Negative=*/true));
  Dims kept = reducedShape(b, x.shape, axis, true);
  Val most = make(reduce(
                      tensor(x), x.shape, axis,
                      arith::ConstantOp::create(b, loc, lowest),
                      [](OpBuilder &n, Location w, Value e, Value m) -> Value {
                        return arith::MaximumFOp::create(n, w, e, m);
                      },
                      true),
                  type, kept);
  Val shifted = binary(x, most, [](OpBuilder &n, Location w, ValueRange a) {
    return arith::SubFOp::create(n, w, a[0], a[1]).getResult();
  });
  Val powers = unary(shifted, [](OpBuilder &n, Location w, ValueRange a) {
    return math::ExpOp::create(n, w, a[0]).getResult();
  });
  Val total = make(reduce(
                       tensor(powers), x.shape, axis, number(element, 0),
                       [](OpBuilder &n, Location w, Value e, Value s) -> Value {
                         return arith::AddFOp::create(n, w, s, e);
                       },
                       true),
                   type, kept);
  Val result;
  if (logarithm) {
    Val logs = unary(total, [](OpBuilder &n, Location w, ValueRange a) {
      return math::LogOp::create(n, w, a[0]).getResult();
    });
    result = binary(shifted, logs, [](OpBuilder &n, Location w, ValueRange a) {
      return arith::SubFOp::create(n, w, a[0], a[1]).getResult();
    });
  } else {
    result = binary(powers, total, [](OpBuilder &n, Location w, ValueRange a) {
      return arith::DivFOp::create(n, w, a[0], a[1]).getResult();
    });
  }
  return castTo(result, storage);
}

} // namespace mlir::nm::onnx
