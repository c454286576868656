//===- FewColumns.cpp - Products with few columns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FewColumns.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::nm;

FewColumnsEmitter::FewColumnsEmitter(const KernelBuilder &at, PackedMatmulOp op,
                                     KernelShape shape, bool parallel,
                                     int64_t columns, Value count)
    : b(at), op(op), shape(std::move(shape)), columns(columns), count(count),
      parallel(parallel) {}

Value FewColumnsEmitter::emit(Value shared) {
  Value packed = shared ? shared : pack();
  emitLoops(packed);
  return packed;
}

void FewColumnsEmitter::emitLoops(Value packed) {
  int64_t tasks = llvm::divideCeil(shape.weightRows, shape.rowBlock);
  b.forEach({b.index(tasks)}, parallel,
            [&](ValueRange ivs) { emitTask(ivs[0], packed); });
}

Value FewColumnsEmitter::allocate(ArrayRef<int64_t> sizes, Type element) {
  return memref::AllocOp::create(b, MemRefType::get(sizes, element),
                                 ValueRange{}, b.getI64IntegerAttr(kAlignment));
}

void FewColumnsEmitter::emitTask(Value task, Value packed) {
  Value row0 = b.mul(task, shape.rowBlock);
  Value rows =
      b.min(b.index(shape.rowBlock), b.sub(b.index(shape.weightRows), row0));
  Value tile = allocate({columns, shape.rowBlock}, shape.accumulator);
  Value firstGroup = b.mul(task, shape.rowBlock / shape.rows);
  emitRows(packed, firstGroup, b.ceilDiv(rows, shape.rows), tile);
  Value zero = b.index(0), cols = count ? count : b.index(columns);
  if (op.getTransposeC()) {
    emitEpilogue(b, shape, op, tile, cols, rows, zero, row0);
  } else {
    Value transposed = transpose(tile, rows);
    emitEpilogue(b, shape, op, transposed, rows, cols, row0, zero);
    memref::DeallocOp::create(b, transposed);
  }
  memref::DeallocOp::create(b, tile);
}

/// The tile with rows of the weight as its rows.
Value FewColumnsEmitter::transpose(Value tile, Value rows) {
  Value transposed = allocate({shape.rowBlock, columns}, shape.accumulator);
  auto copy = [&](Value row, Value column) {
    Value value = memref::LoadOp::create(b, tile, ValueRange{column, row});
    memref::StoreOp::create(b, value, transposed, ValueRange{row, column});
  };
  b.loop(b.index(0), rows, 1, [&](Value row) {
    if (count)
      return b.loop(b.index(0), count, 1,
                    [&](Value column) { copy(row, column); });
    for (int64_t c = 0; c < columns; ++c)
      copy(row, b.index(c));
  });
  return transposed;
}

LogicalResult mlir::nm::checkStaticColumns(PackedMatmulOp op) {
  if (!ShapedType::isDynamic(columnsOf(op)))
    return success();
  return op.emitOpError("has a dynamic number of columns, which layout ")
         << op.getLayout() << " does not take; use a panel layout";
}
