//===- FlatVerifier.cpp - Constraints of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/IR/FlatDialect.h"

using namespace mlir;
using namespace mlir::flat;

using Role = AttentionOp::Role;

static bool sizesAgree(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

/// c1: tensors with a result, or buffers without.
static LogicalResult verifySemantics(AttentionOp op) {
  bool tensors = isa<RankedTensorType>(op.getInit().getType());
  for (Value operand : op->getOperands())
    if (isa<ShapedType>(operand.getType()) &&
        isa<RankedTensorType>(operand.getType()) != tensors)
      return op.emitOpError("flat_attention_c1: shaped operands must all be ")
             << (tensors ? "tensors" : "memrefs")
             << " like the destination, got " << operand.getType();
  if (tensors != static_cast<bool>(op.getResult()))
    return op.emitOpError("flat_attention_c1: expected ")
           << (tensors ? "a result on tensors" : "no result on memrefs");
  if (tensors && op.getResult().getType() != op.getInit().getType())
    return op.emitOpError("flat_attention_c1: result type ")
           << op.getResult().getType() << " must equal the destination type "
           << op.getInit().getType();
  return success();
}

/// c2 and c3.
static LogicalResult verifySizes(AttentionOp op) {
  struct {
    const char *name;
    Role a;
    Role b;
    int64_t dim;
  } pairs[] = {
      {"batch of q and k", Role::Q, Role::K, AttentionOp::Batch},
      {"batch of q and v", Role::Q, Role::V, AttentionOp::Batch},
      {"batch of q and out", Role::Q, Role::Out, AttentionOp::Batch},
      {"batch of k and v", Role::K, Role::V, AttentionOp::Batch},
      {"batch of k and out", Role::K, Role::Out, AttentionOp::Batch},
      {"query heads of q and out", Role::Q, Role::Out, AttentionOp::Head},
      {"key heads of k and v", Role::K, Role::V, AttentionOp::Head},
      {"queries of q and out", Role::Q, Role::Out, AttentionOp::Sequence},
      {"keys of k and v", Role::K, Role::V, AttentionOp::Sequence},
      {"width of q and k", Role::Q, Role::K, AttentionOp::Width},
      {"width of v and out", Role::V, Role::Out, AttentionOp::Width}};
  for (auto &pair : pairs) {
    int64_t a = op.getStaticSize(pair.a, pair.dim),
            b = op.getStaticSize(pair.b, pair.dim);
    if (!sizesAgree(a, b))
      return op.emitOpError("flat_attention_c2: ")
             << pair.name << " must agree, got " << a << " and " << b;
  }
  int64_t heads = op.getStaticSize(Role::Q, AttentionOp::Head),
          keyHeads = op.getStaticSize(Role::K, AttentionOp::Head);
  if (ShapedType::isDynamic(keyHeads))
    keyHeads = op.getStaticSize(Role::V, AttentionOp::Head);
  if (ShapedType::isDynamic(heads))
    heads = op.getStaticSize(Role::Out, AttentionOp::Head);
  if (!ShapedType::isDynamic(heads) && !ShapedType::isDynamic(keyHeads) &&
      (keyHeads == 0 ? heads != 0 : heads % keyHeads != 0))
    return op.emitOpError("flat_attention_c3: query heads must be a multiple "
                          "of key heads, got ")
           << heads << " and " << keyHeads;
  return success();
}

/// c4 and c5: `map` takes (b, h, i, j) to the dimensions of `type`.
static LogicalResult verifyMap(AttentionOp op, StringRef what, ShapedType type,
                               AffineMap map) {
  if (map.getNumDims() != 4 || map.getNumSymbols() != 0)
    return op.emitOpError()
           << what << " must map (b, h, i, j), got " << AffineMapAttr::get(map);
  if (map.getNumResults() != type.getRank())
    return op.emitOpError()
           << what << " has " << map.getNumResults()
           << " results for an operand of rank " << type.getRank();
  auto sizeOf = [&](unsigned dim) {
    auto either = [&](Role a, Role b, AttentionOp::Dim which) {
      int64_t size = op.getStaticSize(a, which);
      return ShapedType::isDynamic(size) ? op.getStaticSize(b, which) : size;
    };
    return dim == 0   ? either(Role::Q, Role::Out, AttentionOp::Batch)
           : dim == 1 ? either(Role::Q, Role::Out, AttentionOp::Head)
           : dim == 2 ? either(Role::Q, Role::Out, AttentionOp::Sequence)
                      : either(Role::K, Role::V, AttentionOp::Sequence);
  };
  unsigned seen = 0;
  for (auto [dim, result] : llvm::enumerate(map.getResults())) {
    int64_t size = type.getDimSize(dim);
    if (auto constant = dyn_cast<AffineConstantExpr>(result)) {
      if (constant.getValue() != 0 || size != 1)
        return op.emitOpError()
               << what << " may be constant only as 0 over size 1, got "
               << constant.getValue() << " over size " << size;
      continue;
    }
    auto position = dyn_cast<AffineDimExpr>(result);
    if (!position || (seen & (1u << position.getPosition())))
      return op.emitOpError()
             << what
             << " must name each of b, h, i, j at most once and nothing else, "
                "got "
             << AffineMapAttr::get(map);
    seen |= 1u << position.getPosition();
    int64_t expected = sizeOf(position.getPosition());
    if (!sizesAgree(size, expected))
      return op.emitOpError() << what << ": dimension " << dim << " has size "
                              << size << ", expected " << expected;
  }
  return success();
}

/// c9.
static LogicalResult verifyRows(AttentionOp op) {
  for (auto [name, role] : {std::pair("k", Role::K), {"v", Role::V}}) {
    if (!op.isQuantized(role))
      continue;
    ShapedType type = op.getShapedType(role);
    int64_t width = op.getPosition(role, AttentionOp::Width);
    // A width that is not known is less than any.
    if (width != type.getRank() - 1 || type.getDimSize(width) <= kRowScaleBytes)
      return op.emitOpError("flat_attention_c9: quantised rows of ")
             << name << " must be the last dimension, of a known size of "
             << kRowScaleBytes + 1 << " or more, got " << type;
  }
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifySemantics(*this)) || failed(verifyRows(*this)) ||
      failed(verifySizes(*this)))
    return failure();
  if (static_cast<bool>(getMask()) != static_cast<bool>(getMaskMapAttr()))
    return emitOpError("flat_attention_c4: mask and mask map come together");
  if (Value mask = getMask()) {
    auto type = cast<ShapedType>(mask.getType());
    Type element = type.getElementType();
    if (!element.isInteger(1) && !element.isF32() && !element.isBF16() &&
        !element.isF16())
      return emitOpError("flat_attention_c4: mask elements must be i1, f32, "
                         "bf16 or f16, got ")
             << element;
    if (failed(verifyMap(*this, "flat_attention_c4: mask map", type,
                         *getMaskMap())))
      return failure();
  }
  if (getScoreMaps().size() != getScoreOperands().size())
    return emitOpError("flat_attention_c5: ")
           << getScoreOperands().size()
           << " score operands need as many maps, got "
           << getScoreMaps().size();
  for (auto [index, operand, map] :
       llvm::enumerate(getScoreOperands(), getScoreMapArray()))
    if (failed(verifyMap(
            *this,
            ("flat_attention_c5: map of score operand " + Twine(index)).str(),
            cast<ShapedType>(operand.getType()), map)))
      return failure();
  if (getScale() && getScaleValueAttr())
    return emitOpError(
        "flat_attention_c6: scale given as an operand and as an attribute");
  if (std::optional<APFloat> value = getScaleValue())
    if (!value->isFinite())
      return emitOpError("flat_attention_c6: scale must be finite, got ")
             << getScaleValueAttr();
  return success();
}

