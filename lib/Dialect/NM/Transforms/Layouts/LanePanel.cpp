//===- LanePanel.cpp - Columns that are known at run time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weight lies in memory twice. Products compare their number of columns
// once and take the lane kernel, in chunks of four, two and one column, or the
// panel kernel. What holds the activations is one buffer, so that products of
// the same activations share it whatever they turn out to be.
//
//===----------------------------------------------------------------------===//

#include "FewColumns.h"
#include "LaneProduct.h"
#include "PanelProduct.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Runtime/Layout.h"

using namespace mlir;
using namespace mlir::nm;

/// The product with a number of columns that it knows.
static ProductQuery withColumns(ProductQuery query, int64_t columns) {
  query.isDynamic = false;
  query.counts = {columns};
  query.options.maxLaneColumns = kMostLaneColumns;
  return query;
}

/// The largest number of columns for which the lane kernel costs no more than
/// the panel kernel, 0 if there is none.
static int64_t laneColumnsOf(const ProductQuery &query) {
  for (int64_t columns = kMostLaneColumns; columns > 0; --columns) {
    ProductQuery known = withColumns(query, columns);
    LayoutOffer lane = laneProducts().offer(known);
    if (lane.layout && lane.cost <= panelProducts().offer(known).cost)
      return columns;
  }
  return 0;
}

/// The same of a product that is stored, but at least one.
static int64_t laneColumnsOf(PackedMatmulOp op) {
  ProductQuery query;
  query.weight = op.getEncodedType();
  query.sparsity = op.getSparsity();
  query.target = getCPUTarget(op);
  return std::max<int64_t>(1, laneColumnsOf(query));
}

namespace {

/// A product with both of its storages.
class LanePanelEmitter {
public:
  LanePanelEmitter(PackedMatmulOp op, const KernelOptions &options)
      : b(op.getLoc(), op.getContext()), op(op), options(options),
        layout(cast<LanePanelLayoutAttr>(op.getLayout())),
        shape(laneShapeOf(op, layout.getLanes(), layout.getInterleave(),
                          options)),
        few(laneColumnsOf(op)) {
    b.setInsertionPoint(op);
    takeStorage();
    columns = memref::DimOp::create(b, op.getX(), op.getTransposeX() ? 0 : 1);
    isFew = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, columns,
                                  b.index(few));
  }

  Value emit(Value packed) {
    if (!packed) {
      packed = allocate();
      b.either(
          isFew, [&] { lanes().packInto(viewColumns(packed)); },
          [&] { packPanels(b, panel, packed, options); });
    }
    b.either(
        isFew, [&] { lanes().emitLoops(viewColumns(packed)); },
        [&] { emitPanelLoops(b, panel, packed, options); });
    return packed;
  }

private:
  /// Takes the storage apart: the lane layout at its beginning, then panels.
  void takeStorage() {
    int64_t bytes = shape.weightElement.getIntOrFloatBitWidth() / 8;
    ::nm::rt::LanePanelParts parts = *::nm::rt::lanePanelParts(
        ::nm::rt::LayoutSpec::lanePanel(
            ::nm::rt::LayoutSpec::lane(layout.getLanes(),
                                       layout.getInterleave()),
            ::nm::rt::LayoutSpec::panel(layout.getRows(), layout.getCols(),
                                        layout.getDepth())),
        shape.weightRows, shape.contraction, shape.n, shape.m, bytes);
    auto attribute = [&](int64_t value) -> OpFoldResult {
      return b.getIndexAttr(value);
    };
    panel.op = op;
    panel.blocks = {layout.getRows(), layout.getCols(), layout.getDepth()};
    laneValues = op.getStorage()[0];
    panel.values = memref::SubViewOp::create(
        b, laneValues, ArrayRef<OpFoldResult>{attribute(parts.panelValues)},
        ArrayRef<OpFoldResult>{attribute(parts.panelShapes.values.count())},
        ArrayRef<OpFoldResult>{attribute(1)});
    if (op.getStorage().size() == 1)
      return;
    auto viewBytes = [&](const ::nm::rt::PartShape &part, int64_t at) -> Value {
      if (!part.present())
        return {};
      auto type =
          MemRefType::get({part.count()}, b.getIntegerType(part.elemBytes * 8));
      return memref::ViewOp::create(b, type, op.getStorage()[1], b.index(at),
                                    ValueRange{});
    };
    laneWords = viewBytes(parts.laneShapes.metadata, 0);
    panel.offsets = viewBytes(parts.panelShapes.metadata, parts.panelMetadata);
  }

