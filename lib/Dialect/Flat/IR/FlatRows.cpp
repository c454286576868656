//===- FlatRows.cpp - Rows of eight bits -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"

using namespace mlir;
using namespace mlir::flat;

/// `type` with `extra` more in the last dimension, of `element`.
static RankedTensorType resized(RankedTensorType type, int64_t extra,
                                Type element) {
  SmallVector<int64_t> shape(type.getShape());
  shape.back() += extra;
  return RankedTensorType::get(shape, element);
}

void QuantizeRowsOp::build(OpBuilder &builder, OperationState &state,
                           Value input) {
  auto type = cast<RankedTensorType>(input.getType());
  build(builder, state, resized(type, kRowScaleBytes, builder.getI8Type()),
        input);
}

void DequantizeRowsOp::build(OpBuilder &builder, OperationState &state,
                             Value input, Type element, StringAttr cache) {
  auto type = cast<RankedTensorType>(input.getType());
  build(builder, state, resized(type, -kRowScaleBytes, element), input, cache);
}

/// c1 and c2 of both conversions.
static LogicalResult verifyRows(Operation *op, StringRef name,
                                RankedTensorType numbers,
                                RankedTensorType bytes) {
  int64_t rank = numbers.getRank();
  if (rank == 0 || bytes.getRank() != rank)
    return op->emitOpError()
           << name << "_c1: expected tensors of one rank above 0, got "
           << numbers << " and " << bytes;
  for (Type type : {numbers, bytes})
    if (cast<RankedTensorType>(type).getEncoding())
      return op->emitOpError()
             << name << "_c1: expected tensors without encoding, got " << type;
  // A width that is not known is less than any.
  if (numbers.getDimSize(rank - 1) < 1)
    return op->emitOpError() << name
                             << "_c2: rows must have a known width of 1 or "
                                "more, got "
                             << numbers;
  if (resized(numbers, kRowScaleBytes, bytes.getElementType()) != bytes)
    return op->emitOpError()
           << name << "_c1: expected the sizes of " << numbers << " and "
           << kRowScaleBytes << " more in the last dimension, got " << bytes;
  return success();
}

LogicalResult QuantizeRowsOp::verify() {
  return verifyRows(*this, "flat_quantize_rows", getInput().getType(),
                    getResult().getType());
}

LogicalResult DequantizeRowsOp::verify() {
  return verifyRows(*this, "flat_dequantize_rows", getResult().getType(),
                    getInput().getType());
}

template <typename Op>
static LogicalResult reifyRows(Op op, OpBuilder &builder,
                               ReifiedRankedShapedTypeDims &dims) {
  dims.push_back(
      tensor::getMixedSizes(builder, op.getLoc(), Value(op.getInput())));
  dims.back().back() =
      builder.getIndexAttr(op.getResult().getType().getShape().back());
  return success();
}

LogicalResult
QuantizeRowsOp::reifyResultShapes(OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(*this, builder, dims);
}

LogicalResult
DequantizeRowsOp::reifyResultShapes(OpBuilder &builder,
                                    ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(*this, builder, dims);
}

/// The size of rows, which needs none of their numbers.
static LogicalResult sizeOfRows(tensor::DimOp op, PatternRewriter &rewriter) {
  auto rows = op.getSource().getDefiningOp<DequantizeRowsOp>();
  std::optional<int64_t> dim = op.getConstantIndex();
  if (!rows || !dim || *dim < 0 ||
      *dim >= rows.getResult().getType().getRank() ||
      !rows.getResult().getType().isDynamicDim(*dim))
    return rewriter.notifyMatchFailure(op, "no open size of rows");
  rewriter.replaceOpWithNewOp<tensor::DimOp>(op, rows.getInput(), *dim);
  return success();
}

static bool keepsLast(ArrayRef<ReassociationIndices> groups) {
  return !groups.empty() && groups.back().size() == 1;
}

static Value viewOf(tensor::CastOp op, Value rows, RankedTensorType bytes,
                    PatternRewriter &rewriter) {
  return tensor::CastOp::create(rewriter, op.getLoc(), bytes, rows);
}
static Value viewOf(tensor::ExtractSliceOp op, Value rows,
                    RankedTensorType bytes, PatternRewriter &rewriter) {
  SmallVector<OpFoldResult> sizes = op.getMixedSizes();
  int64_t last = op.getSourceType().getRank() - 1;
  if (op.getDroppedDims().test(last) || op.isDynamicSize(last))
    return {};
  // As wide as a row: from its beginning, one by one.
  sizes[last] = rewriter.getIndexAttr(
      cast<RankedTensorType>(rows.getType()).getShape().back());
  return tensor::ExtractSliceOp::create(rewriter, op.getLoc(), bytes, rows,
                                        op.getMixedOffsets(), sizes,
                                        op.getMixedStrides());
}
static Value viewOf(tensor::CollapseShapeOp op, Value rows,
                    RankedTensorType bytes, PatternRewriter &rewriter) {
  if (!keepsLast(op.getReassociationIndices()))
    return {};
  return tensor::CollapseShapeOp::create(rewriter, op.getLoc(), bytes, rows,
                                         op.getReassociationIndices());
}
static Value viewOf(tensor::ExpandShapeOp op, Value rows,
                    RankedTensorType bytes, PatternRewriter &rewriter) {
  if (!keepsLast(op.getReassociationIndices()))
    return {};
  SmallVector<OpFoldResult> shape = op.getMixedOutputShape();
  shape.back() = rewriter.getIndexAttr(bytes.getShape().back());
  return tensor::ExpandShapeOp::create(rewriter, op.getLoc(), bytes, rows,
                                       op.getReassociationIndices(), shape);
}

/// A view of numbers becomes one of rows, if it leaves rows whole.
template <typename Op>
static LogicalResult viewRows(Op op, PatternRewriter &rewriter) {
  auto rows = op->getOperand(0).template getDefiningOp<DequantizeRowsOp>();
  if (!rows)
    return rewriter.notifyMatchFailure(op, "is no view of rows");
  auto numbers = cast<RankedTensorType>(op->getResult(0).getType());
  RankedTensorType source = rows.getResult().getType();
  int64_t width = source.getShape().back();
  if (numbers.getRank() == 0 || numbers.getShape().back() != width)
    return rewriter.notifyMatchFailure(op, "cuts rows");
  RankedTensorType bytes =
      resized(numbers, kRowScaleBytes, rewriter.getI8Type());
  Value view = viewOf(op, rows.getInput(), bytes, rewriter);
  if (!view)
    return rewriter.notifyMatchFailure(op, "cuts or joins rows");
  rewriter.replaceOpWithNewOp<DequantizeRowsOp>(op, numbers, view,
                                                rows.getCacheAttr());
  return success();
}

void DequantizeRowsOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                   MLIRContext *) {
  patterns.add(sizeOfRows)
      .add(viewRows<tensor::CastOp>)
      .add(viewRows<tensor::ExtractSliceOp>)
      .add(viewRows<tensor::CollapseShapeOp>)
      .add(viewRows<tensor::ExpandShapeOp>);
}
