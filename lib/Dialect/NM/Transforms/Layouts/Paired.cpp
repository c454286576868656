//===- Paired.cpp - Products of rows that meet two at a time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PanelProduct.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::nm;

/// Rows of a chain, in which each stands between two that share much with it. A
/// task has a multiple of as many: fewer where there would not be a task for
/// every core.
static int64_t chooseWindow(const ProductQuery &query) {
  int64_t length = query.weight.getDimSize(query.sparsity.getAxis());
  int64_t rows = query.weight.getNumElements() / std::max<int64_t>(1, length);
  int64_t window = 384;
  while (window > 48 && rows < window * query.target.getCores())
    window /= 2;
  return window;
}
/// Fewer slots of a row in a block do not make up for the ends of tiles.
static constexpr int64_t kLeastSlots = 16;
static constexpr int64_t kRows = 2;

/// As wide as the registers hold sums of both rows, a row of the panel and two
/// weights: every multiply-add takes 1 / vectors broadcasts. Two thirds of L1
/// hold the panel: ends of blocks cost more here than the weights that pass
/// beside it.
static PanelTile chooseTile(CPUAttr target) {
  int64_t vectors = 2;
  while (2 * vectors * (kRows + 1) + 2 <= target.getRegisters())
    vectors *= 2;
  return makePanelTile(target, kRows, vectors, 2.0 / 3);
}

namespace {

class PairedLayout final
    : public PanelProducts<PairedLayout, PairedLayoutAttr> {
public:
  StringRef name() const override { return "paired"; }

  LayoutOffer offer(const ProductQuery &query) const override {
    SparsityAttr sparsity = query.sparsity;
    if (sparsity.isDense())
      return LayoutOffer::refuse("the weight is dense");
    if (query.options.rows > 0 && query.options.rows != kRows)
      return LayoutOffer::refuse("tiles of " +
                                 std::to_string(query.options.rows) +
                                 " rows are asked for");
    // Measured there, where loads are the limit and two rows make up enough
    // sums.
    if (!query.target.hasFeature("avx512f"))
      return LayoutOffer::refuse("for AVX-512");
    PanelTile tile = chooseTile(query.target);
    // Few vectors are few sums, and do not make up for the broadcasts.
    if (query.isDynamic ||
        llvm::divideCeilSigned(query.columns(), query.target.getLanes()) * 2 <=
            tile.vectors)
      return LayoutOffer::refuse(
          "columns are not known to fill half of a panel");
    PanelBlocks blocks = choosePanelBlocks(query, tile);
    int64_t slots = blocks.depth / sparsity.getM() * sparsity.getN();
    if (slots < kLeastSlots)
      return LayoutOffer::refuse(std::to_string(slots) +
                                 " slots of a row in a block, expected " +
                                 std::to_string(kLeastSlots));
    // Rows that choose alike by chance share this much with two others; those
    // of a chain, more. A load serves two at most.
    double density = double(sparsity.getN()) / double(sparsity.getM());
    double loads = std::max(1 - density, 1.0 / 2);
    LayoutOffer offer;
    offer.layout = PairedLayoutAttr::get(query.context(), blocks.cols,
                                         blocks.depth, chooseWindow(query));
    // A value is broadcast; two offsets are one load.
    offer.cost = panelCost(query, tile, {density, 1 + 1.0 / 2, 1 / loads});
    offer.reason = "rows in pairs; " + describePanel(query, blocks);
    return offer;
  }

  static PanelProduct productOf(PackedMatmulOp op) {
    PairedLayoutAttr layout = layoutOf(op);
    PanelProduct product =
        panelProductOf(op, {kRows, layout.getCols(), layout.getDepth()},
                       /*sharesOffsets=*/false);
    product.window = layout.getWindow();
    return product;
  }
};

} // namespace

const ProductLayout &mlir::nm::pairedProducts() {
  static const PairedLayout products;
  return products;
}
