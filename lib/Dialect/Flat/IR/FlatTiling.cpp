//===- FlatTiling.cpp - Tiles of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Batch, heads and queries are independent: a tile of them is an attention on
// slices. Keys and widths are never tiled here; a tile of keys is no attention,
// and online softmax is a matter of the dataflow.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"

using namespace mlir;
using namespace mlir::flat;

using Role = AttentionOp::Role;

SmallVector<utils::IteratorType> AttentionOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(3, utils::IteratorType::parallel);
}

SmallVector<Range> AttentionOp::getIterationDomain(OpBuilder &builder) {
  SmallVector<Range> domain;
  for (int64_t dim : {Batch, Head, Sequence})
    domain.push_back({builder.getIndexAttr(0),
                      getMixedSize(builder, Role::Q, dim),
                      builder.getIndexAttr(1)});
  return domain;
}

namespace {

struct Interval {
  OpFoldResult offset, size;
};

/// Slices of the operands of one tile.
class Tile {
public:
  Tile(OpBuilder &b, AttentionOp op, ArrayRef<OpFoldResult> offsets,
       ArrayRef<OpFoldResult> sizes)
      : b(b), op(op), zero(b.getIndexAttr(0)), one(b.getIndexAttr(1)) {
    for (auto [offset, size] : llvm::zip(offsets, sizes))
      loops.push_back({offset, size});
  }

  /// The key heads of the tile's query heads. Fails if a tile may hold a share
  /// of several groups.
  LogicalResult findKeyHeads() {
    Interval heads = loops[AttentionOp::Head];
    int64_t h = op.getStaticSize(Role::Q, AttentionOp::Head),
            g = op.getStaticSize(Role::K, AttentionOp::Head);
    OpFoldResult all = op.getMixedSize(b, Role::K, AttentionOp::Head);
    bool isKnown = !ShapedType::isDynamic(h) && !ShapedType::isDynamic(g);
    std::optional<int64_t> size = getConstantIntValue(heads.size);
    if (isKnown && h == g) {
      keyHeads = heads;
    } else if (isKnown && g == 1) {
      keyHeads = {zero, one};
    } else if (isConstantIntValue(heads.offset, 0) &&
               (heads.size == op.getMixedSize(b, Role::Q, AttentionOp::Head) ||
                (isKnown && size == h))) {
      keyHeads = {zero, all};
    } else {
      if (!isKnown || !size || g == 0 || h == 0)
        return failure();
      // Tiles begin at multiples of their size.
      int64_t ratio = h / g;
      if (*size % ratio != 0 && ratio % *size != 0)
        return failure();
      AffineExpr position;
      bindDims(b.getContext(), position);
      keyHeads = {affine::makeComposedFoldedAffineApply(
                      b, op.getLoc(), position.floorDiv(ratio), heads.offset),
                  b.getIndexAttr(std::max<int64_t>(1, *size / ratio))};
    }
    return success();
  }

  Value slice(Role role) {
    bool isKey = role == Role::K || role == Role::V;
    SmallVector<Interval> dims(4);
    dims[op.getPosition(role, AttentionOp::Batch)] = loops[AttentionOp::Batch];
    dims[op.getPosition(role, AttentionOp::Head)] =
        isKey ? keyHeads : loops[AttentionOp::Head];
    dims[op.getPosition(role, AttentionOp::Sequence)] =
        isKey ? whole(role, AttentionOp::Sequence)
              : loops[AttentionOp::Sequence];
    int64_t width = op.getPosition(role, AttentionOp::Width);
    dims[width] = whole(role, AttentionOp::Width);
    if (op.isQuantized(role)) // with their scales
      dims[width].size =
          b.getIndexAttr(op.getShapedType(role).getDimSize(width));
    return slice(op.getShaped(role), dims);
  }

  /// An operand that is read through a map of (b, h, i, j).
  Value slice(Value value, AffineMap map) {
    SmallVector<Interval> dims;
    for (AffineExpr expr : map.getResults()) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      dims.push_back(!dim ? Interval{zero, one}
                     : dim.getPosition() == 3
                         ? whole(Role::K, AttentionOp::Sequence)
                         : loops[dim.getPosition()]);
    }
    return slice(value, dims);
  }

  SmallVector<Operation *> slices;

private:
  Interval whole(Role role, int64_t dim) {
    return {zero, op.getMixedSize(b, role, dim)};
  }

  Value slice(Value value, ArrayRef<Interval> dims) {
    SmallVector<OpFoldResult> offsets, sizes;
    for (const Interval &dim : dims) {
      offsets.push_back(dim.offset);
      sizes.push_back(dim.size);
    }
    SmallVector<OpFoldResult> strides(dims.size(), one);
    Operation *made;
    if (isa<MemRefType>(value.getType()))
      made = memref::SubViewOp::create(b, op.getLoc(), value, offsets, sizes,
                                       strides);
    else
      made = tensor::ExtractSliceOp::create(b, op.getLoc(), value, offsets,
                                            sizes, strides);
    slices.push_back(made);
    return made->getResult(0);
  }

