//===- TileBuilder.cpp - Instructions on values, written from C++ ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Tile/IR/TileBuilder.h"
#include "mlir/IR/Builders.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"

using namespace mlir;
using namespace mlir::tiles;
namespace code = ::nm::isa;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The shape of `like` with other elements.
static RankedTensorType alike(Value like, Type element) {
  return RankedTensorType::get(typeOf(like).getShape(), element);
}

static RankedTensorType vectorOf(Value like, Type element) {
  return RankedTensorType::get(typeOf(like).getShape().take_front(), element);
}

Value TileBuilder::unary(code::UnaryKind kind, Value source, Type type) {
  auto attr = attacc::UnaryAttr::get(b.getContext(), attacc::toDialect(kind));
  return UnaryOp::create(b, loc, alike(source, type), attr, source,
                         ValueRange(), ValueRange());
}

Value TileBuilder::elementwise(code::BinaryKind kind, Value lhs, Value rhs,
                               Type type) {
  auto attr = attacc::BinaryAttr::get(b.getContext(), attacc::toDialect(kind));
  return ElementwiseOp::create(b, loc, alike(lhs, type), attr, lhs, rhs,
                               ValueRange(), ValueRange());
}

Value TileBuilder::fillRows(float value, RankedTensorType type) {
  return FillOp::create(b, loc, type, b.getF32FloatAttr(value), b.getUnitAttr(),
                        ValueRange(), ValueRange());
}

Value TileBuilder::fill(float value, RankedTensorType type) {
  return FillOp::create(b, loc, type, b.getF32FloatAttr(value), UnitAttr(),
                        ValueRange(), ValueRange());
}

Value TileBuilder::rowMax(Value source, Type type) {
  return RowMaxOp::create(b, loc, vectorOf(source, type), source, ValueRange(),
                          ValueRange());
}

std::pair<Value, Value> TileBuilder::expSum(Value source, Value max, Type type,
                                            Type sumType) {
  auto op =
      ExpSumOp::create(b, loc, alike(source, type), vectorOf(source, sumType),
                       source, max, ValueRange(), ValueRange());
  return {op.getResult(), op.getSum()};
}

Value TileBuilder::scale(Value source, Value factor, bool reciprocal,
                         Type type) {
  return ScaleOp::create(b, loc, alike(source, type), source, factor,
                         reciprocal ? b.getUnitAttr() : UnitAttr(),
                         ValueRange(), ValueRange());
}

Value TileBuilder::softmax(Value source, float scale, Type type) {
  return SoftmaxOp::create(b, loc, alike(source, type), source,
                           b.getF32FloatAttr(scale), ValueRange(),
                           ValueRange());
}

Value TileBuilder::layerNorm(Value source, Value gamma, Value beta,
                             float epsilon, Type type) {
  return LayerNormOp::create(b, loc, alike(source, type), source, gamma, beta,
                             b.getF32FloatAttr(epsilon), ValueRange(),
                             ValueRange());
}

Value TileBuilder::gemm(Value lhs, Value rhs, Value acc, float factor,
                        Type type) {
  auto result = RankedTensorType::get(
      {typeOf(lhs).getDimSize(0), typeOf(rhs).getDimSize(1)}, type);
  auto stationary =
      attacc::StationaryAttr::get(b.getContext(), attacc::Stationary::Output);
  return GemmOp::create(b, loc, result, stationary, lhs, rhs, acc, UnitAttr(),
                        UnitAttr(), b.getF32FloatAttr(factor), ValueRange(),
                        ValueRange());
}

Value TileBuilder::rmsNorm(Value source, Value gamma, float epsilon,
                           Type type) {
  using code::BinaryKind;
  Type f32 = b.getF32Type();
  int64_t columns = typeOf(source).getDimSize(1);
  // The array adds the squares of a row: a product with ones.
  Value squares = elementwise(BinaryKind::Mul, source, source, f32);
  Value ones = fill(1, RankedTensorType::get({columns, 1}, f32));
  Value mean = gemm(squares, ones, {}, 1 / static_cast<float>(columns), f32);
  Value least = fill(epsilon, RankedTensorType::get({1}, f32));
  Value factor = unary(code::UnaryKind::Rsqrt,
                       elementwise(BinaryKind::Add, mean, least, f32), f32);
  Value scaled =
      scale(source, vector(factor), /*reciprocal=*/false, gamma ? f32 : type);
  return gamma ? elementwise(BinaryKind::Mul, scaled, gamma, type) : scaled;
}

Value TileBuilder::rowProduct(Value source, Type type) {
  Type f32 = b.getF32Type();
  auto times = [&](Value lhs, Value rhs, Type result) {
    return elementwise(code::BinaryKind::Mul, lhs, rhs, result);
  };
  // One half of the columns times the other; one that is left over waits.
  Value left;
  int64_t columns = typeOf(source).getDimSize(1);
  while (columns > 1) {
    if (columns % 2) {
      Value last = slice(source, columns - 1, 1);
      left = left ? times(last, left, f32) : last;
    }
    columns /= 2;
    source =
        times(slice(source, 0, columns), slice(source, columns, columns), f32);
  }
  return left ? times(source, left, type)
              : unary(code::UnaryKind::Copy, source, type);
}

Value TileBuilder::column(Value source) {
  RankedTensorType from = typeOf(source);
  return ColumnOp::create(
      b, loc,
      RankedTensorType::get({from.getDimSize(0), 1}, from.getElementType()),
      source);
}

Value TileBuilder::vector(Value source) {
  return VectorOp::create(
      b, loc, vectorOf(source, typeOf(source).getElementType()), source);
}

Value TileBuilder::slice(Value source, int64_t first, int64_t columns) {
  RankedTensorType from = typeOf(source);
  return SliceOp::create(b, loc,
                         RankedTensorType::get({from.getDimSize(0), columns},
                                               from.getElementType()),
                         source, b.getI64IntegerAttr(first));
}

RowsOp tiles::createRows(OpBuilder &b, Location loc, StringRef name,
                         ValueRange inputs, Value output, RowsBody body) {
  auto tensorOf = [](Value region) {
    auto type = cast<attacc::RegionType>(region.getType());
    return RankedTensorType::get(type.getShape(), type.getElementType());
  };
  auto rows =
      RowsOp::create(b, loc, b.getStringAttr(name), inputs, ValueRange(output));
  Block &block = rows.getBody().emplaceBlock();
  for (Value input : inputs)
    block.addArgument(tensorOf(input), loc);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&block);
  TileBuilder tiles(b, loc);
  Value result = body(tiles, block.getArguments(), tensorOf(output));
  YieldOp::create(b, loc, result);
  return rows;
}
