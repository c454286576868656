//===- Shared.cpp - Products of rows that share their mask -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PanelProduct.h"

using namespace mlir;
using namespace mlir::nm;

/// The tile for rows that share their positions: as for a dense weight, but of
/// so many rows.
static PanelTile chooseTile(CPUAttr target, int64_t rows) {
  // NEON multiplies by an element of a register that holds four weights of a
  // row; elsewhere one register broadcasts after the other.
  int64_t weights = target.hasFeature("neon") ? rows : 1;
  int64_t vectors =
      std::min<int64_t>((target.getRegisters() - weights) / (rows + 1), 8);
  return makePanelTile(target, rows, std::max<int64_t>(vectors, 1), 3.0 / 4);
}

namespace {

class SharedLayout final
    : public PanelProducts<SharedLayout, SharedLayoutAttr> {
public:
  StringRef name() const override { return "shared"; }

  LayoutOffer offer(const ProductQuery &query) const override {
    int64_t rows = query.sharedRows;
    if (query.sparsity.isDense())
      return LayoutOffer::refuse("the weight is dense");
    if (rows == 1)
      return LayoutOffer::refuse("rows do not share their mask");
    PanelTile tile = chooseTile(query.target, rows);
    PanelBlocks blocks = choosePanelBlocks(query, tile);
    if (blocks.rows != rows)
      return LayoutOffer::refuse("tiles of " + std::to_string(blocks.rows) +
                                 " rows are asked for, " +
                                 std::to_string(rows) + " share their mask");
    // A value is broadcast; the rows share one load of four offsets.
    double loads = 1 + 1.0 / double(4 * rows);
    double density =
        double(query.sparsity.getN()) / double(query.sparsity.getM());
    LayoutOffer offer;
    offer.layout = SharedLayoutAttr::get(query.context(), blocks.rows,
                                         blocks.cols, blocks.depth);
    offer.cost = panelCost(query, tile, {density, loads, double(rows)});
    offer.reason = "every " + std::to_string(rows) +
                   " rows share their mask; " + describePanel(query, blocks);
    return offer;
  }

  static PanelProduct productOf(PackedMatmulOp op) {
    return panelProductOf(op, layoutOf(op), /*sharesOffsets=*/true);
  }
};

} // namespace

const ProductLayout &mlir::nm::sharedProducts() {
  static const SharedLayout products;
  return products;
}
