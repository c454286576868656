//===- KernelBuilder.cpp - Index arithmetic and vector helpers of kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Kernel/Transforms/KernelBuilder.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::kernel;

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}
Value KernelBuilder::add(Value a, Value b) {
  return arith::AddIOp::create(*this, a, b);
}
Value KernelBuilder::add(Value a, int64_t b) {
  return b == 0 ? a : add(a, index(b));
}
Value KernelBuilder::sub(Value a, Value b) {
  return arith::SubIOp::create(*this, a, b);
}
Value KernelBuilder::mul(Value a, Value b) {
  return arith::MulIOp::create(*this, a, b);
}
Value KernelBuilder::mul(Value a, int64_t b) {
  return b == 1 ? a : mul(a, index(b));
}
Value KernelBuilder::min(Value a, Value b) {
  return arith::MinSIOp::create(*this, a, b);
}
Value KernelBuilder::ceilDiv(Value a, int64_t b) {
  // Sizes are non-negative: the unsigned form is one add and one shift.
  return arith::DivUIOp::create(*this, add(a, b - 1), index(b));
}
Value KernelBuilder::roundDown(Value value, int64_t unit) {
  return mul(arith::DivUIOp::create(*this, value, index(unit)), unit);
}
Value KernelBuilder::roundUp(Value value, int64_t unit) {
  return mul(ceilDiv(value, unit), unit);
}

void KernelBuilder::either(Value condition, function_ref<void()> then,
                           function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

void KernelBuilder::loop(Value lower, Value upper, int64_t step,
                         function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(*this, lower, upper, index(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void KernelBuilder::forEach(ArrayRef<Value> bounds, bool parallel,
                            function_ref<void(ValueRange)> body) {
  OpBuilder::InsertionGuard guard(*this);
  SmallVector<Value> zeros(bounds.size(), index(0));
  SmallVector<Value> ones(bounds.size(), index(1));
  if (parallel) {
    auto loop = scf::ParallelOp::create(*this, zeros, bounds, ones);
    setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVars());
    return;
  }
  SmallVector<Value> ivs;
  for (Value bound : bounds) {
    auto loop = scf::ForOp::create(*this, zeros[0], bound, ones[0]);
    setInsertionPointToStart(loop.getBody());
    ivs.push_back(loop.getInductionVar());
  }
  body(ivs);
}

Value KernelBuilder::addNumbers(Value a, Value b) {
  if (isa<FloatType>(getElementTypeOrSelf(a.getType())))
    return arith::AddFOp::create(*this, a, b);
  return add(a, b);
}

Value KernelBuilder::multiplyAdd(Value a, Value b, Value sum) {
  if (isa<FloatType>(getElementTypeOrSelf(sum.getType())))
    return vector::FMAOp::create(*this, a, b, sum);
  return add(sum, mul(a, b));
}

void KernelBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto ifOp = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(ifOp.thenBlock());
  body();
}

Value KernelBuilder::zero(Type type) {
  return arith::ConstantOp::create(*this, getZeroAttr(type));
}

Value KernelBuilder::convert(Value value, Type element) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == element)
    return value;
  Type to = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    to = vector.cloneWith(std::nullopt, element);
  if (isa<FloatType>(from) && isa<FloatType>(element)) {
    // bf16 and f16 meet only by way of f32.
    if (from.getIntOrFloatBitWidth() < element.getIntOrFloatBitWidth())
      return arith::ExtFOp::create(*this, to, value);
    if (from.getIntOrFloatBitWidth() > element.getIntOrFloatBitWidth())
      return arith::TruncFOp::create(*this, to, value);
    return convert(convert(value, getF32Type()), element);
  }
  if (isa<FloatType>(element))
    return arith::SIToFPOp::create(*this, to, value);
  if (isa<FloatType>(from))
    return arith::FPToSIOp::create(*this, to, value);
  if (from.getIntOrFloatBitWidth() < element.getIntOrFloatBitWidth())
    return arith::ExtSIOp::create(*this, to, value);
  return arith::TruncIOp::create(*this, to, value);
}

Value KernelBuilder::loadVector(Value memref, ValueRange indices,
                                int64_t lanes) {
  auto from = cast<MemRefType>(memref.getType());
  auto type = VectorType::get({lanes}, from.getElementType());
  if (from.isLastDimUnitStride())
    return vector::LoadOp::create(*this, type, memref, indices);
  // A slice with gaps: vectors are read of neighbours only.
  SmallVector<Value> position(indices), scalars;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    position.back() = add(indices.back(), lane);
    scalars.push_back(memref::LoadOp::create(*this, memref, position));
  }
  return vector::FromElementsOp::create(*this, type, scalars);
}

Value KernelBuilder::loadFloatOfBytes(Value memref, ValueRange indices) {
  Value bytes = loadVector(memref, indices, sizeof(float));
  Value number = vector::BitCastOp::create(
      *this, VectorType::get({1}, getF32Type()), bytes);
  return vector::ExtractOp::create(*this, number, 0);
}