  OpBuilder &b;
  AttentionOp op;
  OpFoldResult zero, one;
  SmallVector<Interval> loops;
  Interval keyHeads;
};

} // namespace

/// Makes argument `number` of the tile's region mean what it meant in the
/// whole.
static void shiftArgument(OpBuilder &builder, AttentionOp tile, unsigned number,
                          OpFoldResult offset) {
  Block &block = tile.getScore().front();
  BlockArgument argument = block.getArgument(number);
  if (argument.use_empty() || isConstantIntValue(offset, 0))
    return;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&block);
  Value first = getValueOrCreateConstantIndexOp(builder, tile.getLoc(), offset);
  auto shifted = arith::AddIOp::create(builder, tile.getLoc(), argument, first);
  argument.replaceAllUsesExcept(shifted, shifted);
}

FailureOr<TilingResult>
AttentionOp::getTiledImplementation(OpBuilder &builder,
                                    ArrayRef<OpFoldResult> offsets,
                                    ArrayRef<OpFoldResult> sizes) {
  Tile tile(builder, *this, offsets, sizes);
  if (failed(tile.findKeyHeads()))
    return emitOpError("tiles of heads must be multiples or divisors of the "
                       "query heads that share a key head");
  SmallVector<Value> operands;
  for (Role role : {Role::Q, Role::K, Role::V})
    operands.push_back(tile.slice(role));
  if (Value mask = getMask())
    operands.push_back(tile.slice(mask, *getMaskMap()));
  if (Value scale = getScale())
    operands.push_back(scale);
  Value offset = getOffset();
  bool shifts = hasScoreRegion() && !isConstantIntValue(offsets[2], 0);
  if (shifts) {
    Value first =
        getValueOrCreateConstantIndexOp(builder, getLoc(), offsets[2]);
    offset = offset ? arith::AddIOp::create(builder, getLoc(), offset, first)
                          .getResult()
                    : first;
  }
  if (offset)
    operands.push_back(offset);
  if (Value length = getLength())
    operands.push_back(length);
  for (auto [operand, map] : llvm::zip(getScoreOperands(), getScoreMapArray()))
    operands.push_back(tile.slice(operand, map));
  operands.push_back(tile.slice(Role::Out));

  SmallVector<Type> types;
  if (getResult())
    types.push_back(operands.back().getType());
  OperationState state(getLoc(), getOperationName(), operands, types);
  state.propertiesAttr = (*this)->getPropertiesAsAttribute();
  state.attributes = (*this)->getDiscardableAttrDictionary();
  IRMapping mapping;
  getScore().cloneInto(state.addRegion(), mapping);
  auto made = cast<AttentionOp>(builder.create(state));
  if (shifts && !getOffset())
    made.getProperties().operandSegmentSizes[5] = 1;
  if (made.hasScoreRegion()) {
    shiftArgument(builder, made, 1, offsets[0]);
    shiftArgument(builder, made, 2, offsets[1]);
  }
  return TilingResult{
      {made}, SmallVector<Value>(made->getResults()), tile.slices};
}

LogicalResult AttentionOp::getResultTilePosition(
    OpBuilder &builder, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.resize(4);
  resultSizes.resize(4);
  for (int64_t dim : {Batch, Head, Sequence}) {
    resultOffsets[getPosition(Role::Out, dim)] = offsets[dim];
    resultSizes[getPosition(Role::Out, dim)] = sizes[dim];
  }
  int64_t width = getPosition(Role::Out, Width);
  resultOffsets[width] = builder.getIndexAttr(0);
  resultSizes[width] = getMixedSize(builder, Role::Out, Width);
  return success();
}

FailureOr<TilingResult>
AttentionOp::generateResultTileValue(OpBuilder &builder, unsigned,
                                     ArrayRef<OpFoldResult> offsets,
                                     ArrayRef<OpFoldResult> sizes) {
  // A tile of the width would compute every score again.
  int64_t width = getPosition(Role::Out, Width);
  OpFoldResult all = getMixedSize(builder, Role::Out, Width);
  if (!isConstantIntValue(offsets[width], 0) ||
      (sizes[width] != all &&
       getConstantIntValue(sizes[width]) != getConstantIntValue(all)))
    return failure();
  SmallVector<OpFoldResult> loopOffsets, loopSizes;
  for (int64_t dim : {Batch, Head, Sequence}) {
    loopOffsets.push_back(offsets[getPosition(Role::Out, dim)]);
    loopSizes.push_back(sizes[getPosition(Role::Out, dim)]);
  }
  return getTiledImplementation(builder, loopOffsets, loopSizes);
}
