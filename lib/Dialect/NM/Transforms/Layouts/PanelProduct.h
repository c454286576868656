//===- PanelProduct.h - Products that read packed panels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_PANELPRODUCT_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_PANELPRODUCT_H

#include "ProductLayout.h"

namespace mlir::nm {

/// Register tile and contraction block of a panel kernel.
struct PanelTile {
  int64_t rows, vectors, depth;
};

/// `rows` rows and `vectors` vectors with the block of which `part` of L1 holds
/// a panel.
PanelTile makePanelTile(CPUAttr target, int64_t rows, int64_t vectors,
                        double part);

/// The tile for a weight of which all elements are stored. `depth` rows of a
/// panel fill three quarters of L1: fewer loads pass beside them than for a
/// sparse weight.
PanelTile chooseDenseTile(CPUAttr target);

/// A tile with what the options say, in elements; blocks end at group
/// boundaries.
struct PanelBlocks {
  int64_t rows, cols, depth;
};
PanelBlocks choosePanelBlocks(const ProductQuery &query, const PanelTile &tile);

/// What the end of a block costs in a vector of sums. They are added to those
/// before them: two memory operations and the end of a chain, which the sums of
/// the tile's other rows hide in part; measured as 4 with four rows (Zen 3).
double blockEndCost(CPUAttr target, int64_t rows);

/// What a kernel by panels does for an element of the dense weight.
struct PanelWork {
  /// The part of the elements that it multiplies.
  double stored;
  /// Loads of values and offsets for each of those and each register tile.
  double loads;
  /// Rows for which it loads activations once.
  double sharing;
};

/// Cost of an element of the dense weight, see LayoutOffer.
double panelCost(const ProductQuery &query, const PanelTile &tile,
                 const PanelWork &work);
/// The same by a kernel that multiplies all elements and has no offsets.
double densePanelCost(const ProductQuery &query, const PanelTile &tile);

/// "16 registers of 256 bits, 128 x 32 panel in 32768 bytes of L1".
std::string describePanel(const ProductQuery &query, const PanelBlocks &blocks);

/// Checks that whole vectors make up a panel.
LogicalResult checkPanel(PackedMatmulOp op, int64_t cols);

/// The form in which activations lie in panels of `cols` columns.
std::string panelForm(int64_t cols);

/// A product by panels.
struct PanelProduct {
  PackedMatmulOp op;
  PanelBlocks blocks;
  bool sharesOffsets = false;
  /// Buffers of one dimension; offsets are null for a dense weight.
  Value values, offsets;
  /// Rows that are paired with one another, 0 where rows stand in order.
  int64_t window = 0;
  /// Whether all elements of a group are stored, whatever the pattern.
  bool isWhole = false;
};

/// The product of `op` by a layout whose storage is that of panels alone.
PanelProduct panelProductOf(PackedMatmulOp op, const PanelBlocks &blocks,
                            bool sharesOffsets);
/// The same, in blocks as the layout says.
template <typename Layout>
PanelProduct panelProductOf(PackedMatmulOp op, Layout layout,
                            bool sharesOffsets) {
  return panelProductOf(op,
                        {layout.getRows(), layout.getCols(), layout.getDepth()},
                        sharesOffsets);
}

/// Emits a product in front of its operation, see ProductLayout.
Value emitPanelProduct(const PanelProduct &product, const ProductPanels &panels,
                       const KernelOptions &options);

/// The form in which the product can write its results as panels of
/// activations: those that the epilogue makes of a sum and of what stands
/// beside its row of the weight.
std::string panelResultForm(const PanelProduct &product);
/// A buffer for all panels of the product's activations.
Value allocatePanels(const PanelProduct &product, Operation *at);

/// What layouts whose storage is that of panels alone have in common. `Derived`
/// has productOf(): the product of an operation whose layout is a `Layout`.
template <typename Derived, typename Layout>
class PanelProducts : public ProductLayout {
public:
  bool owns(LayoutAttr layout) const override { return isa<Layout>(layout); }
  LogicalResult check(PackedMatmulOp op) const override {
    return checkPanel(op, layoutOf(op).getCols());
  }
  std::string activationForm(PackedMatmulOp op) const override {
    return panelForm(layoutOf(op).getCols());
  }
  std::string resultForm(PackedMatmulOp op) const override {
    return panelResultForm(Derived::productOf(op));
  }
  Value allocatePanels(PackedMatmulOp op, Operation *at) const override {
    return mlir::nm::allocatePanels(Derived::productOf(op), at);
  }
  Value emit(PackedMatmulOp op, const ProductPanels &panels,
             const KernelOptions &options) const override {
    return emitPanelProduct(Derived::productOf(op), panels, options);
  }

  static Layout layoutOf(PackedMatmulOp op) {
    return cast<Layout>(op.getLayout());
  }
};

/// Elements of the panels of all activations.
Value panelElements(KernelBuilder &b, const PanelProduct &product);
/// Packs the activations into a buffer of so many elements.
void packPanels(const KernelBuilder &at, const PanelProduct &product,
                Value packed, const KernelOptions &options);
/// Emits the loops over rows and panels of packed activations.
void emitPanelLoops(const KernelBuilder &at, const PanelProduct &product,
                    Value packed, const KernelOptions &options);

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_PANELPRODUCT_H
