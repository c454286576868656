//===- AttentionBlocker.cpp - Loops and places of attention ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBlocker.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Support/Arithmetic.h"
#include <numeric>

using namespace mlir;
using namespace mlir::tiles;
namespace model = ::nm::model;
using model::kSpilledSteps;
using model::Sums;
using ::nm::support::ceilDiv;

AttentionBlocker::AttentionBlocker(AttentionOp op, const AttentionFacts &facts,
                                   const AttentionPlan &plan, int64_t serial)
    : op(op), facts(facts), layout(plan.layout), plan(plan), shape(facts.shape),
      flow(facts.flow), b(op), loc(op.getLoc()), tiles(b, loc),
      type(cast<attacc::RegionType>(op.getQ().getType()).getElementType()),
      f32(b.getF32Type()), serial(serial), group(shape.group()),
      total(layout.total), keys(shape.keys), depth(shape.headDim),
      width(shape.valueWidth()), heads(shape.kvHeadCount()),
      count(shape.batch * heads), resident(flow.heads), packed(flow.packed),
      isFused(layout.isFused), isOnline(layout.isOnline),
      isKeysOuter(layout.isKeysOuter), stagedQ(flow.isStaged(model::StagedQ)),
      stagedK(flow.isStaged(model::StagedK)),
      stagedV(flow.isStaged(model::StagedV)),
      isResident(layout.sums == Sums::Resident), keepsAllRows(isKeysOuter) {
  // A place in DRAM is reused when the step that used it is done. If the last
  // round has fewer packs, it would reuse it too early.
  int64_t steps = ceilDiv(total, flow.rows) * layout.packs;
  spillsRound = count % resident == 0 && steps > kSpilledSteps;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static SmallVector<Value> present(ArrayRef<Value> loops) {
  return llvm::filter_to_vector(loops, [](Value loop) { return loop; });
}

Operation *AttentionBlocker::each(int64_t total, int64_t block,
                                  const LoopOptions &options, RoundBody body) {
  auto flag = [&](bool isSet) { return isSet ? b.getUnitAttr() : UnitAttr(); };
  DenseI64ArrayAttr sight;
  bool sees = options.pair && (shape.causal || facts.window > 0);
  if (sees)
    sight = b.getDenseI64ArrayAttr(
        {options.sight == Sight::Rows, group,
         shape.causal ? keys - shape.queries : facts.offset, shape.causal,
         facts.window, options.sight != Sight::Keys, keys});
  auto loop = ForOp::create(
      b, loc, Type(), b.getI64IntegerAttr(total), b.getI64IntegerAttr(block),
      options.outer, sees ? options.pair : Value(), sight, flag(options.varies),
      flag(options.unroll), ValueRange(), ValueRange());
  Block &round = loop.getBody().emplaceBlock();
  Value counter = round.addArgument(b.getIndexType(), loc);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&round);
  body(counter);
  return loop;
}

void AttentionBlocker::when(StringRef condition, const Loops &loops,
                            Body body) {
  SmallVector<Value> counters = present(loops);
  // A single round is both the first and the last.
  if (counters.empty()) {
    if (!condition.starts_with("not"))
      body();
    return;
  }
  auto made = WhenOp::create(b, loc, b.getStringAttr(condition), counters);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&made.getBody().emplaceBlock());
  body();
}

void AttentionBlocker::phase(int64_t delay, int64_t turn, bool byChunk,
                             Body body) {
  auto made = PhaseOp::create(b, loc, b.getI64IntegerAttr(delay),
                              b.getI64IntegerAttr(turn),
                              byChunk ? b.getUnitAttr() : UnitAttr());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&made.getBody().emplaceBlock());
  body();
}

Value AttentionBlocker::place(Type element, ArrayRef<int64_t> shape,
                              int64_t slots, bool isFolded) {
  auto made = PlaceOp::create(b, loc, RankedTensorType::get(shape, element),
                              isFolded && group > 1 ? b.getI64IntegerAttr(group)
                                                    : IntegerAttr());
  made->setAttr(kSlots, b.getDenseI64ArrayAttr(slots));
  return made;
}

