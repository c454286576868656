//===- LowerToLinalg.cpp - Reference lowering of the nm dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inside lowered code an encoded tensor is its dense tensor, zeros included:
// the plainest thing that it can mean. Storage appears where a program names
// it, in nm.assemble and nm.disassemble, and is decoded and encoded there.
//
//===----------------------------------------------------------------------===//

#include "LowerToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Dialect/NM/Transforms/TensorTypeConversion.h"

namespace mlir::nm {
#define GEN_PASS_DEF_LOWERTOLINALG
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

/// An over-full constant is not known to fit: its check fails when it runs.
static bool isKnownToFit(CompressOp op) {
  RankedTensorType type = op.getResult().getType();
  SparsityAttr sparsity = nm::getSparsity(type);
  if (sparsity.isDense() && !sparsity.isQuantized())
    return true;
  if (auto prune = op.getSource().getDefiningOp<PruneOp>())
    return prune.getSparsity() == sparsity;
  DenseElementsAttr constant;
  return matchPattern(op.getSource(), m_Constant(&constant)) &&
         fitsConstant(constant, type);
}

static LogicalResult lowerPrune(PruneOp op, PruneOp::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) {
  ReferenceBuilder b(op.getLoc(), rewriter);
  GroupLowering groups(b, op.getSource().getType(), op.getSparsity());
  rewriter.replaceOp(op, groups.prune(adaptor.getSource()));
  return success();
}

static LogicalResult lowerCompress(CompressOp op, CompressOp::Adaptor adaptor,
                                   ConversionPatternRewriter &rewriter) {
  if (!isKnownToFit(op)) {
    ReferenceBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    GroupLowering(b, type, nm::getSparsity(type))
        .assertNotOverFull(adaptor.getSource());
  }
  rewriter.replaceOp(op, adaptor.getSource());
  return success();
}

static LogicalResult lowerDecompress(DecompressOp op,
                                     DecompressOp::Adaptor adaptor,
                                     ConversionPatternRewriter &rewriter) {
  rewriter.replaceOp(op, adaptor.getSource());
  return success();
}

static LogicalResult lowerAssemble(AssembleOp op, AssembleOp::Adaptor adaptor,
                                   ConversionPatternRewriter &rewriter) {
  if (op.getLayout().isDense()) {
    rewriter.replaceOp(op, adaptor.getStorage());
    return success();
  }
  ReferenceBuilder b(op.getLoc(), rewriter);
  RankedTensorType type = op.getResult().getType();
  GroupLowering groups(b, type, nm::getSparsity(type));
  Slots slots = groups.readStorage(adaptor.getStorage(), op.getLayout());
  rewriter.replaceOp(op, groups.toDense(slots));
  return success();
}

static LogicalResult lowerDisassemble(DisassembleOp op,
                                      DisassembleOp::Adaptor adaptor,
                                      ConversionPatternRewriter &rewriter) {
  if (op.getLayout().isDense()) {
    rewriter.replaceOp(op, adaptor.getSource());
    return success();
  }
  ReferenceBuilder b(op.getLoc(), rewriter);
  RankedTensorType type = op.getSource().getType();
  GroupLowering groups(b, type, nm::getSparsity(type));
  rewriter.replaceOp(
      op, groups.writeStorage(groups.toSlots(adaptor.getSource()),
                              op.getLayout(), op.getStorage().getTypes()));
  return success();
}

/// The loader still hears of the pattern, and verifies it.
static LogicalResult lowerParam(ParamOp op, ParamOp::Adaptor,
                                ConversionPatternRewriter &rewriter) {
  RankedTensorType type = op.getResult().getType();
  rewriter.replaceOpWithNewOp<PackedParamOp>(
      op, TypeRange{nm::getDenseType(type)}, op.getKeyAttr(), op.getScopeAttr(),
      TypeAttr::get(type), DenseLayoutAttr::get(op.getContext()));
  return success();
}

/// What a scale and integers make is checked where it is known.
static LogicalResult checkBits(CompressOp op) {
  SparsityAttr sparsity = nm::getSparsity(op.getResult().getType());
  if (!sparsity.isQuantized() || isKnownToFit(op))
    return success();
  return op.emitOpError("claims ")
         << sparsity.getPatternString()
         << " of a value that is not known to be so, expected a constant or a "
            "parameter whose groups are a scale times integers";
}

namespace {
struct LowerToLinalgPass
    : public nm::impl::LowerToLinalgBase<LowerToLinalgPass> {
  void runOnOperation() override {
    WalkResult checked = getOperation().walk([](Operation *op) -> WalkResult {
      if (auto compress = dyn_cast<CompressOp>(op))
        return checkBits(compress);
      auto layout = op->getAttrOfType<LayoutAttr>("layout");
      if (!isa<AssembleOp, DisassembleOp>(op) ||
          GroupLowering::supports(layout))
        return WalkResult::advance();
      return op->emitOpError("has no reference lowering for layout ")
             << layout << "; use dense, canonical or panel";
    });
    if (checked.wasInterrupted())
      return signalPassFailure();
    auto toDense = [](RankedTensorType type) -> std::optional<Type> {
      if (!nm::getSparsity(type))
        return std::nullopt;
      return nm::getDenseType(type);
    };
    // A constant of encoded type holds its zeros.
    TensorTypeConversion conversion(
        &getContext(), toDense,
        [](OpBuilder &, Location, Type, Value dense) { return dense; });
    conversion.add(lowerPrune);
    conversion.add(lowerCompress);
    conversion.add(lowerDecompress);
    conversion.add(lowerAssemble);
    conversion.add(lowerDisassemble);
    conversion.add(lowerParam);
    populateReferenceMatmul(conversion.converter, conversion.patterns);
    conversion.target.addIllegalOp<PruneOp, CompressOp, DecompressOp,
                                   AssembleOp, DisassembleOp, MatmulOp>();
    if (failed(conversion.apply(getOperation())))
      signalPassFailure();
  }
};
} // namespace
