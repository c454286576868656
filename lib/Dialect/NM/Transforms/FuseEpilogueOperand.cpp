//===- FuseEpilogueOperand.cpp - Operands across a reshape -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuseEpilogueOperand.h"
#include "nm/Dialect/NM/Transforms/RaiseView.h"

using namespace mlir;
using namespace mlir::nm::fuse;

Relation Relation::identity(RankedTensorType type) {
  Relation relation;
  relation.inner = relation.outer = type;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    relation.groups.push_back({dim});
  return relation;
}

Relation Relation::across(Operation *reshape) {
  Relation relation;
  relation.reshape = reshape;
  relation.inner = cast<RankedTensorType>(reshape->getOperand(0).getType());
  relation.outer = cast<RankedTensorType>(reshape->getResult(0).getType());
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(reshape))
    relation.groups = expand.getReassociationIndices();
  else
    relation.groups =
        cast<tensor::CollapseShapeOp>(reshape).getReassociationIndices();
  return relation;
}

Value Relation::apply(Value value, OpBuilder &builder) const {
  if (!reshape)
    return value;
  RankedTensorType type =
      outer.clone(outer.getShape(), getElementTypeOrSelf(value));
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(reshape))
    return tensor::ExpandShapeOp::create(builder, value.getLoc(), type, value,
                                         groups, expand.getMixedOutputShape());
  return tensor::CollapseShapeOp::create(builder, value.getLoc(), type, value,
                                         groups);
}

namespace {
/// Consecutive operand dimensions that follow one whole group.
struct Chunk {
  SmallVector<int64_t> dims;
  int64_t group;
};
} // namespace

/// Splits the operand's dimensions into chunks; `dropped` are unit dimensions
/// that follow nothing.
static LogicalResult splitIntoChunks(RankedTensorType type, AffineMap map,
                                     const Relation &relation,
                                     SmallVectorImpl<Chunk> &chunks,
                                     SmallVectorImpl<int64_t> &dropped) {
  bool expands = relation.isExpand();
  auto groupOf = [&](int64_t outerDim) -> int64_t {
    if (!expands)
      return outerDim;
    for (auto [index, group] : llvm::enumerate(relation.groups))
      if (llvm::is_contained(group, outerDim))
        return index;
    llvm_unreachable("every outer dimension is in a group");
  };
  auto isUnit = [&](int64_t outerDim) {
    return relation.outer.getDimSize(outerDim) == 1;
  };

  // A unit dimension says nothing, except in an operand of all dimensions: that
  // one stays an identity.
  bool isFull = llvm::count_if(map.getResults(), [](AffineExpr expr) {
                  return isa<AffineDimExpr>(expr);
                }) == relation.outer.getRank();

  // Of each group, the operand follows all longer dimensions or none of them.
  SmallVector<int64_t> followed(relation.inner.getRank(), 0);
  if (expands)
    for (AffineExpr expr : map.getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        if (!isUnit(dim.getPosition()))
          ++followed[groupOf(dim.getPosition())];

  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    auto position = dyn_cast<AffineDimExpr>(expr);
    if (!position || (!isFull && type.getDimSize(dim) == 1 &&
                      isUnit(position.getPosition()))) {
      dropped.push_back(dim);
      continue;
    }
    int64_t outerDim = position.getPosition(), group = groupOf(outerDim);
    bool split = expands && relation.groups[group].size() > 1;
    if (split && followed[group] == 0) {
      dropped.push_back(dim); // only unit dimensions of the group
      continue;
    }
    if (!split || chunks.empty() || chunks.back().group != group) {
      if (llvm::any_of(
              chunks, [&](const Chunk &chunk) { return chunk.group == group; }))
        return failure();
      chunks.push_back({{}, group});
    } else {
      // In the order of the group.
      int64_t last =
          cast<AffineDimExpr>(map.getResult(chunks.back().dims.back()))
              .getPosition();
      if (last >= outerDim)
        return failure();
    }
    chunks.back().dims.push_back(dim);
  }
  for (const Chunk &chunk : chunks)
    if (expands && relation.groups[chunk.group].size() > 1) {
      int64_t longer =
          llvm::count_if(relation.groups[chunk.group],
                         [&](int64_t dim) { return !isUnit(dim); });
      if (followed[chunk.group] != longer)
        return failure();
    }
  return success();
}

