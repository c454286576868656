//===- FusedSelection.cpp - Which elements stay, in a fused recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What stands between two levels. Short groups are ranked: one comparison for
// each pair of members. Longer ones are cut (GroupCut.h) and compared with the
// cut; only where the two magnitudes at a cut are equal do members have to be
// counted in their order.
//
//===----------------------------------------------------------------------===//

#include "FusedLoop.h"
#include "GroupRanks.h"
#include "PackedBits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "nm/Dialect/Step/IR/Arithmetic.h"

using namespace mlir;
using namespace mlir::step;

using arith::CmpIPredicate;

Value FusedLoop::isKept(const Selection &selection, Value rank) {
  Value n = selection.n ? splat(selection.n)
                        : emitConstant(b, rank.getType(), selection.fixedN);
  return arith::CmpIOp::create(b, CmpIPredicate::slt, rank, n);
}

Value FusedLoop::numberKept(const Selection &selection) {
  if (!selection.n)
    return index(std::clamp<int64_t>(selection.fixedN, 0, m));
  Value n = arith::IndexCastOp::create(b, b.getIndexType(),
                                       scalars.lookup(selection.n));
  return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, n, index(0)),
                                index(m));
}

/// The magnitudes of what is not kept, 0 elsewhere.
static Value droppedOf(ImplicitLocOpBuilder &b, Value keep, Value magnitudes) {
  Value none = emitConstant(b, magnitudes.getType(), 0);
  return arith::SelectOp::create(b, keep, none, magnitudes);
}

static Value largest(ImplicitLocOpBuilder &b, Value x, Value y) {
  return x ? arith::MaxSIOp::create(b, x, y).getResult() : y;
}

static Value compare(ImplicitLocOpBuilder &b, CmpIPredicate predicate, Value x,
                     Value y) {
  return arith::CmpIOp::create(b, predicate, x, y);
}

/// A 1 in each lane where `bits` is set.
static Value toOnes(ImplicitLocOpBuilder &b, Value bits) {
  Type type = cast<VectorType>(bits.getType()).clone(b.getI32Type());
  return arith::ExtUIOp::create(b, type, bits);
}

static Value loadRow(ImplicitLocOpBuilder &b, Value buffer, Value row) {
  auto memory = cast<MemRefType>(buffer.getType());
  auto type = VectorType::get(memory.getDimSize(1), memory.getElementType());
  Value zero = arith::ConstantIndexOp::create(b, 0);
  return vector::LoadOp::create(b, type, buffer, ValueRange{row, zero});
}

static void storeRow(ImplicitLocOpBuilder &b, Value vector, Value buffer,
                     Value row) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  vector::StoreOp::create(b, vector, buffer, ValueRange{row, zero});
}

//===----------------------------------------------------------------------===//
// Neighbours in one vector
//===----------------------------------------------------------------------===//

void FusedLoop::selectNeighbours(int64_t level) {
  for (Selection &selection : selections) {
    if (selection.level != level)
      continue;
    Value magnitudes = emitMagnitude(b, vectors.lookup(selection.source));
    selection.keep = isKept(selection, emitRanksOfNeighbours(b, magnitudes, m));
    if (selection.hasThreshold)
      selection.threshold = emitLargestOfNeighbours(
          b, droppedOf(b, selection.keep, magnitudes), m);
  }
}

//===----------------------------------------------------------------------===//
// One group in each lane
//===----------------------------------------------------------------------===//

void FusedLoop::selectByRank(Selection &selection, const GroupRows &rows) {
  SmallVector<Value> keys;
  for (int64_t row = 0; row < m; ++row)
    keys.push_back(rows.key(index(row)));
  SmallVector<Value> ranks = emitRanksOfRows(b, keys);
  Value threshold;
  for (int64_t row = 0; row < m; ++row) {
    Value keep = isKept(selection, ranks[row]);
    rows.keep(index(row), keep);
    if (selection.hasThreshold)
      threshold = largest(b, threshold, droppedOf(b, keep, keys[row]));
  }
  selection.threshold = threshold;
}

Value FusedLoop::hasTies(const GroupCut::Ends &ends, Value valid) {
  Value equal = compare(b, CmpIPredicate::eq, ends.nth, ends.next);
  if (valid)
    equal = arith::AndIOp::create(b, equal, valid);
  return vector::ReductionOp::create(b, vector::CombiningKind::OR, equal);
}

