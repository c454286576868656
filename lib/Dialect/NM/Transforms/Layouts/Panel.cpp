//===- Panel.cpp - Products with many columns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PanelProduct.h"

using namespace mlir;
using namespace mlir::nm;

/// The tile for a weight of which the fraction `density` is stored: at the
/// least cost of each fused multiply-add, counted in those,
///   1 + values / vectors + end / (depth * density).
/// Four values and their offsets take two loads. `depth` rows of a panel fill
/// half of L1: through the other half pass weights, offsets and sums, and with
/// three quarters for the panel products took 5 to 10 % longer (Zen 3). Four
/// registers hold weights and addends; three rows keep offsets of one coming
/// while another multiplies, and more than four gain nothing.
static PanelTile chooseSparseTile(CPUAttr target, double density) {
  constexpr int64_t kMostRows = 4, kLeastRows = 3, kOperands = 4;
  double values = target.getLoadCost() * 2 / 4;
  double end = blockEndCost(target, kMostRows);
  PanelTile best{0, 0, 0};
  double bestCost = 0;
  for (int64_t vectors : {2, 4, 8}) {
    int64_t rows =
        std::min((target.getRegisters() - kOperands) / vectors, kMostRows);
    PanelTile tile = makePanelTile(target, rows, vectors, 1.0 / 2);
    double cost =
        1 + values / double(vectors) + end / (double(tile.depth) * density);
    if (best.rows == 0 || (rows >= kLeastRows && cost <= bestCost)) {
      best = tile;
      bestCost = cost;
    }
  }
  return best;
}

namespace {

class PanelLayout final : public PanelProducts<PanelLayout, PanelLayoutAttr> {
public:
  StringRef name() const override { return "panel"; }

  LayoutOffer offer(const ProductQuery &query) const override {
    SparsityAttr sparsity = query.sparsity;
    bool isDense = sparsity.isDense();
    double density = double(sparsity.getN()) / double(sparsity.getM());
    PanelTile tile = isDense ? chooseDenseTile(query.target)
                             : chooseSparseTile(query.target, density);
    PanelBlocks blocks = choosePanelBlocks(query, tile);
    return {PanelLayoutAttr::get(query.context(), blocks.rows, blocks.cols,
                                 blocks.depth),
            isDense ? densePanelCost(query, tile)
                    // A value is broadcast; four offsets are one load.
                    : panelCost(query, tile, {density, 1 + 1.0 / 4, 1}),
            describePanel(query, blocks)};
  }

  static PanelProduct productOf(PackedMatmulOp op) {
    return panelProductOf(op, layoutOf(op), /*sharesOffsets=*/false);
  }
};

} // namespace

const ProductLayout &mlir::nm::panelProducts() {
  static const PanelLayout products;
  return products;
}
