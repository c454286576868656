//===- TensorTypeConversion.cpp - Changing the encoding of tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/Transforms/TensorTypeConversion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

using namespace mlir;

namespace {

/// Recreates an operation with converted operands and results. Constants name
/// their type a second time, in an attribute, and need a pattern of their own.
struct ConvertPlainOp : ConversionPattern {
  ConvertPlainOp(const TypeConverter &converter, MLIRContext *context)
      : ConversionPattern(converter, MatchAnyOpTypeTag(), /*benefit=*/0,
                          context) {}
  LogicalResult
  matchAndRewrite(Operation *op, ArrayRef<Value> operands,
                  ConversionPatternRewriter &rewriter) const override {
    if (op->getNumRegions() != 0 || op->hasTrait<OpTrait::ConstantLike>() ||
        op->hasTrait<OpTrait::IsTerminator>())
      return rewriter.notifyMatchFailure(op, "does more than pass tensors on");
    FailureOr<Operation *> converted =
        convertOpResultTypes(op, operands, *getTypeConverter(), rewriter);
    if (failed(converted))
      return failure();
    rewriter.replaceOp(op, *converted);
    return success();
  }
};

struct ConvertConstant : OpConversionPattern<arith::ConstantOp> {
  ConvertConstant(const TypeConverter &converter, MLIRContext *context,
                  nm::WrapConstant wrap)
      : OpConversionPattern(converter, context), wrap(wrap) {}
  LogicalResult
  matchAndRewrite(arith::ConstantOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto value = dyn_cast<DenseElementsAttr>(op.getValue());
    if (!value)
      return rewriter.notifyMatchFailure(op, "no dense elements");
    auto type = cast<RankedTensorType>(op.getType());
    auto dense = arith::ConstantOp::create(
        rewriter, op.getLoc(), value.reshape(nm::getDenseType(type)));
    rewriter.replaceOp(op, wrap(rewriter, op.getLoc(),
                                getTypeConverter()->convertType(type), dense));
    return success();
  }

private:
  nm::WrapConstant wrap;
};

} // namespace

nm::TensorTypeConversion::TensorTypeConversion(
    MLIRContext *context,
    std::function<std::optional<Type>(RankedTensorType)> convert,
    WrapConstant wrap)
    : patterns(context), target(*context) {
  converter.addConversion([](Type type) { return type; });
  converter.addConversion(std::move(convert));
  patterns.add<ConvertPlainOp>(converter, context);
  patterns.add<ConvertConstant>(converter, context, wrap);
  populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns,
                                                                 converter);
  populateCallOpTypeConversionPattern(patterns, converter);
  populateReturnOpTypeConversionPattern(patterns, converter);
  populateBranchOpInterfaceTypeConversionPattern(patterns, converter);
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp op) {
    return converter.isSignatureLegal(op.getFunctionType()) &&
           converter.isLegal(&op.getBody());
  });
  target.markUnknownOpDynamicallyLegal(
      [&](Operation *op) { return converter.isLegal(op); });
}
