//===- FusedLoop.cpp - Signature, buffers and loops of a fused recipe -*- C++ -*-===//
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

using namespace mlir;
using namespace mlir::step;

static bool isTensor(Value value) {
  return isa<RankedTensorType>(value.getType());
}

static bool isMask(Value value) {
  return getElementTypeOrSelf(value.getType()).isInteger(1);
}

Type FusedLoop::storedType(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isBF16() ? IntegerType::get(type.getContext(), 16) : element;
}

/// Elements that one turn takes: 16, or the most of whole groups below, or one
/// group. The width is the same for every instruction set: code generation
/// splits it into registers.
static int64_t chooseLanes(const Recipe &recipe) {
  if (!recipe.hasGroups() || !recipe.isContiguous)
    return 16;
  int64_t m = recipe.pattern.getM();
  return m <= 16 ? 16 / m * m : m;
}

FusedLoop::FusedLoop(Recipe &recipe)
    : recipe(recipe), b(recipe.func.getLoc(), recipe.func.getContext()),
      old(&recipe.func.front()), lanes(chooseLanes(recipe)),
      m(recipe.hasGroups() ? recipe.pattern.getM() : 1) {}

void FusedLoop::setRows(bool rows) {
  inRows = rows;
  lanes = rows ? kRowLanes : chooseLanes(recipe);
  splats.clear();
}

Value FusedLoop::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value FusedLoop::allocate(ArrayRef<int64_t> shape, Type element) {
  return memref::AllocaOp::create(b, MemRefType::get(shape, element),
                                  b.getI64IntegerAttr(64));
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

static MemRefType memoryType(RankedTensorType type, Type stored) {
  if (type.getElementType().isInteger(1))
    return MemRefType::get({ShapedType::kDynamic},
                           IntegerType::get(type.getContext(), 8));
  return MemRefType::get(type.getShape(), stored);
}

Value FusedLoop::flatten(Value value) {
  auto type = cast<MemRefType>(value.getType());
  if (type.getRank() == 1)
    return value;
  SmallVector<int64_t> dynamic(type.getRank(), ShapedType::kDynamic);
  Value cast = memref::CastOp::create(
      b, MemRefType::get(dynamic, type.getElementType()), value);
  auto all = llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()));
  return memref::CollapseShapeOp::create(b, cast,
                                         ArrayRef<ReassociationIndices>{all});
}

/// The new entry block: memory for tensors, and more of it for results that
/// update no argument.
void FusedLoop::makeSignature() {
  func::FuncOp func = recipe.func;
  SmallVector<Type> arguments, results;
  for (Type type : func.getArgumentTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    arguments.push_back(tensor ? memoryType(tensor, storedType(tensor)) : type);
  }
  size_t given = arguments.size();
  for (const Recipe::Output &output : recipe.outputs)
    if (!output.updates)
      arguments.push_back(
          memoryType(cast<RankedTensorType>(output.value.getType()),
                     storedType(output.value.getType())));
  for (Value value : recipe.returnOp.getOperands())
    if (!isTensor(value))
      results.push_back(value.getType());

  SmallVector<DictionaryAttr> attrs;
  func.getAllArgAttrs(attrs);
  attrs.resize(arguments.size(), b.getDictionaryAttr({}));
  Block *block = b.createBlock(
      old, arguments, SmallVector<Location>(arguments.size(), b.getLoc()));
  func.removeResAttrsAttr();
  func.setFunctionType(b.getFunctionType(arguments, results));
  func.setAllArgAttrs(attrs);

  b.setInsertionPointToStart(block);
  for (auto [from, to] : llvm::zip(old->getArguments(), block->getArguments()))
    if (isTensor(from))
      memory[from] = flatten(to);
    else
      scalars.map(from, to);
  for (const Recipe::Output &output : recipe.outputs)
    if (!output.updates)
      fresh[output.result] = flatten(block->getArgument(given++));
  count = elementCount();
}

Value FusedLoop::elementCount() {
  Block &entry = recipe.func.front();
  for (BlockArgument argument : old->getArguments()) {
    if (!isTensor(argument) || isMask(argument))
      continue;
    Value flat = memory[argument];
    if (!recipe.hasGroups() || recipe.isContiguous)
      return memref::DimOp::create(b, flat, 0);
    // Elements of the dimensions within the axis.
    Value shaped = entry.getArgument(argument.getArgNumber());
    inner = index(recipe.pattern.getStride());
    for (int64_t dim = recipe.pattern.getAxis() + 1;
         dim < recipe.shape.getRank(); ++dim)
      inner = arith::MulIOp::create(b, inner,
                                    memref::DimOp::create(b, shaped, dim));
    return memref::DimOp::create(b, flat, 0);
  }
  llvm_unreachable("checked by Recipe::get");
}

