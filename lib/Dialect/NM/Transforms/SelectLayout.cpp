//===- SelectLayout.cpp - Choice of layout for every N:M weight -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Runtime/Layout.h"

namespace mlir::nm {
#define GEN_PASS_DEF_SELECTLAYOUT
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// The product `op` as W X, with rows and columns of the result that the
/// batch dimensions were folded into.
struct Flattened {
  Value x, init;
  SmallVector<AffineMap> maps;
  SmallVector<Value> epilogueOperands;
};

struct SelectLayoutPass
    : public mlir::nm::impl::SelectLayoutBase<SelectLayoutPass> {
  using SelectLayoutBase::SelectLayoutBase;

  void runOnOperation() override {
    SmallVector<MatmulOp> ops;
    getOperation().walk([&](MatmulOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (MatmulOp op : ops)
      rewrite(op, rewriter);
    // Packs what is constant and names what the loader packs.
    RewritePatternSet patterns(&getContext());
    DisassembleOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

private:
  void left(MatmulOp op, StringRef reason) {
    remark::missed(
        op.getLoc(),
        remark::RemarkOpts::name("layout-none").category("nm-select-layout"))
        << "left to the reference lowering: "
        << remark::reason("{0}", reason.str());
  }

  /// Layouts are made ahead of the run: the weight must be known then.
  static bool isPackable(Value weight) {
    Operation *def = weight.getDefiningOp();
    if (!def)
      return false;
    if (isa<ParamOp>(def))
      return true;
    if (auto compress = dyn_cast<CompressOp>(def))
      return matchPattern(compress.getSource(), m_Constant());
    if (auto assemble = dyn_cast<AssembleOp>(def))
      return llvm::all_of(assemble.getStorage(), [](Value value) {
        return matchPattern(value, m_Constant());
      });
    return false;
  }

  /// Columns that the weight multiplies, the maximum if that is dynamic.
  static int64_t columnsOf(MatmulOp op) {
    bool weightLeft = op.isLhsSparse();
    ArrayRef<int64_t> shape = op.getResult().getType().getShape();
    int64_t columns = 1;
    for (int64_t dim : llvm::seq<int64_t>(0, shape.size()))
      if (dim != static_cast<int64_t>(shape.size()) - (weightLeft ? 2 : 1))
        columns = ShapedType::isDynamic(shape[dim])
                      ? std::numeric_limits<int32_t>::max()
                      : std::min<int64_t>(columns * shape[dim],
                                          std::numeric_limits<int32_t>::max());
    return columns;
  }

  /// Values that share a 32-bit lane widen by one shift or mask each, where
  /// widening them in order takes two shuffles. f16 has its own instruction,
  /// which wants them in order.
  static int64_t interleaveOf(Type element) {
    return element.isBF16() ? 2 : element.isInteger(8) ? 4 : 1;
  }

  FailureOr<LayoutAttr> choose(MatmulOp op, RankedTensorType weight) {
    SparsityAttr sparsity = mlir::nm::getSparsity(weight);
    int64_t columns = columnsOf(op);
    if (columns <= maxLaneColumns && lanes == 8 &&
        ::nm::rt::laneSupports(lanes, sparsity.getN(), sparsity.getM()))
      return LayoutAttr::get(op.getContext(), lanes,
                             interleaveOf(weight.getElementType()));
    int64_t cols = vectors * lanes;
    // Blocks end at group boundaries. A contraction of up to 1.5 blocks stays
    // whole if the panel still fits: one pass over the partial sums less.
    int64_t k = weight.getDimSize(sparsity.getAxis());
    int64_t m = sparsity.getM();
    int64_t block = std::max(m, depth / m * m);
    if (k <= block + block / 2 && k * cols <= 65536)
      block = k;
    return LayoutAttr::get(op.getContext(), rows, cols, block);
  }

  /// Folds batch dimensions of a product whose weight is shared by the batch
  /// into the rows, if memory order allows.
  FailureOr<Flattened> flatten(MatmulOp op, bool weightLeft,
                               RewriterBase &rewriter) {
    Flattened flat;
    flat.x = weightLeft ? op.getRhs() : op.getLhs();
    flat.init = op.getInit();
    flat.maps = op.getEpilogueMapArray();
    llvm::append_range(flat.epilogueOperands, op.getEpilogueOperands());
    int64_t batch = op.getBatchRank();
    if (batch == 0)
      return flat;
    bool rowMajor = !weightLeft && !op.getTransposeLhs();
    if (!rowMajor ||
        cast<RankedTensorType>(flat.x.getType()).getRank() != batch + 2)
      return failure();

    SmallVector<ReassociationIndices> groups(2);
    for (int64_t d = 0; d <= batch; ++d)
      groups[0].push_back(d);
    groups[1].push_back(batch + 1);
    auto collapse = [&](Value value) -> Value {
      return tensor::CollapseShapeOp::create(rewriter, op.getLoc(), value,
                                             groups);
    };
    MLIRContext *context = op.getContext();
    for (auto [map, operand] : llvm::zip(flat.maps, flat.epilogueOperands)) {
      if (map.isIdentity()) {
        operand = collapse(operand);
        map = AffineMap::getMultiDimIdentityMap(2, context);
      } else if (map.getNumResults() == 1 &&
                 map.getDimPosition(0) == batch + 1) {
        map = AffineMap::get(2, 0, rewriter.getAffineDimExpr(1));
      } else {
        return failure();
      }
    }
    flat.x = collapse(flat.x);
    flat.init = collapse(flat.init);
    return flat;
  }

  void rewrite(MatmulOp op, IRRewriter &rewriter) {
    OpOperand *sparse = op.getSparseOperand();
    if (!sparse)
      return left(op, "no operand is N:M encoded");
    bool weightLeft = op.isLhsSparse();
    auto weight = cast<RankedTensorType>(sparse->get().getType());
    if (weight.getRank() != 2)
      return left(op, "the weight has batch dimensions");
    if (llvm::is_contained(weight.getShape(), 0))
      return left(op, "the weight is empty");
    if (!isPackable(sparse->get()))
      return left(op, "the weight is neither a parameter nor a constant");
    FailureOr<LayoutAttr> layout = choose(op, weight);
    if (failed(layout))
      return left(op, "no layout holds the pattern");
    auto storage = layout->getStorageTypes(
        weight, [&] { return op.emitOpError("storage: "); });
    if (failed(storage))
      return signalPassFailure();

    rewriter.setInsertionPoint(op);
    FailureOr<Flattened> flat = flatten(op, weightLeft, rewriter);
    if (failed(flat))
      return left(op, "batch dimensions do not fold into rows");
    SmallVector<Type> storageTypes(storage->begin(), storage->end());
    auto parts = DisassembleOp::create(rewriter, op.getLoc(), storageTypes,
                                       sparse->get(), *layout);
    bool transposeX = weightLeft ? op.getTransposeRhs() : !op.getTransposeLhs();
    bool transposeC = !weightLeft;
    auto packed = PackedMatmulOp::create(
        rewriter, op.getLoc(), flat->init.getType(), parts.getStorage(),
        flat->x, flat->epilogueOperands, flat->init, weight, *layout,
        transposeX, transposeC, rewriter.getAffineMapArrayAttr(flat->maps));
    packed.getEpilogue().takeBody(op.getEpilogue());
    remark::passed(op.getLoc(), remark::RemarkOpts::name("layout").category(
                                    "nm-select-layout"))
        << remark::metric("layout", layout->getSpecString())
        << remark::metric("pattern",
                          mlir::nm::getSparsity(weight).getPatternString());
    Value result = packed.getResult();
    if (op.getBatchRank() != 0) {
      SmallVector<ReassociationIndices> groups(2);
      for (int64_t d = 0; d <= op.getBatchRank(); ++d)
        groups[0].push_back(d);
      groups[1].push_back(op.getBatchRank() + 1);
      result = tensor::ExpandShapeOp::create(
          rewriter, op.getLoc(), op.getResult().getType(), result, groups,
          tensor::getMixedSizes(rewriter, op.getLoc(), op.getInit()));
    }
    rewriter.replaceOp(op, result);
  }
};

} // namespace