LogicalResult AttentionOp::verifyRegions() {
  if (!hasScoreRegion()) {
    if (!getScoreOperands().empty())
      return emitOpError(
          "flat_attention_c7: score operands need a score region");
    return success();
  }
  Block &block = getScore().front();
  Builder builder(getContext());
  SmallVector<Type> expected(5, builder.getIndexType());
  expected[0] = builder.getF32Type();
  for (Value operand : getScoreOperands())
    expected.push_back(cast<ShapedType>(operand.getType()).getElementType());
  if (!llvm::equal(block.getArgumentTypes(), expected))
    return emitOpError("flat_attention_c7: score region takes (")
           << block.getArgumentTypes() << "), expected (" << expected << ")";
  if (block.empty() || !isa<YieldOp>(block.back()))
    return emitOpError(
        "flat_attention_c7: score region must end with flat.yield");
  for (Operation &inner : block.without_terminator()) {
    bool scalar = llvm::all_of(inner.getResultTypes(), [](Type type) {
      return type.isIntOrIndexOrFloat();
    });
    if (scalar && inner.getNumRegions() == 0 && isMemoryEffectFree(&inner))
      continue;
    InFlightDiagnostic diag =
        emitOpError("flat_attention_c8: score region may hold only "
                    "side-effect free scalar operations, found '")
        << inner.getName() << "'";
    diag.attachNote(inner.getLoc()) << "operation is here";
    return diag;
  }
  return success();
}
