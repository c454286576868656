//===- SizeAnalysis.cpp - Sizes as expressions over the arguments -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SizeAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"

using namespace mlir;
using namespace mlir::nm;

/// Parts of an expression past which a value is its own symbol: keeps the work
/// for each operation bounded.
static constexpr unsigned kMaxParts = 24;

static unsigned countParts(AffineExpr expr) {
  unsigned parts = 0;
  expr.walk([&](AffineExpr) { ++parts; });
  return parts;
}

SizeAnalysis::SizeAnalysis(func::FuncOp func)
    : func(func), context(func.getContext()) {}

AffineExpr SizeAnalysis::getSymbol(Source source) {
  auto [slot, isNew] =
      symbols.try_emplace({source.value, source.dim}, AffineExpr());
  if (isNew) {
    auto argument = dyn_cast<BlockArgument>(source.value);
    source.isArgument =
        argument && argument.getOwner() == &func.getBody().front();
    source.nonNegative |= source.dim >= 0;
    slot->second = getAffineSymbolExpr(sources.size(), context);
    sources.push_back(source);
  }
  return slot->second;
}

//===----------------------------------------------------------------------===//
// Sizes and indices of values
//===----------------------------------------------------------------------===//

AffineExpr SizeAnalysis::getSize(Value value, int64_t dim) {
  auto type = cast<ShapedType>(value.getType());
  if (!type.isDynamicDim(dim))
    return constant(type.getDimSize(dim));
  auto known = sizes.find(value);
  return known != sizes.end() ? known->second[dim] : getSymbol({value, dim});
}

SmallVector<AffineExpr> SizeAnalysis::getSizes(Value value) {
  SmallVector<AffineExpr> result;
  for (int64_t d = 0; d < cast<ShapedType>(value.getType()).getRank(); ++d)
    result.push_back(getSize(value, d));
  return result;
}

AffineExpr SizeAnalysis::getIndex(Value value) {
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)) && number.isSignedIntN(64))
    return constant(number.getSExtValue());
  auto known = indices.find(value);
  return known != indices.end() ? known->second : getSymbol({value});
}

AffineExpr SizeAnalysis::getIndex(OpFoldResult value) {
  if (auto attr = dyn_cast<Attribute>(value))
    return constant(cast<IntegerAttr>(attr).getInt());
  return getIndex(cast<Value>(value));
}

AffineExpr SizeAnalysis::limit(AffineExpr expr, Value value, int64_t dim) {
  return countParts(expr) <= kMaxParts ? expr : getSymbol({value, dim});
}

void SizeAnalysis::visit(Operation *op) {
  for (OpResult result : op->getResults()) {
    if (auto type = dyn_cast<ShapedType>(result.getType())) {
      if (!type.hasRank() || type.hasStaticShape() ||
          !isa<TensorType, BaseMemRefType>(type))
        continue;
      SmallVector<AffineExpr> computed = computeSizes(result);
      if (computed.empty())
        continue;
      for (auto [dim, expr] : llvm::enumerate(computed))
        expr = limit(normalize(expr), result, dim);
      sizes[result] = std::move(computed);
    } else if (result.getType().isIndex()) {
      if (AffineExpr expr = computeIndex(op))
        indices[result] = limit(normalize(expr), result, -1);
    }
  }
}

/// Empty where only the operation itself knows.
SmallVector<AffineExpr> SizeAnalysis::computeSizes(OpResult result) {
  Operation *op = result.getOwner();
  auto type = cast<ShapedType>(result.getType());
  auto mixed = [&](ValueRange dynamic) {
    SmallVector<AffineExpr> list;
    for (int64_t size : type.getShape())
      if (ShapedType::isDynamic(size)) {
        list.push_back(getIndex(dynamic.front()));
        dynamic = dynamic.drop_front();
      } else {
        list.push_back(constant(size));
      }
    return list;
  };
  if (auto style = dyn_cast<DestinationStyleOpInterface>(op))
    if (OpOperand *init = style.getTiedOpOperand(result))
      return getSizes(init->get());
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return mixed(empty.getDynamicSizes());
  if (auto generate = dyn_cast<tensor::GenerateOp>(op))
    return mixed(generate.getDynamicExtents());
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return mixed(splat.getDynamicSizes());
  if (auto alloc = dyn_cast<memref::AllocOp>(op))
    return mixed(alloc.getDynamicSizes());
  if (auto alloc = dyn_cast<bufferization::AllocTensorOp>(op)) {
    if (alloc.getCopy())
      return getSizes(alloc.getCopy());
    return mixed(alloc.getDynamicSizes());
  }
  if (isa<tensor::CastOp, memref::CastOp, bufferization::ToTensorOp,
          bufferization::ToBufferOp>(op)) {
    auto source = dyn_cast<ShapedType>(op->getOperand(0).getType());
    if (source && source.hasRank())
      return getSizes(op->getOperand(0));
    return {};
  }
  if (isa<flat::QuantizeRowsOp, flat::DequantizeRowsOp>(op)) {
    SmallVector<AffineExpr> list = getSizes(op->getOperand(0));
    list.back() = constant(type.getShape().back());
    return list;
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    SmallVector<AffineExpr> list;
    for (OpFoldResult size : expand.getMixedOutputShape())
      list.push_back(getIndex(size));
    return list;
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    SmallVector<AffineExpr> list;
    for (const ReassociationIndices &group :
         collapse.getReassociationIndices()) {
      AffineExpr product = constant(1);
      for (int64_t dim : group)
        product = product * getSize(collapse.getSrc(), dim);
      list.push_back(product);
    }
    return list;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    SmallVector<AffineExpr> list;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped.test(dim))
        list.push_back(getIndex(size));
    return list;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return getSizes(insert.getDest());
  if (auto insert = dyn_cast<tensor::InsertOp>(op))
    return getSizes(insert.getDest());
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    SmallVector<AffineExpr> list = getSizes(pad.getSource());
    for (auto [size, low, high] :
         llvm::zip(list, pad.getMixedLowPad(), pad.getMixedHighPad()))
      size = size + getIndex(low) + getIndex(high);
    return list;
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    SmallVector<AffineExpr> list = getSizes(concat.getInputs().front());
    for (Value input : concat.getInputs().drop_front())
      list[concat.getDim()] =
          list[concat.getDim()] + getSize(input, concat.getDim());
    return list;
  }
  if (op->hasTrait<OpTrait::Elementwise>())
    for (Value operand : op->getOperands())
      if (auto shaped = dyn_cast<ShapedType>(operand.getType()))
        if (shaped.getRank() == type.getRank())
          return getSizes(operand);
  return {};
}

