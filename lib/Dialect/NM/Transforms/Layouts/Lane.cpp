//===- Lane.cpp - Products with few columns by permutes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneProduct.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Runtime/Layout.h"
#include <cmath>

using namespace mlir;
using namespace mlir::nm;

/// Values that share a 32-bit lane widen by one shift or mask each, where
/// widening them in order takes two shuffles. f16 has its own instruction,
/// which wants them in order.
static int64_t interleaveOf(Type element) {
  return element.isBF16() ? 2 : element.isInteger(8) ? 4 : 1;
}

/// Instructions that bring activations to their places in a register, out of as
/// many registers as hold a segment.
static double permutesFor(CPUAttr target, int64_t segment) {
  double sources = std::max(1.0, double(segment) / double(target.getLanes()));
  // A table look-up takes as long as its table has registers.
  if (target.hasFeature("neon"))
    return sources;
  // A permute selects from two registers at once.
  if (target.getVector() == 512)
    return std::ceil(sources / 2);
  // A permute of each, then a blend for all but one.
  return 2 * sources - 1;
}

/// Of an element of the dense weight. A register of the layout is as many of
/// the target's as hold a group; each of those is loaded, its indices are
/// shifted to their place, and every column permutes and multiplies.
static double costOf(const ProductQuery &query, int64_t width) {
  CPUAttr target = query.target;
  auto lane = ::nm::rt::laneShape(query.sparsity.getN(), query.sparsity.getM());
  double parts = double(width) / double(target.getLanes());
  double permutes = lane.hasIndices() ? permutesFor(target, lane.segment) : 0;
  double shifts = lane.hasIndices() ? 1 : 0;
  double cost = 0;
  for (int64_t columns : query.counts) {
    double perRegister =
        target.getLoadCost() + shifts + double(columns) * (1 + permutes);
    cost += parts * perRegister / double(width * lane.rows);
  }
  return cost;
}

KernelShape mlir::nm::laneShapeOf(PackedMatmulOp op, int64_t lanes,
                                  int64_t interleave,
                                  const KernelOptions &options) {
  SparsityAttr sparsity = op.getSparsity();
  // The layout's registers may be several of the target's: LLVM takes them
  // apart.
  KernelShape shape = kernelShapeOf(
      op, lanes, ::nm::rt::laneShape(sparsity.getN(), sparsity.getM()).rows,
      options);
  shape.interleave = interleave;
  return shape;
}

int64_t mlir::nm::paddedDepth(const KernelShape &shape) {
  return llvm::divideCeil(shape.contraction, shape.lanes) * shape.lanes;
}

LogicalResult mlir::nm::checkLanes(PackedMatmulOp op, int64_t lanes,
                                   int64_t interleave) {
  SparsityAttr sparsity = op.getSparsity();
  CPUAttr target = getCPUTarget(op);
  Type element = op.getEncodedType().getElementType();
  if (!target.permutesGroupsOf(sparsity.getM()))
    return op.emitOpError("has layout ")
           << op.getLayout() << ", but the target permutes no groups of "
           << sparsity.getM() << "; use a panel layout";
  int64_t width = target.getLaneWidth(sparsity.getM());
  if (lanes != width)
    return op.emitOpError("has registers of ")
           << lanes << " elements, expected " << width << " for groups of "
           << sparsity.getM() << " and vectors of " << target.getLanes()
           << " lanes";
  if (interleave != 1 &&
      (interleave * element.getIntOrFloatBitWidth() != 32 || element.isF16()))
    return op.emitOpError("interleaves ")
           << interleave << " registers of " << element
           << ", expected two of bf16, four of i8 or one";
  return success();
}

std::string mlir::nm::laneForm(int64_t lanes, int64_t interleave) {
  // Interleaved i8 weights want their activations scaled.
  return "columns of " + std::to_string(lanes) +
         (interleave == 4 ? ", scaled" : "");
}

