//===- TileShapes.cpp - Rules and shapes of instructions -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules of instructions stand in nm/Isa. Here an operation is spelled as
// the instruction that it becomes, each value in a buffer of its own, and the
// checker is asked.
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Isa/Checker.h"
#include "nm/Support/Arithmetic.h"

using namespace mlir;
using namespace mlir::tiles;
namespace code = ::nm::isa;

/// Operands and results that are tiles, as the instruction has them.
static SmallVector<Value> tilesOf(Operation *op) {
  SmallVector<Value> tiles;
  for (Value operand : op->getOperands())
    if (isTileType(operand.getType()) && operand != getTied(op))
      tiles.push_back(operand);
  llvm::append_range(tiles, op->getResults());
  return tiles;
}

/// Whether `value` is made for one instruction of `block` to add to: by an
/// instruction of it, or round for round, as its sum.
static bool isMadeIn(Value value, Block *block) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == block && argument.getArgNumber() == 1 &&
           isa<ForOp>(block->getParentOp());
  Operation *made = value.getDefiningOp();
  return isa<tiles::Instruction>(made) && !isa<LoadOp>(made) &&
         made->getBlock() == block;
}

/// tile_gemm_c1.
static LogicalResult verifyTied(Operation *op) {
  Value tied = getTied(op);
  if (!tied)
    return success();
  if (tied.getType() != op->getResult(0).getType())
    return op->emitOpError("[tile_gemm_c1] adds to ")
           << tied.getType() << ", expected the result's type, "
           << op->getResult(0).getType();
  if (!tied.hasOneUse() || !isMadeIn(tied, op->getBlock()))
    return op->emitOpError("[tile_gemm_c1] adds to a value that is used "
                           "elsewhere or is no result of an instruction that "
                           "computes in the same round, expected one that this "
                           "alone uses");
  return success();
}

LogicalResult tiles::verifyComputation(Operation *op) {
  if (failed(verifyTied(op)))
    return failure();
  code::Program program;
  // What the machine can do is asked when there is a program.
  program.target.name = "any";
  program.target.scratchpadBytes = int64_t(1) << 40;
  program.target.segments = code::kMaxSize;
  if (auto product = dyn_cast<NMGemmOp>(op))
    program.target.patterns.push_back({static_cast<int64_t>(product.getN()),
                                       static_cast<int64_t>(product.getM())});
  code::Instruction instruction;
  instruction.opcode = opcodeOf(op);
  attacc::readFields(op, instruction);
  instruction.accumulate = getTied(op) != nullptr;
  for (Value value : tilesOf(op)) {
    auto type = cast<RankedTensorType>(value.getType());
    code::Tile tile;
    tile.object = program.buffers.size();
    for (auto [k, size] : llvm::enumerate(type.getShape())) {
      tile.sizes[k] = size;
      tile.dims.push_back(k);
    }
    instruction.operands.push_back(tile);
    program.buffers.push_back(
        {0, 1, elementTypeOf(type), type.getShape().vec()});
  }
  program.code.push_back(std::move(instruction));
  code::Checker checker(program);
  if (code::Status status = checker.checkInstruction(0); !status)
    return op->emitOpError(
        attacc::withoutSubject(status.error().message, checker.subject()));
  return success();
}

