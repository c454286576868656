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

SmallVector<Value> step::emitRanksOfRows(ImplicitLocOpBuilder &b,
                                         ValueRange rows) {
  Type type = rows.front().getType();
  auto m = static_cast<int64_t>(rows.size());
  // As if each row came after all later ones; what it precedes is taken off.
  SmallVector<Value> ranks;
  for (int64_t row = 0; row < m; ++row)
    ranks.push_back(emitConstant(b, type, m - 1 - row));
  for (int64_t row = 0; row < m; ++row)
    for (int64_t later = row + 1; later < m; ++later) {
      Value precedes = arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                                             rows[row], rows[later]);
      Value one = arith::ExtUIOp::create(b, type, precedes);
      ranks[row] = arith::SubIOp::create(b, ranks[row], one);
      ranks[later] = arith::AddIOp::create(b, ranks[later], one);
    }
  return ranks;
}

/// A step of turning a matrix: of two rows, lanes with the bit `distance` of
/// one change places with lanes without it of the other.
static std::pair<Value, Value> swapLanes(ImplicitLocOpBuilder &b, Value upper,
                                         Value lower, int64_t distance) {
  int64_t lanes = cast<VectorType>(upper.getType()).getNumElements();
  SmallVector<int64_t> first, second;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    bool isSet = lane & distance;
    first.push_back(isSet ? lanes + lane - distance : lane);
    second.push_back(isSet ? lanes + lane : lane + distance);
  }
  return {vector::ShuffleOp::create(b, upper, lower, first),
          vector::ShuffleOp::create(b, upper, lower, second)};
}

SmallVector<Value> step::emitTransposedGroups(ImplicitLocOpBuilder &b,
                                              ValueRange rows) {
  constexpr int64_t lanes = 16;
  auto m = static_cast<int64_t>(rows.size());
  SmallVector<Value> transposed(rows);
  // A group of 32 is two rows, its halves: even rows are transposed as one
  // matrix and odd ones as another.
  int64_t halves = std::max<int64_t>(1, m / lanes);
  for (int64_t distance = 1; distance < std::min(m, lanes); distance *= 2)
    for (int64_t row = 0; row < m; ++row) {
      int64_t other = row + distance * halves;
      if (row / halves & distance)
        continue;
      std::tie(transposed[row], transposed[other]) =
          swapLanes(b, transposed[row], transposed[other], distance);
    }
  return transposed;
}

SmallVector<Value> step::emitRanksInMemory(ImplicitLocOpBuilder &b,
                                           Value magnitudes, int64_t m,
                                           Value row, int64_t number) {
  auto memory = cast<MemRefType>(magnitudes.getType());
  auto type = VectorType::get(memory.getDimSize(1), b.getI32Type());
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto load = [&](Value at) -> Value {
    return vector::LoadOp::create(b, type, magnitudes, ValueRange{at, zero});
  };
  // Each row that is loaded is compared with all of `own`.
  auto count = [&](Value from, Value to, ValueRange ranks,
                   ValueRange own) -> SmallVector<Value> {
    auto loop = scf::ForOp::create(b, from, to, one, ranks);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value other = load(loop.getInductionVar());
    SmallVector<Value> next;
    for (auto [rank, mine] : llvm::zip(loop.getRegionIterArgs(), own))
      next.push_back(countLarger(b, rank, other, mine));
    scf::YieldOp::create(b, next);
    return {loop.getResults().begin(), loop.getResults().end()};
  };
  SmallVector<Value> own, lower;
  for (int64_t i = 0; i < number; ++i) {
    Value at =
        arith::AddIOp::create(b, row, arith::ConstantIndexOp::create(b, i));
    own.push_back(load(at));
    lower.push_back(
        arith::SubIOp::create(b, own.back(), emitConstant(b, type, 1)));
  }
  Value after =
      arith::AddIOp::create(b, row, arith::ConstantIndexOp::create(b, number));
  Value end = arith::ConstantIndexOp::create(b, m);
  SmallVector<Value> ranks = emitRanksOfRows(b, own);
  ranks = count(zero, row, ranks, lower);
  return count(after, end, ranks, own);
}
