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
#include "mlir/IR/ImplicitLocOpBuilder.h"
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
  ImplicitLocOpBuilder b;
  Value lhs, rhs, out;
  int64_t lanes;
  ::nm::machine::RegisterTile shape;
  SmallVector<Value> batch;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value a, int64_t c) {
    return c ? Value(arith::AddIOp::create(b, a, index(c))) : a;
  }
  SmallVector<Value> at(Value i, Value j) {
    SmallVector<Value> indices(batch);
    indices.append({i, j});
    return indices;
  }
  Value dim(Value memref, int64_t fromLast) {
    int64_t rank = cast<MemRefType>(memref.getType()).getRank();
    return memref::DimOp::create(b, memref, rank - fromLast);
  }
  /// `size` rounded down to a multiple of `step`.
  Value floorTo(Value size, int64_t step) {
    return arith::SubIOp::create(b, size,
                                 arith::RemUIOp::create(b, size, index(step)));
  }
  void loop(Value from, Value to, int64_t step,
            function_ref<void(Value)> body) {
    auto forOp = scf::ForOp::create(b, from, to, index(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(forOp.getBody());
    body(forOp.getInductionVar());
  }

  Type element() { return cast<MemRefType>(out.getType()).getElementType(); }

  /// rows x vectors register tile at (i, j); `wide` vectors, or scalars.
  void tile(Value i, Value j, int64_t rows, int64_t vectors, bool wide) {
    int64_t width = wide ? lanes : 1;
    auto type = VectorType::get({lanes}, element());
    auto loadAt = [&](Value memref, Value row, Value col) -> Value {
      if (wide)
        return vector::LoadOp::create(b, type, memref, at(row, col));
      return memref::LoadOp::create(b, memref, at(row, col));
    };
    SmallVector<Value> accs;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        accs.push_back(loadAt(out, add(i, r), add(j, v * width)));
    auto reduction =
        scf::ForOp::create(b, index(0), dim(lhs, 1), index(1), accs);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(reduction.getBody());
      Value k = reduction.getInductionVar();
      SmallVector<Value> columns, next;
      for (int64_t v = 0; v < vectors; ++v)
        columns.push_back(loadAt(rhs, k, add(j, v * width)));
      for (int64_t r = 0; r < rows; ++r) {
        Value x = memref::LoadOp::create(b, lhs, at(add(i, r), k));
        if (wide)
          x = vector::BroadcastOp::create(b, type, x);
        for (int64_t v = 0; v < vectors; ++v) {
          Value acc = reduction.getRegionIterArgs()[r * vectors + v];
          if (wide)
            next.push_back(vector::FMAOp::create(b, x, columns[v], acc));
          else
            next.push_back(arith::AddFOp::create(
                b, acc, arith::MulFOp::create(b, x, columns[v])));
        }
      }
      scf::YieldOp::create(b, next);
    }
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t v = 0; v < vectors; ++v) {
        Value sum = reduction.getResult(r * vectors + v);
        SmallVector<Value> indices = at(add(i, r), add(j, v * width));
        if (wide)
          vector::StoreOp::create(b, sum, out, indices);
        else
          memref::StoreOp::create(b, sum, out, indices);
      }
    }
  }

  /// All columns of `rows` rows at i.
  void rowsAt(Value i, int64_t rows) {
    Value columns = dim(out, 1);
    Value from = index(0);
    // The whole tile, then narrower ones for what remains.
    for (int64_t vectors = shape.vectors; vectors > 0; vectors /= 2) {
      Value to = floorTo(columns, vectors * lanes);
      loop(from, to, vectors * lanes,
           [&](Value j) { tile(i, j, rows, vectors, true); });
      from = to;
    }
    loop(from, columns, 1, [&](Value j) { tile(i, j, rows, 1, false); });
  }

  void emit(bool parallel) {
    OpBuilder::InsertionGuard guard(b);
    Value rows = dim(out, 2);
    Value tiles = arith::CeilDivUIOp::create(b, rows, index(shape.rows));
    bool batched = cast<MemRefType>(out.getType()).getRank() == 3;
    SmallVector<Value> upper{tiles};
    if (batched)
      upper.insert(upper.begin(), dim(out, 3));
    SmallVector<Value> lower(upper.size(), index(0));
    SmallVector<Value> steps(upper.size(), index(1));
    SmallVector<Value> ivs;
    if (parallel) {
      auto loop = scf::ParallelOp::create(b, lower, upper, steps);
      b.setInsertionPointToStart(loop.getBody());
      ivs = llvm::to_vector(loop.getInductionVars());
    } else {
      scf::LoopNest nest =
          scf::buildLoopNest(b, b.getLoc(), lower, upper, steps);
      b.setInsertionPointToStart(nest.loops.back().getBody());
      for (scf::ForOp loop : nest.loops)
        ivs.push_back(loop.getInductionVar());
    }
    if (batched)
      batch.push_back(ivs[0]);
    Value i = arith::MulIOp::create(b, ivs.back(), index(shape.rows));
    Value isFull = arith::CmpIOp::create(b, arith::CmpIPredicate::ule,
                                         add(i, shape.rows), rows);
    auto ifOp = scf::IfOp::create(b, isFull, /*withElseRegion=*/true);
    b.setInsertionPointToStart(ifOp.thenBlock());
    rowsAt(i, shape.rows);
    b.setInsertionPointToStart(ifOp.elseBlock());
    loop(i, rows, 1, [&](Value row) { rowsAt(row, 1); });
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
      ImplicitLocOpBuilder builder(op.getLoc(), op);
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
