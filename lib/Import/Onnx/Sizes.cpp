//===- Sizes.cpp - Scalars and sizes that fold -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::nm::onnx;

std::optional<SmallVector<int64_t>> Val::ints() const {
  if (!content)
    return std::nullopt;
  SmallVector<int64_t> values;
  for (OpFoldResult element : *content) {
    std::optional<int64_t> value = getConstantIntValue(element);
    if (!value)
      return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<SmallVector<double>> Val::floats() const {
  if (!content)
    return std::nullopt;
  SmallVector<double> values;
  for (OpFoldResult element : *content) {
    auto attr = llvm::dyn_cast_if_present<Attribute>(element);
    if (auto real = llvm::dyn_cast_if_present<FloatAttr>(attr))
      values.push_back(real.getValueAsDouble());
    else if (auto whole = llvm::dyn_cast_if_present<IntegerAttr>(attr))
      values.push_back(static_cast<double>(whole.getInt()));
    else
      return std::nullopt;
  }
  return values;
}

int64_t mlir::nm::onnx::wholeNumber(double value) {
  constexpr double most = 4611686018427387904.0;
  if (std::isnan(value))
    return 0;
  return static_cast<int64_t>(std::clamp(value, -most, most));
}

bool mlir::nm::onnx::isFloatType(int32_t type) {
  return type == Float || type == Double || type == Float16 || type == Bfloat16;
}

bool mlir::nm::onnx::isUnsignedType(int32_t type) {
  return type == Uint8 || type == Uint16 || type == Uint32 || type == Uint64;
}

int32_t mlir::nm::onnx::computedType(int32_t type) {
  return type == Double ? int32_t(Double) : int32_t(Float);
}

Type Emit::elementType(int32_t type) const {
  switch (type) {
  case Float:
    return b.getF32Type();
  case Double:
    return b.getF64Type();
  case Float16:
    return b.getF16Type();
  case Bfloat16:
    return b.getBF16Type();
  case Bool:
    return b.getI1Type();
  case Int8:
  case Uint8:
    return b.getI8Type();
  case Int16:
  case Uint16:
    return b.getI16Type();
  case Int32:
  case Uint32:
    return b.getI32Type();
  case Int64:
  case Uint64:
    return b.getI64Type();
  default:
    return {};
  }
}

Value Emit::indexConstant(int64_t value) {
  if (!memo)
    return arith::ConstantIndexOp::create(b, loc, value);
  Value &known = memo->constants[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(memo->entry);
    known = arith::ConstantIndexOp::create(b, loc, value);
  }
  return known;
}

Value Emit::index(OpFoldResult size) {
  if (auto value = llvm::dyn_cast_if_present<Value>(size))
    return value;
  return indexConstant(*constant(size));
}

Value Emit::number(Type type, double value) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  return integer(type, wholeNumber(value));
}

Value Emit::integer(Type type, int64_t value) {
  if (isa<FloatType>(type))
    return number(type, static_cast<double>(value));
  if (type.isIndex())
    return arith::ConstantIndexOp::create(b, loc, value);
  unsigned width = llvm::cast<IntegerType>(type).getWidth();
  APInt bits(64, static_cast<uint64_t>(value), /*isSigned=*/true);
  return arith::ConstantOp::create(
      b, loc, b.getIntegerAttr(type, bits.sextOrTrunc(width)));
}

Value Emit::cast(Value value, int32_t from, int32_t to) {
  if (from == to)
    return value;
  Type source = value.getType(), target = elementType(to);
  bool fromFloat = isFloatType(from), toFloat = isFloatType(to);
  if (to == Bool) {
    if (fromFloat)
      return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, value,
                                   number(source, 0));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value,
                                 integer(source, 0));
  }
  bool unsignedSource = from == Bool || isUnsignedType(from);
  unsigned fromWidth = source.getIntOrFloatBitWidth();
  unsigned toWidth = target.getIntOrFloatBitWidth();
  if (fromFloat && toFloat) {
    if (source == target)
      return value;
    if (fromWidth == toWidth) // f16 and bf16: through f32
      return arith::TruncFOp::create(
          b, loc, target, arith::ExtFOp::create(b, loc, b.getF32Type(), value));
    if (fromWidth < toWidth)
      return arith::ExtFOp::create(b, loc, target, value);
    return arith::TruncFOp::create(b, loc, target, value);
  }
  if (fromFloat) {
    // Through 64 bits: a negative number wraps as it does in NumPy.
    Type wide = b.getI64Type();
    Value whole = to == Uint64
                      ? arith::FPToUIOp::create(b, loc, wide, value).getResult()
                      : arith::FPToSIOp::create(b, loc, wide, value);
    if (toWidth == 64)
      return whole;
    return arith::TruncIOp::create(b, loc, target, whole);
  }
  if (toFloat) {
    if (unsignedSource)
      return arith::UIToFPOp::create(b, loc, target, value);
    return arith::SIToFPOp::create(b, loc, target, value);
  }
  if (fromWidth == toWidth)
    return value;
  if (fromWidth > toWidth)
    return arith::TruncIOp::create(b, loc, target, value);
  if (unsignedSource)
    return arith::ExtUIOp::create(b, loc, target, value);
  return arith::ExtSIOp::create(b, loc, target, value);
}

