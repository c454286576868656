//===- LowerToAttacc.cpp - The pass tile-to-attacc -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tiles {
#define GEN_PASS_DEF_TILETOATTACC
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;
using attacc::RegionType;
using attacc::Space;

namespace {

/// Writes one kernel.
class KernelWriter {
public:
  explicit KernelWriter(KernelOp kernel)
      : kernel(kernel), b(kernel), context(kernel.getContext()) {}

  LogicalResult run();

private:
  /// Which rounds of a loop are being written.
  struct Rounds {
    ForOp loop;
    Value counter;     ///< of the hardware loop; null: one round
    int64_t first = 0; ///< number of the first block
  };

  LogicalResult makeBuffers();
  /// Another shape for a place; `rows` and what it is are those of the type.
  Value buffer(Location loc, RankedTensorType type, int64_t address,
               int64_t slots);
  void write(Block &block, const Rounds &rounds);
  void writeLoop(ForOp loop);
  void writeInstruction(Operation *op, const Rounds &rounds);
  /// The last block, of fewer rows: the loop with the types that it has then.
  ForOp cloneRest(ForOp loop);
  /// A box of an object that begins at `offsets`.
  Value tile(Location loc, Value object, ArrayRef<int64_t> shape,
             ArrayRef<int64_t> offsets, const Rounds &rounds, int64_t step,
             int64_t slots);
  Value onChip(Value value, Location loc, const Rounds &rounds);
  Value inDram(Value region, Value counter, RankedTensorType type, Location loc,
               const Rounds &rounds);

  KernelOp kernel;
  OpBuilder b;
  MLIRContext *context;
  DenseMap<Value, Value> buffers; ///< of results, columns and vectors
  DenseMap<Value, int64_t> slotsOf;
};

} // namespace

Value KernelWriter::buffer(Location loc, RankedTensorType type, int64_t address,
                           int64_t slots) {
  return attacc::BufferOp::create(
      b, loc,
      RegionType::get(context, type.getShape(), type.getElementType(),
                      Space::Scratchpad),
      b.getI64IntegerAttr(address), b.getI64IntegerAttr(slots));
}

