//===- PackPanel.cpp - Packing of the dense operand into panels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/Transforms/ProductKernel.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Emits the packing of one panel over one contraction block.
struct PanelPacker {
  KernelBuilder &b;
  const KernelShape &shape;
  Value x, columns, packed;
  Value column0; ///< first column of the panel
  Value base;    ///< position of the block's row 0 in `packed`
  Value k0;

  Value position(Value k, Value column) {
    return b.add(b.add(base, b.mul(k, shape.cols)), column);
  }

  void store(Value value, Value k, Value column) {
    Value converted = b.convert(value, shape.accumulator);
    vector::StoreOp::create(b, converted, packed, position(k, column));
  }

  /// x is [k][n]: copy `lanes` columns at a time, masked at the edge.
  void packRows(Value length) {
    auto element = cast<MemRefType>(x.getType()).getElementType();
    auto type = VectorType::get({shape.lanes}, element);
    auto maskType = VectorType::get({shape.lanes}, b.getI1Type());
    b.loop(b.index(0), length, 1, [&](Value k) {
      b.loop(b.index(0), groupEnd(), shape.lanes, [&](Value column) {
        Value source = b.add(column0, column);
        if (!isContiguous()) {
          gatherRow(k, column, source);
          return;
        }
        Value mask = vector::CreateMaskOp::create(
            b, maskType, ValueRange{b.sub(columns, source)});
        Value loaded = vector::MaskedLoadOp::create(
            b, type, x, ValueRange{b.add(k0, k), source}, mask, b.zero(type));
        store(loaded, k, column);
      });
    });
  }

  /// The same from a slice with gaps; past the edge the last column is
  /// repeated.
  void gatherRow(Value k, Value column, Value source) {
    Value last = b.sub(columns, b.index(1));
    SmallVector<Value> scalars;
    for (int64_t lane = 0; lane < shape.lanes; ++lane)
      scalars.push_back(memref::LoadOp::create(
          b, x, ValueRange{b.add(k0, k), b.min(b.add(source, lane), last)}));
    auto type = VectorType::get({shape.lanes}, scalars[0].getType());
    store(vector::FromElementsOp::create(b, type, scalars), k, column);
  }

  bool isContiguous() {
    return cast<MemRefType>(x.getType()).isLastDimUnitStride();
  }

  /// x is [n][k]: transpose tiles of lanes x lanes in registers. Rows past the
  /// last column repeat it; their results are never written.
  void packTransposed(Value length) {
    Value last = b.sub(columns, b.index(1));
    b.loop(b.index(0), groupEnd(), shape.lanes, [&](Value column) {
      SmallVector<Value> sources;
      for (int64_t lane = 0; lane < shape.lanes; ++lane)
        sources.push_back(b.min(b.add(b.add(column0, column), lane), last));
      Value tiled = b.index(0);
      if (isContiguous())
        tiled = b.mul(arith::DivUIOp::create(b, length, b.index(shape.lanes)),
                      shape.lanes);
      b.loop(b.index(0), tiled, shape.lanes, [&](Value k) {
        SmallVector<Value> rows;
        for (Value source : sources)
          rows.push_back(
              b.convert(b.loadVector(x, {source, b.add(k0, k)}, shape.lanes),
                        shape.accumulator));
        for (auto [lane, row] : llvm::enumerate(b.transpose(rows)))
          store(row, b.add(k, lane), column);
      });
      b.loop(tiled, length, 1, [&](Value k) {
        SmallVector<Value> scalars;
        for (Value source : sources)
          scalars.push_back(
              memref::LoadOp::create(b, x, ValueRange{source, b.add(k0, k)}));
        auto type = VectorType::get({shape.lanes}, scalars[0].getType());
        store(vector::FromElementsOp::create(b, type, scalars), k, column);
      });
    });
  }

  /// End of the column groups that hold at least one real column.
  Value groupEnd() {
    return b.min(b.index(shape.cols), b.sub(columns, column0));
  }
};

} // namespace

void mlir::nm::emitPackPanel(KernelBuilder &b, const KernelShape &shape,
                             Value x, bool transposed, Value columns,
                             Value packed, Value panel, Value k0,
                             Value length) {
  Value base = b.mul(b.add(b.mul(panel, shape.contraction), k0), shape.cols);
  PanelPacker packer{b,    shape, x, columns, packed, b.mul(panel, shape.cols),
                     base, k0};
  if (transposed)
    packer.packTransposed(length);
  else
    packer.packRows(length);
}