bool Emit::same(OpFoldResult a, OpFoldResult b) {
  if (a == b)
    return true;
  std::optional<int64_t> left = constant(a), right = constant(b);
  return left && right && *left == *right;
}

/// No call gives a smaller number; the smallest of 64 bits where nothing is
/// known. `depth` bounds how far it looks.
static int64_t lowerBound(OpFoldResult size, unsigned depth = 8) {
  if (std::optional<int64_t> value = Emit::constant(size))
    return *value;
  constexpr int64_t unknown = std::numeric_limits<int64_t>::min();
  Operation *op = llvm::cast<Value>(size).getDefiningOp();
  if (isa_and_nonnull<tensor::DimOp>(op))
    return 0;
  if (!depth ||
      !isa_and_nonnull<arith::AddIOp, arith::MulIOp, arith::MaxSIOp,
                       arith::MinSIOp, arith::DivSIOp, arith::CeilDivSIOp>(op))
    return unknown;
  int64_t left = lowerBound(op->getOperand(0), depth - 1);
  int64_t right = lowerBound(op->getOperand(1), depth - 1);
  if (isa<arith::MaxSIOp>(op))
    return std::max(left, right);
  if (isa<arith::MinSIOp>(op))
    return std::min(left, right);
  if (left < 0 || right < 0)
    return unknown;
  int64_t sum = 0;
  if (isa<arith::AddIOp>(op) && !llvm::AddOverflow(left, right, sum))
    return sum;
  return 0;
}

