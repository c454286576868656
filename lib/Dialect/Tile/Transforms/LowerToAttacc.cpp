//===- LowerToAttacc.cpp - The pass tile-to-attacc -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StepWriter.h"
#include "Storage.h"
#include "mlir/IR/Builders.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"
#include "nm/Support/Arithmetic.h"

namespace mlir::tiles {
#define GEN_PASS_DEF_TILETOATTACC
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;
using attacc::RegionType;
using attacc::Space;

namespace {

/// Emits the instructions of one kernel.
class KernelWriter {
public:
  explicit KernelWriter(KernelOp kernel)
      : kernel(kernel), b(kernel), context(kernel.getContext()) {}

  LogicalResult run();

private:
  using Shape = SmallVector<int64_t>;

  /// The range of rounds of a loop that is being emitted; all have the same
  /// block size.
  struct Rounds {
    ForOp loop;
    Value counter;     ///< of the hardware loop; null: one round
    int64_t first = 0; ///< number of the first block
    int64_t size = 0;  ///< of a block, in elements
    bool isFirst = true, isLast = true; ///< of those of a sum
  };
  /// A tile of a tensor or place: offsets, sizes, and by how much it moves with
  /// each loop counter.
  struct Box {
    Value object;
    Shape offsets;
    int64_t slot = 0;
    struct Step {
      Value counter;
      Shape steps; ///< by dimension
      int64_t slots = 0;
    };
    SmallVector<Step> steps;

    Step &stepOf(Value counter);
    /// Moves the tile by `size` along a dimension in each round.
    void follow(const Rounds &rounds, unsigned dim, int64_t size);
  };

  LogicalResult makeBuffers();
  Value buffer(Location loc, RankedTensorType type, int64_t address,
               int64_t slots);
  void write(Block &block);
  void writeLoop(ForOp loop);
  /// `trips` rounds of `rounds.size` from number `rounds.first` on.
  void writeRounds(Rounds rounds, int64_t trips);
  void writeInstruction(Operation *op);
  Value tile(Location loc, const Box &box, ArrayRef<int64_t> shape);
  Value onChip(Value value, Location loc);
  Value inDram(Value region, ValueRange counters, RankedTensorType type,
               ArrayRef<int64_t> shape, Location loc);

  /// The rounds of a loop that are being emitted.
  const Rounds &roundsOf(ForOp loop) const {
    return *llvm::find_if(
        open, [&](const Rounds &each) { return each.loop == loop; });
  }
  /// Elements of the dimension that a loop splits, in the rounds being emitted.
  int64_t totalOf(ForOp loop) const {
    ForOp outer = loop.getOuterLoop();
    return outer ? roundsOf(outer).size : int64_t(loop.getTotal());
  }
  Shape loadedShape(LoadOp load) const;
  void setShapes(Operation *op);
  /// Rounds that the innermost of `loops` makes in one of the loop before them,
  /// modulo a number of slots. `sizes` are those of blocks that are not as they
  /// are now.
  int64_t countRounds(ArrayRef<ForOp> loops,
                      const DenseMap<Operation *, int64_t> &sizes,
                      int64_t slots) const;
  /// Rotates through the slots of a place.
  void turn(Box &box, OpResult root) const;