FailureOr<AdaptedOperand>
mlir::nm::fuse::adaptOperand(Value value, AffineMap map,
                             const Relation &relation) {
  auto type = cast<RankedTensorType>(value.getType());
  AdaptedOperand result;
  result.value = value;
  if (!raise::readsWholeDimensions(map))
    return failure();
  for (auto [dim, expr] : llvm::enumerate(map.getResults()))
    if (isa<AffineConstantExpr>(expr) && type.getDimSize(dim) != 1)
      return failure();

  SmallVector<Chunk> chunks;
  SmallVector<int64_t> dropped;
  if (failed(splitIntoChunks(type, map, relation, chunks, dropped)))
    return failure();

  SmallVector<int64_t> shape(type.getShape());
  for (auto [dim, expr] : llvm::enumerate(map.getResults()))
    if (auto position = dyn_cast<AffineDimExpr>(expr))
      shape[dim] = relation.outer.getDimSize(position.getPosition());
  result.cast = RankedTensorType::get(shape, type.getElementType());

  bool merges = !dropped.empty() || llvm::any_of(chunks, [](const Chunk &c) {
    return c.dims.size() > 1;
  });
  if (merges) {
    // Dropped dimensions join the chunk before them, or the first one.
    SmallVector<ReassociationIndices> groups(chunks.size());
    size_t current = 0;
    for (int64_t dim = 0; dim < type.getRank() && !chunks.empty(); ++dim) {
      for (auto [index, chunk] : llvm::enumerate(chunks))
        if (llvm::is_contained(chunk.dims, dim))
          current = index;
      groups[current].push_back(dim);
    }
    result.collapse = groups;
  }

  SmallVector<AffineExpr> exprs;
  MLIRContext *context = map.getContext();
  bool splits = relation.reshape && !relation.isExpand();
  SmallVector<ReassociationIndices> expand;
  for (const Chunk &chunk : chunks) {
    ReassociationIndices inner = splits ? relation.groups[chunk.group]
                                        : ReassociationIndices{chunk.group};
    ReassociationIndices positions;
    for (int64_t dim : inner) {
      positions.push_back(exprs.size());
      exprs.push_back(getAffineDimExpr(dim, context));
    }
    expand.push_back(positions);
  }
  if (exprs.size() != chunks.size())
    result.expand = expand;
  result.map = AffineMap::get(relation.inner.getRank(), 0, exprs, context);
  return result;
}

Value AdaptedOperand::materialize(ArrayRef<OpFoldResult> innerSizes,
                                  RankedTensorType inner,
                                  OpBuilder &builder) const {
  Value result = value;
  Location loc = value.getLoc();
  if ((collapse || expand) && cast != result.getType())
    result = tensor::CastOp::create(builder, loc, cast, result);
  if (collapse)
    result = tensor::CollapseShapeOp::create(builder, loc, result, *collapse);
  if (expand) {
    SmallVector<int64_t> shape;
    SmallVector<OpFoldResult> sizes;
    for (AffineExpr expr : map.getResults()) {
      unsigned dim = llvm::cast<AffineDimExpr>(expr).getPosition();
      shape.push_back(inner.getDimSize(dim));
      sizes.push_back(innerSizes[dim]);
    }
    result = tensor::ExpandShapeOp::create(
        builder, loc,
        RankedTensorType::get(shape, getElementTypeOrSelf(result)), result,
        *expand, sizes);
  }
  return result;
}
