//===- StepInstructions.cpp - The instructions of a kernel of steps --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StepWriter.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::tiles;
namespace code = ::nm::isa;
using ::nm::support::ceilDiv;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

static PutOp putOf(Value value) {
  for (Operation *user : value.getUsers())
    if (auto put = dyn_cast<PutOp>(user))
      return put;
  return {};
}

const StepWriter::View &StepWriter::viewOf(Value value) {
  if (auto found = views.find(value); found != views.end())
    return *found->second;
  View view;
  Operation *op = value.getDefiningOp();
  if (auto place = dyn_cast<PlaceOp>(op)) {
    view.place = place;
    llvm::append_range(view.sizes, place.getType().getShape());
  } else if (auto at = dyn_cast<AtOp>(op)) {
    view = viewOf(at.getSource());
    ArrayRef<int64_t> shape = at.getSource().getType().getShape();
    for (auto [dim, counter] :
         llvm::zip_equal(at.getDims(), at.getCounters())) {
      ForOp loop = getLoopOf(counter);
      view.cuts.push_back(
          {loop, dim + view.dropped, shape[dim] != int64_t(loop.getBlock())});
    }
    view.dropped += int64_t(shape.size()) - at.getType().getRank();
  } else { // what an instruction made
    view = viewOf(putOf(value).getPlace());
  }
  return *(views[value] = std::make_unique<View>(std::move(view)));
}

StepWriter::Part StepWriter::partOf(Value value) {
  const View &view = viewOf(value);
  Part part;
  part.place = view.place;
  part.made = now.places.lookup(view.place);
  part.offsets.assign(view.sizes.size(), 0);
  part.sizes = view.sizes;
  part.dropped = view.dropped;
  for (const View::Cut &cut : view.cuts) {
    auto round = now.rounds.find(cut.loop);
    if (round == now.rounds.end()) // all of its rounds
      continue;
    if (cut.moves)
      part.offsets[cut.dim] += round->second.begin;
    part.sizes[cut.dim] = round->second.size;
  }
  return part;
}

code::Tile StepWriter::tileOf(const Part &part) const {
  code::Tile tile;
  tile.space = code::Space::Scratchpad;
  tile.object = buffers.lookup(part.place).index;
  tile.sizes.fill(0);
  for (size_t k = 0; k != part.sizes.size(); ++k) {
    tile.offsets[k] = part.offsets[k];
    tile.sizes[k] = part.sizes[k];
    if (int64_t(k) >= part.dropped)
      tile.dims.push_back(static_cast<uint8_t>(k));
  }
  tile.slot = part.made.slot;
  return tile;
}

HappensBefore::Access StepWriter::accessOf(const Part &part, bool reads,
                                           bool writes) const {
  HappensBefore::Access access;
  access.place = numbers.lookup(part.place);
  access.slot = part.made.slot;
  access.instance = part.made.instance;
  access.reads = reads;
  access.writes = writes;
  for (size_t k = 0; k != part.sizes.size(); ++k) {
    access.box.first[k] = part.offsets[k];
    access.box.end[k] = part.offsets[k] + part.sizes[k];
  }
  return access;
}

