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

/// tile_gemm_c1.
static LogicalResult verifyTied(Operation *op) {
  Value tied = getTied(op);
  if (!tied)
    return success();
  if (tied.getType() != op->getResult(0).getType())
    return op->emitOpError("[tile_gemm_c1] adds to ")
           << tied.getType() << ", expected the result's type, "
           << op->getResult(0).getType();
  Operation *made = tied.getDefiningOp();
  if (!tied.hasOneUse() || !made || !isa<tiles::Instruction>(made) ||
      isa<LoadOp>(made) || made->getBlock() != op->getBlock())
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

LogicalResult tiles::verifyTransfer(Operation *op) {
  bool isLoad = isa<LoadOp>(op);
  auto value = cast<RankedTensorType>(
      (isLoad ? op->getResult(0) : op->getOperand(0)).getType());
  auto region = cast<attacc::RegionType>(op->getOperand(!isLoad).getType());
  Value counter =
      isLoad ? cast<LoadOp>(op).getCounter() : cast<StoreOp>(op).getCounter();
  ForOp loop;
  if (counter) {
    auto argument = dyn_cast<BlockArgument>(counter);
    loop = argument ? dyn_cast<ForOp>(argument.getOwner()->getParentOp())
                    : ForOp();
    if (!loop || !loop->isProperAncestor(op))
      return op->emitOpError("[tile_load_c2] expected the counter of a "
                             "tile.for around it");
  }
  if (!op->getOperand(!isLoad).getDefiningOp<attacc::TensorOp>())
    return op->emitOpError("[tile_load_c3] moves a part of a tensor, expected "
                           "a tensor of the program");
  SmallVector<int64_t> expected(region.getShape());
  if (loop && expected[0] == static_cast<int64_t>(loop.getTotal()))
    expected[0] = loop.getBlock();
  else if (loop)
    return op->emitOpError("[tile_load_c1] follows blocks of ")
           << loop.getTotal() << " rows in " << region
           << ", expected as many rows";
  if (value.getShape() != ArrayRef(expected) ||
      value.getElementType() != region.getElementType())
    return op->emitOpError("[tile_load_c1] moves ")
           << value << " and " << region << ", expected "
           << RankedTensorType::get(expected, region.getElementType());
  return success();
}

LogicalResult tiles::verifySync(Operation *op) { return success(); }

/// By the extents of the description: what is Equal or a Matrix has one shape,
/// a Row its rows.
static SmallVector<int64_t> shapeOfResult(Operation *op, unsigned number,
                                          int64_t rows) {
  auto shapeOf = [&](unsigned operand) {
    return SmallVector<int64_t>(
        cast<RankedTensorType>(op->getOperand(operand).getType()).getShape());
  };
  SmallVector<int64_t> own(
      cast<RankedTensorType>(op->getResult(number).getType()).getShape());
  if (auto fill = dyn_cast<FillOp>(op)) {
    if (fill.getRows())
      own[0] = rows;
    return own;
  }
  if (isa<ColumnOp>(op))
    return {shapeOf(0)[0], 1};
  if (isa<VectorOp>(op))
    return {shapeOf(0)[0]};
  if (auto slice = dyn_cast<SliceOp>(op))
    return {shapeOf(0)[0], own[1]};
  if (auto gemm = dyn_cast<GemmOp>(op)) {
    size_t rank = own.size();
    SmallVector<int64_t> lhs = shapeOf(0), rhs = shapeOf(1);
    own[rank - 2] = lhs[rank - (gemm.getTransposeLhs() ? 1 : 2)];
    own[rank - 1] = rhs[rank - (gemm.getTransposeRhs() ? 2 : 1)];
    return own;
  }
  const code::InstructionInfo &info = code::infoOf(opcodeOf(op));
  bool isRow =
      info.operands[info.firstResult + int(number)].extent == code::Extent::Row;
  SmallVector<int64_t> first = shapeOf(0);
  return isRow ? SmallVector<int64_t>{first[0]} : first;
}

void tiles::updateResultTypes(Operation *op, int64_t rows) {
  for (OpResult result : op->getResults())
    result.setType(
        cast<RankedTensorType>(result.getType())
            .clone(shapeOfResult(op, result.getResultNumber(), rows)));
}