/// Of a load or a store.
static LogicalResult verifyCounters(Operation *op, ValueRange counters,
                                    RankedTensorType value,
                                    attacc::RegionType region) {
  SmallVector<int64_t> expected(region.getShape());
  for (auto [dim, counter] : llvm::enumerate(counters)) {
    if (!counter)
      continue;
    ForOp loop = getLoopOf(counter);
    if (!loop || !loop->isProperAncestor(op) || dim >= expected.size())
      return op->emitOpError("[tile_load_c2] expected the counter of a "
                             "tile.for around it");
    int64_t own = dim < size_t(value.getRank()) ? value.getDimSize(dim) : 1,
            total = loop.getTotal();
    if (ForOp outer = loop.getOuterLoop())
      total = outer.getTotal();
    if (expected[dim] == total) {
      expected[dim] = loop.getBlock();
      continue;
    }
    // Packed: as many blocks, and whole ones where the loop's are.
    int64_t rounds = loop.getRounds();
    bool isPacked = !loop.getOuter() && own < int64_t(loop.getBlock()) &&
                    ::nm::support::ceilDiv(expected[dim], own) == rounds &&
                    (loop.getRest() || expected[dim] == rounds * own);
    if (!isPacked)
      return op->emitOpError("[tile_load_c1] follows blocks of ")
             << total << (dim ? " columns in " : " rows in ") << region
             << ", expected as many " << (dim ? "columns" : "rows");
    expected[dim] = own;
  }
  if (value.getShape() != ArrayRef(expected) ||
      value.getElementType() != region.getElementType())
    return op->emitOpError("[tile_load_c1] moves ")
           << value << " and " << region << ", expected "
           << RankedTensorType::get(expected, region.getElementType());
  return success();
}

LogicalResult tiles::verifyTransfer(Operation *op) {
  auto verify = [&](auto transfer, Value value, Value region) {
    if (!getDramBox(region).tensor)
      return LogicalResult(
          op->emitOpError("[tile_load_c3] moves something else, "
                          "expected a tensor of the program or "
                          "a box of one"));
    return verifyCounters(
        op, {transfer.getRowCounter(), transfer.getColumnCounter()},
        cast<RankedTensorType>(value.getType()),
        cast<attacc::RegionType>(region.getType()));
  };
  if (auto load = dyn_cast<LoadOp>(op))
    return verify(load, load.getResult(), load.getSource());
  auto store = cast<StoreOp>(op);
  return verify(store, store.getValue(), store.getDest());
}

LogicalResult tiles::verifySync(Operation *op) { return success(); }

// By the extents of the description: what is Equal or a Matrix has one shape,
// a Row its rows.
SmallVector<int64_t>
tiles::shapeOfResult(OpResult result, int64_t rows,
                     function_ref<ArrayRef<int64_t>(unsigned)> shapeOf) {
  Operation *op = result.getOwner();
  SmallVector<int64_t> own(cast<RankedTensorType>(result.getType()).getShape());
  if (auto fill = dyn_cast<FillOp>(op)) {
    if (fill.getRows())
      own[0] = rows;
    return own;
  }
  if (isa<ColumnOp>(op))
    return {shapeOf(0)[0], 1};
  if (isa<VectorOp>(op))
    return {shapeOf(0)[0]};
  if (isa<SliceOp>(op))
    return {shapeOf(0)[0], own[1]};
  if (isa<PartOp>(op)) {
    own.assign(shapeOf(0).begin(), shapeOf(0).end());
    own[0] = rows;
    return own;
  }
  if (auto gemm = dyn_cast<GemmOp>(op)) {
    size_t rank = own.size();
    own[rank - 2] = shapeOf(0)[rank - (gemm.getTransposeLhs() ? 1 : 2)];
    own[rank - 1] = shapeOf(1)[rank - (gemm.getTransposeRhs() ? 2 : 1)];
    return own;
  }
  if (isa<NMGemmOp>(op))
    return {shapeOf(0)[0], shapeOf(1)[0]};
  const code::InstructionInfo &info = code::infoOf(opcodeOf(op));
  bool isRow =
      info.operands[info.firstResult + int(result.getResultNumber())].extent ==
      code::Extent::Row;
  ArrayRef<int64_t> first = shapeOf(0);
  return isRow ? SmallVector<int64_t>{first[0]} : SmallVector<int64_t>(first);
}

void tiles::updateResultTypes(Operation *op, int64_t rows) {
  for (OpResult result : op->getResults())
    result.setType(
        cast<RankedTensorType>(result.getType())
            .clone(shapeOfResult(result, rows, [&](unsigned operand) {
              return cast<RankedTensorType>(op->getOperand(operand).getType())
                  .getShape();
            })));
}
