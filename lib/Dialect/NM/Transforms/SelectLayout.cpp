//===- SelectLayout.cpp - Choice of layout for every N:M weight -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layouts/ProductLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::nm {
#define GEN_PASS_DEF_SELECTLAYOUT
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// The product `op`, or a part of it, as W X with matrices alone.
struct MatrixProduct {
  Value x, init;
  SmallVector<AffineMap> maps;
  SmallVector<Value> epilogueOperands;
};

/// A weight as it will be stored.
struct Packing {
  RankedTensorType weight;
  LayoutAttr layout;
  ValueRange storage;
};

/// The matrix of `value` at the indices `at` of the batch dimensions. `map`
/// takes indices of the product's result to those of `value`, and becomes a map
/// of the matrix's.
Value takeMatrix(OpBuilder &b, Location loc, Value value, ValueRange at,
                 AffineMap &map) {
  auto type = cast<RankedTensorType>(value.getType());
  unsigned batch = at.size();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value);
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> ones(type.getRank(), b.getIndexAttr(1));
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> kept;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    unsigned position = cast<AffineDimExpr>(expr).getPosition();
    if (position < batch) {
      offsets[dim] = at[position];
      sizes[dim] = b.getIndexAttr(1);
      continue;
    }
    shape.push_back(type.getDimSize(dim));
    kept.push_back(b.getAffineDimExpr(position - batch));
  }
  map = AffineMap::get(map.getNumDims() - batch, 0, kept, b.getContext());
  if (static_cast<int64_t>(shape.size()) == type.getRank())
    return value;
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), value,
      offsets, sizes, ones);
}