  /// Activations of either kernel.
  Value allocate() {
    Value elements = arith::SelectOp::create(
        b, isFew, b.index(few * paddedDepth(shape)), panelElements(b, panel));
    auto type = MemRefType::get({ShapedType::kDynamic}, shape.accumulator);
    return memref::AllocOp::create(b, type, ValueRange{elements},
                                   b.getI64IntegerAttr(kAlignment));
  }

  Value viewColumns(Value packed) {
    int64_t padded = paddedDepth(shape);
    auto sizes =
        getAsIndexOpFoldResult(b.getContext(), ArrayRef<int64_t>{few, padded});
    auto strides =
        getAsIndexOpFoldResult(b.getContext(), ArrayRef<int64_t>{padded, 1});
    return b.view(packed, b.getIndexAttr(0), sizes, strides);
  }

  LaneEmitter lanes() {
    return LaneEmitter(b, op, shape, isWorthThreads(op, shape, options),
                       laneValues, laneWords, few, columns);
  }

  KernelBuilder b;
  PackedMatmulOp op;
  KernelOptions options;
  LanePanelLayoutAttr layout;
  KernelShape shape; ///< of the lane kernel
  int64_t few;       ///< columns up to which it runs
  PanelProduct panel;
  Value laneValues, laneWords, columns, isFew;
};

class LanePanelProducts final : public ProductLayout {
public:
  StringRef name() const override { return "lane_panel"; }
  bool owns(LayoutAttr layout) const override {
    return isa<LanePanelLayoutAttr>(layout);
  }

  LayoutOffer offer(const ProductQuery &query) const override {
    if (!query.isDynamic)
      return LayoutOffer::refuse("the number of columns is known");
    if (!query.options.twoLayouts)
      return LayoutOffer::refuse("weights are to lie in memory once");
    LayoutOffer lane = laneProducts().offer(withColumns(query, 1));
    if (!lane.layout)
      return LayoutOffer::refuse(lane.reason);
    int64_t few = laneColumnsOf(query);
    if (few == 0)
      return LayoutOffer::refuse("lanes cost more than panels for one column");
    // Either kernel at the number of columns at which it runs.
    LayoutOffer panel = panelProducts().offer(withColumns(query, kManyColumns));
    auto lanes = cast<LaneLayoutAttr>(lane.layout);
    auto panels = cast<PanelLayoutAttr>(panel.layout);
    LayoutOffer offer;
    offer.layout = LanePanelLayoutAttr::get(
        query.context(), lanes.getLanes(), lanes.getInterleave(),
        panels.getRows(), panels.getCols(), panels.getDepth());
    offer.cost = lane.cost + panel.cost;
    offer.reason = "columns are known at run time: lanes for up to " +
                   std::to_string(few) + ", panels for more, in memory both; " +
                   panel.reason;
    return offer;
  }

  LogicalResult check(PackedMatmulOp op) const override {
    auto layout = cast<LanePanelLayoutAttr>(op.getLayout());
    if (failed(checkLanes(op, layout.getLanes(), layout.getInterleave())))
      return failure();
    return checkPanel(op, layout.getCols());
  }

  std::string activationForm(PackedMatmulOp op) const override {
    auto layout = cast<LanePanelLayoutAttr>(op.getLayout());
    return laneForm(layout.getLanes(), layout.getInterleave()) + " or " +
           panelForm(layout.getCols()) + " from " +
           std::to_string(laneColumnsOf(op)) + " columns on";
  }

  Value emit(PackedMatmulOp op, const ProductPanels &panels,
             const KernelOptions &options) const override {
    return LanePanelEmitter(op, options).emit(panels.x);
  }
};

} // namespace

const ProductLayout &mlir::nm::lanePanelProducts() {
  static const LanePanelProducts products;
  return products;
}