void FusedLoop::makeScalars() {
  for (Operation *op : recipe.before)
    b.clone(*op, scalars);
}

Value FusedLoop::splat(Value scalar) {
  Value &found = splats[scalar];
  if (!found) {
    // In the entry block, where the scalar is.
    Value value = scalars.lookup(scalar);
    OpBuilder::InsertionGuard guard(b);
    if (Operation *op = value.getDefiningOp())
      b.setInsertionPointAfter(op);
    else
      b.setInsertionPointToStart(&recipe.func.front());
    found = vector::BroadcastOp::create(b, vectorOf(value.getType()), value);
  }
  return found;
}

void FusedLoop::makeSelections() {
  for (Operation *op : recipe.ops) {
    if (!isa<MaskOp, SoftThresholdOp>(op))
      continue;
    GroupOp group(op);
    bool isSoft = isa<SoftThresholdOp>(op);
    int64_t fixedN = group.n ? 0 : group.pattern.getN();
    auto same = llvm::find_if(selections, [&](const Selection &s) {
      return s.source == group.source && s.n == group.n && s.fixedN == fixedN;
    });
    if (same == selections.end()) {
      Selection made;
      made.source = group.source;
      made.n = group.n;
      made.fixedN = fixedN;
      made.level = recipe.levelOf(op);
      made.hasThreshold = isSoft;
      selections.push_back(made);
      same = std::prev(selections.end());
    }
    same->hasThreshold |= isSoft;
    selectionNumber[op] = same - selections.begin();
  }
  if (!recipe.isContiguous || areTurned())
    for (Selection &selection : selections)
      makeSelectionBuffers(selection);
  for (auto [op, number] : selectionNumber)
    if (isa<MaskOp>(op))
      buffers[op->getResult(0)] = selections[number].words;
}

void FusedLoop::makeSelectionBuffers(Selection &selection) {
  Type i32 = b.getI32Type();
  // A vector more: the last one of a block may reach beyond its elements.
  int64_t all = tileVectors() + hasBlocks();
  selection.magnitudes = allocate({all, kRowLanes}, i32);
  selection.words = allocate({all}, b.getI16Type());
  if (selection.hasThreshold && (hasBlocks() || areTurned()))
    selection.thresholds = allocate({all, kRowLanes}, i32);
  if (hasBlocks())
    selection.kept = allocate({all * kRowLanes}, b.getI8Type());
  if (areTurned()) {
    selection.members = allocate({m, kRowLanes}, i32);
    selection.ones = allocate({m, kRowLanes}, i32);
  }
  if (m > kMaxRanked && m <= kMaxCut)
    selection.cut = GroupCut(b, m, kRowLanes);
}

FusedLoop::Selection &FusedLoop::selectionOf(Operation *op) {
  return selections[selectionNumber.lookup(op)];
}

void FusedLoop::makeBuffers() {
  makeSelections();
  for (Operation *op : recipe.ops) {
    SmallVector<Value> &own = accumulators[op];
    Type i32 = b.getI32Type(), f64 = b.getF64Type();
    auto filled = [&](int64_t size, TypedAttr start) {
      Value place = allocate({size}, start.getType());
      auto type = VectorType::get({size}, start.getType());
      Value all = arith::ConstantOp::create(
          b, DenseElementsAttr::get(type, ArrayRef<Attribute>(start)));
      vector::StoreOp::create(b, all, place, ValueRange{index(0)});
      own.push_back(place);
    };
    if (isa<CountNonfiniteOp>(op))
      filled(lanes, b.getIntegerAttr(i32, 0));
    if (isa<ChangeSumOp>(op))
      filled(kStatisticLanes, b.getFloatAttr(f64, 0));
    if (isa<ChangeProductOp>(op)) {
      filled(kStatisticLanes, b.getFloatAttr(f64, 1));
      filled(kStatisticLanes, b.getIntegerAttr(i32, 0));
      filled(kStatisticLanes, b.getIntegerAttr(i32, 0));
    }
  }
  if (recipe.isContiguous && !areTurned())
    return;
  for (const auto &entry : recipe.level) {
    Value value = entry.first;
    int64_t level = entry.second;
    if (buffers.contains(value))
      continue;
    bool isOutput = llvm::any_of(recipe.outputs, [&](const auto &output) {
      return output.value == value;
    });
    auto last = recipe.lastUse.find(value);
    if (isMask(value)) {
      // Words are read before the tile and written after it.
      if (isa<BlockArgument>(value) || isOutput ||
          (last != recipe.lastUse.end() && last->second > level))
        buffers[value] = allocate({tileVectors()}, b.getI16Type());
    } else if (last != recipe.lastUse.end() && last->second > level) {
      buffers[value] =
          allocate({tileVectors(), kRowLanes}, storedType(value.getType()));
    }
  }
}

