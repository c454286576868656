//===- FusedTile.cpp - One tile of a fused recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
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

/// Members of a group that are ranked in registers, pair by pair; more are in a
/// loop, so that the code does not grow with their square.
static constexpr int64_t kMaxUnrolled = 16;

static bool isMask(Value value) {
  return getElementTypeOrSelf(value.getType()).isInteger(1);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value FusedLoop::memoryOf(const Recipe::Output &output) {
  if (output.updates)
    return memory.lookup(old->getArgument(*output.updates));
  return fresh.lookup(output.result);
}

Value FusedLoop::load(Value argument, const Place &at) {
  Value place = memory.lookup(argument);
  if (isMask(argument))
    return PackedBits(b, place).load(at.index, lanes, at.count,
                                     /*isAligned=*/lanes % 8 == 0);
  VectorType type = vectorOf(storedType(argument.getType()));
  if (ahead) // rows of groups are too many streams to be foreseen
    memref::PrefetchOp::create(
        b, place, ValueRange{arith::AddIOp::create(b, at.index, ahead)},
        /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
  if (!at.valid)
    return vector::LoadOp::create(b, type, place, ValueRange{at.index});
  Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(type));
  return vector::MaskedLoadOp::create(b, type, place, ValueRange{at.index},
                                      at.valid, zeros);
}

void FusedLoop::storeIf(const Recipe::Output &output,
                        function_ref<void()> store) {
  if (!output.storedIf)
    return store();
  Value condition = scalars.lookup(old->getArgument(*output.storedIf));
  auto guarded = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&guarded.getThenRegion().front());
  store();
}

