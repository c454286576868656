//===- TileStructure.cpp - Operators on rows, kernels, loops, views --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Common/PlainNumber.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"

using namespace mlir;
using namespace mlir::tiles;

using mlir::nm::parseNumber;
using mlir::nm::printNumber;

#define GET_OP_CLASSES
#include "nm/Dialect/Tile/IR/TileOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Operators on rows
//===----------------------------------------------------------------------===//

static RankedTensorType tensorOf(Type region) {
  auto type = cast<attacc::RegionType>(region);
  return RankedTensorType::get(type.getShape(), type.getElementType());
}

int64_t RowsOp::getRows() {
  return cast<attacc::RegionType>(getOutputs()[0].getType()).getShape()[0];
}

LogicalResult RowsOp::verifyRegions() {
  if (getOutputs().empty())
    return emitOpError("[tile_rows_c1] has no output, expected one or more");
  for (Value region : getOperands())
    if (!region.getDefiningOp<attacc::TensorOp>())
      return emitOpError("[tile_rows_c1] has a part of a tensor as an operand, "
                         "expected tensors of the program");
  for (Value output : getOutputs()) {
    RankedTensorType type = tensorOf(output.getType());
    if (type.getRank() != 2 || type.getDimSize(0) != getRows())
      return emitOpError("[tile_rows_c1] writes ")
             << output.getType() << ", expected a matrix of " << getRows()
             << " rows";
  }
  for (Value input : getInputs()) {
    RankedTensorType type = tensorOf(input.getType());
    bool isMatrix = type.getRank() == 2 && type.getDimSize(0) == getRows();
    if (!isMatrix && type.getRank() != 1)
      return emitOpError("[tile_rows_c1] reads ")
             << input.getType() << ", expected a matrix of " << getRows()
             << " rows or a vector";
  }
  Block &body = getBody().front();
  auto agree = [&](StringRef what, ValueRange values,
                   ValueRange tensors) -> LogicalResult {
    if (values.size() != tensors.size())
      return emitOpError("[tile_rows_c2] has ")
             << values.size() << " " << what << ", expected " << tensors.size();
    for (auto [value, tensor] : llvm::zip_equal(values, tensors))
      if (value.getType() != tensorOf(tensor.getType()))
        return emitOpError("[tile_rows_c2] has one of the ")
               << what << " of " << value.getType() << ", expected "
               << tensorOf(tensor.getType());
    return success();
  };
  auto yield = body.empty() ? YieldOp() : dyn_cast<YieldOp>(body.back());
  if (!yield)
    return emitOpError("[tile_rows_c2] ends without tile.yield, expected one");
  if (failed(agree("arguments", body.getArguments(), getInputs())) ||
      failed(agree("results", yield.getValues(), getOutputs())))
    return failure();
  for (Operation &op : body.without_terminator())
    if (!isa<View>(op) &&
        (!isa<tiles::Instruction>(op) || isa<LoadOp, StoreOp, SyncOp>(op)))
      return op.emitOpError("[tile_rows_c3] is no instruction that computes "
                            "and no view, expected one in a tile.rows");
  return success();
}

//===----------------------------------------------------------------------===//
// Kernels and loops
//===----------------------------------------------------------------------===//

LogicalResult KernelOp::verifyRegions() {
  constexpr int64_t kMostRings = ::nm::isa::kMaxSlots / 2;
  if (getRings() &&
      (int64_t(*getRings()) < 1 || int64_t(*getRings()) > kMostRings))
    return emitOpError("[tile_kernel_c2] has rings of ")
           << int64_t(*getRings()) << " slots, expected 1 to " << kMostRings;
  for (Operation &op : getBody().front())
    if (!isOfKernel(&op))
      return op.emitOpError("[tile_kernel_c1] has no place in a tile.kernel, "
                            "expected operations of tile");
  return success();
}

ForOp ForOp::getOuterLoop() { return getLoopOf(getOuter()); }

Operation *ForOp::getAdder() {
  return getSum() ? getBody().front().back().getOperand(0).getDefiningOp()
                  : nullptr;
}

/// tile_for_c5.
static LogicalResult verifySum(ForOp loop) {
  Block &body = loop.getBody().front();
  if (!loop.getSum()) {
    if (!loop.getWaits().empty() || !loop.getSignals().empty() ||
        (!body.empty() && isa<YieldOp>(body.back())))
      return loop.emitOpError("[tile_for_c5] waits, signals or yields without "
                              "a sum, expected a result");
    return success();
  }
  auto yield = body.empty() ? YieldOp() : dyn_cast<YieldOp>(body.back());
  Operation *adder = yield && yield.getValues().size() == 1
                         ? yield.getValues()[0].getDefiningOp()
                         : nullptr;
  if (!adder || adder->getBlock() != &body ||
      getTied(adder) != body.getArgument(1) || !adder->getResult(0).hasOneUse())
    return loop.emitOpError("[tile_for_c5] expected a tile.yield of what an "
                            "instruction made of the sum so far");
  return success();
}

/// Whether a loop is around steps, or in one.
static bool isOfSteps(ForOp loop) {
  return loop->getParentOfType<PhaseOp>() || hasSteps(loop);
}

