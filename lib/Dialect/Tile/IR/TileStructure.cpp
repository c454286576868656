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
  for (Operation &op : getBody().front())
    if (!isa<tiles::Instruction, View, ForOp>(op))
      return op.emitOpError("[tile_kernel_c1] has no place in a tile.kernel, "
                            "expected operations of tile");
  return success();
}

LogicalResult ForOp::verifyRegions() {
  int64_t total = getTotal(), block = getBlock();
  if (block < 1 || block > total || total > ::nm::isa::kMaxSize)
    return emitOpError("[tile_for_c1] has blocks of ")
           << block << " of " << total
           << ", expected 1 or more, and not more than all";
  if (getBody().getNumArguments() != 1 ||
      !getBody().getArgument(0).getType().isIndex())
    return emitOpError("[tile_for_c2] expected one argument of type index");
  for (Operation &op : getBody().front())
    if (!isa<tiles::Instruction, View>(op))
      return op.emitOpError("[tile_kernel_c1] has no place in a tile.for, "
                            "expected instructions of tile");
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

LogicalResult ColumnOp::verify() {
  if (isColumnOf(getType(), getSource().getType()) &&
      getSource().getDefiningOp<tiles::Instruction>())
    return success();
  return emitOpError("[tile_column_c1] makes ")
         << getType() << " of " << getSource().getType()
         << ", expected a vector that an instruction makes as a matrix of one "
            "column";
}

LogicalResult VectorOp::verify() {
  if (isColumnOf(getSource().getType(), getType()) &&
      getSource().getDefiningOp<tiles::Instruction>())
    return success();
  return emitOpError("[tile_vector_c1] makes ")
         << getType() << " of " << getSource().getType()
         << ", expected a matrix of one column that an instruction makes as a "
            "vector";
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
