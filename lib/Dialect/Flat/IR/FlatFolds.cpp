//===- FlatFolds.cpp - Canonicalisation of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"

using namespace mlir;
using namespace mlir::flat;

using Role = AttentionOp::Role;

/// A mask that changes nothing: true, or zero, everywhere. (Adding zero also
/// turns -0 into +0, which a softmax does not see.)
static LogicalResult dropTrivialMask(AttentionOp op,
                                     PatternRewriter &rewriter) {
  DenseElementsAttr elements;
  if (!op.getMask() || !matchPattern(op.getMask(), m_Constant(&elements)) ||
      !elements.isSplat())
    return rewriter.notifyMatchFailure(op, "no mask of one constant");
  bool isTrivial = elements.getElementType().isInteger(1)
                       ? elements.getSplatValue<bool>()
                       : elements.getSplatValue<APFloat>().isZero();
  if (!isTrivial)
    return rewriter.notifyMatchFailure(op, "the mask changes scores");
  rewriter.modifyOpInPlace(op, [&] {
    op.getMaskMutable().clear();
    op.removeMaskMapAttr();
  });
  return success();
}

/// Constants in operands, and what is the default anyway.
static LogicalResult simplifyScalars(AttentionOp op,
                                     PatternRewriter &rewriter) {
  APFloat scale(0.0f);
  if (op.getScale() && matchPattern(op.getScale(), m_ConstantFloat(&scale)) &&
      scale.isFinite()) {
    rewriter.modifyOpInPlace(op, [&] {
      op.getScaleMutable().clear();
      op.setScaleValueAttr(rewriter.getF32FloatAttr(scale.convertToFloat()));
    });
    return success();
  }
  int64_t depth = op.getStaticSize(Role::Q, AttentionOp::Width);
  if (auto value = op.getScaleValue();
      value && !ShapedType::isDynamic(depth) && depth > 0 &&
      value->convertToFloat() ==
          static_cast<float>(1.0 / std::sqrt(static_cast<double>(depth)))) {
    rewriter.modifyOpInPlace(op, [&] { op.removeScaleValueAttr(); });
    return success();
  }
  // Positions matter to a score function only.
  if (op.getOffset() &&
      (!op.hasScoreRegion() || matchPattern(op.getOffset(), m_Zero()))) {
    rewriter.modifyOpInPlace(op, [&] { op.getOffsetMutable().clear(); });
    return success();
  }
  APInt length;
  int64_t keys = op.getStaticSize(Role::K, AttentionOp::Sequence);
  if (op.getLength() && !ShapedType::isDynamic(keys) &&
      matchPattern(op.getLength(), m_ConstantInt(&length)) &&
      length.getSExtValue() >= keys) {
    rewriter.modifyOpInPlace(op, [&] { op.getLengthMutable().clear(); });
    return success();
  }
  for (Role role : {Role::Q, Role::K, Role::V, Role::Out}) {
    bool isNamed = role == Role::Q   ? bool(op.getQOrderAttr())
                   : role == Role::K ? bool(op.getKOrderAttr())
                   : role == Role::V ? bool(op.getVOrderAttr())
                                     : bool(op.getOOrderAttr());
    if (isNamed && op.getOrder(role).isIdentity()) {
      rewriter.modifyOpInPlace(op, [&] { op.setOrder(role, {}); });
      return success();
    }
  }
  return rewriter.notifyMatchFailure(op, "nothing is constant or default");
}

/// A window as wide as the keys hides none: the comparisons go.
static LogicalResult dropTrivialWindow(AttentionOp op,
                                       PatternRewriter &rewriter) {
  if (!op.hasScoreRegion())
    return rewriter.notifyMatchFailure(op, "no score region");
  ScoreAnalysis analysis = analyzeScore(op);
  int64_t queries = op.getStaticSize(Role::Q, AttentionOp::Sequence),
          keys = op.getStaticSize(Role::K, AttentionOp::Sequence);
  if (!analysis.hasWindow() || !analysis.isWindowExact ||
      ShapedType::isDynamic(queries) || ShapedType::isDynamic(keys))
    return rewriter.notifyMatchFailure(op, "no window of known size");
  APInt offset(64, 0);
  if (op.getOffset() && !matchPattern(op.getOffset(), m_ConstantInt(&offset)))
    return rewriter.notifyMatchFailure(op, "positions are not known");
  int64_t first = offset.getSExtValue(), last = first + queries - 1;
  if ((analysis.right && first + *analysis.right < keys - 1) ||
      (analysis.left && last - *analysis.left > 0))
    return rewriter.notifyMatchFailure(op, "the window hides keys");
  Operation *yield = op.getScore().front().getTerminator();
  rewriter.modifyOpInPlace(yield,
                           [&] { yield->setOperand(0, analysis.value); });
  return success();
}

/// A region that yields the logit is none; one that does not read an operand
/// does not need it.
static LogicalResult simplifyRegion(AttentionOp op, PatternRewriter &rewriter) {
  if (!op.hasScoreRegion())
    return rewriter.notifyMatchFailure(op, "no score region");
  Block &block = op.getScore().front();
  bool isIdentity =
      block.getTerminator()->getOperand(0) == block.getArgument(0);
  SmallVector<Value> operands;
  SmallVector<Attribute> maps;
  BitVector unused(block.getNumArguments());
  for (auto [index, operand, map] :
       llvm::enumerate(op.getScoreOperands(), op.getScoreMaps())) {
    if (isIdentity || block.getArgument(5 + index).use_empty()) {
      unused.set(5 + index);
      continue;
    }
    operands.push_back(operand);
    maps.push_back(map);
  }
  if (!isIdentity && unused.none())
    return rewriter.notifyMatchFailure(op, "the region is all needed");
  rewriter.modifyOpInPlace(op, [&] {
    if (isIdentity)
      rewriter.eraseBlock(&block);
    else
      block.eraseArguments(unused);
    op.getScoreOperandsMutable().assign(operands);
    op.setScoreMapsAttr(rewriter.getArrayAttr(maps));
  });
  return success();
}

/// Keys and values are read as they lie in a cache.
static LogicalResult readQuantizedRows(AttentionOp op,
                                       PatternRewriter &rewriter) {
  auto readAsIs = [&](Role role, OpOperand &operand) {
    auto rows = operand.get().getDefiningOp<DequantizeRowsOp>();
    if (!rows || op.getPosition(role, AttentionOp::Width) != 3)
      return false;
    rewriter.modifyOpInPlace(op, [&] { operand.set(rows.getInput()); });
    return true;
  };
  bool readsKeys = readAsIs(Role::K, op.getKMutable());
  bool readsValues = readAsIs(Role::V, op.getVMutable());
  if (readsKeys || readsValues)
    return success();
  return rewriter.notifyMatchFailure(op, "no rows are dequantised for it");
}

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *) {
  patterns.add(dropTrivialMask)
      .add(simplifyScalars)
      .add(dropTrivialWindow)
      .add(simplifyRegion)
      .add(readQuantizedRows);
}