void FusedLoop::finish() {
  for (Operation *op : recipe.ops)
    if (!accumulators[op].empty())
      finishStatistic(op);
  for (Operation *op : recipe.after)
    b.clone(*op, scalars);
  SmallVector<Value> returned;
  for (Value value : recipe.returnOp.getOperands())
    if (!isTensor(value))
      returned.push_back(scalars.lookup(value));
  func::ReturnOp::create(b, returned);
  old->erase();
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void FusedLoop::build() {
  makeSignature();
  makeScalars();
  makeBuffers();
  if (!recipe.isContiguous)
    loopOverRows();
  else if (areTurned())
    loopOverTurned();
  else
    loopOverVectors();
  finish();
}

/// Whole vectors, then what is left of one.
void FusedLoop::loopOverVectors() {
  Value step = index(lanes);
  Value rest = arith::RemUIOp::create(b, count, step);
  Value whole = arith::SubIOp::create(b, count, rest);
  auto loop = scf::ForOp::create(b, index(0), whole, step);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    vectorTile(loop.getInductionVar(), nullptr);
  }
  Value isLeft =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, index(0));
  auto left = scf::IfOp::create(b, isLeft, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&left.getThenRegion().front());
  vectorTile(whole, rest);
}

/// Tiles of m rows, of neighbours all; what is left of one is done by vectors.
void FusedLoop::loopOverTurned() {
  setRows(true);
  inner = index(kRowLanes);
  Value step = index(m * kRowLanes);
  Value rest = arith::RemUIOp::create(b, count, step);
  Value whole = arith::SubIOp::create(b, count, rest);
  auto tiles = scf::ForOp::create(b, index(0), whole, step);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(tiles.getBody());
    tileOfVectors({tiles.getInductionVar(), nullptr, nullptr});
  }
  setRows(false);
  Value lanesOfVector = index(lanes);
  auto vectors = scf::ForOp::create(b, whole, count, lanesOfVector);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(vectors.getBody());
  Value first = vectors.getInductionVar();
  Value left = arith::SubIOp::create(b, count, first);
  vectorTile(first, arith::MinUIOp::create(b, left, lanesOfVector));
}

void FusedLoop::vectorTile(Value first, Value number) {
  vectors.clear();
  Place at{first, number, nullptr, nullptr};
  if (number)
    at.valid = vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()), number);
  for (int64_t level = 0; level < recipe.levels; ++level) {
    emitLevel(level, at);
    selectNeighbours(level);
  }
}

/// Blocks of m rows; columns of each, a vector at a time.
void FusedLoop::loopOverRows() {
  setRows(true);
  Value start = hasBlocks() ? loopOverBlocks() : index(0);
  Value step = index(lanes);
  Value size = arith::MulIOp::create(b, inner, index(m));
  // Long rows: some vectors further in the row; else the next block.
  Value isLong = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, inner,
                                       index(16 * kRowLanes));
  ahead = arith::SelectOp::create(b, isLong, index(4 * kRowLanes), size);
  auto blocks = scf::ForOp::create(b, start, count, size);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(blocks.getBody());
  Value block = blocks.getInductionVar();
  Value rest = arith::RemUIOp::create(b, inner, step);
  Value whole = arith::SubIOp::create(b, inner, rest);
  auto columns = scf::ForOp::create(b, index(0), whole, step);
  {
    OpBuilder::InsertionGuard inside(b);
    b.setInsertionPointToStart(columns.getBody());
    tileOfVectors({arith::AddIOp::create(b, block, columns.getInductionVar()),
                   nullptr, nullptr});
  }
  Value isLeft =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, index(0));
  auto left = scf::IfOp::create(b, isLeft, /*withElseRegion=*/false);
  b.setInsertionPointToStart(&left.getThenRegion().front());
  tileOfVectors({arith::AddIOp::create(b, block, whole), rest, nullptr});
}

