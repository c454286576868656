//===- AttentionView.cpp - Operands and their dimensions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"

using namespace mlir;
using namespace mlir::flat;

SmallVector<Value> AttentionView::indices(ValueRange logical) const {
  SmallVector<Value> result(logical.size());
  for (auto [value, position] : llvm::zip(logical, dims))
    result[position] = value;
  return result;
}

bool AttentionView::isContiguous(int64_t dim) const {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type().getStridesAndOffset(strides, offset)) &&
         dims[dim] == type().getRank() - 1 && strides[dims[dim]] == 1;
}

Value AttentionView::size(AttentionBuilder &b, int64_t dim) const {
  if (dim == AttentionOp::Width && quantizedWidth)
    return b.index(quantizedWidth);
  int64_t size = type().getDimSize(dims[dim]);
  if (ShapedType::isDynamic(size))
    return memref::DimOp::create(b, memref, dims[dim]);
  return b.index(size);
}

Value AttentionView::loadScale(AttentionBuilder &b, Value batch, Value head,
                               Value row) const {
  return b.loadFloatOfBytes(
      memref, indices({batch, head, row, b.index(quantizedWidth)}));
}

Value AttentionView::slice(AttentionBuilder &b, ArrayRef<OpFoldResult> first,
                           OpFoldResult rows, OpFoldResult columns) const {
  int64_t row = dims[AttentionOp::Sequence], column = dims[AttentionOp::Width];
  SmallVector<OpFoldResult> at(4), sizes(4, b.getIndexAttr(1));
  for (auto [place, dim] : llvm::zip(first, dims))
    at[dim] = place;
  sizes[row] = rows;
  sizes[column] = columns;
  if (row < column)
    return b.slice(memref, at, sizes, {rows, columns});
  return b.turned(b.slice(memref, at, sizes, {columns, rows}));
}

kernel::PackOp AttentionView::pack(AttentionBuilder &b,
                                   ArrayRef<OpFoldResult> first,
                                   OpFoldResult rows, OpFoldResult columns,
                                   bool isTurned, Value panel) const {
  Value source = slice(b, first, rows, columns), scales;
  if (isTurned)
    source = b.turned(source);
  if (quantizedWidth) {
    SmallVector<OpFoldResult> behind(first);
    behind.back() = b.getIndexAttr(quantizedWidth);
    scales = slice(b, behind, rows, b.getIndexAttr(kRowScaleBytes));
  }
  return kernel::PackOp::create(b, source, scales, panel,
                                /*factor=*/FloatAttr(),
                                /*axis=*/quantizedWidth && isTurned ? 1 : 0);
}