void FusedLoop::store(const Recipe::Output &output, Value vector,
                      const Place &at) {
  Value place = memoryOf(output);
  storeIf(output, [&] {
    if (isMask(output.value))
      PackedBits(b, place).store(vector, at.index, at.count,
                                 /*isAligned=*/lanes % 8 == 0);
    else if (at.valid)
      vector::MaskedStoreOp::create(b, place, ValueRange{at.index}, at.valid,
                                    vector);
    else
      vector::StoreOp::create(b, vector, place, ValueRange{at.index});
  });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value FusedLoop::get(Value value, const Place &at) {
  Value &found = vectors[value];
  if (found)
    return found;
  // Of an earlier level, or a mask: it waits in a buffer.
  Value buffer = buffers.lookup(value);
  assert(buffer && "values of earlier levels have buffers");
  Value loaded;
  if (isMask(value)) {
    Value word = memref::LoadOp::create(b, buffer, ValueRange{at.row});
    loaded = PackedBits::toLanes(b, word);
  } else {
    VectorType type = vectorOf(storedType(value.getType()));
    loaded =
        vector::LoadOp::create(b, type, buffer, ValueRange{at.row, index(0)});
  }
  return vectors[value] = loaded;
}

/// `value` is `vector` from here on: kept for later levels, stored where it is
/// a result.
void FusedLoop::define(Value value, Value vector, const Place &at) {
  vectors[value] = vector;
  Value buffer = hasRows() ? buffers.lookup(value) : Value();
  if (buffer && isMask(value)) {
    if (!isa<BlockArgument>(value))
      memref::StoreOp::create(b, PackedBits::toWord(b, vector), buffer,
                              ValueRange{at.row});
    return; // the tile writes the words of masks
  }
  if (buffer)
    vector::StoreOp::create(b, vector, buffer, ValueRange{at.row, index(0)});
  for (const Recipe::Output &output : recipe.outputs)
    if (output.value == value)
      store(output, vector, at);
}

/// The result of a group operation of the level below.
void FusedLoop::defineSelected(Operation *op, const Place &at) {
  const Selection &selection = selectionOf(op);
  auto soft = dyn_cast<SoftThresholdOp>(op);
  if (!soft) {
    if (!hasRows()) // else it is in its buffer
      define(op->getResult(0), selection.keep, at);
    return;
  }
  Value keep = selection.keep;
  if (hasRows())
    keep = PackedBits::toLanes(
        b, memref::LoadOp::create(b, selection.words, ValueRange{at.row}));
  Value threshold = selection.threshold;
  if (hasRows() && selection.thresholds)
    threshold = vector::LoadOp::create(b, vectorOf(b.getI32Type()),
                                       selection.thresholds,
                                       ValueRange{at.row, index(0)});
  define(soft.getResult(),
         emitSoftThreshold(b, get(soft.getSource(), at), keep, threshold,
                           splat(soft.getScale())),
         at);
}

void FusedLoop::emitLevel(int64_t level, const Place &at) {
  // Everything is read before anything is overwritten.
  SmallVector<std::pair<Value, Value>> read;
  for (auto [value, own] : recipe.level)
    if (own == level && isa<BlockArgument>(value))
      read.emplace_back(value, hasRows() && isMask(value) ? get(value, at)
                                                          : load(value, at));
  for (auto [value, vector] : read)
    define(value, vector, at);
  for (Operation *op : recipe.ops)
    if (selectionNumber.contains(op) && recipe.levelOf(op) == level - 1)
      defineSelected(op, at);
  for (Operation *op : recipe.ops)
    if (recipe.levelOf(op) == level && !selectionNumber.contains(op))
      emitOp(op, at);
  if (!hasRows())
    return;
  for (const Selection &selection : selections)
    if (selection.level == level)
      vector::StoreOp::create(b, emitMagnitude(b, get(selection.source, at)),
                              selection.magnitudes,
                              ValueRange{at.row, index(0)});
}

void FusedLoop::emitOp(Operation *op, const Place &at) {
  if (!accumulators.lookup(op).empty())
    return accumulate(op, at);
  auto elementwise = dyn_cast<step::ElementwiseOpInterface>(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isa<RankedTensorType>(operand.getType())
                           ? get(operand, at)
                       : elementwise ? splat(operand)
                                     : scalars.lookup(operand));
  Value result = op->getResult(0);
  if (elementwise)
    return define(result, elementwise.emitElement(b, operands), at);
  if (isa<arith::ExtFOp>(op))
    return define(result, emitWiden(b, operands[0]), at);
  if (isa<arith::TruncFOp>(op))
    return define(result, emitRound(b, operands[0]), at);
  // Upstream's elementwise operations are the same on vectors.
  OperationState state(b.getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(vectorOf(storedType(result.getType())));
  state.addAttributes(op->getAttrs());
  define(result, b.create(state)->getResult(0), at);
}

//===----------------------------------------------------------------------===//
// Between levels
//===----------------------------------------------------------------------===//

Value FusedLoop::isKept(const Selection &selection, Value rank) {
  Value n = selection.n ? splat(selection.n)
                        : emitConstant(b, rank.getType(), selection.fixedN);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, rank, n);
}

/// The magnitudes of what is not kept, 0 elsewhere.
static Value droppedOf(ImplicitLocOpBuilder &b, Value keep, Value magnitudes) {
  Value none = emitConstant(b, magnitudes.getType(), 0);
  return arith::SelectOp::create(b, keep, none, magnitudes);
}

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

void FusedLoop::selectRows(int64_t level) {
  for (Selection &selection : selections) {
    if (selection.level != level)
      continue;
    if (recipe.isContiguous)
      rankTurned(selection);
    else if (m <= kMaxUnrolled)
      rankRows(selection);
    else
      rankManyRows(selection);
  }
}

/// The rows of a buffer.
static SmallVector<Value> loadRows(ImplicitLocOpBuilder &b, Value buffer) {
  auto memory = cast<MemRefType>(buffer.getType());
  auto type = VectorType::get(memory.getDimSize(1), memory.getElementType());
  Value zero = arith::ConstantIndexOp::create(b, 0);
  SmallVector<Value> rows;
  for (int64_t row = 0; row < memory.getDimSize(0); ++row)
    rows.push_back(vector::LoadOp::create(
        b, type, buffer,
        ValueRange{arith::ConstantIndexOp::create(b, row), zero}));
  return rows;
}

static void storeRows(ImplicitLocOpBuilder &b, ArrayRef<Value> rows,
                      Value buffer) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  for (auto [row, vector] : llvm::enumerate(rows))
    vector::StoreOp::create(
        b, vector, buffer,
        ValueRange{arith::ConstantIndexOp::create(b, row), zero});
}

static Value largest(ImplicitLocOpBuilder &b, Value x, Value y) {
  return x ? arith::MaxSIOp::create(b, x, y).getResult() : y;
}

