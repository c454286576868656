//===- ProductLayout.h - Products by one layout -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layout that products take is one file of this folder, which says when it is
// legal, what it costs and which kernel makes its code, and one line of
// ProductLayout.cpp. Storage and packing are the runtime library's
// (lib/Runtime/Layouts).
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_PRODUCTLAYOUT_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_PRODUCTLAYOUT_H

#include "nm/Dialect/NM/Transforms/ProductKernel.h"

namespace mlir::nm {

/// Options of nm-select-layout; a number that is 0 follows from the target.
struct LayoutOptions {
  int64_t rows = 0, vectors = 0, depth = 0;
  int64_t maxLaneColumns = 0, maxGroupedColumns = 0;
  /// Whether a weight may lie in memory in two layouts.
  bool twoLayouts = true;
};

/// A product whose weight is about to be stored.
struct ProductQuery {
  RankedTensorType weight;
  SparsityAttr sparsity;
  /// Consecutive rows of the weight that keep the same positions: 1, 2 or 4.
  int64_t sharedRows = 1;
  /// Columns that the weight multiplies at once. Where that is known only when
  /// the product runs, one and many: costs are summed over both.
  bool isDynamic = false;
  SmallVector<int64_t, 2> counts;
  CPUAttr target;
  LayoutOptions options;

  MLIRContext *context() const { return weight.getContext(); }
  /// The columns of a product that knows them.
  int64_t columns() const { return counts.front(); }
};

/// Columns that stand for "many" where their number is not known.
constexpr int64_t kManyColumns = 512;
/// The most columns at which a product that finds out takes the lane kernel.
constexpr int64_t kMostLaneColumns = 6;

/// What a layout makes of a product.
struct LayoutOffer {
  /// Null: not legal here, for `reason`.
  LayoutAttr layout;
  /// Of an element of the dense weight, in fused multiply-adds of a register
  /// that could start in the time. Packing the activations is not in it: all
  /// rows of the weight share it.
  double cost = 0;
  /// Which facts decided, as remarks say it.
  std::string reason;

  static LayoutOffer refuse(std::string reason) {
    LayoutOffer offer;
    offer.reason = std::move(reason);
    return offer;
  }
};

/// Options of nm-generate-kernels.
struct KernelOptions {
  /// 0: the layout chooses.
  int64_t rowBlock;
  bool parallel;
  /// -1: the target's.
  int64_t minParallelFlops;
};

/// Buffers of panels that a product has in place of its operands.
struct ProductPanels {
  /// Its packed activations; null: the product packs them.
  Value x;
  /// Where its results go, as the packed activations of the products that read
  /// them; null: to C.
  Value c;
};

/// What the compiler knows of a layout that products take. Stateless.
class ProductLayout {
public:
  virtual ~ProductLayout() = default;

  /// The attribute's name without the dialect: "panel".
  virtual StringRef name() const = 0;
  virtual bool owns(LayoutAttr layout) const = 0;
  /// The layout with its parameters for a product, or why there is none.
  virtual LayoutOffer offer(const ProductQuery &query) const = 0;

  /// Checks, with a message, that the target has a kernel for the product.
  virtual LogicalResult check(PackedMatmulOp op) const = 0;
  /// The form in which the kernel reads activations: products of the same
  /// activations whose forms are equal share them.
  virtual std::string activationForm(PackedMatmulOp op) const = 0;
  /// The form of activations in which the kernel can write its results, so that
  /// nothing packs them; empty: none.
  virtual std::string resultForm(PackedMatmulOp op) const { return ""; }
  /// Makes the buffer in front of `at` that a product with this form of results
  /// writes, for activations of `op`.
  virtual Value allocatePanels(PackedMatmulOp op, Operation *at) const {
    llvm_unreachable("no product writes activations of this form");
  }
  /// Emits the product in front of `op`, which passed the check, and returns
  /// where its packed activations are.
  virtual Value emit(PackedMatmulOp op, const ProductPanels &panels,
                     const KernelOptions &options) const = 0;
};

/// All of them.
ArrayRef<const ProductLayout *> productLayouts();

/// The one of an attribute, null for a layout that only stores.
const ProductLayout *findProductLayout(LayoutAttr layout);

/// The fewest rows of a task that a layout chooses.
constexpr int64_t kLeastTaskRows = 192;

/// Alignment of scratch and panel buffers: a cache line.
constexpr int64_t kAlignment = 64;

/// The shape of the code of a product but for what the layout adds. Tasks hold
/// whole groups of `groupRows` rows and whole registers of `lanes` elements.
KernelShape kernelShapeOf(PackedMatmulOp op, int64_t lanes, int64_t groupRows,
                          const KernelOptions &options);

/// Columns of the product, dynamic if they are.
int64_t columnsOf(PackedMatmulOp op);

/// A piece of the activations as a matrix whose rows are the contraction's and
/// whose columns are the product's, from (k, column) on.
Value viewActivations(KernelBuilder &b, PackedMatmulOp op, OpFoldResult k,
                      OpFoldResult column, OpFoldResult length,
                      OpFoldResult columns);

/// Whether the product is worth several threads.
bool isWorthThreads(PackedMatmulOp op, const KernelShape &shape,
                    const KernelOptions &options);

/// "16 registers of 256 bits".
std::string describeRegisters(CPUAttr target);

/// The registry: a function for each file of this folder.
const ProductLayout &panelProducts();
const ProductLayout &sharedProducts();
const ProductLayout &pairedProducts();
const ProductLayout &wholeProducts();
const ProductLayout &laneProducts();
const ProductLayout &lanePanelProducts();
const ProductLayout &groupedProducts();

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_PRODUCTLAYOUT_H
