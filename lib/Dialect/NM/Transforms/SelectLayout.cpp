//===- SelectLayout.cpp - Choice of layout for every N:M weight -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Dialect/NM/IR/GroupForm.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Machine/RegisterTile.h"
#include "nm/Runtime/Layout.h"

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

/// Register tile and contraction block of a panel kernel.
struct PanelTile {
  int64_t rows, vectors, depth;
};

/// The tile for a weight of which the fraction `density` is stored: at the
/// least cost of each fused multiply-add, counted in those,
///   1 + values / vectors + end / (depth * density).
/// Four values and their offsets take two loads. Every block adds its sums to
/// those before it: two memory operations and the end of a chain, which the
/// sums of the tile's other rows hide in part; measured as 4 (Zen 3). `depth`
/// rows of a panel fill half of L1: through the
/// other half pass weights, offsets and sums, and with three quarters for the
/// panel products took 5 to 10 % longer (Zen 3). Four registers hold weights
/// and addends; three rows keep offsets of one coming while another multiplies,
/// and more than four gain nothing.
PanelTile choosePanelTile(CPUAttr target, double density) {
  constexpr int64_t kMostRows = 4, kLeastRows = 3, kOperands = 4;
  double values = target.getLoadCost() * 2 / 4;
  double end =
      target.getLoadCost() * 2 + double(target.getChains()) / double(kMostRows);
  PanelTile best{0, 0, 0};
  double bestCost = 0;
  for (int64_t vectors : {2, 4, 8}) {
    int64_t rows =
        std::min((target.getRegisters() - kOperands) / vectors, kMostRows);
    int64_t rowBytes = vectors * target.getLanes() * 4;
    // An offset fits 16 bits.
    int64_t depth =
        std::min(target.getL1() / 2 / rowBytes, 65536 * 4 / rowBytes);
    double cost =
        1 + values / double(vectors) + end / (double(depth) * density);
    if (best.rows == 0 || (rows >= kLeastRows && cost <= bestCost)) {
      best = {std::max<int64_t>(rows, 1), vectors, std::max<int64_t>(depth, 1)};
      bestCost = cost;
    }
  }
  return best;
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

/// The tile for a dense weight. `depth` rows of a panel fill three quarters of
/// L1: fewer loads pass beside them than for a sparse weight.
PanelTile chooseDenseTile(CPUAttr target) {
  auto [rows, vectors] = ::nm::machine::productTile(target.getRegisters());
  int64_t rowBytes = vectors * target.getLanes() * 4;
  int64_t depth =
      std::min(target.getL1() / 4 * 3 / rowBytes, 65536 * 4 / rowBytes);
  return {rows, vectors, std::max<int64_t>(depth, 1)};
}

/// The tile for rows that share their positions: as for a dense weight, but of
/// so many rows.
PanelTile chooseSharedTile(CPUAttr target, int64_t rows) {
  // NEON multiplies by an element of a register that holds four weights of a
  // row; elsewhere one register broadcasts after the other.
  int64_t weights = target.hasFeature("neon") ? rows : 1;
  int64_t vectors =
      std::min<int64_t>((target.getRegisters() - weights) / (rows + 1), 8);
  vectors = std::max<int64_t>(vectors, 1);
  int64_t rowBytes = vectors * target.getLanes() * 4;
  int64_t depth =
      std::min(target.getL1() / 4 * 3 / rowBytes, 65536 * 4 / rowBytes);
  return {rows, vectors, std::max<int64_t>(depth, 1)};
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

  /// Columns that the weight multiplies at once, the maximum if that is
  /// dynamic.
  static int64_t columnsOf(MatmulOp op) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    bool weightLeft = op.isLhsSparse();
    ArrayRef<int64_t> shape = op.getResult().getType().getShape();
    auto rank = static_cast<int64_t>(shape.size());
    int64_t columns = 1;
    for (int64_t dim : llvm::seq(foldsBatch(op) ? 0 : rank - 2, rank))
      if (dim != rank - (weightLeft ? 2 : 1))
        columns = ShapedType::isDynamic(shape[dim])
                      ? most
                      : std::min(columns * shape[dim], most);
    return columns;
  }

  /// Values that share a 32-bit lane widen by one shift or mask each, where
  /// widening them in order takes two shuffles. f16 has its own instruction,
  /// which wants them in order.
  static int64_t interleaveOf(Type element) {
    return element.isBF16() ? 2 : element.isInteger(8) ? 4 : 1;
  }

  static ::nm::rt::NibbleShape nibbleShapeOf(LayoutAttr layout,
                                             SparsityAttr sparsity) {
    return ::nm::rt::nibbleShape(
        ::nm::rt::LayoutSpec::nibble(layout.getRows(), layout.getDepth(),
                                     getGroupForm(sparsity)),
        sparsity.getN(), sparsity.getM());
  }

  /// Why the layout was chosen, as the remark says it.
  std::string reasonFor(MatmulOp op, LayoutAttr layout, SparsityAttr sparsity,
                        CPUAttr target) {
    int64_t columns = columnsOf(op);
    std::string text;
    llvm::raw_string_ostream os(text);
    if (layout.getKind() == LayoutKind::Nibble)
      os << columns << " of at most " << maxNibbleColumns << " columns, "
         << llvm::formatv("{0:f3}",
                          nibbleShapeOf(layout, sparsity).bitsPerWeight())
         << " bits a weight, activations in 8 bits";
    else if (layout.getKind() == LayoutKind::Lane)
      os << columns << " of at most " << maxLaneColumns
         << " columns, groups of " << sparsity.getM()
         << " in one permute of the target's";
    else if (columns > maxLaneColumns)
      os << "more than " << maxLaneColumns << " columns";
    else
      os << "no permute of the target's selects from groups of "
         << sparsity.getM();
    os << "; " << target.getRegisters() << " registers of "
       << target.getVector() << " bits";
    if (layout.getKind() == LayoutKind::Shared)
      os << ", every " << layout.getRows() << " rows share their mask";
    if (layout.hasPanels())
      os << ", " << layout.getDepth() << " x " << layout.getCols()
         << " panel in " << target.getL1() << " bytes of L1";
    return text;
  }

  FailureOr<LayoutAttr> choose(MatmulOp op, Value weightValue) {
    auto weight = cast<RankedTensorType>(weightValue.getType());
    SparsityAttr sparsity = mlir::nm::getSparsity(weight);
    CPUAttr target = getCPUTarget(op);
    int64_t columns = columnsOf(op);
    int64_t width = target.getLaneWidth(sparsity.getM());
    if (sparsity.isQuantized() && columns <= maxNibbleColumns &&
        target.getNibbleRows() != 0 &&
        ::nm::rt::nibbleSupports(sparsity.getN(), sparsity.getM()))
      return LayoutAttr::get(op.getContext(), LayoutKind::Nibble,
                             target.getNibbleRows(), /*cols=*/0,
                             sparsity.getGroup());
    if (columns <= maxLaneColumns && target.permutesGroupsOf(sparsity.getM()) &&
        ::nm::rt::laneSupports(width, sparsity.getN(), sparsity.getM()))
      return LayoutAttr::get(op.getContext(), width,
                             interleaveOf(weight.getElementType()));
    bool isDense = sparsity.getN() == sparsity.getM();
    int64_t sharedRows = isDense ? 1 : getSharedRows(weightValue);
    PanelTile tile = isDense ? chooseDenseTile(target)
                     : sharedRows > 1
                         ? chooseSharedTile(target, sharedRows)
                         : choosePanelTile(target, double(sparsity.getN()) /
                                                       double(sparsity.getM()));
    int64_t rows = this->rows > 0 ? this->rows : tile.rows;
    int64_t cols = (vectors > 0 ? vectors : tile.vectors) * target.getLanes();
    int64_t depth = this->depth > 0 ? this->depth : tile.depth;
    // Blocks end at group boundaries. A contraction of up to 1.5 blocks stays
    // whole if the panel still fits: one pass over the partial sums less.
    int64_t k = weight.getDimSize(sparsity.getAxis());
    int64_t m = sparsity.getM();
    int64_t block = std::max(m, depth / m * m);
    if (k <= block + block / 2 && k * cols <= 65536)
      block = k;
    if (sharedRows > 1 && rows == sharedRows)
      return LayoutAttr::get(op.getContext(), LayoutKind::Shared, rows, cols,
                             block);
    return LayoutAttr::get(op.getContext(), rows, cols, block);
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
    FailureOr<LayoutAttr> layout = choose(op, sparse->get());
    if (failed(layout))
      return left(op, "no layout holds the pattern");
    auto storage = layout->getStorageTypes(
        weight, [&] { return op.emitOpError("storage: "); });
    if (failed(storage))
      return signalPassFailure();

    rewriter.setInsertionPoint(op);
    SmallVector<Type> storageTypes(storage->begin(), storage->end());
    auto parts = DisassembleOp::create(rewriter, op.getLoc(), storageTypes,
                                       sparse->get(), *layout);
    SparsityAttr sparsity = mlir::nm::getSparsity(weight);
    CPUAttr target = getCPUTarget(op);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("layout").category(
                                    "nm-select-layout"))
        << remark::metric("layout", layout->getSpecString(sparsity))
        << remark::metric("pattern", sparsity.getPatternString())
        << remark::reason("{0}", reasonFor(op, *layout, sparsity, target));
    Packing packing{weight, *layout, parts.getStorage()};
    Value result = op.getBatchRank() == 0 || foldsBatch(op)
                       ? multiplyAtOnce(op, packing, rewriter)
                       : multiplyOneByOne(op, packing, rewriter);
    rewriter.replaceOp(op, result);
  }
};

} // namespace
