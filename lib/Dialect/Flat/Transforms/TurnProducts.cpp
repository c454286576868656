//===- TurnProducts.cpp - Products that attention reads -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product with a packed weight makes rows of features, and turns them if the
// model wants rows of positions. Keys are packed with positions side by side,
// which turned them back; queries and values are as well packed from rows of
// features. Such rows of a head are one piece of memory for one sequence.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::flat {
#define GEN_PASS_DEF_TURNPRODUCTS
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"
} // namespace mlir::flat

using namespace mlir;
using namespace mlir::flat;

namespace {

using Role = AttentionOp::Role;

/// Positions from which products fill panels and attention packs its operands.
constexpr int64_t kLeastPositions = 64;

struct TurnProductsPass
    : public mlir::flat::impl::TurnProductsBase<TurnProductsPass> {
  void runOnOperation() override {
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (AttentionOp op : ops) {
      if (!isLong(op, Role::Q) || !isLong(op, Role::K))
        continue;
      for (Role role : {Role::Q, Role::K, Role::V})
        turn(rewriter, op, role);
    }
  }

private:
  static bool isLong(AttentionOp op, Role role) {
    int64_t positions = op.getStaticSize(role, AttentionOp::Sequence);
    return ShapedType::isStatic(positions) && positions >= kLeastPositions;
  }

  /// A product with a packed weight on its right.
  static bool isTurnable(nm::MatmulOp product) {
    return product && product->hasOneUse() && product.getBatchRank() == 0 &&
           product.getSparsity() && !product.isLhsSparse();
  }

  static void turn(RewriterBase &rewriter, AttentionOp op, Role role) {
    auto heads = op.getShaped(role).getDefiningOp<tensor::ExpandShapeOp>();
    if (!heads || !heads->hasOneUse() ||
        !heads.getResultType().hasStaticShape())
      return;
    auto product = heads.getSrc().getDefiningOp<nm::MatmulOp>();
    if (!isTurnable(product))
      return;
    // The product's rows are positions, of one sequence behind another.
    auto count =
        static_cast<int64_t>(heads.getReassociationIndices().front().size());
    int64_t rank = heads.getResultType().getRank();
    if (op.getPosition(role, AttentionOp::Sequence) != count - 1)
      return;
    SmallVector<int64_t> positions;
    for (int64_t position : op.getOrder(role).getPositions())
      positions.push_back((position + rank - count) % rank);

    rewriter.setInsertionPoint(product);
    nm::MatmulOp turned = turnProduct(rewriter, product);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("product-turned")
                                    .category("flat-turn-products"))
        << remark::metric("operand", role == Role::Q   ? "q"
                                     : role == Role::K ? "k"
                                                       : "v");
    SmallVector<int64_t> shape(heads.getResultType().getShape());
    std::rotate(shape.begin(), shape.begin() + count, shape.end());
    SmallVector<ReassociationIndices> groups(2);
    for (int64_t dim = 0; dim < rank; ++dim)
      groups[dim < rank - count ? 0 : 1].push_back(dim);
    Value split = tensor::ExpandShapeOp::create(
        rewriter, heads.getLoc(), heads.getResultType().clone(shape),
        turned.getResult(), groups);
    rewriter.modifyOpInPlace(op, [&] {
      op->replaceUsesOfWith(heads.getResult(), split);
      op.setOrder(role, OrderAttr::get(op.getContext(), positions));
    });
    rewriter.eraseOp(heads);
    rewriter.eraseOp(product);
  }

  /// The transposed result of the same product.
  static nm::MatmulOp turnProduct(RewriterBase &rewriter,
                                  nm::MatmulOp product) {
    RankedTensorType type = product.getResult().getType();
    Value init = tensor::EmptyOp::create(
        rewriter, product.getLoc(),
        ArrayRef<int64_t>{type.getDimSize(1), type.getDimSize(0)},
        type.getElementType());
    AffineMap swap = AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0},
                                                  type.getContext());
    SmallVector<AffineMap> maps;
    for (AffineMap map : product.getEpilogueMapArray())
      maps.push_back(map.compose(swap));
    auto turned = nm::MatmulOp::create(
        rewriter, product.getLoc(), product.getRhs(), product.getLhs(), init,
        !product.getTransposeRhs(), !product.getTransposeLhs(),
        product.getEpilogueOperands(), maps);
    turned->setDiscardableAttrs(product->getDiscardableAttrDictionary());
    turned.getEpilogue().takeBody(product.getEpilogue());
    return turned;
  }
};

} // namespace
