//===- NMFolds.cpp - Folds and canonicalisation -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

using namespace mlir;
using namespace mlir::nm;

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

OpFoldResult PruneOp::fold(FoldAdaptor adaptor) {
  // Every group keeps all of its elements.
  if (getSparsity().isDense())
    return getSource();
  // Pruning is idempotent, and what was compressed satisfies the pattern.
  if (auto prune = getSource().getDefiningOp<PruneOp>())
    if (prune.getSparsity() == getSparsity())
      return getSource();
  if (auto decompress = getSource().getDefiningOp<DecompressOp>())
    if (nm::getSparsity(decompress.getSource().getType()) == getSparsity())
      return getSource();
  if (auto source = dyn_cast_or_null<DenseElementsAttr>(adaptor.getSource()))
    return pruneConstant(source, getSparsity());
  return {};
}

OpFoldResult CompressOp::fold(FoldAdaptor) {
  if (auto decompress = getSource().getDefiningOp<DecompressOp>())
    if (decompress.getSource().getType() == getType())
      return decompress.getSource();
  return {};
}

OpFoldResult DecompressOp::fold(FoldAdaptor) {
  if (auto compress = getSource().getDefiningOp<CompressOp>())
    return compress.getSource();
  return {};
}

OpFoldResult AssembleOp::fold(FoldAdaptor) {
  if (getStorage().empty())
    return {};
  auto disassemble = getStorage()[0].getDefiningOp<DisassembleOp>();
  if (disassemble && disassemble.getLayout() == getLayout() &&
      disassemble.getSource().getType() == getType() &&
      llvm::equal(disassemble.getStorage(), getStorage()))
    return disassemble.getSource();
  return {};
}

LogicalResult DisassembleOp::fold(FoldAdaptor,
                                  SmallVectorImpl<OpFoldResult> &results) {
  auto assemble = getSource().getDefiningOp<AssembleOp>();
  if (!assemble || assemble.getLayout() != getLayout())
    return failure();
  llvm::append_range(results, assemble.getStorage());
  return success();
}

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

/// The storage of a parameter is a packed parameter.
static LogicalResult disassembleParam(DisassembleOp op,
                                      PatternRewriter &rewriter) {
  auto param = op.getSource().getDefiningOp<ParamOp>();
  if (!param)
    return rewriter.notifyMatchFailure(op, "source is no parameter");
  rewriter.replaceOpWithNewOp<PackedParamOp>(
      op, op.getStorage().getTypes(), param.getKeyAttr(), param.getScopeAttr(),
      TypeAttr::get(param.getResult().getType()), op.getLayout());
  return success();
}

/// Constants are packed, or converted between layouts, here and now.
static LogicalResult disassembleConstant(DisassembleOp op,
                                         PatternRewriter &rewriter) {
  RankedTensorType type = op.getSource().getType();
  FailureOr<SmallVector<DenseElementsAttr>> packed = failure();
  DenseElementsAttr dense;
  if (auto compress = op.getSource().getDefiningOp<CompressOp>()) {
    if (!matchPattern(compress.getSource(), m_Constant(&dense)))
      return rewriter.notifyMatchFailure(op, "source is not constant");
    packed = packConstant(dense, type, op.getLayout());
  } else if (auto assemble = op.getSource().getDefiningOp<AssembleOp>()) {
    SmallVector<DenseElementsAttr> storage;
    for (Value value : assemble.getStorage()) {
      if (!matchPattern(value, m_Constant(&dense)))
        return rewriter.notifyMatchFailure(op, "storage is not constant");
      storage.push_back(dense);
    }
    packed =
        convertConstant(storage, type, assemble.getLayout(), op.getLayout());
  }
  if (failed(packed))
    return rewriter.notifyMatchFailure(
        op, "no constant source, or a group is over-full");
  SmallVector<Value> constants;
  for (DenseElementsAttr part : *packed)
    constants.push_back(arith::ConstantOp::create(rewriter, op.getLoc(), part));
  rewriter.replaceOp(op, constants);
  return success();
}

/// A matrix product reads an encoded operand as it is.
static LogicalResult matmulOfDecompress(MatmulOp op,
                                        PatternRewriter &rewriter) {
  if (op.getSparsity())
    return rewriter.notifyMatchFailure(op, "an operand is encoded already");
  for (auto [operand, dim, dense] :
       {std::tuple(&op.getLhsMutable(), op.getLhsReductionDim(), op.getRhs()),
        std::tuple(&op.getRhsMutable(), op.getRhsReductionDim(),
                   op.getLhs())}) {
    auto decompress = operand->get().getDefiningOp<DecompressOp>();
    if (!decompress ||
        nm::getSparsity(decompress.getSource().getType()).getAxis() != dim)
      continue;
    // Beside an encoded float weight nothing is i8 (nm_matmul_c4).
    if (dense.getType().getElementType().isInteger(8) &&
        !decompress.getSource().getType().getElementType().isInteger(8))
      continue;
    OpOperand *read = operand; // a binding cannot be captured
    rewriter.modifyOpInPlace(op, [&] { read->set(decompress.getSource()); });
    return success();
  }
  return rewriter.notifyMatchFailure(op, "no decompressed operand");
}

/// Epilogue operands that the region does not read are dropped.
static LogicalResult dropUnusedEpilogueOperands(MatmulOp op,
                                                PatternRewriter &rewriter) {
  if (!op.hasEpilogue())
    return rewriter.notifyMatchFailure(op, "no epilogue");
  Block &block = op.getEpilogue().front();
  for (unsigned i = 0; i < op.getEpilogueOperands().size(); ++i) {
    if (!block.getArgument(i + 1).use_empty())
      continue;
    SmallVector<AffineMap> maps = op.getEpilogueMapArray();
    maps.erase(maps.begin() + i);
    rewriter.modifyOpInPlace(op, [&] {
      op.getEpilogueOperandsMutable().erase(i);
      op.setEpilogueMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      block.eraseArgument(i + 1);
    });
    return success();
  }
  return rewriter.notifyMatchFailure(op, "all epilogue operands are read");
}

/// An epilogue that yields the accumulator does nothing.
static LogicalResult dropIdentityEpilogue(MatmulOp op,
                                          PatternRewriter &rewriter) {
  if (!op.hasEpilogue() || !op.getEpilogueOperands().empty())
    return rewriter.notifyMatchFailure(op, "no epilogue, or it has operands");
  Block &block = op.getEpilogue().front();
  if (block.getTerminator()->getOperand(0) != block.getArgument(0))
    return rewriter.notifyMatchFailure(op, "epilogue computes");
  rewriter.modifyOpInPlace(op, [&] { rewriter.eraseBlock(&block); });
  return success();
}

void DisassembleOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                MLIRContext *) {
  patterns.add(disassembleParam).add(disassembleConstant);
}

void MatmulOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *) {
  patterns.add(matmulOfDecompress)
      .add(dropUnusedEpilogueOperands)
      .add(dropIdentityEpilogue);
}