void LaneEmitter::packInto(Value packed) {
  OpFoldResult zero = b.getIndexAttr(0), all = b.getIndexAttr(columns);
  if (count)
    all = count;
  Value x = viewActivations(b, op, zero, zero,
                            b.getIndexAttr(shape.contraction), all);
  auto pack = kernel::PackOp::create(b, x, b.turned(packed));
  // The kernel widens interleaved i8 weights to 2^24 times their value. Powers
  // of two are exact; only inputs under 2^-102 lose bits, 2^-150 at most.
  if (shape.interleave == 4 && isa<FloatType>(shape.accumulator))
    pack.setFactorAttr(b.getF32FloatAttr(0x1p-24f));
}

Value LaneEmitter::pack() {
  Value packed = allocate({columns, paddedDepth(shape)}, shape.accumulator);
  packInto(packed);
  return packed;
}

void LaneEmitter::emitRows(Value packed, Value firstGroup, Value groups,
                           Value tile) {
  if (count)
    emitLaneRows(b, shape, count, values, words, packed, firstGroup, groups,
                 tile);
  else
    emitLaneRows(b, shape, columns, values, words, packed, firstGroup, groups,
                 tile);
}

namespace {

class LaneProducts final : public ProductLayout {
public:
  StringRef name() const override { return "lane"; }
  bool owns(LayoutAttr layout) const override {
    return isa<LaneLayoutAttr>(layout);
  }

  LayoutOffer offer(const ProductQuery &query) const override {
    int64_t n = query.sparsity.getN(), m = query.sparsity.getM();
    int64_t most = query.options.maxLaneColumns;
    int64_t width = query.target.getLaneWidth(m);
    if (query.isDynamic)
      return LayoutOffer::refuse("columns are known only at run time");
    if (query.columns() > most)
      return LayoutOffer::refuse("more than " + std::to_string(most) +
                                 " columns");
    if (!query.target.permutesGroupsOf(m) ||
        !::nm::rt::laneSupports(width, n, m))
      return LayoutOffer::refuse(
          "no permute of the target's selects from groups of " +
          std::to_string(m));
    LayoutOffer offer;
    offer.layout = LaneLayoutAttr::get(
        query.context(), width, interleaveOf(query.weight.getElementType()));
    offer.cost = costOf(query, width);
    offer.reason = std::to_string(query.columns()) + " of at most " +
                   std::to_string(most) + " columns, groups of " +
                   std::to_string(m) + " in one permute of the target's; " +
                   describeRegisters(query.target);
    return offer;
  }

  LogicalResult check(PackedMatmulOp op) const override {
    auto layout = cast<LaneLayoutAttr>(op.getLayout());
    if (failed(checkLanes(op, layout.getLanes(), layout.getInterleave())))
      return failure();
    if (columnsOf(op) == 0)
      return op.emitOpError("has no columns, which layout ")
             << op.getLayout() << " does not take; use a panel layout";
    return checkStaticColumns(op);
  }

  std::string activationForm(PackedMatmulOp op) const override {
    auto layout = cast<LaneLayoutAttr>(op.getLayout());
    return laneForm(layout.getLanes(), layout.getInterleave());
  }

  Value emit(PackedMatmulOp op, const ProductPanels &panels,
             const KernelOptions &options) const override {
    auto layout = cast<LaneLayoutAttr>(op.getLayout());
    KernelShape shape =
        laneShapeOf(op, layout.getLanes(), layout.getInterleave(), options);
    auto storage = op.getStorage();
    KernelBuilder b(op.getLoc(), op.getContext());
    b.setInsertionPoint(op);
    return LaneEmitter(b, op, shape, isWorthThreads(op, shape, options),
                       storage[0], storage.size() > 1 ? storage[1] : Value(),
                       columnsOf(op))
        .emit(panels.x);
  }
};

} // namespace

const ProductLayout &mlir::nm::laneProducts() {
  static const LaneProducts products;
  return products;
}