/// Who is above the cut stays, and of those at the cut the first ones.
void FusedLoop::countTies(Value nth, Value n, const GroupRows &rows) {
  auto loop = [&](Value start, function_ref<Value(Value, Value)> body) {
    auto members = scf::ForOp::create(b, index(0), index(m), index(1), start);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(members.getBody());
    Value next = body(members.getInductionVar(), members.getRegionIterArg(0));
    scf::YieldOp::create(b, next);
    return members.getResult(0);
  };
  Value narrow = arith::IndexCastOp::create(b, b.getI32Type(), n);
  Value all = vector::BroadcastOp::create(b, nth.getType(), narrow);
  Value left = loop(all, [&](Value row, Value left) -> Value {
    Value above = compare(b, CmpIPredicate::sgt, rows.key(row), nth);
    return arith::SubIOp::create(b, left, toOnes(b, above));
  });
  Value none = emitConstant(b, nth.getType(), 0);
  loop(left, [&](Value row, Value left) -> Value {
    Value key = rows.key(row);
    Value above = compare(b, CmpIPredicate::sgt, key, nth);
    Value equal = compare(b, CmpIPredicate::eq, key, nth);
    Value first = arith::AndIOp::create(
        b, equal, compare(b, CmpIPredicate::sgt, left, none));
    rows.keep(row, arith::OrIOp::create(b, above, first));
    return arith::SubIOp::create(b, left, toOnes(b, equal));
  });
}

void FusedLoop::ifElse(Value condition, function_ref<void()> then,
                       function_ref<void()> otherwise) {
  auto choice = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&choice.getThenRegion().front());
  then();
  b.setInsertionPointToStart(&choice.getElseRegion().front());
  otherwise();
}

void FusedLoop::selectByCut(Selection &selection, const GroupRows &rows) {
  SmallVector<Value> keys;
  for (int64_t row = 0; row < m; ++row)
    keys.push_back(rows.key(index(row)));
  Value n = numberKept(selection);
  GroupCut::Ends ends = selection.cut.emit(b, keys, n);
  ifElse(
      hasTies(ends, rows.valid), [&] { countTies(ends.nth, n, rows); },
      [&] {
        for (int64_t row = 0; row < m; ++row)
          rows.keep(index(row), compare(b, CmpIPredicate::sge,
                                        rows.key(index(row)), ends.nth));
      });
  if (selection.hasThreshold)
    selection.threshold = arith::MaxSIOp::create(
        b, ends.next, emitConstant(b, ends.next.getType(), 0));
}

/// More members than are sorted in registers: by rank, in loops.
void FusedLoop::selectInMemory(Selection &selection, const GroupRows &rows) {
  // Four rows together, so that what is loaded is used four times.
  int64_t number = m % 4 == 0 ? 4 : 1;
  Value none = emitConstant(b, vectorOf(b.getI32Type()), 0);
  auto loop = scf::ForOp::create(b, index(0), index(m), index(number), none);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar(), most = loop.getRegionIterArg(0);
  SmallVector<Value> ranks =
      emitRanksInMemory(b, selection.magnitudes, m, first, number);
  for (auto [i, rank] : llvm::enumerate(ranks)) {
    Value row = arith::AddIOp::create(b, first, index(i));
    Value keep = isKept(selection, rank);
    rows.keep(row, keep);
    most = largest(b, most, droppedOf(b, keep, rows.key(row)));
  }
  scf::YieldOp::create(b, most);
  selection.threshold = loop.getResult(0);
}

void FusedLoop::selectGroups(Selection &selection, const GroupRows &rows) {
  if (m <= kMaxRanked)
    selectByRank(selection, rows);
  else if (m <= kMaxCut)
    selectByCut(selection, rows);
  else
    selectInMemory(selection, rows);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void FusedLoop::selectRows(int64_t level, const Tile &tile) {
  for (Selection &selection : selections) {
    if (selection.level != level)
      continue;
    if (tile.size)
      selectBlocks(selection, tile);
    else if (recipe.isContiguous)
      selectTurned(selection);
    else
      selectColumns(selection, tile);
  }
}

void FusedLoop::selectColumns(Selection &selection, const Tile &tile) {
  auto key = [&](Value row) { return loadRow(b, selection.magnitudes, row); };
  auto keep = [&](Value row, Value bits) {
    memref::StoreOp::create(b, PackedBits::toWord(b, bits), selection.words,
                            ValueRange{row});
  };
  Value valid;
  if (tile.number)
    valid =
        vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()), tile.number);
  selectGroups(selection, {key, keep, valid});
}

/// `memory` as one dimension.
static Value flatOf(ImplicitLocOpBuilder &b, Value memory) {
  SmallVector<ReassociationIndices> all = {{0, 1}};
  return memref::CollapseShapeOp::create(b, memory, all);
}

