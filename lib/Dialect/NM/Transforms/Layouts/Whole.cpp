//===- Whole.cpp - Products of weights whose pattern gains nothing -*- C++ -*-//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PanelProduct.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

class WholeLayout final : public PanelProducts<WholeLayout, WholeLayoutAttr> {
public:
  StringRef name() const override { return "whole"; }

  LayoutOffer offer(const ProductQuery &query) const override {
    if (query.sparsity.isDense())
      return LayoutOffer::refuse("the weight is dense");
    if (query.isDynamic)
      return LayoutOffer::refuse("columns are known only at run time");
    PanelTile tile = chooseDenseTile(query.target);
    PanelBlocks blocks = choosePanelBlocks(query, tile);
    LayoutOffer offer;
    offer.layout = WholeLayoutAttr::get(query.context(), blocks.rows,
                                        blocks.cols, blocks.depth);
    offer.cost = densePanelCost(query, tile);
    offer.reason = "run dense: " + query.sparsity.getPatternString() +
                   " gains nothing by " + std::to_string(query.columns()) +
                   " columns; " + describePanel(query, blocks);
    return offer;
  }

  static PanelProduct productOf(PackedMatmulOp op) {
    PanelProduct product =
        panelProductOf(op, layoutOf(op), /*sharesOffsets=*/false);
    product.isWhole = true;
    return product;
  }
};

} // namespace

const ProductLayout &mlir::nm::wholeProducts() {
  static const WholeLayout products;
  return products;
}