/// How many consecutive rows of the weight are known to keep the same
/// positions: 4, 2, or 1.
int64_t getSharedRows(Value weight) {
  Operation *def = weight.getDefiningOp();
  DenseElementsAttr dense;
  if (auto compress = dyn_cast<CompressOp>(def);
      compress && matchPattern(compress.getSource(), m_Constant(&dense)))
    return countSharedRows(dense, compress.getType());
  auto rows = def->getAttrOfType<IntegerAttr>(kSharedRowsAttrName);
  return rows && (rows.getInt() == 2 || rows.getInt() == 4) ? rows.getInt() : 1;
}

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

  /// Whether the batch dimensions of a product whose weight all of the batch
  /// shares can be rows of one: in memory and for the epilogue.
  static bool foldsBatch(MatmulOp op) {
    int64_t batch = op.getBatchRank();
    bool isRowMajor = !op.isLhsSparse() && !op.getTransposeLhs();
    return isRowMajor &&
           cast<RankedTensorType>(op.getLhs().getType()).getRank() ==
               batch + 2 &&
           llvm::all_of(op.getEpilogueMapArray(), [&](AffineMap map) {
             return map.isIdentity() || (map.getNumResults() == 1 &&
                                         map.getDimPosition(0) == batch + 1);
           });
  }

  /// Columns that the weight multiplies at once, dynamic if that is known only
  /// when the product runs.
  static int64_t columnsOf(MatmulOp op) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    bool weightLeft = op.isLhsSparse();
    ArrayRef<int64_t> shape = op.getResult().getType().getShape();
    auto rank = static_cast<int64_t>(shape.size());
    int64_t columns = 1;
    for (int64_t dim : llvm::seq(foldsBatch(op) ? 0 : rank - 2, rank)) {
      if (dim == rank - (weightLeft ? 2 : 1))
        continue;
      if (ShapedType::isDynamic(shape[dim]))
        return ShapedType::kDynamic;
      columns = std::min(columns * shape[dim], most);
    }
    return columns;
  }

  /// What a layout said when it was asked.
  struct Answer {
    const ProductLayout *layout;
    LayoutOffer offer;
  };

  /// Asks all layouts; the cheapest offer comes first.
  SmallVector<Answer> askLayouts(MatmulOp op, Value weightValue) {
    auto weight = cast<RankedTensorType>(weightValue.getType());
    SparsityAttr sparsity = mlir::nm::getSparsity(weight);
    int64_t columns = columnsOf(op);
    bool isDynamic = ShapedType::isDynamic(columns);
    SmallVector<int64_t, 2> counts{isDynamic ? 1 : columns};
    if (isDynamic)
      counts.push_back(kManyColumns);
    ProductQuery query{
        weight,
        sparsity,
        sparsity.isDense() ? 1 : getSharedRows(weightValue),
        isDynamic,
        counts,
        getCPUTarget(op),
        {rows, vectors, depth, maxLaneColumns, maxGroupedColumns, twoLayouts}};
    SmallVector<Answer> answers;
    for (const ProductLayout *layout : productLayouts())
      answers.push_back({layout, layout->offer(query)});
    auto isCheaper = [](const Answer &a, const Answer &b) {
      if (!a.offer.layout || !b.offer.layout)
        return a.offer.layout && !b.offer.layout;
      return a.offer.cost < b.offer.cost;
    };
    auto *best = std::min_element(answers.begin(), answers.end(), isCheaper);
    std::rotate(answers.begin(), best, best + 1);
    return answers;
  }

  /// Why the others were not taken: "lane: more than 6 columns; panel: cost
  /// 1.13 for 0.44".
  static std::string describeRejected(ArrayRef<Answer> answers) {
    std::string text;
    llvm::raw_string_ostream os(text);
    for (const Answer &answer : answers.drop_front()) {
      os << (text.empty() ? "" : "; ") << answer.layout->name() << ": ";
      if (answer.offer.layout)
        os << llvm::formatv("cost {0:f3} for {1:f3}", answer.offer.cost,
                            answers[0].offer.cost);
      else
        os << answer.offer.reason;
    }
    return text;
  }

  static Value xOf(MatmulOp op) {
    return op.isLhsSparse() ? op.getRhs() : op.getLhs();
  }

  /// Groups of the dimensions of a result: batch and rows, columns.
  static SmallVector<ReassociationIndices> rowsAndColumns(int64_t batch) {
    SmallVector<ReassociationIndices> groups(2);
    for (int64_t d = 0; d <= batch; ++d)
      groups[0].push_back(d);
    groups[1].push_back(batch + 1);
    return groups;
  }

  /// The whole product, its batch dimensions among the rows.
  static MatrixProduct flatten(MatmulOp op, RewriterBase &rewriter) {
    MatrixProduct flat;
    flat.x = xOf(op);
    flat.init = op.getInit();
    flat.maps = op.getEpilogueMapArray();
    llvm::append_range(flat.epilogueOperands, op.getEpilogueOperands());
    int64_t batch = op.getBatchRank();
    if (batch == 0)
      return flat;
    auto collapse = [&](Value value) -> Value {
      return tensor::CollapseShapeOp::create(rewriter, op.getLoc(), value,
                                             rowsAndColumns(batch));
    };
    for (auto [map, operand] : llvm::zip(flat.maps, flat.epilogueOperands)) {
      if (map.isIdentity()) {
        operand = collapse(operand);
        map = AffineMap::getMultiDimIdentityMap(2, op.getContext());
      } else {
        map = AffineMap::get(2, 0, rewriter.getAffineDimExpr(1));
      }
    }
    flat.x = collapse(flat.x);
    flat.init = collapse(flat.init);
    return flat;
  }

  static Value createPacked(MatmulOp op, const MatrixProduct &product,
                            const Packing &packing, OpBuilder &b) {
    bool weightLeft = op.isLhsSparse();
    bool transposeX = weightLeft ? op.getTransposeRhs() : !op.getTransposeLhs();
    auto packed = PackedMatmulOp::create(
        b, op.getLoc(), product.init.getType(), packing.storage, product.x,
        product.epilogueOperands, product.init, packing.weight, packing.layout,
        transposeX, /*transposeC=*/!weightLeft,
        b.getAffineMapArrayAttr(product.maps));
    packed.getEpilogue().takeBody(op.getEpilogue());
    return packed.getResult();
  }

  static Value multiplyAtOnce(MatmulOp op, const Packing &packing,
                              RewriterBase &rewriter) {
    Value result = createPacked(op, flatten(op, rewriter), packing, rewriter);
    if (op.getBatchRank() == 0)
      return result;
    return tensor::ExpandShapeOp::create(
        rewriter, op.getLoc(), op.getResult().getType(), result,
        rowsAndColumns(op.getBatchRank()),
        tensor::getMixedSizes(rewriter, op.getLoc(), op.getInit()));
  }

  /// One product after the other for the matrices of the batch. What the kernel
  /// reads or writes of one lies as if there were no others.
  static Value multiplyOneByOne(MatmulOp op, const Packing &packing,
                                RewriterBase &rewriter) {
    Location loc = op.getLoc();
    unsigned batch = op.getBatchRank();
    SmallVector<Value> sizes, zeros, ones;
    for (unsigned d = 0; d < batch; ++d) {
      zeros.push_back(arith::ConstantIndexOp::create(rewriter, loc, 0));
      ones.push_back(arith::ConstantIndexOp::create(rewriter, loc, 1));
      sizes.push_back(getValueOrCreateConstantIndexOp(
          rewriter, loc, tensor::getMixedSize(rewriter, loc, op.getInit(), d)));
    }
    auto body = [&](OpBuilder &b, Location at, ValueRange indices,
                    ValueRange results) -> scf::ValueVector {
      AffineMap whole = b.getMultiDimIdentityMap(batch + 2);
      auto take = [&](Value value) {
        AffineMap map = whole;
        bool isShared = cast<RankedTensorType>(value.getType()).getRank() == 2;
        return isShared ? value : takeMatrix(b, at, value, indices, map);
      };
      MatrixProduct product;
      product.x = take(xOf(op));
      product.init = take(results[0]);
      for (auto [map, operand] :
           llvm::zip(op.getEpilogueMapArray(), op.getEpilogueOperands())) {
        AffineMap own = map;
        product.epilogueOperands.push_back(
            takeMatrix(b, at, operand, indices, own));
        product.maps.push_back(own);
      }
      Value matrix = createPacked(op, product, packing, b);
      SmallVector<OpFoldResult> offsets(indices.begin(), indices.end());
      offsets.append(2, b.getIndexAttr(0));
      SmallVector<OpFoldResult> shape(batch, b.getIndexAttr(1));
      llvm::append_range(shape, tensor::getMixedSizes(b, at, product.init));
      SmallVector<OpFoldResult> steps(batch + 2, b.getIndexAttr(1));
      return {tensor::InsertSliceOp::create(b, at, matrix, results[0], offsets,
                                            shape, steps)};
    };
    return scf::buildLoopNest(rewriter, loc, zeros, sizes, ones,
                              ValueRange{op.getInit()}, body)
        .results[0];
  }

  void rewrite(MatmulOp op, IRRewriter &rewriter) {
    OpOperand *sparse = op.getSparseOperand();
    if (!sparse)
      return left(op, "no operand is N:M encoded");
    auto weight = cast<RankedTensorType>(sparse->get().getType());
    if (weight.getRank() != 2)
      return left(op, "the weight has batch dimensions");
    if (llvm::is_contained(weight.getShape(), 0))
      return left(op, "the weight is empty");
    if (!isPackable(sparse->get()))
      return left(op, "the weight is neither a parameter nor a constant");
    SmallVector<Answer> answers = askLayouts(op, sparse->get());
    const LayoutOffer &chosen = answers.front().offer;
    LayoutAttr layout = chosen.layout;
    if (!layout)
      return left(op, "no layout holds the pattern");
    auto storage = layout.getStorageTypes(
        weight, [&] { return op.emitOpError("storage: "); });
    if (failed(storage))
      return signalPassFailure();

    rewriter.setInsertionPoint(op);
    SmallVector<Type> storageTypes(storage->begin(), storage->end());
    auto parts = DisassembleOp::create(rewriter, op.getLoc(), storageTypes,
                                       sparse->get(), layout);
    SparsityAttr sparsity = mlir::nm::getSparsity(weight);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("layout").category(
                                    "nm-select-layout"))
        << remark::metric("layout", layout.getSpecString(sparsity))
        << remark::metric("pattern", sparsity.getPatternString())
        << remark::reason("{0}", chosen.reason)
        << remark::metric("rejected", describeRejected(answers));
    Packing packing{weight, layout, parts.getStorage()};
    Value result = op.getBatchRank() == 0 || foldsBatch(op)
                       ? multiplyAtOnce(op, packing, rewriter)
                       : multiplyOneByOne(op, packing, rewriter);
    rewriter.replaceOp(op, result);
  }
};

} // namespace
