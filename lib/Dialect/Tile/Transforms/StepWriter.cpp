//===- StepWriter.cpp - The order of a kernel of steps ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StepWriter.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Dialect/Attacc/IR/ProgramWriter.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::tiles;
namespace code = ::nm::isa;
using ::nm::support::ceilDiv;

StepWriter::StepWriter(KernelOp kernel)
    : kernel(kernel), loc(kernel.getLoc()),
      target(attacc::toTarget(
          kernel->getParentOfType<attacc::ProgramOp>().getDevice())),
      builder("kernel", target), roller(true) {}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

LogicalResult StepWriter::makeTables() {
  DenseSet<Value> loaded, stored;
  auto addTensor = [&](Value region) {
    if (tensors.contains(region))
      return;
    auto type = cast<attacc::RegionType>(region.getType());
    code::Tensor tensor;
    tensor.name = "t" + std::to_string(tensorValues.size());
    tensor.type = elementTypeOf(type.getElementType());
    tensor.shape = type.getShape().vec();
    tensors[region] = builder.tensor(std::move(tensor));
    tensorValues.push_back(region);
  };
  WalkResult result = kernel.walk([&](Operation *op) {
    int number = static_cast<int>(numbers.size());
    numbers[op] = number;
    if (auto load = dyn_cast<LoadHeadsOp>(op)) {
      addTensor(load.getSource());
      loaded.insert(load.getSource());
    } else if (auto store = dyn_cast<StoreHeadsOp>(op)) {
      addTensor(store.getDest());
      stored.insert(store.getDest());
    } else if (auto loop = dyn_cast<ForOp>(op)) {
      if (loop.getSight() && (*loop.getSight())[0])
        rowLoops[getLoopOf(loop.getPair())] = loop;
    } else if (auto place = dyn_cast<PlaceOp>(op)) {
      auto slots = place->getAttrOfType<DenseI64ArrayAttr>(kSlots);
      auto at = place->getAttrOfType<DenseI64ArrayAttr>(kAddresses);
      if (!slots || !at) {
        op->emitOpError("has no tile.addresses or tile.slots, expected "
                        "--tile-allocate to have run");
        return WalkResult::interrupt();
      }
      SmallVector<int64_t> room = place.getRoom();
      code::Buffer buffer;
      buffer.address = at[0];
      buffer.slots = slots[0];
      buffer.type = elementTypeOf(place.getType());
      buffer.shape.assign(room.begin(), room.end());
      buffers[place] = builder.buffer(buffer);
      if (std::optional<uint64_t> fold = place.getFold()) {
        size_t rows = room.size() - 2;
        buffer.shape[rows] /= static_cast<int64_t>(*fold);
        buffer.shape.insert(buffer.shape.begin() + rows + 1,
                            static_cast<int64_t>(*fold));
        folded[place] = builder.buffer(buffer);
      }
    }
    if (isa<LoadHeadsOp, StoreHeadsOp>(op) && !op->hasAttr(kChannel)) {
      op->emitOpError("has no tile.channel, expected --tile-assign-engines to "
                      "have run");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  for (Value tensor : tensorValues)
    if (loaded.contains(tensor) && stored.contains(tensor))
      spilled[tensor] = static_cast<int>(numbers.size() + spilled.size());
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// What is seen
//===----------------------------------------------------------------------===//

namespace {

/// The numbers of a loop over what is seen; include/nm/Dialect/Tile/IR has
/// their meaning.
struct SightNumbers {
  bool countsRows;
  int64_t group, offset;
  bool causal;
  int64_t window;
  bool whole;
  int64_t keys;

  explicit SightNumbers(ArrayRef<int64_t> list)
      : countsRows(list[0]), group(list[1]), offset(list[2]), causal(list[3]),
        window(list[4]), whole(list[5]), keys(list[6]) {}

  /// Keys that rows [0, end) see.
  int64_t seen(int64_t end) const {
    return causal ? std::min(keys, (end - 1) / group + 1 + offset) : keys;
  }
};

} // namespace

bool StepWriter::isHidden(int64_t row, int64_t rows, int64_t key, int64_t keys,
                          int64_t group, int64_t offset, int64_t window,
                          bool causal) const {
  auto queryOf = [&](int64_t row) { return row / group + offset; };
  if (causal && key + keys - 1 > queryOf(row))
    return true;
  return window > 0 && key + window <= queryOf(row + rows - 1);
}

StepWriter::Range StepWriter::rangeOf(ForOp loop) const {
  Range range;
  int64_t block = loop.getBlock();
  range.total = loop.getTotal();
  if (ForOp outer = loop.getOuterLoop())
    range.total = now.rounds.lookup(outer).size;
  range.most = range.total;
  range.end = ceilDiv(range.total, block);
  if (!loop.getSight())
    return range;
  SightNumbers sight(*loop.getSight());
  ForOp pair = getLoopOf(loop.getPair());
  Round other = now.rounds.lookup(pair);
  if (!sight.countsRows) {
    int64_t seen = std::min(range.total, sight.seen(other.begin + other.size));
    range.end = ceilDiv(seen, block);
    if (!sight.whole)
      range.most = seen;
    return range;
  }
  auto tilesOf = [&](int64_t index) {
    int64_t end = std::min(range.total, (index + 1) * block);
    return ceilDiv(sight.seen(end), int64_t(pair.getBlock()));
  };
  while (range.begin + 1 < range.end && tilesOf(range.begin) <= other.index)
    ++range.begin;
  return range;
}

int StepWriter::kindOf(ForOp loop, const Range &range, int64_t index) const {
  if (!loop.getSight())
    return 0;
  SightNumbers sight(*loop.getSight());
  ForOp pair = getLoopOf(loop.getPair());
  Round other = now.rounds.lookup(pair);
  int64_t begin = index * int64_t(loop.getBlock()),
          size = std::min<int64_t>(loop.getBlock(), range.most - begin);
  if (!sight.countsRows)
    return isHidden(other.begin, other.size, begin, size, sight.group,
                    sight.offset, sight.window, sight.causal);
  int64_t tiles = ceilDiv(sight.seen(begin + size), int64_t(pair.getBlock()));
  return 4 * (tiles == other.index + 1) +
         isHidden(begin, size, other.begin, other.size, sight.group,
                  sight.offset, sight.window, sight.causal);
}

bool StepWriter::isFirst(ValueRange counters) const {
  return llvm::all_of(counters, [&](Value counter) {
    Round round = now.rounds.lookup(getLoopOf(counter));
    return round.index == round.first;
  });
}

bool StepWriter::isLast(Value counter) const {
  ForOp loop = getLoopOf(counter);
  Round round = now.rounds.lookup(loop);
  auto rows = rowLoops.find(loop);
  if (rows == rowLoops.end() || !now.rounds.count(rows->second))
    return round.index == round.last;
  // Rounds over the key tiles that these rows see.
  Round block = now.rounds.lookup(rows->second);
  SightNumbers sight(*cast<ForOp>(rows->second).getSight());
  return round.index + 1 == ceilDiv(sight.seen(block.begin + block.size),
                                    int64_t(loop.getBlock()));
}

bool StepWriter::holds(WhenOp when) const {
  StringRef condition = when.getCondition();
  bool isNot = condition.consume_front("not_");
  bool holds = condition == "first"
                   ? isFirst(when.getCounters())
                   : llvm::all_of(when.getCounters(), [&](Value counter) {
                       return isLast(counter);
                     });
  return holds != isNot;
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

void StepWriter::executeRound(ForOp loop, const Range &range, int64_t index) {
  int64_t block = loop.getBlock(), begin = index * block;
  now.rounds[loop] = {index, begin, std::min(block, range.most - begin),
                      range.begin, range.end - 1};
  execute(loop.getBody().front());
}

void StepWriter::executeLoop(ForOp loop) {
  Range range = rangeOf(loop);
  auto body = [&](int64_t index) { executeRound(loop, range, index); };
  if (loop.getUnroll()) {
    for (int64_t i = range.begin; i != range.end; ++i)
      body(i);
  } else {
    // Consecutive rounds of one kind get a loop of their own.
    for (int64_t begin = range.begin; begin < range.end;) {
      int64_t end = loop.getSight() ? begin + 1 : range.end;
      while (end < range.end &&
             kindOf(loop, range, end) == kindOf(loop, range, begin))
        ++end;
      roller.forEach(begin, end, body, !loop.getVaries());
      begin = end;
    }
  }
  now.rounds.erase(loop);
}

void StepWriter::execute(Block &block) {
  bool isStep = false;
  for (Operation &op : block) {
    if (roller.isTooLong())
      return;
    if (auto loop = dyn_cast<ForOp>(op)) {
      executeLoop(loop);
    } else if (auto when = dyn_cast<WhenOp>(op)) {
      if (holds(when))
        execute(when.getBody().front());
    } else if (auto place = dyn_cast<PlaceOp>(op)) {
      int64_t slots = place->getAttrOfType<DenseI64ArrayAttr>(kSlots)[0];
      int64_t instance = made[place]++;
      now.places[place] = {instance % slots, instance};
    } else if (isa<PhaseOp>(op)) {
      isStep = true;
    } else if (auto rescale = dyn_cast<RescaleOp>(op)) {
      writeRescale(rescale);
    } else if (auto mask = dyn_cast<MaskOp>(op)) {
      writeMask(mask);
    } else if (auto load = dyn_cast<LoadHeadsOp>(op)) {
      writeHeads(load, load.getSource(), load.getDest(), true);
    } else if (auto store = dyn_cast<StoreHeadsOp>(op)) {
      writeHeads(store, store.getDest(), store.getSource(), false);
    } else if (isa<tiles::Instruction>(op)) {
      writeCompute(&op);
    }
  }
  if (isStep)
    executeStep(block);
}

const StepWriter::Phases &StepWriter::phasesOf(Block &block) {
  auto [found, isNew] = known.try_emplace(&block);
  Phases &phases = found->second;
  if (!isNew)
    return phases;
  llvm::append_range(phases.all, block.getOps<PhaseOp>());
  // By turns, those of one turn in the order of the block. (libstdc++'s
  // stable_sort calls what C++17 deprecates.)
  llvm::sort(phases.all, [](PhaseOp a, PhaseOp b) {
    return a.getTurn() != b.getTurn() ? a.getTurn() < b.getTurn()
                                      : a->isBeforeInBlock(b);
  });
  for (PhaseOp phase : phases.all) {
    phases.byChunk |= phase.getByChunk();
    if (phase.getDelay()) {
      phases.delayed.push_back(phase);
      phases.delay = phase.getDelay();
      continue;
    }
    phase.walk([&](PutOp put) {
      auto at = put.getPlace().getDefiningOp<AtOp>();
      if (at && !phases.filled && getPlaceOf(at)->getParentOp() == kernel)
        phases.filled = at;
    });
  }
  return phases;
}

void StepWriter::executePhase(PhaseOp phase, Step &step) {
  std::swap(now, step);
  execute(phase.getBody().front());
  std::swap(now, step);
}

/// Emits the phases that remain of the oldest step.
void StepWriter::finishOldest(const Phases &phases) {
  for (PhaseOp phase : phases.delayed)
    executePhase(phase, pending.front());
  pending.pop_front();
}

void StepWriter::executeStep(Block &block) {
  stepBlock = &block;
  const Phases &phases = phasesOf(block);
  Step step = now;
  if (phases.byChunk)
    return alternate(phases, std::move(step));
  if (phases.filled) {
    step.filled = partOf(phases.filled);
    // Whether it lies in the place that the previous step still uses.
    if (!pending.empty() && pending.back().filled) {
      HappensBefore::Box own = accessOf(*step.filled, true, true).box,
                         last =
                             accessOf(*pending.back().filled, true, true).box;
      if (own.meets(last))
        finishOldest(phases);
    }
  }
  bool isReady = static_cast<int64_t>(pending.size()) == phases.delay;
  for (PhaseOp phase : phases.all) {
    if (!phase.getDelay())
      executePhase(phase, step);
    else if (isReady)
      executePhase(phase, pending.front());
  }
  if (isReady && phases.delay)
    pending.pop_front();
  if (phases.delay)
    pending.push_back(std::move(step));
}

/// A chunk overwrites the chunk of the previous step that was just consumed.
void StepWriter::alternate(const Phases &phases, Step step) {
  Step *last = pending.empty() ? nullptr : &pending.front();
  SmallVector<PhaseOp> own, before, after;
  for (PhaseOp phase : phases.all)
    (!phase.getDelay()    ? own
     : phase.getByChunk() ? before
                          : after)
        .push_back(phase);
  auto loopOf = [](PhaseOp phase) {
    return cast<ForOp>(phase.getBody().front().front());
  };
  auto countOf = [&](PhaseOp phase, Step &step) {
    std::swap(now, step);
    Range range = rangeOf(loopOf(phase));
    std::swap(now, step);
    return range.end;
  };
  auto chunk = [&](PhaseOp phase, Step &step, int64_t index) {
    std::swap(now, step);
    ForOp loop = loopOf(phase);
    executeRound(loop, rangeOf(loop), index);
    now.rounds.erase(loop);
    std::swap(now, step);
  };
  int64_t next = countOf(own.front(), step);
  int64_t rest = last ? countOf(before.front(), *last) : 0;
  if (rest)
    chunk(before.front(), *last, 0);
  auto both = [&](int64_t j) {
    // One chunk ahead, so that the engine of the next phase need not wait for
    // it.
    if (j + 1 < rest)
      chunk(before.front(), *last, j + 1);
    if (j < rest)
      for (PhaseOp phase : ArrayRef(before).drop_front())
        chunk(phase, *last, j);
    if (j + 1 == rest)
      for (PhaseOp phase : after)
        executePhase(phase, *last);
    if (j < next)
      for (PhaseOp phase : own)
        chunk(phase, step, j);
  };
  auto kind = [&](int64_t j) {
    return (j + 1 < rest) + (j < rest) + 4 * (j < next);
  };
  int64_t count = std::max(next, rest);
  for (int64_t begin = 0; begin < count;) {
    int64_t end = begin + 1;
    while (end < count && kind(end) == kind(begin))
      ++end;
    roller.forEach(begin, end, both);
    begin = end;
  }
  pending.clear();
  pending.push_back(std::move(step));
}

void StepWriter::drain() {
  while (!pending.empty())
    finishOldest(phasesOf(*stepBlock));
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void StepWriter::trace(bool allowsGaps) {
  roller = code::LoopRoller(allowsGaps);
  roller.bind(builder);
  now = Step();
  made.clear();
  pending.clear();
  number = 0;
  execute(kernel.getBody().front());
  drain();
}

bool StepWriter::write(bool allowsGaps) {
  found.emplace(code::numQueues(target));
  isTracing = true;
  trace(allowsGaps);
  if (roller.isTooLong())
    return false;
  found->finish();
  isTracing = false;
  trace(allowsGaps);
  return roller.finish(builder);
}

LogicalResult StepWriter::run() {
  if (failed(makeTables()))
    return failure();
  if (!write(true) && (roller.isTooLong() || !write(false)))
    return kernel.emitError("has blocks of which a program has more than 2^20 "
                            "instructions or takes too long to write, expected "
                            "larger blocks or tiles");
  if (builder.failed())
    return kernel.emitError("needs more than ")
           << code::kMaxLoops << " nested loops, expected at most as many";
  OpBuilder b(kernel);
  attacc::InstructionWriter writer(b);
  writer.tensors = tensorValues;
  for (const code::Buffer &buffer : builder.buffers())
    writer.addBuffer(buffer, loc);
  for (int64_t count : found->counts())
    writer.addSemaphore(count, loc);
  for (const Instruction &instruction : builder.code())
    writer.write(instruction, loc);
  attacc::BarrierOp::create(b, loc);
  remark::analysis(loc,
                   remark::RemarkOpts::name("Steps").category("tile-to-attacc"))
      << remark::metric("Instructions", int64_t(builder.code().size()))
      << remark::metric("Semaphores", int64_t(found->counts().size()));
  kernel.erase();
  return success();
}