/// Blocks with short rows, as many as fill whole vectors. Returns the first
/// element that is not done: the first one where rows are long.
Value FusedLoop::loopOverBlocks() {
  Value one = index(1), lanesOfRow = index(kRowLanes);
  Value block =
      arith::MaxUIOp::create(b, arith::MulIOp::create(b, inner, index(m)), one);
  // Its lowest bit, of at most 16, says how many fill whole vectors.
  Value negative = arith::SubIOp::create(b, index(0), block);
  Value lowest = arith::MinUIOp::create(
      b, arith::AndIOp::create(b, block, negative), lanesOfRow);
  Value unit = arith::MulIOp::create(
      b, block, arith::DivUIOp::create(b, lanesOfRow, lowest));
  // Rows of whole vectors lose nothing when they are worked on one by one.
  Value fits = arith::AndIOp::create(
      b,
      arith::CmpIOp::create(b, arith::CmpIPredicate::ule, unit,
                            index(kBlockElements)),
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                            arith::RemUIOp::create(b, inner, lanesOfRow),
                            index(0)));
  Value done = arith::SelectOp::create(
      b, fits,
      arith::SubIOp::create(b, count, arith::RemUIOp::create(b, count, unit)),
      index(0));
  Value units = arith::MaxUIOp::create(
      b, arith::DivUIOp::create(b, index(kUsualElements), unit), one);
  Value size = arith::MulIOp::create(b, unit, units);
  auto tiles = scf::ForOp::create(b, index(0), done, size);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tiles.getBody());
  Value first = tiles.getInductionVar();
  Value left = arith::SubIOp::create(b, done, first);
  tileOfVectors({first, nullptr, arith::MinUIOp::create(b, left, size)});
  return done;
}

void FusedLoop::forEachPlace(const Tile &tile,
                             function_ref<void(const Place &)> body) {
  Value valid;
  if (tile.number)
    valid =
        vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()), tile.number);
  Value number = index(m), distance = inner;
  if (tile.size) {
    distance = index(kRowLanes);
    number = arith::DivUIOp::create(b, tile.size, distance);
  }
  auto rows = scf::ForOp::create(b, index(0), number, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rows.getBody());
  Value row = rows.getInductionVar();
  Value first = arith::AddIOp::create(b, tile.first,
                                      arith::MulIOp::create(b, row, distance));
  body({first, tile.number, valid, row});
}

/// The bits of 16 elements, an i16. Blocks begin on a byte.
static Value loadWord(PackedBits bits, ImplicitLocOpBuilder &b, Value first,
                      Value number, bool isAligned) {
  if (!isAligned)
    return bits.loadWord(first, number);
  return PackedBits::toWord(b, bits.load(first, 16, nullptr, true));
}

static void storeWord(PackedBits bits, ImplicitLocOpBuilder &b, Value word,
                      Value first, Value number, bool isAligned) {
  if (!isAligned)
    return bits.storeWord(word, first, number);
  bits.store(PackedBits::toLanes(b, word), first, nullptr, true);
}

void FusedLoop::tileOfVectors(const Tile &tile) {
  bool isAligned = static_cast<bool>(tile.size);
  SmallVector<Value> read;
  for (auto [value, level] : recipe.level)
    if (isa<BlockArgument>(value) && isMask(value))
      read.push_back(value);
  if (!read.empty())
    forEachPlace(tile, [&](const Place &at) {
      for (Value mask : read) {
        Value word = loadWord(PackedBits(b, memory[mask]), b, at.index,
                              tile.number, isAligned);
        memref::StoreOp::create(b, word, buffers[mask], ValueRange{at.row});
      }
    });
  for (int64_t level = 0; level < recipe.levels; ++level) {
    forEachPlace(tile, [&](const Place &at) {
      vectors.clear();
      emitLevel(level, at);
    });
    selectRows(level, tile);
  }
  SmallVector<Recipe::Output> written;
  for (const Recipe::Output &output : recipe.outputs)
    if (isMask(output.value))
      written.push_back(output);
  if (!written.empty())
    forEachPlace(tile, [&](const Place &at) {
      for (const Recipe::Output &output : written)
        storeIf(output, [&] {
          Value word = memref::LoadOp::create(b, buffers[output.value],
                                              ValueRange{at.row});
          storeWord(PackedBits(b, memoryOf(output)), b, word, at.index,
                    tile.number, isAligned);
        });
    });
}
