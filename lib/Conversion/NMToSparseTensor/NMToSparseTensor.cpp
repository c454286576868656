//===- NMToSparseTensor.cpp - #nm.sparsity to structured levels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "nm/Conversion/Passes.h"
#include "nm/Conversion/Utils/StructuredEncoding.h"
#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"
#include "nm/Dialect/NM/Transforms/TensorTypeConversion.h"

namespace mlir::nm {
#define GEN_PASS_DEF_CONVERTNMTOSPARSETENSOR
#include "nm/Conversion/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// nm.compress, nm.decompress.
template <typename OpT> struct ConvertCast : OpConversionPattern<OpT> {
  using OpConversionPattern<OpT>::OpConversionPattern;
  LogicalResult
  matchAndRewrite(OpT op, typename OpT::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Type type = this->getTypeConverter()->convertType(op.getResult().getType());
    rewriter.replaceOpWithNewOp<sparse_tensor::ConvertOp>(op, type,
                                                          adaptor.getSource());
    return success();
  }
};

/// The loader hands over a dense tensor that it has checked.
struct ConvertParam : OpConversionPattern<ParamOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(ParamOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = op.getResult().getType();
    auto dense = PackedParamOp::create(
        rewriter, op.getLoc(), TypeRange{nm::getDenseType(type)},
        op.getKeyAttr(), op.getScopeAttr(), TypeAttr::get(type),
        DenseLayoutAttr::get(op.getContext()));
    rewriter.replaceOpWithNewOp<sparse_tensor::ConvertOp>(
        op, getTypeConverter()->convertType(type), dense.getStorage()[0]);
    return success();
  }
};

struct ConvertNMToSparseTensorPass
    : public nm::impl::ConvertNMToSparseTensorBase<
          ConvertNMToSparseTensorPass> {
  void runOnOperation() override {
    if (failed(checkExpressible()))
      return signalPassFailure();
    TensorTypeConversion conversion(
        &getContext(), structuredType,
        [](OpBuilder &b, Location loc, Type type, Value dense) -> Value {
          return sparse_tensor::ConvertOp::create(b, loc, type, dense);
        });
    conversion.add<ConvertCast<CompressOp>, ConvertCast<DecompressOp>,
                   ConvertParam>();
    populateReferenceMatmul(conversion.converter, conversion.patterns);
    if (failed(conversion.apply(getOperation())))
      signalPassFailure();
  }

private:
  static std::optional<Type> structuredType(RankedTensorType type) {
    std::string reason;
    if (!nm::getSparsity(type))
      return std::nullopt;
    return toStructuredType(type, reason);
  }

  /// Rejects operations without a counterpart, and warns where upstream treats
  /// the result differently.
  LogicalResult checkExpressible() {
    Operation *first = nullptr;
    WalkResult result = getOperation().walk<WalkOrder::PreOrder>(
        [&](Operation *op) -> WalkResult {
          if (isa<AssembleOp, DisassembleOp>(op))
            return op->emitOpError(
                "has no counterpart in sparse_tensor, which knows no layout; "
                "use nm.compress and nm.decompress of dense tensors");
          return checkTensorTypes(op, [&](RankedTensorType type) {
            std::string reason;
            if (!nm::getSparsity(type))
              return success();
            if (!first)
              first = op;
            if (toStructuredType(type, reason))
              return success();
            return LogicalResult(op->emitOpError("uses ")
                                 << type
                                 << ", which sparse_tensor does not "
                                    "express: "
                                 << reason);
          });
        });
    if (result.wasInterrupted())
      return failure();
    if (first)
      first->emitWarning(
          "upstream's lowering of structured[N, M] levels takes every group "
          "for "
          "full: results are wrong where a group holds fewer than N non-zeros "
          "(nm-lower-to-linalg is exact)");
    return success();
  }
};

} // namespace