Value AttentionBlocker::at(Value place, ArrayRef<Cut> cuts, int64_t rank) {
  auto from = cast<RankedTensorType>(place.getType());
  SmallVector<int64_t> sizes(from.getShape()), dims;
  SmallVector<Value> counters;
  for (const Cut &cut : cuts)
    for (Value loop : present(cut.loops)) {
      counters.push_back(loop);
      dims.push_back(cut.dim);
      sizes[cut.dim] = getLoopOf(loop).getBlock();
    }
  ArrayRef<int64_t> shape(sizes);
  if (rank)
    shape = shape.take_back(rank);
  return AtOp::create(b, loc,
                      RankedTensorType::get(shape, from.getElementType()),
                      place, counters, b.getDenseI64ArrayAttr(dims));
}

void AttentionBlocker::put(Value value, Value part, bool accumulates,
                           const Loops &from) {
  PutOp::create(b, loc, value, part, accumulates ? b.getUnitAttr() : UnitAttr(),
                present(from));
}

void AttentionBlocker::load(Value region, HeadsAttr heads, int64_t sample,
                            int64_t group, int64_t lane, Value part,
                            const Loops &units, const Loops &rows,
                            const Loops &columns, bool byStep) {
  LoadHeadsOp::create(b, loc, region, part, present(units), present(rows),
                      present(columns), heads, b.getI64IntegerAttr(sample),
                      b.getI64IntegerAttr(group), b.getI64IntegerAttr(lane),
                      byStep ? b.getUnitAttr() : UnitAttr());
}

void AttentionBlocker::store(Value region, HeadsAttr heads, int64_t sample,
                             int64_t group, int64_t lane, Value part,
                             const Loops &units, const Loops &rows,
                             const Loops &columns, bool byStep) {
  StoreHeadsOp::create(b, loc, part, region, present(units), present(rows),
                       present(columns), heads, b.getI64IntegerAttr(sample),
                       b.getI64IntegerAttr(group), b.getI64IntegerAttr(lane),
                       byStep ? b.getUnitAttr() : UnitAttr());
}