  KernelOp kernel;
  OpBuilder b;
  MLIRContext *context;
  DenseMap<Value, Value> buffers; ///< of places, columns and vectors
  DenseMap<Value, int64_t> slotsOfRoot;
  DenseMap<Value, Shape> shapes; ///< in the rounds that are being written
  SmallVector<Rounds> open;      ///< outermost first
};

} // namespace

KernelWriter::Box::Step &KernelWriter::Box::stepOf(Value counter) {
  for (Step &step : steps)
    if (step.counter == counter)
      return step;
  steps.push_back({counter, Shape(offsets.size(), 0)});
  return steps.back();
}

void KernelWriter::Box::follow(const Rounds &rounds, unsigned dim,
                               int64_t size) {
  offsets[dim] += rounds.first * size;
  if (rounds.counter)
    stepOf(rounds.counter).steps[dim] += size;
}

Value KernelWriter::buffer(Location loc, RankedTensorType type, int64_t address,
                           int64_t slots) {
  return attacc::BufferOp::create(
      b, loc,
      RegionType::get(context, type.getShape(), type.getElementType(),
                      Space::Scratchpad),
      b.getI64IntegerAttr(address), b.getI64IntegerAttr(slots));
}

LogicalResult KernelWriter::makeBuffers() {
  WalkResult result = kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<LoadOp, StoreOp>(op) && !op->hasAttr(kChannel)) {
      op->emitOpError("has no tile.channel, expected --tile-assign-engines to "
                      "have run");
      return WalkResult::interrupt();
    }
    if (isa<SliceOp, PartOp>(op)) // a part of the place
      return WalkResult::advance();
    // A view has the place of its operand in another shape.
    if (auto view = dyn_cast<View>(op)) {
      OpResult root = rootOf(view.getViewed());
      auto type = cast<attacc::BufferOp>(buffers.lookup(root).getDefiningOp());
      buffers[op->getResult(0)] = buffer(
          op->getLoc(), cast<RankedTensorType>(op->getResult(0).getType()),
          type.getAddress(), type.getSlots());
      return WalkResult::advance();
    }
    auto loop = dyn_cast<ForOp>(op);
    if (loop && !loop.getSum())
      return WalkResult::advance();
    Operation *maker = loop ? loop.getAdder() : op;
    if (!maker->getNumResults())
      return WalkResult::advance();
    auto at = maker->getAttrOfType<DenseI64ArrayAttr>(kAddresses);
    auto slots = maker->getAttrOfType<DenseI64ArrayAttr>(kSlots);
    if (!at || !slots) {
      maker->emitOpError("has no tile.addresses or tile.slots, expected "
                         "--tile-allocate to have run");
      return WalkResult::interrupt();
    }
    for (auto [i, result] : llvm::enumerate(op->getResults())) {
      if (rootOf(result) != result)
        continue;
      slotsOfRoot[result] = slots[i];
      buffers[result] =
          buffer(op->getLoc(), cast<RankedTensorType>(result.getType()), at[i],
                 slots[i]);
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

Value KernelWriter::tile(Location loc, const Box &box,
                         ArrayRef<int64_t> shape) {
  auto type = cast<RegionType>(box.object.getType());
  SmallVector<Value> counters;
  Shape steps, slots;
  bool moves = false, turns = false;
  // By depth, as loops nest.
  for (const Rounds &rounds : open)
    for (const Box::Step &step : box.steps) {
      bool isMoved =
          llvm::any_of(step.steps, [](int64_t by) { return by != 0; });
      if (step.counter != rounds.counter || (!isMoved && !step.slots))
        continue;
      counters.push_back(step.counter);
      llvm::append_range(steps, step.steps);
      slots.push_back(step.slots);
      moves |= isMoved;
      turns |= step.slots != 0;
    }
  bool isWhole = type.getShape() == shape && counters.empty() && !box.slot &&
                 llvm::all_of(box.offsets, [](int64_t at) { return at == 0; });
  if (isWhole)
    return box.object;
  return attacc::TileOp::create(
      b, loc,
      RegionType::get(context, shape, type.getElementType(), type.getSpace()),
      box.object, b.getDenseI64ArrayAttr(box.offsets), counters,
      moves ? b.getDenseI64ArrayAttr(steps) : DenseI64ArrayAttr(),
      b.getI64IntegerAttr(box.slot),
      turns ? b.getDenseI64ArrayAttr(slots) : DenseI64ArrayAttr(),
      DenseI64ArrayAttr());
}

int64_t KernelWriter::countRounds(ArrayRef<ForOp> loops,
                                  const DenseMap<Operation *, int64_t> &sizes,
                                  int64_t slots) const {
  if (loops.empty())
    return 1 % slots;
  ForOp loop = loops.front();
  int64_t total = loop.getTotal(), block = loop.getBlock();
  if (ForOp outer = loop.getOuterLoop()) {
    auto known = sizes.find(outer);
    total = known != sizes.end() ? known->second : roundsOf(outer).size;
  }
  auto roundsWith = [&](int64_t size) {
    DenseMap<Operation *, int64_t> inner(sizes);
    inner[loop] = size;
    return countRounds(loops.drop_front(), inner, slots);
  };
  int64_t count = total / block % slots * roundsWith(block);
  if (total % block)
    count += roundsWith(total % block);
  return count % slots;
}

void KernelWriter::turn(Box &box, OpResult root) const {
  int64_t slots = slotsOfRoot.lookup(root);
  if (slots == 1)
    return;
  SmallVector<ForOp> loops;
  for (auto loop = dyn_cast<ForOp>(root.getOwner()->getParentOp()); loop;
       loop = dyn_cast<ForOp>(loop->getParentOp()))
    loops.insert(loops.begin(), loop);
  int64_t first = 0;
  for (auto [k, loop] : llvm::enumerate(loops)) {
    const Rounds &rounds = roundsOf(loop);
    DenseMap<Operation *, int64_t> sizes;
    sizes[loop] = loop.getBlock();
    int64_t uses = countRounds(ArrayRef(loops).drop_front(k + 1), sizes, slots);
    first = (first + rounds.first % slots * uses) % slots;
    if (rounds.counter && uses)
      box.stepOf(rounds.counter).slots = uses;
  }
  box.slot = first;
}

Value KernelWriter::onChip(Value value, Location loc) {
  Shape shape = shapes.lookup(value);
  Box box;
  box.offsets.assign(shape.size(), 0);
  Value at = value;
  while (!buffers.contains(at)) {
    if (auto slice = at.getDefiningOp<SliceOp>()) {
      box.offsets[1] += slice.getFirst();
      at = slice.getSource();
    } else if (auto part = at.getDefiningOp<PartOp>()) {
      ForOp loop = getLoopOf(part.getCounter());
      at = part.getSource();
      bool moves = cast<RankedTensorType>(at.getType()).getDimSize(0) ==
                   int64_t(loop.getTotal());
      if (moves)
        box.follow(roundsOf(loop), 0, loop.getBlock());
    } else if (isa<BlockArgument>(at)) {
      at = rootOf(at);
    } else {
      at = getPlace(at.getDefiningOp());
    }
  }
  box.object = buffers.lookup(at);
  turn(box, rootOf(at));
  return tile(loc, box, shape);
}

Value KernelWriter::inDram(Value region, ValueRange counters,
                           RankedTensorType type, ArrayRef<int64_t> shape,
                           Location loc) {
  DramBox from = getDramBox(region);
  Box box;
  box.object = from.tensor;
  box.offsets = from.offsets;
  for (auto [dim, counter] : llvm::enumerate(counters)) {
    ForOp loop = getLoopOf(counter);
    if (!loop)
      continue;
    box.follow(roundsOf(loop), dim, type.getDimSize(dim));
    if (ForOp outer = loop.getOuterLoop())
      box.follow(roundsOf(outer), dim, outer.getBlock());
  }
  return tile(loc, box, shape);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

KernelWriter::Shape KernelWriter::loadedShape(LoadOp load) const {
  Shape shape(load.getType().getShape());
  ArrayRef<int64_t> whole =
      cast<RegionType>(load.getSource().getType()).getShape();
  Value counters[] = {load.getRowCounter(), load.getColumnCounter()};
  for (auto [dim, counter] : llvm::enumerate(counters)) {
    ForOp loop = getLoopOf(counter);
    if (!loop)
      continue;
    const Rounds &rounds = roundsOf(loop);
    if (loop.getOuter())
      shape[dim] = rounds.size;
    else if (rounds.size != int64_t(loop.getBlock()))
      shape[dim] = whole[dim] - rounds.first * shape[dim];
  }
  return shape;
}

void KernelWriter::setShapes(Operation *op) {
  if (auto load = dyn_cast<LoadOp>(op)) {
    shapes[load] = loadedShape(load);
    return;
  }
  int64_t rows = open.empty() ? 0 : open.back().size;
  if (auto part = dyn_cast<PartOp>(op))
    rows = roundsOf(getLoopOf(part.getCounter())).size;
  for (OpResult result : op->getResults()) {
    Shape shape = shapeOfResult(result, rows, [&](unsigned operand) {
      return ArrayRef(shapes.find(op->getOperand(operand))->second);
    });
    shapes[result] = std::move(shape);
  }
}

//===----------------------------------------------------------------------===//
// Instructions and loops
//===----------------------------------------------------------------------===//

void KernelWriter::writeInstruction(Operation *op) {
  Location loc = op->getLoc();
  OperationState state(loc, "attacc." + op->getName().stripDialect().str());
  SmallVector<int32_t> segments;
  auto add = [&](Value region) {
    state.addOperands(region);
    segments.push_back(1);
  };
  Value tied = getTied(op);
  if (auto load = dyn_cast<LoadOp>(op)) {
    add(inDram(load.getSource(),
               {load.getRowCounter(), load.getColumnCounter()}, load.getType(),
               shapes.lookup(load), loc));
    add(onChip(load, loc));
  } else if (auto store = dyn_cast<StoreOp>(op)) {
    add(onChip(store.getValue(), loc));
    add(inDram(
        store.getDest(), {store.getRowCounter(), store.getColumnCounter()},
        store.getValue().getType(), shapes.lookup(store.getValue()), loc));
  } else {
    for (Value operand : op->getOperands())
      if (isTileType(operand.getType()) && operand != tied)
        add(onChip(operand, loc));
    for (Value result : op->getResults())
      add(onChip(result, loc));
  }
  for (NamedAttribute attribute : op->getAttrDictionary()) {
    StringRef name = attribute.getName();
    if (name == kChannel || name == "queue")
      state.addAttribute("channel", attribute.getValue());
    else if (name != kSlots && name != kAddresses && name != kInPlace &&
             name != "rows" && name != "operandSegmentSizes")
      state.addAttribute(name, attribute.getValue());
  }
  // The accumulator is initialised in the first round and complete after the
  // last one.
  bool adds = tied && isa<BlockArgument>(tied);
  if (tied && !(adds && open.back().isFirst))
    state.addAttribute("accumulate", b.getUnitAttr());
  auto instruction = cast<tiles::Instruction>(op);
  ForOp loop = adds ? open.back().loop : ForOp();
  auto addList = [&](MutableOperandRange own, ValueRange sums) {
    state.addOperands(OperandRange(own));
    state.addOperands(sums);
    segments.push_back(own.size() + sums.size());
  };
  addList(instruction.getWaitsMutable(), loop && open.back().isFirst
                                             ? ValueRange(loop.getWaits())
                                             : ValueRange());
  addList(instruction.getSignalsMutable(), loop && open.back().isLast
                                               ? ValueRange(loop.getSignals())
                                               : ValueRange());
  state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr(segments));
  b.create(state);
}

void KernelWriter::writeRounds(Rounds rounds, int64_t trips) {
  if (trips < 1)
    return;
  OpBuilder::InsertionGuard guard(b);
  Block &body = rounds.loop.getBody().front();
  if (trips > 1) {
    Location loc = rounds.loop.getLoc();
    auto hardware = attacc::LoopOp::create(b, loc, b.getI64IntegerAttr(trips));
    Block &block = hardware.getBody().emplaceBlock();
    rounds.counter = block.addArgument(b.getIndexType(), loc);
    b.setInsertionPointToStart(&block);
  }
  open.push_back(rounds);
  write(body);
  open.pop_back();
}

void KernelWriter::writeLoop(ForOp loop) {
  int64_t total = totalOf(loop), block = loop.getBlock();
  if (!loop.getSum()) {
    int64_t whole = total / block;
    writeRounds({loop, {}, 0, block}, whole);
    if (total % block)
      writeRounds({loop, {}, whole, total % block}, 1);
    return;
  }
  // The first round initialises the accumulator, and the last one passes it on.
  int64_t count = ::nm::support::ceilDiv(total, block);
  bool isOne = count == 1;
  writeRounds({loop, {}, 0, isOne ? total : block, true, isOne}, 1);
  writeRounds({loop, {}, 1, block, false, false}, count - 2);
  if (!isOne)
    writeRounds({loop, {}, count - 1, total - (count - 1) * block, false, true},
                1);
  shapes[loop.getSum()] = shapes.lookup(loop.getAdder()->getResult(0));
}

void KernelWriter::write(Block &block) {
  for (Operation &op : block) {
    if (auto loop = dyn_cast<ForOp>(op)) {
      writeLoop(loop);
      continue;
    }
    if (!isa<tiles::Instruction, View>(op))
      continue;
    setShapes(&op);
    if (isa<tiles::Instruction>(op))
      writeInstruction(&op);
  }
}

LogicalResult KernelWriter::run() {
  if (failed(makeBuffers()))
    return failure();
  write(kernel.getBody().front());
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
    for (auto product : getOperation().getOps<ProductOp>()) {
      product.emitOpError("is no kernel yet, expected --tile-block-products to "
                          "have run");
      return signalPassFailure();
    }
    for (auto attention : getOperation().getOps<AttentionOp>()) {
      attention.emitOpError("is no kernel yet, expected --tile-block-attention "
                            "to have run");
      return signalPassFailure();
    }
    SmallVector<KernelOp> kernels(getOperation().getOps<KernelOp>());
    for (KernelOp kernel : kernels)
      if (failed(hasSteps(kernel) ? StepWriter(kernel).run()
                                  : KernelWriter(kernel).run()))
        return signalPassFailure();
    // Boxes that kernels alone moved.
    SmallVector<attacc::TileOp> boxes(getOperation().getOps<attacc::TileOp>());
    for (attacc::TileOp box : boxes)
      if (box->use_empty())
        box.erase();
  }
};

} // namespace