// Before what is in the loop, which divides by it.
LogicalResult ForOp::verify() {
  int64_t total = getTotal(), block = getBlock();
  if (block < 1 || block > total || total > ::nm::isa::kMaxSize)
    return emitOpError("[tile_for_c1] has blocks of ")
           << block << " of " << total
           << ", expected 1 or more, and not more than all";
  return success();
}

LogicalResult ForOp::verifyRegions() {
  int64_t total = getTotal();
  Region &body = getBody();
  bool fits =
      body.getNumArguments() == (getSum() ? 2 : 1) &&
      body.getArgument(0).getType().isIndex() &&
      (!getSum() || body.getArgument(1).getType() == getSum().getType());
  if (!fits)
    return emitOpError("[tile_for_c2] expected one argument of type index, and "
                       "one of the type of the sum if there is one");
  if (getOuter()) {
    ForOp outer = getOuterLoop();
    bool isCut = outer && outer.getOuter() && !isOfSteps(*this);
    if (!outer || !outer->isProperAncestor(*this) || isCut ||
        int64_t(outer.getBlock()) != total)
      return emitOpError("[tile_for_c4] cuts blocks of ")
             << total
             << ", expected the counter of a tile.for around it with such "
                "blocks, which cuts no other loop's";
  }
  if (getPair() || getSight()) {
    ForOp pair = getLoopOf(getPair());
    if (!pair || !pair->isProperAncestor(*this) || !getSight() ||
        getSight()->size() != 7 || (*getSight())[1] < 1 ||
        llvm::any_of(*getSight(), [](int64_t number) { return number < 0; }))
      return emitOpError("[tile_for_c6] expected seven numbers of 0 or more, a "
                         "group of rows of 1 or more, and the counter of a "
                         "loop around it");
  }
  for (Operation &op : body.front())
    if (!isOfKernel(&op) && !(isa<YieldOp>(op) && &op == &body.front().back()))
      return op.emitOpError("[tile_kernel_c1] has no place in a tile.for, "
                            "expected instructions of tile");
  return verifySum(*this);
}

LogicalResult PartOp::verify() {
  ForOp loop = getLoopOf(getCounter());
  if (!loop || !loop->isProperAncestor(*this))
    return emitOpError("[tile_part_c1] expected the counter of a tile.for "
                       "around it");
  RankedTensorType from = getSource().getType(), to = getType();
  int64_t total = loop.getTotal(), block = loop.getBlock();
  bool fits = (from.getDimSize(0) == total || from.getDimSize(0) == block) &&
              to.getRank() == from.getRank() && to.getDimSize(0) == block &&
              to.getShape().drop_front() == from.getShape().drop_front() &&
              to.getElementType() == from.getElementType();
  if (!fits)
    return emitOpError("[tile_part_c2] takes ")
           << to << " of " << from << ", expected " << block << " rows of "
           << total << " or of " << block;
  return success();
}

//===----------------------------------------------------------------------===//
// Views and folds
//===----------------------------------------------------------------------===//

/// Whether `column` is `vector` as a matrix of one column.
static bool isColumnOf(RankedTensorType column, RankedTensorType vector) {
  return vector.getRank() == 1 && column.getRank() == 2 &&
         column.getDimSize(0) == vector.getDimSize(0) &&
         column.getDimSize(1) == 1 &&
         column.getElementType() == vector.getElementType();
}

template <typename Op>
static LogicalResult verifyView(Op op, bool isRight, const char *constraint,
                                const char *expected) {
  if (isRight && op.getSource().template getDefiningOp<tiles::Instruction>())
    return success();
  return op.emitOpError(constraint)
         << " makes " << op.getType() << " of " << op.getSource().getType()
         << ", expected " << expected;
}

LogicalResult ColumnOp::verify() {
  return verifyView(
      *this, isColumnOf(getType(), getSource().getType()), "[tile_column_c1]",
      "a vector that an instruction makes as a matrix of one column");
}

LogicalResult VectorOp::verify() {
  return verifyView(
      *this, isColumnOf(getSource().getType(), getType()), "[tile_vector_c1]",
      "a matrix of one column that an instruction makes as a vector");
}

LogicalResult SliceOp::verify() {
  RankedTensorType from = getSource().getType(), to = getType();
  auto first = static_cast<int64_t>(getFirst());
  if (from.getRank() != 2 || to.getRank() != 2 ||
      to.getDimSize(0) != from.getDimSize(0) ||
      to.getElementType() != from.getElementType() || first < 0 ||
      first > from.getDimSize(1) - to.getDimSize(1))
    return emitOpError("[tile_slice_c1] takes ")
           << to << " of " << from << " from column " << first
           << ", expected columns that it has";
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getType() == getSource().getType())
    return getSource();
  if (auto outer = getSource().getDefiningOp<SliceOp>()) {
    setFirst(getFirst() + outer.getFirst());
    getSourceMutable().assign(outer.getSource());
    return getResult();
  }
  return {};
}

/// A copy to the same type is its source. Loads keep theirs: what a rows
/// operator yields is made by an instruction.
OpFoldResult UnaryOp::fold(FoldAdaptor) {
  auto source = getSource().getDefiningOp<UnaryOp>();
  bool isCopy = getKind() == attacc::Unary::Copy;
  if (isCopy && source && source.getType() == getType())
    return getSource();
  // relu(relu(x)).
  if (getKind() == attacc::Unary::Relu && source &&
      source.getKind() == attacc::Unary::Relu && source.getType() == getType())
    return getSource();
  return {};
}