void KernelBuilder::prefetch(Value memref, ValueRange indices) {
  memref::PrefetchOp::create(*this, memref, indices, /*isWrite=*/false,
                             /*localityHint=*/2, /*isDataCache=*/true);
}

void KernelBuilder::storeVector(Value vector, Value memref,
                                ValueRange indices) {
  if (cast<MemRefType>(memref.getType()).isLastDimUnitStride()) {
    vector::StoreOp::create(*this, vector, memref, indices);
    return;
  }
  SmallVector<Value> position(indices);
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  for (int64_t lane = 0; lane < lanes; ++lane) {
    position.back() = add(indices.back(), lane);
    memref::StoreOp::create(*this,
                            vector::ExtractOp::create(*this, vector, lane),
                            memref, position);
  }
}

Value KernelBuilder::callIntrinsic(StringRef name, Type result,
                                   ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(*this, result, getStringAttr(name),
                                       operands)
      ->getResult(0);
}

Value KernelBuilder::shuffle(Value a, Value b, ArrayRef<int64_t> mask) {
  return vector::ShuffleOp::create(*this, a, b, mask);
}

Value KernelBuilder::splat(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(
      *this, VectorType::get({lanes}, scalar.getType()), scalar);
}

SmallVector<Value> KernelBuilder::transpose(ArrayRef<Value> rows) {
  // A butterfly: stage d exchanges the off-diagonal d x d blocks of every
  // 2d x 2d block. log2(n) stages of n shuffles.
  SmallVector<Value> result(rows);
  int64_t size = rows.size();
  for (int64_t d = 1; d < size; d *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < size; ++lane) {
      bool second = lane & d;
      low.push_back(second ? size + lane - d : lane);
      high.push_back(second ? size + lane : lane + d);
    }
    for (int64_t i = 0; i < size; ++i) {
      if (i & d)
        continue;
      Value a = result[i], b = result[i + d];
      result[i] = shuffle(a, b, low);
      result[i + d] = shuffle(a, b, high);
    }
  }
  return result;
}

Value KernelBuilder::view(Value buffer, OpFoldResult offset,
                          ArrayRef<OpFoldResult> sizes,
                          ArrayRef<OpFoldResult> strides) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<OpFoldResult> steps(strides);
  if (!type.getLayout().isIdentity()) {
    auto metadata = memref::ExtractStridedMetadataOp::create(*this, buffer);
    auto scaled = [&](OpFoldResult count) -> OpFoldResult {
      if (type.isLastDimUnitStride())
        return count;
      return mul(getValueOrCreateConstantIndexOp(*this, getLoc(), count),
                 metadata.getStrides()[0]);
    };
    offset =
        add(metadata.getOffset(),
            getValueOrCreateConstantIndexOp(*this, getLoc(), scaled(offset)));
    for (OpFoldResult &step : steps)
      step = scaled(step);
    buffer = metadata.getBaseBuffer();
  }
  return memref::ReinterpretCastOp::create(*this, buffer, offset, sizes, steps);
}

Value KernelBuilder::slice(Value memref, ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes,
                           ArrayRef<OpFoldResult> kept) {
  SmallVector<OpFoldResult> steps(sizes.size(), getIndexAttr(1));
  MemRefType type = memref::SubViewOp::inferRankReducedResultType(
      decomposeMixedValues(kept).first, cast<MemRefType>(memref.getType()),
      offsets, sizes, steps);
  return memref::SubViewOp::create(*this, type, memref, offsets, sizes, steps);
}

OpFoldResult KernelBuilder::restFrom(Value from, Value size, int64_t piece) {
  std::optional<int64_t> known = getConstantIntValue(size);
  if (known && *known % piece == 0)
    return getIndexAttr(piece);
  return sub(size, from);
}

Value KernelBuilder::turned(Value matrix) {
  auto exchange =
      AffineMap::getPermutationMap(ArrayRef<int64_t>{1, 0}, getContext());
  auto view = matrix.getDefiningOp<memref::TransposeOp>();
  if (view && view.getPermutation() == exchange)
    return view.getIn();
  return memref::TransposeOp::create(*this, matrix,
                                     AffineMapAttr::get(exchange));
}

Value KernelBuilder::joinTile(ArrayRef<Value> vectors, int64_t rows) {
  auto type = cast<VectorType>(vectors.front().getType());
  int64_t columns = vectors.size() / rows;
  Value tile = zero(VectorType::get({rows, columns, type.getDimSize(0)},
                                    type.getElementType()));
  for (auto [i, vector] : llvm::enumerate(vectors)) {
    int64_t at = static_cast<int64_t>(i);
    tile = vector::InsertOp::create(
        *this, vector, tile, ArrayRef<int64_t>{at / columns, at % columns});
  }
  return tile;
}

SmallVector<Value> KernelBuilder::splitTile(Value tile) {
  auto type = cast<VectorType>(tile.getType());
  SmallVector<Value> vectors;
  for (int64_t row = 0; row < type.getDimSize(0); ++row)
    for (int64_t v = 0; v < type.getDimSize(1); ++v)
      vectors.push_back(
          createOrFold<vector::ExtractOp>(tile, ArrayRef<int64_t>{row, v}));
  return vectors;
}