LogicalResult KernelWriter::makeBuffers() {
  WalkResult result = kernel.walk([&](Operation *op) {
    if (isa<LoadOp, StoreOp>(op) && !op->hasAttr(kChannel)) {
      op->emitOpError("has no tile.channel, expected --tile-assign-engines to "
                      "have run");
      return WalkResult::interrupt();
    }
    if (isa<ColumnOp, VectorOp>(op)) {
      // The same bytes under another shape.
      auto made = cast<OpResult>(op->getOperand(0));
      auto at = made.getOwner()->getAttrOfType<DenseI64ArrayAttr>(kAddresses);
      Value view = op->getResult(0);
      slotsOf[view] = slotsOf.lookup(made);
      buffers[view] =
          buffer(op->getLoc(), cast<RankedTensorType>(view.getType()),
                 at[made.getResultNumber()], slotsOf[view]);
      return WalkResult::advance();
    }
    if (!isa<tiles::Instruction>(op) || !op->getNumResults())
      return WalkResult::advance();
    auto at = op->getAttrOfType<DenseI64ArrayAttr>(kAddresses);
    auto slots = op->getAttrOfType<DenseI64ArrayAttr>(kSlots);
    if (!at || !slots) {
      op->emitOpError("has no tile.addresses or tile.slots, expected "
                      "--tile-allocate to have run");
      return WalkResult::interrupt();
    }
    for (auto [i, result] : llvm::enumerate(op->getResults())) {
      Value tied = getTied(op);
      slotsOf[result] = tied ? slotsOf.lookup(tied) : slots[i];
      buffers[result] =
          tied ? buffers.lookup(tied)
               : buffer(op->getLoc(), cast<RankedTensorType>(result.getType()),
                        at[i], slots[i]);
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

Value KernelWriter::tile(Location loc, Value object, ArrayRef<int64_t> shape,
                         ArrayRef<int64_t> offsets, const Rounds &rounds,
                         int64_t step, int64_t slots) {
  auto type = cast<RegionType>(object.getType());
  bool moves = rounds.counter && step, turns = rounds.counter && slots > 1;
  int64_t slot = rounds.first % slots;
  bool isWhole = type.getShape() == shape && !moves && !turns && !slot &&
                 llvm::all_of(offsets, [](int64_t at) { return at == 0; });
  if (isWhole)
    return object;
  SmallVector<int64_t> steps(shape.size(), 0);
  steps[0] = step;
  SmallVector<Value> counters;
  if (moves || turns)
    counters.push_back(rounds.counter);
  return attacc::TileOp::create(
      b, loc,
      RegionType::get(context, shape, type.getElementType(), type.getSpace()),
      object, b.getDenseI64ArrayAttr(offsets), counters,
      moves ? b.getDenseI64ArrayAttr(steps) : DenseI64ArrayAttr(),
      b.getI64IntegerAttr(slot),
      turns ? b.getDenseI64ArrayAttr(1) : DenseI64ArrayAttr(),
      DenseI64ArrayAttr());
}

Value KernelWriter::onChip(Value value, Location loc, const Rounds &rounds) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> offsets(type.getRank(), 0);
  while (auto slice = value.getDefiningOp<SliceOp>()) {
    offsets[1] += slice.getFirst();
    value = slice.getSource();
  }
  int64_t slots = slotsOf.lookup(value);
  return tile(loc, buffers.lookup(value), type.getShape(), offsets, rounds, 0,
              slots);
}

Value KernelWriter::inDram(Value region, Value counter, RankedTensorType type,
                           Location loc, const Rounds &rounds) {
  SmallVector<int64_t> offsets(type.getRank(), 0);
  if (!counter)
    return tile(loc, region, type.getShape(), offsets, {}, 0, 1);
  // The loop's own block: that of the last round is smaller.
  ForOp loop = rounds.loop;
  int64_t block = loop.getBlock();
  offsets[0] = rounds.first * block;
  return tile(loc, region, type.getShape(), offsets, rounds, block, 1);
}

void KernelWriter::writeInstruction(Operation *op, const Rounds &rounds) {
  Location loc = op->getLoc();
  OperationState state(loc, "attacc." + op->getName().stripDialect().str());
  SmallVector<int32_t> segments;
  auto add = [&](Value region) {
    state.addOperands(region);
    segments.push_back(1);
  };
  if (auto load = dyn_cast<LoadOp>(op)) {
    add(inDram(load.getSource(), load.getCounter(), load.getType(), loc,
               rounds));
    add(onChip(load, loc, rounds));
  } else if (auto store = dyn_cast<StoreOp>(op)) {
    add(onChip(store.getValue(), loc, rounds));
    add(inDram(store.getDest(), store.getCounter(), store.getValue().getType(),
               loc, rounds));
  } else {
    for (Value operand : op->getOperands())
      if (isTileType(operand.getType()) && operand != getTied(op))
        add(onChip(operand, loc, rounds));
    for (Value result : op->getResults())
      add(onChip(result, loc, rounds));
  }
  for (NamedAttribute attribute : op->getAttrDictionary()) {
    StringRef name = attribute.getName();
    if (name == kChannel || name == "queue")
      state.addAttribute("channel", attribute.getValue());
    else if (name != kSlots && name != kAddresses && name != "rows" &&
             name != "operandSegmentSizes")
      state.addAttribute(name, attribute.getValue());
  }
  if (getTied(op))
    state.addAttribute("accumulate", b.getUnitAttr());
  auto instruction = cast<tiles::Instruction>(op);
  for (MutableOperandRange list :
       {instruction.getWaitsMutable(), instruction.getSignalsMutable()}) {
    state.addOperands(OperandRange(list));
    segments.push_back(list.size());
  }
  state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr(segments));
  b.create(state);
}

ForOp KernelWriter::cloneRest(ForOp loop) {
  IRMapping map;
  auto rest = cast<ForOp>(loop->clone(map));
  int64_t rows = loop.getRest();
  for (auto [from, to] :
       llvm::zip_equal(loop.getBody().front(), rest.getBody().front())) {
    if (auto load = dyn_cast<LoadOp>(to); load && load.getCounter()) {
      SmallVector<int64_t> shape(load.getType().getShape());
      shape[0] = rows;
      load.getResult().setType(load.getType().clone(shape));
    } else if (!isa<LoadOp>(to)) {
      updateResultTypes(&to, rows);
    }
    for (auto [before, after] :
         llvm::zip_equal(from.getResults(), to.getResults())) {
      buffers[after] = buffers.lookup(before);
      slotsOf[after] = slotsOf.lookup(before);
    }
  }
  return rest;
}

void KernelWriter::writeLoop(ForOp loop) {
  int64_t whole = loop.getWholeBlocks();
  Block &body = loop.getBody().front();
  if (whole == 1)
    write(body, {loop, {}, 0});
  if (whole > 1) {
    auto hardware =
        attacc::LoopOp::create(b, loop.getLoc(), b.getI64IntegerAttr(whole));
    Block &block = hardware.getBody().emplaceBlock();
    Value counter = block.addArgument(b.getIndexType(), loop.getLoc());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&block);
    write(body, {loop, counter, 0});
  }
  if (loop.getRest()) {
    ForOp rest = cloneRest(loop);
    write(rest.getBody().front(), {loop, {}, whole});
    rest->erase();
  }
}

void KernelWriter::write(Block &block, const Rounds &rounds) {
  for (Operation &op : block) {
    if (auto loop = dyn_cast<ForOp>(op))
      writeLoop(loop);
    else if (isa<tiles::Instruction>(op))
      writeInstruction(&op, rounds);
  }
}

LogicalResult KernelWriter::run() {
  if (failed(makeBuffers()))
    return failure();
  write(kernel.getBody().front(), {});
  attacc::BarrierOp::create(b, kernel.getLoc());
  kernel.erase();
  return success();
}

namespace {

struct TileToAttaccPass : tiles::impl::TileToAttaccBase<TileToAttaccPass> {
  void runOnOperation() override {
    for (auto rows : getOperation().getOps<RowsOp>()) {
      rows.emitOpError("is no kernel yet, expected --tile-block-rows to have "
                       "run");
      return signalPassFailure();
    }
    SmallVector<KernelOp> kernels(getOperation().getOps<KernelOp>());
    for (KernelOp kernel : kernels)
      if (failed(KernelWriter(kernel).run()))
        return signalPassFailure();
  }
};

} // namespace
