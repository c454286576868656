//===- SparseTensorToNM.cpp - Structured levels to #nm.sparsity -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionToMatmul.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"
#include "nm/Conversion/Passes.h"
#include "nm/Conversion/Utils/StructuredEncoding.h"
#include "nm/Dialect/NM/Transforms/TensorTypeConversion.h"

namespace mlir::nm {
#define GEN_PASS_DEF_CONVERTSPARSETENSORTONM
#include "nm/Conversion/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

/// `value`, decompressed if it is encoded.
static Value getDense(OpBuilder &builder, Location loc, Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !nm::getSparsity(type))
    return value;
  return DecompressOp::create(builder, loc, nm::getDenseType(type), value);
}

namespace {

/// Between dense, structured and other sparse formats.
struct ConvertConvert : OpConversionPattern<sparse_tensor::ConvertOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(sparse_tensor::ConvertOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Type type = getTypeConverter()->convertType(op.getType());
    Value source = adaptor.getSource();
    if (source.getType() != type) {
      source = getDense(rewriter, op.getLoc(), source);
      auto sourceType = cast<RankedTensorType>(source.getType());
      if (nm::getSparsity(type) && sourceType.getEncoding())
        source = sparse_tensor::ConvertOp::create(
            rewriter, op.getLoc(), nm::getDenseType(sourceType), source);
      if (nm::getSparsity(type))
        source = CompressOp::create(rewriter, op.getLoc(), type, source);
      else if (source.getType() != type)
        source = sparse_tensor::ConvertOp::create(rewriter, op.getLoc(), type,
                                                  source);
    }
    rewriter.replaceOp(op, source);
    return success();
  }
};

struct ConvertLinalg : OpInterfaceConversionPattern<linalg::LinalgOp> {
  using OpInterfaceConversionPattern::OpInterfaceConversionPattern;
  LogicalResult
  matchAndRewrite(linalg::LinalgOp op, ArrayRef<Value> operands,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "not on tensors");
    if (Value product = buildMatmulOfContraction(rewriter, op, operands)) {
      rewriter.replaceOp(op, product);
      return success();
    }
    SmallVector<Value> dense;
    for (Value operand : operands)
      dense.push_back(getDense(rewriter, op.getLoc(), operand));
    Operation *copy = mlir::clone(rewriter, op, op->getResultTypes(), dense);
    rewriter.replaceOp(op, copy);
    return success();
  }
};

struct ConvertSparseTensorToNMPass
    : public nm::impl::ConvertSparseTensorToNMBase<
          ConvertSparseTensorToNMPass> {
  void runOnOperation() override {
    WalkResult checked = getOperation().walk<WalkOrder::PreOrder>(
        [&](Operation *op) -> WalkResult { return checkExpressible(op); });
    if (checked.wasInterrupted())
      return signalPassFailure();
    // The verifier of sparse_tensor admits structured constants.
    TensorTypeConversion conversion(
        &getContext(), encodedType,
        [](OpBuilder &b, Location loc, Type type, Value dense) -> Value {
          return CompressOp::create(b, loc, type, dense);
        });
    conversion.add<ConvertConvert, ConvertLinalg>();
    if (failed(conversion.apply(getOperation())))
      signalPassFailure();
  }

private:
  static std::optional<Type> encodedType(RankedTensorType type) {
    std::string reason;
    if (!hasStructuredLevel(type))
      return std::nullopt;
    return toEncodedType(type, reason);
  }

  LogicalResult checkExpressible(Operation *op) {
    bool structured = false;
    if (failed(checkTensorTypes(op, [&](RankedTensorType type) {
          std::string reason;
          if (!hasStructuredLevel(type))
            return success();
          structured = true;
          if (toEncodedType(type, reason))
            return success();
          return LogicalResult(op->emitOpError("uses ")
                               << type
                               << ", which nm does not express: " << reason);
        })))
      return failure();
    if (!structured)
      return success();
    bool ofSparseTensor =
        isa_and_nonnull<sparse_tensor::SparseTensorDialect>(op->getDialect());
    if (ofSparseTensor && !isa<sparse_tensor::ConvertOp>(op))
      return op->emitOpError("has no counterpart in nm for structured tensors; "
                             "go through sparse_tensor.convert and dense "
                             "tensors");
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      for (Value init : linalgOp.getDpsInits())
        if (hasStructuredLevel(init.getType()))
          return op->emitOpError(
              "writes a structured tensor, which nm does not "
              "express: nm.matmul has a dense result");
    return success();
  }
};

} // namespace