/// One group in each lane, all members in registers.
void FusedLoop::rankRows(Selection &selection) {
  SmallVector<Value> rows = loadRows(b, selection.magnitudes);
  SmallVector<Value> ranks = emitRanksOfRows(b, rows);
  selection.threshold = nullptr;
  for (int64_t row = 0; row < m; ++row) {
    Value keep = isKept(selection, ranks[row]);
    memref::StoreOp::create(b, PackedBits::toWord(b, keep), selection.words,
                            ValueRange{index(row)});
    if (selection.hasThreshold)
      selection.threshold =
          largest(b, selection.threshold, droppedOf(b, keep, rows[row]));
  }
}

void FusedLoop::forEachRank(Value magnitudes,
                            function_ref<void(Value row, Value rank)> body) {
  // Four rows together, so that what is loaded is used four times.
  int64_t number = m % 4 == 0 ? 4 : 1;
  auto rows = scf::ForOp::create(b, index(0), index(m), index(number));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rows.getBody());
  Value first = rows.getInductionVar();
  SmallVector<Value> ranks = emitRanksInMemory(b, magnitudes, first, number);
  for (auto [i, rank] : llvm::enumerate(ranks))
    body(arith::AddIOp::create(b, first, index(i)), rank);
}

/// One group in each lane, members in memory.
void FusedLoop::rankManyRows(Selection &selection) {
  forEachRank(selection.magnitudes, [&](Value row, Value rank) {
    vector::StoreOp::create(b, rank, selection.ranks,
                            ValueRange{row, index(0)});
    Value keep = isKept(selection, rank);
    memref::StoreOp::create(b, PackedBits::toWord(b, keep), selection.words,
                            ValueRange{row});
  });
  if (!selection.hasThreshold)
    return;
  VectorType type = vectorOf(b.getI32Type());
  auto rows = scf::ForOp::create(b, index(0), index(m), index(1),
                                 ValueRange{emitConstant(b, type, 0)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rows.getBody());
  SmallVector<Value> at = {rows.getInductionVar(), index(0)};
  Value rank = vector::LoadOp::create(b, type, selection.ranks, at);
  Value key = vector::LoadOp::create(b, type, selection.magnitudes, at);
  Value most = largest(b, rows.getRegionIterArg(0),
                       droppedOf(b, isKept(selection, rank), key));
  scf::YieldOp::create(b, ValueRange{most});
  selection.threshold = rows.getResult(0);
}

/// Groups of neighbours: the tile is turned, so that every lane holds one, and
/// the ranks are turned back.
void FusedLoop::rankTurned(Selection &selection) {
  int64_t halves = std::max<int64_t>(1, m / lanes), members = m / halves;
  auto placeOf = [&](int64_t member) {
    return member % members * halves + member / members;
  };
  SmallVector<Value> turned =
      emitTurnedGroups(b, loadRows(b, selection.magnitudes));
  SmallVector<Value> keys;
  for (int64_t member = 0; member < m; ++member)
    keys.push_back(turned[placeOf(member)]);
  SmallVector<Value> ranks;
  if (m <= kMaxUnrolled) {
    ranks = emitRanksOfRows(b, keys);
  } else {
    storeRows(b, keys, selection.members);
    forEachRank(selection.members, [&](Value row, Value rank) {
      vector::StoreOp::create(b, rank, selection.ranks,
                              ValueRange{row, index(0)});
    });
    ranks = loadRows(b, selection.ranks);
  }
  if (selection.hasThreshold) {
    Value threshold;
    for (auto [rank, key] : llvm::zip(ranks, keys))
      threshold =
          largest(b, threshold, droppedOf(b, isKept(selection, rank), key));
    SmallVector<Value> all(m, threshold);
    storeRows(b, emitTurnedGroups(b, all), selection.thresholds);
  }
  SmallVector<Value> places(m);
  for (int64_t member = 0; member < m; ++member)
    places[placeOf(member)] = ranks[member];
  for (auto [row, rank] : llvm::enumerate(emitTurnedGroups(b, places)))
    memref::StoreOp::create(b, PackedBits::toWord(b, isKept(selection, rank)),
                            selection.words, ValueRange{index(row)});
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

/// Lanes `first` to `first + 16` of a vector.
static Value sixteen(ImplicitLocOpBuilder &b, Value vector, int64_t first) {
  if (cast<VectorType>(vector.getType()).getNumElements() == kStatisticLanes)
    return vector;
  return vector::ExtractStridedSliceOp::create(
      b, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{kStatisticLanes},
      ArrayRef<int64_t>{1});
}

void FusedLoop::accumulate(Operation *op, const Place &at) {
  ArrayRef<Value> places = accumulators[op];
  // The first lanes, if a tile has fewer than there are.
  auto update = [&](Value place, function_ref<Value(Value)> next) {
    auto memory = cast<MemRefType>(place.getType());
    auto type = VectorType::get(std::min(lanes, memory.getDimSize(0)),
                                memory.getElementType());
    Value now = vector::LoadOp::create(b, type, place, ValueRange{index(0)});
    vector::StoreOp::create(b, next(now), place, ValueRange{index(0)});
  };
  auto countIf = [&](Value place, Value condition) {
    update(place, [&](Value now) -> Value {
      return arith::AddIOp::create(
          b, now, arith::ExtUIOp::create(b, now.getType(), condition));
    });
  };
  if (auto bad = dyn_cast<CountNonfiniteOp>(op))
    return countIf(places[0], emitIsNonfinite(b, get(bad.getSource(), at)));

  Value change =
      emitChange(b, get(op->getOperand(0), at), get(op->getOperand(1), at));
  Value none = arith::ConstantOp::create(b, b.getZeroAttr(change.getType()));
  if (at.valid) // a moment of 0 need not stay 0
    change = arith::SelectOp::create(b, at.valid, change, none);
  auto f64 = VectorType::get({kStatisticLanes}, b.getF64Type());
  for (int64_t first = 0; first < lanes; first += kStatisticLanes) {
    Value x = sixteen(b, change, first);
    if (isa<ChangeSumOp>(op)) {
      update(places[0], [&](Value now) -> Value {
        return arith::AddFOp::create(b, now, arith::ExtFOp::create(b, f64, x));
      });
      continue;
    }
    Value normal = emitIsNormal(b, x);
    auto parts = emitSplit(b, x);
    update(places[0], [&](Value now) -> Value {
      Value product = arith::MulFOp::create(
          b, now, arith::ExtFOp::create(b, f64, parts.first));
      return arith::SelectOp::create(b, normal, product, now);
    });
    update(places[1], [&](Value now) -> Value {
      Value sum = arith::AddIOp::create(b, now, parts.second);
      return arith::SelectOp::create(b, normal, sum, now);
    });
    Value ones = arith::ConstantOp::create(b, b.getOneAttr(normal.getType()));
    Value leftOut = arith::XOrIOp::create(b, normal, ones);
    if (at.valid)
      leftOut = arith::AndIOp::create(b, leftOut, sixteen(b, at.valid, first));
    countIf(places[2], leftOut);
  }
}

/// What the lanes have gathered, as the operation's results.
void FusedLoop::finishStatistic(Operation *op) {
  auto lanesOf = [&](Value place) {
    auto memory = cast<MemRefType>(place.getType());
    auto type = VectorType::get(memory.getShape(), memory.getElementType());
    Value all = vector::LoadOp::create(b, type, place, ValueRange{index(0)});
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < type.getNumElements(); ++lane)
      elements.push_back(
          vector::ExtractOp::create(b, all, ArrayRef<int64_t>{lane}));
    return elements;
  };
  auto total = [&](Value place) -> Value {
    Value sum = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
    for (Value lane : lanesOf(place))
      sum = arith::AddIOp::create(
          b, sum, arith::ExtSIOp::create(b, b.getI64Type(), lane));
    return sum;
  };
  ArrayRef<Value> places = accumulators[op];
  if (isa<CountNonfiniteOp>(op))
    return scalars.map(op->getResult(0), total(places[0]));
  if (isa<ChangeSumOp>(op))
    return scalars.map(
        op->getResult(0),
        emitCombineLanes(b, lanesOf(places[0]), [&](Value x, Value y) -> Value {
          return arith::AddFOp::create(b, x, y);
        }));
  auto [mantissa, exponent] =
      emitCombineProducts(b, lanesOf(places[0]), total(places[1]));
  scalars.map(op->getResult(0), mantissa);
  scalars.map(op->getResult(1), exponent);
  scalars.map(op->getResult(2), total(places[2]));
}
