//===- AttentionPack.cpp - Packing of queries, keys and values -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packing widens bf16, f16 and quantised rows to f32, so the kernels behind it
// know one type.
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
  // The rows' bytes are aligned to nothing.
  Value bytes =
      b.loadVector(memref, indices({batch, head, row, b.index(quantizedWidth)}),
                   kRowScaleBytes);
  Value number =
      vector::BitCastOp::create(b, VectorType::get({1}, b.getF32Type()), bytes);
  return vector::ExtractOp::create(b, number, 0);
}

namespace {

struct PanelEmitter {
  AttentionBuilder &b;
  const AttentionBlocking &blocking;
  const PanelPacking &packing;
  Value base, start; ///< of the panel in `packed`, along `extent`

  SmallVector<Value> at(Value along, Value length) {
    bool rows = packing.panelDim == 2;
    return packing.x.indices({packing.batch, packing.head,
                              rows ? along : length, rows ? length : along});
  }
  Value load(Value along, Value length, int64_t lanes) {
    Value value = b.loadVector(packing.x.memref, at(along, length), lanes);
    value = b.convert(value, b.getF32Type());
    if (!packing.x.quantizedWidth)
      return value;
    return b.mulf(value, b.splat(scale(along, length), lanes));
  }
  Value scale(Value along, Value length) {
    return packing.x.loadScale(b, packing.batch, packing.head,
                               packing.panelDim == 2 ? along : length);
  }
  void store(Value value, Value length, int64_t column) {
    Value place = b.add(b.add(base, b.mul(length, blocking.panel())), column);
    b.store(value, packing.packed, place);
  }

  /// Whole vectors along the panel.
  void copy(Value first, Value last) {
    b.loop(first, last, 1, [&](Value length) {
      for (int64_t c = 0; c < blocking.panel(); c += blocking.lanes)
        store(load(b.add(start, c), length, blocking.lanes), length, c);
    });
  }

  /// Vectors along the length, transposed in registers.
  void transpose(Value first, Value last) {
    int64_t lanes = blocking.lanes;
    Value tiled = b.add(first, b.roundDown(b.sub(last, first), lanes));
    b.loop(first, tiled, lanes, [&](Value length) {
      for (int64_t c = 0; c < blocking.panel(); c += lanes) {
        SmallVector<Value> rows;
        for (int64_t lane = 0; lane < lanes; ++lane)
          rows.push_back(load(clamped(c + lane), length, lanes));
        for (auto [lane, row] : llvm::enumerate(b.transpose(rows)))
          store(row, b.add(length, lane), c);
      }
    });
    gather(tiled, last);
  }

  /// One element at a time; positions past the extent repeat the last one.
  void gather(Value first, Value last) {
    b.loop(first, last, 1, [&](Value length) {
      b.loop(b.index(0), b.index(blocking.panel()), 1, [&](Value c) {
        Value along = b.min(b.add(start, c), lastPosition());
        Value value = b.loadScalar(packing.x.memref, at(along, length));
        value = b.convert(value, b.getF32Type());
        if (packing.x.quantizedWidth)
          value = b.mulf(value, scale(along, length));
        Value place = b.add(b.add(base, b.mul(length, blocking.panel())), c);
        b.store(value, packing.packed, place);
      });
    });
  }

  Value lastPosition() { return b.sub(packing.extent, b.index(1)); }
  Value clamped(int64_t offset) {
    return b.min(b.add(start, offset), lastPosition());
  }

  void clear(Value first, Value last) {
    Value zero = b.zero(VectorType::get({blocking.lanes}, b.getF32Type()));
    b.loop(first, last, 1, [&](Value length) {
      for (int64_t c = 0; c < blocking.panel(); c += blocking.lanes)
        store(zero, length, c);
    });
  }
};

} // namespace

void mlir::flat::emitPackPanel(AttentionBuilder &b,
                               const AttentionBlocking &blocking,
                               const PanelPacking &packing, Value panel,
                               Value first, Value last) {
  Value base = b.mul(b.mul(panel, packing.stride), blocking.panel());
  Value start = b.mul(panel, blocking.panel());
  PanelEmitter emitter{b, blocking, packing, base, start};
  Value end = b.min(last, packing.length);
  int64_t along = packing.panelDim;
  if (packing.x.isContiguous(along)) {
    Value isWhole = b.cmp(arith::CmpIPredicate::sle,
                          b.add(start, blocking.panel()), packing.extent);
    auto branch = scf::IfOp::create(b, isWhole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitter.copy(first, end);
    b.setInsertionPointToStart(branch.elseBlock());
    emitter.gather(first, end);
  } else if (packing.x.isContiguous(5 - along)) {
    emitter.transpose(first, end);
  } else {
    emitter.gather(first, end);
  }
  emitter.clear(b.maxi(first, end), last);
}

void mlir::flat::emitCopyRows(AttentionBuilder &b,
                              const AttentionBlocking &blocking,
                              const AttentionView &x, Value batch, Value head,
                              Value row0, Value rows, Value count,
                              Value columns, Value packed) {
  int64_t lanes = blocking.lanes;
  Value lastRow = b.sub(rows, b.index(1));
  Value wide = x.isContiguous(3) ? b.roundDown(columns, lanes) : b.index(0);
  b.loop(b.index(0), count, 1, [&](Value i) {
    Value row = b.min(b.add(row0, i), lastRow);
    Value base = b.mul(i, columns);
    auto copy = [&](Value c, int64_t width) {
      SmallVector<Value> from = x.indices({batch, head, row, c});
      Value value = width == 1 ? b.loadScalar(x.memref, from)
                               : b.loadVector(x.memref, from, width);
      b.store(b.convert(value, b.getF32Type()), packed, b.add(base, c));
    };
    b.loop(b.index(0), wide, lanes, [&](Value c) { copy(c, lanes); });
    b.loop(wide, columns, 1, [&](Value c) { copy(c, 1); });
  });
}
