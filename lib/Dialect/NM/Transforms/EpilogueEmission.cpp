//===- EpilogueEmission.cpp - Epilogue of a tile, vectorised along its rows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Math/IR/Math.h"
#include "nm/Dialect/NM/Transforms/ProductKernel.h"
#include "nm/Transforms/RegionVectorizer.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Emits the epilogue for `lanes` elements of the output that follow one
/// another along dimension `runsAlong` (1: scalar).
struct EpilogueEmitter {
  KernelBuilder &b;
  PackedMatmulOp op;
  Value row, col; ///< position in the output
  int64_t lanes;
  unsigned runsAlong = 1;

  Type widen(Type element) {
    return lanes == 1 ? element : Type(VectorType::get({lanes}, element));
  }

  /// The elements of epilogue operand `operand` that belong to this position.
  Value operandValue(Value operand, AffineMap map) {
    auto type = cast<MemRefType>(operand.getType());
    SmallVector<Value> indices;
    int64_t moving = -1;
    for (unsigned i = 0; i < map.getNumResults(); ++i) {
      unsigned dim = map.getDimPosition(i);
      indices.push_back(dim == 1 ? col : row);
      if (dim == runsAlong)
        moving = i;
    }
    if (lanes == 1 || moving < 0) {
      Value scalar = memref::LoadOp::create(b, operand, indices);
      if (lanes == 1)
        return scalar;
      return broadcastTo(b, op.getLoc(), scalar, lanes);
    }
    if (moving + 1 == type.getRank())
      return b.loadVector(operand, indices, lanes);
    SmallVector<Value> scalars;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      indices[moving] = b.add(runsAlong == 1 ? col : row, lane);
      scalars.push_back(memref::LoadOp::create(b, operand, indices));
    }
    return vector::FromElementsOp::create(
        b, cast<VectorType>(widen(type.getElementType())), scalars);
  }

  Value apply(Value acc) {
    Type element = cast<ShapedType>(op.getC().getType()).getElementType();
    if (!op.hasEpilogue())
      return b.convert(acc, element);
    Block &block = op.getEpilogue().front();
    IRMapping mapping;
    mapping.map(block.getArgument(0), acc);
    for (auto [argument, operand, map] :
         llvm::zip(block.getArguments().drop_front(), op.getEpilogueOperands(),
                   op.getEpilogueMapArray()))
      if (!argument.use_empty())
        mapping.map(argument, operandValue(operand, map));
    for (Operation &inner : block.without_terminator())
      cloneWide(b, inner, lanes, mapping);
    return broadcastTo(
        b, op.getLoc(),
        mapping.lookupOrDefault(block.getTerminator()->getOperand(0)), lanes);
  }
};

} // namespace

void mlir::nm::emitEpilogue(KernelBuilder &b, const KernelShape &shape,
                            PackedMatmulOp op, Value tile, Value rows,
                            Value cols, Value row0, Value col0) {
  Value output = op.getC();
  Value wide =
      b.mul(arith::DivUIOp::create(b, cols, b.index(shape.lanes)), shape.lanes);
  b.loop(b.index(0), rows, 1, [&](Value i) {
    Value row = b.add(row0, i);
    b.loop(b.index(0), wide, shape.lanes, [&](Value j) {
      EpilogueEmitter emitter{b, op, row, b.add(col0, j), shape.lanes};
      Value result = emitter.apply(b.loadVector(tile, {i, j}, shape.lanes));
      b.storeVector(result, output, {row, emitter.col});
    });
    b.loop(wide, cols, 1, [&](Value j) {
      EpilogueEmitter emitter{b, op, row, b.add(col0, j), 1};
      Value result =
          emitter.apply(memref::LoadOp::create(b, tile, ValueRange{i, j}));
      memref::StoreOp::create(b, result, output, ValueRange{row, emitter.col});
    });
  });
}

void mlir::nm::emitEpilogue(KernelBuilder &b, const KernelShape &shape,
                            PackedMatmulOp op, ArrayRef<Value> rows, Value row0,
                            Value col0) {
  for (auto [i, acc] : llvm::enumerate(rows)) {
    EpilogueEmitter emitter{b, op, b.add(row0, i), col0, shape.lanes};
    Value result = emitter.apply(acc);
    b.storeVector(result, op.getC(), {emitter.row, emitter.col});
  }
}

void mlir::nm::emitEpilogueInPlace(KernelBuilder &b, const KernelShape &shape,
                                   PackedMatmulOp op, Value tile, Value row,
                                   Value cols, Value weightRow, Value column0) {
  auto emitRange = [&](Value from, Value to, int64_t lanes) {
    b.loop(from, to, lanes, [&](Value j) {
      Value column = b.add(column0, j);
      // Its lanes run along the activations, on which no operand depends: each
      // is one element for all of them.
      EpilogueEmitter emitter{b,
                              op,
                              op.getTransposeC() ? column : weightRow,
                              op.getTransposeC() ? weightRow : column,
                              lanes,
                              /*runsAlong=*/op.getTransposeC() ? 0u : 1u};
      Value sums = b.loadVector(tile, {row, j}, lanes);
      b.storeVector(emitter.apply(sums), tile, {row, j});
    });
  };
  // A function of math is a chain of multiply-adds, longer than what waits in a
  // core: several side by side keep it busy. Each takes a few registers.
  int64_t together = isShortEpilogue(op)
                         ? 1
                         : std::clamp<int64_t>(shape.target.getRegisters() / 8,
                                               1, shape.vectors());
  Value whole = b.index(0);
  if (together > 1) {
    int64_t lanes = together * shape.lanes;
    whole = b.mul(arith::DivUIOp::create(b, cols, b.index(lanes)), lanes);
    emitRange(b.index(0), whole, lanes);
  }
  emitRange(whole, cols, shape.lanes);
}

bool mlir::nm::isShortEpilogue(PackedMatmulOp op) {
  if (!op.hasEpilogue())
    return true;
  Block &block = op.getEpilogue().front();
  return block.getOperations().size() <= 12 &&
         llvm::all_of(block, [](Operation &inner) {
           return !isa<math::MathDialect>(inner.getDialect());
         });
}
