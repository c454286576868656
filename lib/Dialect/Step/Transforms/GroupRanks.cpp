//===- GroupRanks.cpp - Which elements of a group stay, in vectors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element's rank is counted: one comparison with each other member of its
// group, all lanes at once. A member of lower index comes before at equal
// magnitude, so it is compared with the element's magnitude less one.
//
//===----------------------------------------------------------------------===//

#include "GroupRanks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "nm/Dialect/Step/IR/Arithmetic.h"

using namespace mlir;
using namespace mlir::step;

/// `rank` plus one in the lanes where `other` is larger than `own`.
static Value countLarger(ImplicitLocOpBuilder &b, Value rank, Value other,
                         Value own) {
  Value before =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, other, own);
  return arith::AddIOp::create(
      b, rank, arith::ExtUIOp::create(b, rank.getType(), before));
}

/// In every lane the group's member `distance` places further, cyclically.
static Value rotate(ImplicitLocOpBuilder &b, Value vector, int64_t m,
                    int64_t distance) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  SmallVector<int64_t> from;
  for (int64_t lane = 0; lane < lanes; ++lane)
    from.push_back(lane / m * m + (lane % m + distance) % m);
  return vector::ShuffleOp::create(b, vector, vector, from);
}

Value step::emitRanksOfNeighbours(ImplicitLocOpBuilder &b, Value magnitudes,
                                  int64_t m) {
  auto type = cast<VectorType>(magnitudes.getType());
  Value rank = emitConstant(b, type, 0);
  for (int64_t distance = 1; distance < m; ++distance) {
    SmallVector<int32_t> wrapped;
    for (int64_t lane = 0; lane < type.getNumElements(); ++lane)
      wrapped.push_back(lane % m + distance >= m);
    Value lower = arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, ArrayRef<int32_t>(wrapped)));
    Value own = arith::SubIOp::create(b, magnitudes, lower);
    rank = countLarger(b, rank, rotate(b, magnitudes, m, distance), own);
  }
  return rank;
}

Value step::emitLargestOfNeighbours(ImplicitLocOpBuilder &b, Value magnitudes,
                                    int64_t m) {
  Value largest = magnitudes;
  // After each turn a lane knows twice as many members; what it knows twice
  // does no harm.
  for (int64_t known = 1; known < m; known *= 2)
    largest = arith::MaxSIOp::create(b, largest, rotate(b, largest, m, known));
  return largest;
}

Value step::emitRankOfRow(ImplicitLocOpBuilder &b, Value magnitudes,
                          Value row) {
  auto memory = cast<MemRefType>(magnitudes.getType());
  auto type = VectorType::get(memory.getDimSize(1), b.getI32Type());
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto load = [&](Value at) -> Value {
    return vector::LoadOp::create(b, type, magnitudes, ValueRange{at, zero});
  };
  auto count = [&](Value from, Value to, Value rank, Value own) -> Value {
    auto loop = scf::ForOp::create(b, from, to, one, ValueRange{rank});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value next = countLarger(b, loop.getRegionIterArg(0),
                             load(loop.getInductionVar()), own);
    scf::YieldOp::create(b, ValueRange{next});
    return loop.getResult(0);
  };
  Value own = load(row);
  Value lower = arith::SubIOp::create(b, own, emitConstant(b, type, 1));
  Value after = arith::AddIOp::create(b, row, one);
  Value m = arith::ConstantIndexOp::create(b, memory.getDimSize(0));
  Value rank = count(zero, row, emitConstant(b, type, 0), lower);
  return count(after, m, rank, own);
}