int64_t StepWriter::beginOf(ValueRange counters) const {
  int64_t begin = 0;
  for (Value counter : counters)
    begin += now.rounds.lookup(getLoopOf(counter)).begin;
  return begin;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

void StepWriter::add(Operation *op, Instruction instruction,
                     ArrayRef<HappensBefore::Access> accesses) {
  if (isTracing) {
    found->add(code::queueOf(instruction, target), numbers.lookup(op),
               accesses);
  } else {
    auto take = [](std::vector<uint32_t> &list, ArrayRef<uint32_t> from) {
      list.assign(from.begin(), from.end());
    };
    take(instruction.waits, found->waitsOf(number));
    take(instruction.signals, found->signalsOf(number));
  }
  ++number;
  roller.add(instruction.opcode, {}, {}) = std::move(instruction);
}

/// Adds an instruction whose operands are parts of places.
void StepWriter::addTouching(Operation *op, Instruction instruction,
                             ArrayRef<Part> parts) {
  SmallVector<HappensBefore::Access> accesses;
  instruction.operands.reserve(parts.size());
  for (const Part &part : parts)
    instruction.operands.push_back(tileOf(part));
  for (auto [i, part] : llvm::enumerate(parts))
    accesses.push_back(accessOf(part, code::readsOperand(instruction, int(i)),
                                code::writesOperand(instruction, int(i))));
  add(op, std::move(instruction), accesses);
}

const StepWriter::Computation &StepWriter::computationOf(Operation *op) {
  std::unique_ptr<Computation> &known = computations[op];
  if (known)
    return *known;
  known = std::make_unique<Computation>();
  known->instruction.opcode = opcodeOf(op);
  attacc::readFields(op, known->instruction);
  for (Value operand : op->getOperands())
    if (isTileType(operand.getType()))
      known->tiles.push_back(operand);
  for (Value result : op->getResults()) {
    known->puts.push_back(putOf(result));
    known->tiles.push_back(known->puts.back().getPlace());
  }
  return *known;
}

void StepWriter::writeCompute(Operation *op) {
  const Computation &computation = computationOf(op);
  Instruction instruction = computation.instruction;
  SmallVector<Part> parts;
  for (Value tile : computation.tiles)
    parts.push_back(partOf(tile));
  for (PutOp put : computation.puts) {
    bool begins = !put.getFrom().empty() && isFirst(put.getFrom());
    instruction.accumulate |= put.getAccumulate() && !begins;
  }
  addTouching(op, std::move(instruction), parts);
}

void StepWriter::writeRescale(RescaleOp op) {
  Instruction instruction;
  instruction.opcode = code::Opcode::Rescale;
  addTouching(op, std::move(instruction),
              {partOf(op.getOldMax()), partOf(op.getNewMax()),
               partOf(op.getSum()), partOf(op.getRows())});
}

void StepWriter::writeMask(MaskOp op) {
  Part part = partOf(op.getTile());
  size_t rowDim = part.sizes.size() - 2, keyDim = rowDim + 1;
  int64_t group = op.getGroup(), offset = op.getOffset(),
          window = op.getWindow();
  int64_t row = beginOf(op.getRows()), key = beginOf(op.getKeys());
  if (!isHidden(row, part.sizes[rowDim], key, part.sizes[keyDim], group, offset,
                window, op.getCausal()))
    return;
  // The first row sees its own position, and the others see more.
  int64_t seen = op.getCausal() && window == 0
                     ? std::max<int64_t>(0, row / group + offset + 1 - key)
                     : 0;
  part.offsets[keyDim] += seen;
  part.sizes[keyDim] -= seen;
  Instruction instruction;
  instruction.opcode = code::Opcode::Mask;
  instruction.row.base = row + offset * group;
  instruction.column.base = key + seen;
  instruction.group = group;
  instruction.window = window;
  instruction.causal = op.getCausal();
  addTouching(op, std::move(instruction), part);
}

code::Tile StepWriter::rowsOfStep(code::Tile tile, int64_t columns, int64_t row,
                                  ValueRange counters) const {
  tile.offsets[0] -= row;
  tile.offsets[1] = 0;
  tile.sizes[1] = columns;
  for (Value counter : counters) {
    ForOp loop = getLoopOf(counter);
    if (loop->getParentOfType<PhaseOp>())
      continue;
    Round round = now.rounds.lookup(loop);
    tile.offsets[0] += round.begin;
    tile.sizes[0] = round.size;
  }
  return tile;
}

/// One transfer for each unit and each of its heads.
template <typename Op>
void StepWriter::writeHeads(Op op, Value region, Value value, bool isLoad) {
  Part part = partOf(value);
  HeadsAttr heads = op.getHeads();
  bool isMatrix = part.sizes.size() == 3;
  // A vector is a row of the tensor, or a column.
  bool isColumn = !isMatrix && !op.getRows().empty();
  int64_t unit = beginOf(op.getUnits()), row = beginOf(op.getRows()),
          column = beginOf(op.getColumns());
  int64_t group = op.getGroup(), sample = op.getSample(),
          place = part.offsets[1],
          rows = isMatrix || isColumn ? part.sizes[1] : 1,
          columns = isMatrix   ? part.sizes[2]
                    : isColumn ? 1
                               : part.sizes[1];
  auto tensor = spilled.find(region);
  code::Tile whole = builder.tile(tensors.lookup(region));
  int64_t members = std::min(group, rows);
  for (int64_t p = 0; p != part.sizes[0]; ++p)
    for (int64_t i = 0; i != members; ++i) {
      int64_t first = row + i, count = ceilDiv(rows - i, group);
      int64_t batch = (unit + p) / sample,
              head = (unit + p) % sample * group + first % group;
      code::Tile dram = whole;
      dram.offsets[0] = heads.getRow() + first / group;
      dram.offsets[1] = heads.getColumn() + column;
      dram.offsets[heads.getBatchDim()] += batch * heads.getBatchStep();
      dram.offsets[heads.getHeadDim()] += head * heads.getHeadStep();
      dram.sizes[0] = count;
      dram.sizes[1] = columns;
      if (!isMatrix)
        dram.dims = {static_cast<uint8_t>(isColumn ? 0 : 1)};
      Part own = part;
      own.offsets[0] += p;
      own.sizes[0] = 1;
      own.dropped = 1;
      code::Tile pad = tileOf(own);
      if (group > 1) {
        // The rows of one head are every group-th.
        int64_t at = place + i;
        pad.object = folded.lookup(part.place).index;
        pad.offsets = {own.offsets[0], at / group, at % group, own.offsets[2]};
        pad.sizes = {1, count, 1, columns};
        pad.dims = {1, 3};
      }
      Instruction instruction;
      instruction.opcode = isLoad ? code::Opcode::Load : code::Opcode::Store;
      instruction.channel = static_cast<uint8_t>(
          op->template getAttrOfType<IntegerAttr>(kChannel).getInt());
      SmallVector<HappensBefore::Access> accesses{
          accessOf(own, !isLoad, isLoad)};
      if (tensor != spilled.end()) {
        HappensBefore::Access access;
        access.place = tensor->second;
        access.reads = isLoad;
        access.writes = !isLoad;
        access.isDram = true;
        code::Tile ordered =
            op.getByStep() ? rowsOfStep(dram, whole.sizes[1], row, op.getRows())
                           : dram;
        for (size_t k = 0; k != 2; ++k) {
          access.box.first[k] = ordered.offsets[k];
          access.box.end[k] = ordered.offsets[k] + ordered.sizes[k];
        }
        accesses.push_back(access);
      }
      instruction.operands = {dram, pad};
      if (!isLoad)
        std::swap(instruction.operands[0], instruction.operands[1]);
      add(op, std::move(instruction), accesses);
    }
}

template void StepWriter::writeHeads(LoadHeadsOp, Value, Value, bool);
template void StepWriter::writeHeads(StoreHeadsOp, Value, Value, bool);
