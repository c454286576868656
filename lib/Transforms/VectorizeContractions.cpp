//===- VectorizeContractions.cpp - Register-tiled products of activations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/Kernel/Transforms/KernelBuilder.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Machine/RegisterTile.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_VECTORIZECONTRACTIONS
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Emits C[b, i, j] += A[b, i, k] B[b, k, j] with register tiles of rows by
/// vectors; b is absent for a plain matrix product.
struct ProductEmitter {
  kernel::KernelBuilder b;
  Value lhs, rhs, out;
  int64_t lanes;
  ::nm::machine::RegisterTile shape;
  SmallVector<Value> batch;

  SmallVector<Value> at(Value i, Value j) {
    SmallVector<Value> indices(batch);
    indices.append({i, j});
    return indices;
  }
  Value dim(Value memref, int64_t fromLast) {
    int64_t rank = cast<MemRefType>(memref.getType()).getRank();
    return b.createOrFold<memref::DimOp>(memref, rank - fromLast);
  }
  /// `size` rounded down to a multiple of `step`.
  Value floorTo(Value size, int64_t step) {
    return arith::SubIOp::create(
        b, size, arith::RemUIOp::create(b, size, b.index(step)));
  }
  Type element() { return cast<MemRefType>(out.getType()).getElementType(); }

  /// A view of `sizes` from `offsets` on in the last two dimensions.
  Value slice(Value memref, ArrayRef<OpFoldResult> offsets,
              ArrayRef<OpFoldResult> sizes) {
    SmallVector<OpFoldResult> all(batch.begin(), batch.end());
    SmallVector<OpFoldResult> lengths(batch.size(), b.getIndexAttr(1));
    all.append(offsets.begin(), offsets.end());
    lengths.append(sizes.begin(), sizes.end());
    return b.slice(memref, all, lengths, sizes);
  }

  /// rows x vectors register tile of `width` lanes at (i, j).
  void tile(Value i, Value j, int64_t rows, int64_t vectors, int64_t width) {
    auto type = VectorType::get({width}, element());
    auto forEach = [&](function_ref<void(int64_t, ArrayRef<Value>)> body) {
      for (int64_t n = 0; n < rows * vectors; ++n)
        body(n, at(b.add(i, n / vectors), b.add(j, n % vectors * width)));
    };
    SmallVector<Value> sums;
    forEach([&](int64_t, ArrayRef<Value> place) {
      sums.push_back(vector::LoadOp::create(b, type, out, place));
    });
    OpFoldResult zero = b.getIndexAttr(0),
                 depth = getAsOpFoldResult(dim(lhs, 1));
    Value left = slice(lhs, {i, zero}, {b.getIndexAttr(rows), depth});
    Value right =
        slice(rhs, {zero, j}, {depth, b.getIndexAttr(vectors * width)});
    Value acc = b.joinTile(sums, rows);
    sums = b.splitTile(kernel::TileProductOp::create(
        b, acc.getType(), left, right, /*offsets=*/Value(), /*common=*/Value(),
        acc, /*unroll=*/1, /*sets=*/1));
    forEach([&](int64_t n, ArrayRef<Value> place) {
      vector::StoreOp::create(b, sums[n], out, place);
    });
  }

  /// All columns of `rows` rows at i.
  void rowsAt(Value i, int64_t rows) {
    Value columns = dim(out, 1);
    Value from = b.index(0);
    // The whole tile, then narrower ones for what remains.
    for (int64_t vectors = shape.vectors; vectors > 0; vectors /= 2) {
      Value to = floorTo(columns, vectors * lanes);
      b.loop(from, to, vectors * lanes,
             [&](Value j) { tile(i, j, rows, vectors, lanes); });
      from = to;
    }
    b.loop(from, columns, 1, [&](Value j) { tile(i, j, rows, 1, 1); });
  }

  void emit(bool parallel) {
    Value rows = dim(out, 2);
    Value tiles = arith::CeilDivUIOp::create(b, rows, b.index(shape.rows));
    bool batched = cast<MemRefType>(out.getType()).getRank() == 3;
    SmallVector<Value> upper{tiles};
    if (batched)
      upper.insert(upper.begin(), dim(out, 3));
    b.forEach(upper, parallel, [&](ValueRange at) {
      if (batched)
        batch.push_back(at[0]);
      Value i = b.mul(at.back(), shape.rows);
      Value isFull = arith::CmpIOp::create(b, arith::CmpIPredicate::ule,
                                           b.add(i, shape.rows), rows);
      b.either(
          isFull, [&] { rowsAt(i, shape.rows); },
          [&] { b.loop(i, rows, 1, [&](Value row) { rowsAt(row, 1); }); });
    });
  }
};

struct VectorizeContractionsPass
    : public mlir::nm::impl::VectorizeContractionsBase<
          VectorizeContractionsPass> {
  using VectorizeContractionsBase::VectorizeContractionsBase;

  /// A plain (batch) matrix product of f32 buffers with contiguous rows.
  static bool isPlainProduct(linalg::LinalgOp op) {
    if (!op.hasPureBufferSemantics())
      return false;
    if (auto matmul = dyn_cast<linalg::MatmulOp>(op.getOperation())) {
      if (matmul.hasUserDefinedMaps())
        return false;
    } else if (auto batch =
                   dyn_cast<linalg::BatchMatmulOp>(op.getOperation())) {
      if (batch.hasUserDefinedMaps())
        return false;
    } else {
      return false;
    }
    return llvm::all_of(op->getOperandTypes(), [](Type type) {
      auto memref = cast<MemRefType>(type);
      return memref.getElementType().isF32() && memref.isLastDimUnitStride();
    });
  }

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isPlainProduct(op))
        ops.push_back(op);
    });
    CPUAttr target = getCPUTarget(getOperation());
    int64_t width = lanes > 0 ? lanes : target.getLanes();
    for (linalg::LinalgOp op : ops) {
      kernel::KernelBuilder builder(op.getLoc(), op);
      ProductEmitter emitter{builder,
                             op.getDpsInputs()[0],
                             op.getDpsInputs()[1],
                             op.getDpsInits()[0],
                             width,
                             ::nm::machine::productTile(target.getRegisters()),
                             {}};
      emitter.emit(parallel);
      op.erase();
    }
  }
};

} // namespace