std::optional<bool> Emit::decide(arith::CmpIPredicate predicate, OpFoldResult a,
                                 OpFoldResult b) {
  using arith::CmpIPredicate;
  if (predicate == CmpIPredicate::sgt || predicate == CmpIPredicate::sge) {
    std::swap(a, b);
    predicate = predicate == CmpIPredicate::sgt ? CmpIPredicate::slt
                                                : CmpIPredicate::sle;
  }
  if (same(a, b))
    return predicate != CmpIPredicate::slt;
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  int64_t least[] = {lowerBound(a), lowerBound(b)};
  int64_t greatest[] = {constant(a).value_or(most), constant(b).value_or(most)};
  switch (predicate) {
  case CmpIPredicate::eq:
    if (greatest[0] < least[1] || greatest[1] < least[0])
      return false;
    return std::nullopt;
  case CmpIPredicate::slt:
    if (greatest[0] < least[1])
      return true;
    if (least[0] >= greatest[1])
      return false;
    return std::nullopt;
  case CmpIPredicate::sle:
    if (greatest[0] <= least[1])
      return true;
    if (least[0] > greatest[1])
      return false;
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

/// A sum or product that overflows is the largest number: no tensor has such a
/// size, and the node that computes one is refused for it.
static int64_t fold(Emit::Arith kind, int64_t a, int64_t b) {
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  int64_t result = 0;
  switch (kind) {
  case Emit::Arith::Add:
    return llvm::AddOverflow(a, b, result) ? (a < 0 ? -most : most) : result;
  case Emit::Arith::Sub:
    return llvm::SubOverflow(a, b, result) ? (a < 0 ? -most : most) : result;
  case Emit::Arith::Mul:
    return llvm::MulOverflow(a, b, result) ? ((a < 0) != (b < 0) ? -most : most)
                                           : result;
  case Emit::Arith::Div:
    if (b == 0 || b == -1)
      return b == 0 ? 0 : static_cast<int64_t>(0 - static_cast<uint64_t>(a));
    return a / b;
  case Emit::Arith::CeilDiv:
    return b > 0 ? llvm::divideCeilSigned(a, b) : 0;
  case Emit::Arith::Mod:
    return b == 0 || b == -1 ? 0 : a - b * llvm::divideFloorSigned(a, b);
  case Emit::Arith::Min:
    return std::min(a, b);
  case Emit::Arith::Max:
    return std::max(a, b);
  }
  llvm_unreachable("unknown operation");
}

OpFoldResult Emit::compute(Arith kind, OpFoldResult a, OpFoldResult c) {
  std::optional<int64_t> left = constant(a), right = constant(c);
  if (left && right)
    return size(fold(kind, *left, *right));
  bool commutes = kind == Arith::Add || kind == Arith::Mul ||
                  kind == Arith::Min || kind == Arith::Max;
  if (commutes && left) {
    std::swap(a, c);
    std::swap(left, right);
  }
  if (right) {
    if (*right == 0 && (kind == Arith::Add || kind == Arith::Sub))
      return a;
    if (*right == 1 &&
        (kind == Arith::Mul || kind == Arith::Div || kind == Arith::CeilDiv))
      return a;
    if (*right == 0 && kind == Arith::Mul)
      return size(0);
  }
  if (same(a, c)) {
    if (kind == Arith::Min || kind == Arith::Max)
      return a;
    if (kind == Arith::Sub)
      return size(0);
  }
  // A size times a constant, divided by it: what reshapes ask for.
  if (kind == Arith::Div && right && *right > 0)
    if (auto value = llvm::dyn_cast_if_present<Value>(a))
      if (auto product = value.getDefiningOp<arith::MulIOp>())
        if (std::optional<int64_t> factor =
                getConstantIntValue(product.getRhs()))
          if (*factor % *right == 0)
            return mul(product.getLhs(), size(*factor / *right));
  Value lhs = index(a), rhs = index(c);
  if (commutes && lhs.getAsOpaquePointer() > rhs.getAsOpaquePointer() && !right)
    std::swap(lhs, rhs);
  Value scratch;
  Value &result = memo ? memo->arithmetic[{{lhs.getAsOpaquePointer(),
                                            rhs.getAsOpaquePointer()},
                                           static_cast<unsigned>(kind)}]
                       : scratch;
  if (result)
    return result;
  Value made;
  switch (kind) {
  case Arith::Add:
    made = arith::AddIOp::create(b, loc, lhs, rhs);
    break;
  case Arith::Sub:
    made = arith::SubIOp::create(b, loc, lhs, rhs);
    break;
  case Arith::Mul:
    made = arith::MulIOp::create(b, loc, lhs, rhs);
    break;
  case Arith::Div:
    made = arith::DivSIOp::create(b, loc, lhs, rhs);
    break;
  case Arith::CeilDiv:
    made = arith::CeilDivSIOp::create(b, loc, lhs, rhs);
    break;
  case Arith::Mod: {
    // Python's: the sign of the divisor.
    Value quotient = arith::FloorDivSIOp::create(b, loc, lhs, rhs);
    made = arith::SubIOp::create(b, loc, lhs,
                                 arith::MulIOp::create(b, loc, quotient, rhs));
    break;
  }
  case Arith::Min:
    made = arith::MinSIOp::create(b, loc, lhs, rhs);
    break;
  case Arith::Max:
    made = arith::MaxSIOp::create(b, loc, lhs, rhs);
    break;
  }
  return result = made;
}

OpFoldResult Emit::product(ArrayRef<OpFoldResult> sizes) {
  OpFoldResult total = size(1);
  for (OpFoldResult one : sizes)
    total = mul(total, one);
  return total;
}

bool Emit::require(OpFoldResult found, OpFoldResult expected,
                   const Twine &what) {
  if (same(found, expected))
    return true;
  if (constant(found) && constant(expected))
    return false;
  Value a = index(found), c = index(expected);
  Value equal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, a, c);
  nm::RequireOp::create(b, loc, equal,
                        b.getStringAttr(what + " has size {0}, expected {1}"),
                        ValueRange{a, c});
  return true;
}
