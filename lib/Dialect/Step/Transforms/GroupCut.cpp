//===- GroupCut.cpp - Where the order of a group is cut, in vectors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each half of the group is sorted by a network of comparators, two operations
// each: 5 for four rows, 19 for eight, 63 for sixteen. Of the two sorted halves
// a and b (a[0] and b[0] infinite) the n-th largest of all is
//   max over i of min(a[i], b[n - i]),
// since the i largest of one and the n - i largest of the other are n members,
// none of which is below that minimum, and one choice of i takes the n largest.
//
//===----------------------------------------------------------------------===//

#include "GroupCut.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "nm/Dialect/Step/IR/Arithmetic.h"
#include <limits>

using namespace mlir;
using namespace mlir::step;

/// Lanes that are sorted together.
static constexpr int64_t kSortedLanes = 8;

static Value index(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

static VectorType rowType(Value memory) {
  auto type = cast<MemRefType>(memory.getType());
  return VectorType::get(type.getDimSize(1), type.getElementType());
}

static void storeRow(ImplicitLocOpBuilder &b, Value row, Value memory,
                     int64_t at) {
  vector::StoreOp::create(b, row, memory,
                          ValueRange{index(b, at), index(b, 0)});
}

static Value loadRow(ImplicitLocOpBuilder &b, Value memory, Value at) {
  return vector::LoadOp::create(b, rowType(memory), memory,
                                ValueRange{at, index(b, 0)});
}

GroupCut::GroupCut(ImplicitLocOpBuilder &b, int64_t m, int64_t lanes) {
  auto allocate = [&](int64_t members) -> Value {
    Value memory = memref::AllocaOp::create(
        b, MemRefType::get({m + 2, lanes}, b.getI32Type()),
        b.getI64IntegerAttr(64));
    VectorType type = rowType(memory);
    storeRow(b, emitConstant(b, type, std::numeric_limits<int32_t>::max()),
             memory, 0);
    for (int64_t row = members + 1; row < m + 2; ++row)
      storeRow(b, emitConstant(b, type, -1), memory, row);
    return memory;
  };
  upper = allocate((m + 1) / 2);
  lower = allocate(m / 2);
}

/// Batcher's merge exchange (Knuth, volume 3, algorithm 5.2.2 M), for any
/// number of rows, the largest first.
static void sortDescending(ImplicitLocOpBuilder &b,
                           MutableArrayRef<Value> rows) {
  auto size = static_cast<int64_t>(rows.size());
  int64_t top = static_cast<int64_t>(llvm::PowerOf2Ceil(rows.size())) / 2;
  for (int64_t p = top; p > 0; p /= 2)
    for (int64_t q = top, r = 0, d = p; d > 0;) {
      for (int64_t i = 0; i + d < size; ++i) {
        if ((i & p) != r)
          continue;
        Value x = rows[i], y = rows[i + d];
        rows[i] = arith::MaxSIOp::create(b, x, y);
        rows[i + d] = arith::MinSIOp::create(b, x, y);
      }
      d = q - p;
      q /= 2;
      r = p;
    }
}

/// `rows` in descending order, from row 1 of `memory` on. Some lanes at a time:
/// sixteen rows of a whole vector are twice what AVX2 has registers, and their
/// network would wait for the stack.
static void sortInto(ImplicitLocOpBuilder &b, ArrayRef<Value> rows,
                     Value memory) {
  int64_t lanes = rowType(memory).getDimSize(0);
  int64_t width = lanes % kSortedLanes == 0 ? kSortedLanes : lanes;
  for (int64_t first = 0; first < lanes; first += width) {
    SmallVector<Value> parts;
    for (Value row : rows)
      parts.push_back(vector::ExtractStridedSliceOp::create(
          b, row, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{width},
          ArrayRef<int64_t>{1}));
    sortDescending(b, parts);
    for (auto [i, part] : llvm::enumerate(parts))
      vector::StoreOp::create(b, part, memory,
                              ValueRange{index(b, i + 1), index(b, first)});
  }
}

GroupCut::Ends GroupCut::emit(ImplicitLocOpBuilder &b, ArrayRef<Value> rows,
                              Value n) const {
  auto m = static_cast<int64_t>(rows.size());
  int64_t most = (m + 1) / 2;
  sortInto(b, rows.take_front(most), upper);
  sortInto(b, rows.drop_front(most), lower);

  Value one = index(b, 1);
  Value first = arith::MaxSIOp::create(
      b, arith::SubIOp::create(b, n, index(b, m - most)), index(b, 0));
  Value last = arith::MinSIOp::create(b, n, index(b, most));
  Value nothing = emitConstant(b, rowType(upper), -1);
  auto choices =
      scf::ForOp::create(b, first, arith::AddIOp::create(b, last, one), one,
                         ValueRange{nothing, nothing});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choices.getBody());
    Value i = choices.getInductionVar();
    Value rest = arith::SubIOp::create(b, n, i);
    Value mine = loadRow(b, upper, i);
    auto larger = [&](Value so_far, Value at) -> Value {
      Value least = arith::MinSIOp::create(b, mine, loadRow(b, lower, at));
      return arith::MaxSIOp::create(b, so_far, least);
    };
    Value nth = larger(choices.getRegionIterArg(0), rest);
    Value next = larger(choices.getRegionIterArg(1),
                        arith::AddIOp::create(b, rest, one));
    scf::YieldOp::create(b, ValueRange{nth, next});
  }
  // The choice that only the next has: all of it from the upper half.
  Value whole = loadRow(b, upper, arith::AddIOp::create(b, n, one));
  return {choices.getResult(0),
          arith::MaxSIOp::create(b, choices.getResult(1), whole)};
}