/// The groups of whole blocks, which lie in the buffers as in memory: a row of
/// a block is `inner` elements. Vectors may reach into the next row, and what
/// they leave there is overwritten, as rows are visited in ascending order.
void FusedLoop::selectBlocks(Selection &selection, const Tile &tile) {
  Value magnitudes = flatOf(b, selection.magnitudes);
  Value thresholds;
  if (selection.hasThreshold)
    thresholds = flatOf(b, selection.thresholds);
  Value width = index(kRowLanes);
  Value block = arith::MulIOp::create(b, inner, index(m));
  Value lastColumn =
      arith::SubIOp::create(b, arith::MaxUIOp::create(b, inner, width), width);
  Value valid = vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()), inner);
  auto blocks = scf::ForOp::create(b, index(0), tile.size, block);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(blocks.getBody());
    auto columns = scf::ForOp::create(b, index(0), inner, width);
    b.setInsertionPointToStart(columns.getBody());
    // The last vector of a row begins where it still fits.
    Value column =
        arith::MinUIOp::create(b, columns.getInductionVar(), lastColumn);
    Value first = arith::AddIOp::create(b, blocks.getInductionVar(), column);
    auto place = [&](Value row) -> Value {
      return arith::AddIOp::create(b, first,
                                   arith::MulIOp::create(b, row, inner));
    };
    auto key = [&](Value row) -> Value {
      return vector::LoadOp::create(b, vectorOf(b.getI32Type()), magnitudes,
                                    ValueRange{place(row)});
    };
    auto keep = [&](Value row, Value bits) {
      Value bytes = arith::ExtUIOp::create(b, vectorOf(b.getI8Type()), bits);
      vector::StoreOp::create(b, bytes, selection.kept, ValueRange{place(row)});
    };
    selectGroups(selection, {key, keep, valid});
    for (int64_t row = 0; thresholds && row < m; ++row)
      vector::StoreOp::create(b, selection.threshold, thresholds,
                              ValueRange{place(index(row))});
  }
  selection.threshold = nullptr;
  forEachPlace(tile, [&](const Place &at) {
    Value first = arith::MulIOp::create(b, at.row, width);
    Value bytes = vector::LoadOp::create(b, vectorOf(b.getI8Type()),
                                         selection.kept, ValueRange{first});
    Value none = emitConstant(b, bytes.getType(), 0);
    Value bits = compare(b, CmpIPredicate::ne, bytes, none);
    memref::StoreOp::create(b, PackedBits::toWord(b, bits), selection.words,
                            ValueRange{at.row});
  });
}

/// Groups of neighbours: the tile is transposed, so that every lane holds one,
/// and cut; each row is compared with the cuts of its own groups.
void FusedLoop::selectTurned(Selection &selection) {
  int64_t halves = std::max<int64_t>(1, m / kRowLanes), members = m / halves;
  auto rowOf = [&](Value buffer, int64_t row) {
    return loadRow(b, buffer, index(row));
  };
  auto placeOf = [&](int64_t member) {
    return member % members * halves + member / members;
  };
  SmallVector<Value> rows;
  for (int64_t row = 0; row < m; ++row)
    rows.push_back(rowOf(selection.magnitudes, row));
  rows = emitTransposedGroups(b, rows);
  SmallVector<Value> keys;
  for (int64_t member = 0; member < m; ++member)
    keys.push_back(rows[placeOf(member)]);
  Value n = numberKept(selection);
  GroupCut::Ends ends = selection.cut.emit(b, keys, n);

  // Of the groups in lanes, what belongs to the elements of a row.
  auto spread = [&](Value lanesOfGroups, int64_t row) -> Value {
    SmallVector<int64_t> from;
    for (int64_t lane = 0; lane < kRowLanes; ++lane)
      from.push_back(lane / m * m + row / halves);
    return vector::ShuffleOp::create(b, lanesOfGroups, lanesOfGroups, from);
  };
  auto storeWord = [&](int64_t row, Value keep) {
    memref::StoreOp::create(b, PackedBits::toWord(b, keep), selection.words,
                            ValueRange{index(row)});
  };
  ifElse(
      hasTies(ends, nullptr),
      [&] {
        for (auto [member, key] : llvm::enumerate(keys))
          storeRow(b, key, selection.members, index(member));
        auto key = [&](Value row) {
          return loadRow(b, selection.members, row);
        };
        auto keep = [&](Value row, Value bits) {
          storeRow(b, toOnes(b, bits), selection.ones, row);
        };
        countTies(ends.nth, n, {key, keep, nullptr});
        SmallVector<Value> back(m);
        for (int64_t member = 0; member < m; ++member)
          back[placeOf(member)] = rowOf(selection.ones, member);
        Value none = emitConstant(b, back.front().getType(), 0);
        for (auto [row, ones] : llvm::enumerate(emitTransposedGroups(b, back)))
          storeWord(row, compare(b, CmpIPredicate::ne, ones, none));
      },
      [&] {
        for (int64_t row = 0; row < m; ++row)
          storeWord(row, compare(b, CmpIPredicate::sge,
                                 rowOf(selection.magnitudes, row),
                                 spread(ends.nth, row)));
      });
  selection.threshold = nullptr;
  if (!selection.hasThreshold)
    return;
  Value threshold = arith::MaxSIOp::create(
      b, ends.next, emitConstant(b, ends.next.getType(), 0));
  for (int64_t row = 0; row < m; ++row)
    storeRow(b, spread(threshold, row), selection.thresholds, index(row));
}