AffineExpr SizeAnalysis::computeIndex(Operation *op) {
  auto operand = [&](unsigned i) { return getIndex(op->getOperand(i)); };
  auto isConstant = [](AffineExpr expr) {
    return isa<AffineConstantExpr>(expr);
  };
  if (isa<arith::AddIOp>(op))
    return operand(0) + operand(1);
  if (isa<arith::SubIOp>(op))
    return operand(0) - operand(1);
  if (isa<arith::MulIOp>(op))
    return operand(0) * operand(1);
  // Others only by a positive constant: no expression divides by zero.
  if (isa<arith::DivUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp,
          arith::RemUIOp>(op)) {
    auto divisor = dyn_cast<AffineConstantExpr>(operand(1));
    if (!divisor || divisor.getValue() <= 0)
      return {};
    std::optional<int64_t> least = lowerBound(normalize(operand(0)));
    if (isa<arith::DivUIOp, arith::RemUIOp>(op) && (!least || *least < 0))
      return {};
    return isa<arith::RemUIOp>(op)       ? operand(0) % divisor
           : isa<arith::CeilDivSIOp>(op) ? operand(0).ceilDiv(divisor)
                                         : operand(0).floorDiv(divisor);
  }
  if (isa<tensor::DimOp, memref::DimOp>(op)) {
    AffineExpr dim = operand(1);
    auto type = dyn_cast<ShapedType>(op->getOperand(0).getType());
    if (!isConstant(dim) || !type || !type.hasRank())
      return {};
    int64_t position = cast<AffineConstantExpr>(dim).getValue();
    if (position < 0 || position >= type.getRank())
      return {};
    return getSize(op->getOperand(0), position);
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    AffineMap map = apply.getAffineMap();
    SmallVector<AffineExpr> dims, symbolArgs;
    for (auto [i, value] : llvm::enumerate(apply.getMapOperands()))
      (i < map.getNumDims() ? dims : symbolArgs).push_back(getIndex(value));
    return map.getResult(0).replaceDimsAndSymbols(dims, symbolArgs);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

AffineExpr SizeAnalysis::normalize(AffineExpr expr) {
  // A symbol may be replaced by one that is replaced itself.
  while (!learned.empty() && !isa<AffineConstantExpr>(expr)) {
    AffineExpr next = expr.replace(learned);
    if (next == expr)
      break;
    expr = next;
  }
  if (isa<AffineConstantExpr, AffineSymbolExpr>(expr))
    return expr;
  return simplifyAffineExpr(expr, 0, sources.size());
}

void SizeAnalysis::learnEqual(AffineExpr a, AffineExpr b) {
  a = normalize(a);
  b = normalize(b);
  // Arguments replace what was made from them, earlier values later ones.
  auto rank = [&](AffineExpr expr) -> int64_t {
    auto symbol = dyn_cast<AffineSymbolExpr>(expr);
    if (!symbol)
      return -1;
    int64_t position = symbol.getPosition();
    return sources[position].isArgument ? position : position + (1LL << 32);
  };
  if (rank(a) < rank(b))
    std::swap(a, b);
  auto symbol = dyn_cast<AffineSymbolExpr>(a);
  if (!symbol || a == b || b.isFunctionOfSymbol(symbol.getPosition()))
    return;
  // What the entry knows stays in terms of the arguments.
  if (sources[symbol.getPosition()].isArgument && !isKnownAtEntry(b))
    return;
  learned[a] = b;
  trail.push_back(a);
}

void SizeAnalysis::rollback(size_t mark) {
  while (trail.size() > mark)
    learned.erase(trail.pop_back_val());
}

bool SizeAnalysis::isEqual(AffineExpr a, AffineExpr b) {
  a = normalize(a);
  b = normalize(b);
  if (a == b)
    return true;
  if (isa<AffineConstantExpr, AffineSymbolExpr>(a) &&
      isa<AffineConstantExpr, AffineSymbolExpr>(b))
    return false;
  return normalize(a - b) == constant(0);
}

std::optional<int64_t> SizeAnalysis::lowerBound(AffineExpr expr) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return number.getValue();
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    if (sources[symbol.getPosition()].nonNegative)
      return 0;
    return std::nullopt;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto right = lowerBound(binary.getRHS());
  if (binary.getKind() == AffineExprKind::Mod)
    return 0; // by a positive constant, see computeIndex
  auto left = lowerBound(binary.getLHS());
  if (!left || !right)
    return std::nullopt;
  int64_t result;
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    if (llvm::AddOverflow(*left, *right, result))
      return std::nullopt;
    return result;
  case AffineExprKind::Mul:
    if (*left < 0 || *right < 0 || llvm::MulOverflow(*left, *right, result))
      return std::nullopt;
    return result;
  default: // divisions
    if (*left < 0 || *right <= 0)
      return std::nullopt;
    return 0;
  }
}