void AttentionBlocker::product(model::Stationarity stationary, Value lhs,
                               Value rhs, Value part, bool isLogits,
                               const Loops &from) {
  float scale = 1;
  if (isLogits) {
    // A cap multiplies again.
    scale = op.getScale().convertToFloat();
    if (facts.softCap != 0)
      scale /= facts.softCap;
  }
  Value made = GemmOp::create(
      b, loc, part.getType(),
      attacc::StationaryAttr::get(b.getContext(),
                                  attacc::toDialect(stationary)),
      lhs, rhs, Value(), UnitAttr(), isLogits ? b.getUnitAttr() : UnitAttr(),
      b.getF32FloatAttr(scale), ValueRange(), ValueRange());
  put(made, part, !isLogits, from);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void AttentionBlocker::eachUnit(RoundBody body) {
  each(packed, 1, {pack, {}, Sight::None, false, true}, body);
}

void AttentionBlocker::eachChunk(RoundBody body) {
  if (isOnline)
    return body({});
  each(keys, std::min(layout.chunk, keys), {{}, rows, Sight::Keys}, body);
}

void AttentionBlocker::eachPack(RoundBody body) {
  // Samples of equal packs, if packs end where samples do.
  if (resident > heads && resident % heads == 0 && heads % packed == 0) {
    each(resident, heads, {units}, [&](Value counter) {
      inRound = counter;
      each(heads, packed, {inRound}, body);
    });
    inRound = {};
    return;
  }
  bool isOneSample =
      heads % resident == 0 || count == heads || shape.batch == 1;
  each(resident, packed, {units, {}, Sight::None, !isOneSample}, body);
}

void AttentionBlocker::eachPart(Body body) {
  each(flow.rows, layout.partRows, {rows, {}, Sight::None, false, true},
       [&](Value counter) {
         part = counter;
         body();
       });
  part = {};
}

void AttentionBlocker::makeTensors() {
  auto scratch = [&](const char *name, Type element,
                     std::initializer_list<int64_t> sizes) -> Value {
    OpBuilder::InsertionGuard guard(b);
    Operation *last = nullptr;
    for (auto tensor :
         op->getParentOfType<attacc::ProgramOp>().getOps<attacc::TensorOp>())
      last = tensor;
    b.setInsertionPointAfter(last);
    return attacc::TensorOp::create(
        b, loc,
        attacc::RegionType::get(b.getContext(), sizes, element,
                                attacc::Space::Dram),
        b.getStringAttr(name + std::to_string(serial)),
        attacc::RoleAttr::get(b.getContext(), attacc::Role::Scratch),
        DenseI64ArrayAttr(), DenseI64ArrayAttr(), TypeAttr(), StringAttr(),
        StringAttr(),
        attacc::PartAttr::get(b.getContext(), attacc::Part::Whole),
        DenseI64ArrayAttr(), ElementsAttr());
  };
  if (!isFused)
    spilled = scratch("attention_logits_", type,
                      {(spillsRound ? resident : count) * total, keys});
  if (layout.sums == Sums::Partial)
    partials = scratch("attention_sums_", f32,
                       {resident * layout.residentRows, width + 2});
}

/// Constants that stay in the scratchpad.
void AttentionBlocker::makeConstants() {
  auto filled = [&](float value, int64_t size) {
    Value made = place(f32, {size}, 1);
    put(tiles.fill(value, cast<RankedTensorType>(made.getType())), made);
    return made;
  };
  if (facts.softCap != 0)
    caps = filled(facts.softCap, plan.scoreKeys);
  if (facts.hasNanRows) {
    ones = filled(1, layout.outRows);
    inverses = place(f32, {layout.outRows}, 1);
  }
}

void AttentionBlocker::makeStatistics(ArrayRef<int64_t> shape, int64_t slots) {
  maxima = place(f32, shape, slots);
  rowSums = place(f32, shape, slots);
  if (isOnline)
    before = place(f32, shape, slots);
}

/// Places for the running maxima and sums of the rows of one block, or of all.
void AttentionBlocker::makeRowPlaces(int64_t rows) {
  if (stagedQ)
    queryPlace = place(type, {resident, rows, depth}, 2, /*isFolded=*/true);
  if (isResident)
    sums = place(f32, {resident, rows, width}, 1);
  if (isOnline && !(isKeysOuter && layout.sums == Sums::Partial))
    makeStatistics({resident, rows}, layout.stateSlots);
}

/// Places for the intermediate values of one key tile.
void AttentionBlocker::makeTilePlaces() {
  if (isOnline && !stagedK)
    keyRing = place(type, {packed, layout.strip, depth}, layout.keySlots);
  if (isOnline && !stagedV)
    valueRing = place(type, {packed, layout.strip, width}, layout.valueSlots);
}

void AttentionBlocker::rowsOuter() {
  bool varies = shape.causal || facts.window > 0;
  auto packs = [&] {
    eachPack([&](Value counter) {
      pack = counter;
      makeTilePlaces();
      eachPart([&] { step(); });
    });
  };
  each(total, flow.rows, {{}, {}, Sight::None, varies}, [&](Value counter) {
    rows = counter;
    makeRowPlaces(flow.rows);
    if (!isOnline)
      return packs();
    each(keys, layout.strip, {{}, rows, Sight::Tiles}, [&](Value counter) {
      tile = counter;
      packs();
    });
  });
}

void AttentionBlocker::keysOuter() {
  bool varies = shape.causal || facts.window > 0;
  makeRowPlaces(total);
  each(keys, layout.strip, {{}, {}, Sight::None, varies}, [&](Value counter) {
    tile = counter;
    eachPack([&](Value counter) {
      pack = counter;
      makeTilePlaces();
      each(total, flow.rows, {{}, tile, Sight::Rows}, [&](Value counter) {
        rows = counter;
        eachPart([&] { step(); });
      });
    });
  });
}

/// Rounds repeat by sample: so many of them as end where a sample ends are an
/// iteration.
void AttentionBlocker::run() {
  makeTensors();
  auto kernel = KernelOp::create(b, loc, op.getNameAttr(), IntegerAttr());
  b.setInsertionPointToStart(&kernel.getBody().emplaceBlock());
  makeConstants();
  if (isFused && !(layout.logitsSlots > 1))
    logits = place(
        type, {layout.logitsUnits, flow.rows, isOnline ? layout.strip : keys},
        1);
  auto round = [&](Value counter) {
    units = counter;
    if (stagedK)
      keyPlace = place(type, {resident, keys, depth}, 2);
    if (stagedV)
      valuePlace = place(type, {resident, keys, width}, 2);
    if (Value bias = op.getKeyBias())
      biasPlace =
          place(cast<attacc::RegionType>(bias.getType()).getElementType(),
                {resident, keys}, 1);
    if (isKeysOuter)
      keysOuter();
    else
      rowsOuter();
  };
  // Heads of one sample are at equal distances.
  bool varies = !(heads % resident == 0 || count == heads || shape.batch == 1);
  int64_t period = std::min(std::lcm(resident, heads), count);
  if (period % resident == 0 && period < count)
    each(count, period, {}, [&](Value counter) {
      samples = counter;
      each(period, resident, {samples, {}, Sight::None, varies}, round);
    });
  else
    each(count, resident, {{}, {}, Sight::None, varies}, round);
  op.erase();
}

/// Writes the phases of a step, after the places that belong to the step alone.
void AttentionBlocker::step() {
  bool isPartial = layout.sums == Sums::Partial;
  if (isFused && layout.logitsSlots > 1)
    logits = place(type, {layout.logitsUnits, flow.rows, layout.strip},
                   layout.logitsSlots);
  if (isFused && !isOnline)
    makeStatistics({packed, flow.rows}, layout.stateSlots);
  if (isOnline && isPartial) {
    sums = place(f32, {packed, layout.rowStrip, width}, layout.sumSlots);
    if (isKeysOuter)
      makeStatistics({packed, flow.rows}, layout.stateSlots);
  }
  if (layout.alternates) {
    phase(0, 0, true, [&] { eachChunk([&](Value j) { logitsPhase(j); }); });
    phase(0, 1, true, [&] { eachChunk([&](Value j) { maximum(j); }); });
    phase(1, 2, true, [&] { eachChunk([&](Value j) { exponentials(j); }); });
    phase(1, 3, true, [&] { eachChunk([&](Value j) { outputChunk(j); }); });
    phase(1, 4, false, [&] { results({}, sums); });
    return;
  }
  // The online softmax may rescale the sums of the previous step; loading its
  // rows from DRAM would delay the weights of an older step.
  bool isOutputFirst = isOnline || !isFused;
  // And its results, whose place the next output needs; but where a step has
  // more rows than are on their way at a time they would delay the softmax.
  int64_t groups = packed * ceilDiv(layout.partRows, layout.softmaxRows);
  bool isResultFirst = !isFused && groups <= layout.softmaxSlots;
  int64_t delay = isFused ? 1 : kSpilledSteps;
  phase(0, 0, false, [&] { eachChunk([&](Value j) { logitsPhase(j); }); });
  phase(0,
        isResultFirst   ? 3
        : isOutputFirst ? 2
                        : 1,
        false, [&] { softmaxPhase(); });
  phase(delay, isOutputFirst ? 1 : 2, false, [&] { outputPhase(); });
  if (isResident || isOnline)
    phase(delay, isResultFirst ? 2 : 3, false,
          [&] { when("last", {tile}, [&] { results({}, sums); }); });
}
