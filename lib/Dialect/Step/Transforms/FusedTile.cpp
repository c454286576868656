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
  define(soft.getResult(),
         emitSoftThreshold(b, get(soft.getSource(), at), keep,
                           selection.threshold, splat(soft.getScale())),
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
    VectorType type = vectorOf(b.getI32Type());
    SmallVector<Value> start;
    if (selection.hasThreshold)
      start.push_back(emitConstant(b, type, 0));
    auto rows = scf::ForOp::create(b, index(0), index(m), index(1), start);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(rows.getBody());
    Value row = rows.getInductionVar();
    Value rank = emitRankOfRow(b, selection.magnitudes, row);
    Value keep = isKept(selection, rank);
    memref::StoreOp::create(b, PackedBits::toWord(b, keep), selection.words,
                            ValueRange{row});
    if (!selection.hasThreshold)
      continue;
    Value own = vector::LoadOp::create(b, type, selection.magnitudes,
                                       ValueRange{row, index(0)});
    Value largest = arith::MaxSIOp::create(b, rows.getRegionIterArg(0),
                                           droppedOf(b, keep, own));
    scf::YieldOp::create(b, ValueRange{largest});
    selection.threshold = rows.getResult(0);
  }
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
  auto update = [&](Value place, function_ref<Value(Value)> next) {
    auto memory = cast<MemRefType>(place.getType());
    auto type = VectorType::get(memory.getShape(), memory.getElementType());
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
