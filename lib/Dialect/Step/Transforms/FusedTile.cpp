//===- FusedTile.cpp - One tile of a fused recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedLoop.h"
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
  if (!threshold) // those of a tile's elements lie in memory
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
// Statistics
//===----------------------------------------------------------------------===//

/// `size` lanes of a vector from `first` on.
static Value lanesFrom(ImplicitLocOpBuilder &b, Value vector, int64_t first,
                       int64_t size) {
  if (cast<VectorType>(vector.getType()).getNumElements() == size)
    return vector;
  return vector::ExtractStridedSliceOp::create(
      b, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{size},
      ArrayRef<int64_t>{1});
}

/// The two halves of a run, combined lane by lane.
static Value combineHalves(ImplicitLocOpBuilder &b, Value run,
                           function_ref<Value(Value, Value)> combine) {
  return combine(lanesFrom(b, run, 0, kStatisticLanes),
                 lanesFrom(b, run, kStatisticLanes, kStatisticLanes));
}

/// A mantissa of each lane of a run and its exponent: from 1 to 2, in the
/// second half from 1/2 to 1. What is not `normal` counts as 1.
static std::pair<Value, Value> splitRun(ImplicitLocOpBuilder &b, Value x,
                                        Value normal) {
  constexpr int32_t digits = 23, bias = 127;
  auto type = VectorType::get({kStatisticRun}, b.getI32Type());
  SmallVector<int32_t> biases(kStatisticRun, bias), powers;
  std::fill(biases.begin() + kStatisticLanes, biases.end(), bias - 1);
  for (int32_t own : biases)
    powers.push_back(own << digits);
  auto constant = [&](ArrayRef<int32_t> list) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, list));
  };
  Value bits =
      arith::SelectOp::create(b, normal, arith::BitcastOp::create(b, type, x),
                              emitConstant(b, type, bias << digits));
  Value fraction =
      arith::AndIOp::create(b, bits, emitConstant(b, type, (1 << digits) - 1));
  Value mantissa = arith::BitcastOp::create(
      b, x.getType(), arith::OrIOp::create(b, fraction, constant(powers)));
  Value exponent =
      arith::ShRUIOp::create(b, bits, emitConstant(b, type, digits));
  return {mantissa, arith::SubIOp::create(b, exponent, constant(biases))};
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
  auto add = [&](Value place, Value more) {
    update(place, [&](Value now) -> Value {
      return arith::AddIOp::create(b, now, more);
    });
  };
  auto addIntegers = [&](Value x, Value y) -> Value {
    return arith::AddIOp::create(b, x, y);
  };
  auto toInteger = [&](Value bits) -> Value {
    return arith::ExtUIOp::create(
        b, cast<VectorType>(bits.getType()).clone(b.getI32Type()), bits);
  };
  if (auto bad = dyn_cast<CountNonfiniteOp>(op))
    return add(places[0],
               toInteger(emitIsNonfinite(b, get(bad.getSource(), at))));

  Value change =
      emitChange(b, get(op->getOperand(0), at), get(op->getOperand(1), at));
  Value none = arith::ConstantOp::create(b, b.getZeroAttr(change.getType()));
  if (at.valid) // a moment of 0 need not stay 0
    change = arith::SelectOp::create(b, at.valid, change, none);
  auto f64 = VectorType::get({kStatisticLanes}, b.getF64Type());
  for (int64_t first = 0; first < lanes; first += kStatisticRun) {
    Value x = lanesFrom(b, change, first, kStatisticRun);
    if (isa<ChangeSumOp>(op)) {
      Value pairs = combineHalves(b, x, [&](Value low, Value high) -> Value {
        return arith::AddFOp::create(b, low, high);
      });
      update(places[0], [&](Value now) -> Value {
        return arith::AddFOp::create(b, now,
                                     arith::ExtFOp::create(b, f64, pairs));
      });
      continue;
    }
    Value normal = emitIsNormal(b, x);
    auto [mantissas, exponents] = splitRun(b, x, normal);
    Value pairs =
        combineHalves(b, mantissas, [&](Value low, Value high) -> Value {
          return arith::MulFOp::create(b, low, high);
        });
    update(places[0], [&](Value now) -> Value {
      return arith::MulFOp::create(b, now,
                                   arith::ExtFOp::create(b, f64, pairs));
    });
    add(places[1], combineHalves(b, exponents, addIntegers));
    Value ones = arith::ConstantOp::create(b, b.getOneAttr(normal.getType()));
    Value leftOut = arith::XOrIOp::create(b, normal, ones);
    if (at.valid)
      leftOut = arith::AndIOp::create(
          b, leftOut, lanesFrom(b, at.valid, first, kStatisticRun));
    add(places[2], combineHalves(b, toInteger(leftOut), addIntegers));
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