bool SizeAnalysis::isAtMost(AffineExpr a, AffineExpr b) {
  a = normalize(a);
  b = normalize(b);
  if (a == b)
    return true;
  std::optional<int64_t> least = lowerBound(normalize(b - a));
  return least && *least >= 0;
}

//===----------------------------------------------------------------------===//
// Code and words
//===----------------------------------------------------------------------===//

bool SizeAnalysis::isKnownAtEntry(AffineExpr expr) {
  bool known = true;
  expr.walk([&](AffineExpr part) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      known &= sources[symbol.getPosition()].isArgument;
  });
  return known;
}

Value SizeAnalysis::materialize(OpBuilder &b, Location loc, AffineExpr expr) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return arith::ConstantIndexOp::create(b, loc, number.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    const Source &source = sources[symbol.getPosition()];
    if (source.dim < 0)
      return source.value;
    if (isa<BaseMemRefType>(source.value.getType()))
      return memref::DimOp::create(b, loc, source.value, source.dim);
    return tensor::DimOp::create(b, loc, source.value, source.dim);
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value left = materialize(b, loc, binary.getLHS());
  Value right = materialize(b, loc, binary.getRHS());
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return arith::AddIOp::create(b, loc, left, right);
  case AffineExprKind::Mul:
    return arith::MulIOp::create(b, loc, left, right);
  case AffineExprKind::FloorDiv:
    return arith::FloorDivSIOp::create(b, loc, left, right);
  case AffineExprKind::CeilDiv:
    return arith::CeilDivSIOp::create(b, loc, left, right);
  default: {
    // The modulo of affine expressions is never negative.
    Value rest = arith::RemSIOp::create(b, loc, left, right);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value negative =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, rest, zero);
    Value moved = arith::AddIOp::create(b, loc, rest, right);
    return arith::SelectOp::create(b, loc, negative, moved, rest);
  }
  }
}

std::string SizeAnalysis::describe(AffineExpr expr) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return std::to_string(number.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    const Source &source = sources[symbol.getPosition()];
    std::string name;
    if (source.isArgument) {
      unsigned number = cast<BlockArgument>(source.value).getArgNumber();
      auto given = func.getArgAttrOfType<StringAttr>(number, "nm.name");
      name = given ? given.str() : "arg" + std::to_string(number);
      if (!func.isPublic())
        name = func.getName().str() + "." + name;
      name = "'" + name + "'";
    } else if (Operation *op = source.value.getDefiningOp()) {
      name = "a result of '" + op->getName().getStringRef().str() + "'";
    } else {
      name = "a value of a loop";
    }
    return source.dim < 0
               ? name
               : "dimension " + std::to_string(source.dim) + " of " + name;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::string left = describe(binary.getLHS()),
              right = describe(binary.getRHS());
  auto isSum = [](AffineExpr part) {
    return part.getKind() == AffineExprKind::Add;
  };
  if (binary.getKind() == AffineExprKind::Add) {
    if (auto number = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      if (number.getValue() < 0)
        return left + " - " + std::to_string(-number.getValue());
    return left + " + " + right;
  }
  if (isSum(binary.getLHS()))
    left = "(" + left + ")";
  if (isSum(binary.getRHS()))
    right = "(" + right + ")";
  switch (binary.getKind()) {
  case AffineExprKind::Mul:
    return left + " * " + right;
  case AffineExprKind::Mod:
    return left + " mod " + right;
  case AffineExprKind::CeilDiv:
    return left + " / " + right + " rounded up";
  default:
    return left + " / " + right;
  }
}
