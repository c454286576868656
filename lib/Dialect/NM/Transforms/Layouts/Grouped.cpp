//===- Grouped.cpp - Products of integers in groups -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../GroupedColumns.h"
#include "FewColumns.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Runtime/Layout.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::nm;

/// Of an element of the dense weight: registers of bytes are loaded; each of
/// their values is taken out of its half, and multiplied and added in pairs for
/// every column.
static double costOf(const ProductQuery &query,
                     const ::nm::rt::GroupedShape &shape) {
  auto bytes = double(query.target.getVector()) / 8;
  double perByte = query.target.getLoadCost() + 2 + 2 * double(query.columns());
  return shape.bitsPerWeight() / 8 * perByte / bytes;
}

/// Rows of a task: the same number of blocks for each stream, if each core has
/// tasks enough. Of columns that read the weight once, two tasks a core, so
/// that streams seldom begin; where others read it again, what the caches hold.
static int64_t rowsOfTask(const KernelShape &shape, int64_t columns) {
  const int64_t even = GroupedColumns::kStreams * shape.rows,
                cores = shape.target.getCores(),
                least = llvm::alignTo(shape.rowBlock, even);
  if (shape.weightRows < 4 * least * cores)
    return shape.rowBlock;
  if (columns > GroupedColumns::kColumns)
    return least;
  return llvm::alignTo(llvm::divideCeil(shape.weightRows, 2 * cores), even);
}

namespace {

class GroupedEmitter final : public FewColumnsEmitter {
public:
  using FewColumnsEmitter::FewColumnsEmitter;

private:
  Value pack() override {
    Value packed =
        allocate({columns * groupedColumnBytes(shape)}, b.getI8Type());
    emitPackGrouped(b, shape, op.getX(), op.getTransposeX(), columns, packed);
    return packed;
  }

  void emitRows(Value packed, Value firstGroup, Value groups,
                Value tile) override {
    emitGroupedRows(b, shape, columns, op.getStorage()[0], packed, firstGroup,
                    groups, tile);
  }
};

class GroupedProducts final : public ProductLayout {
public:
  StringRef name() const override { return "grouped"; }
  bool owns(LayoutAttr layout) const override {
    return isa<GroupedLayoutAttr>(layout);
  }

  LayoutOffer offer(const ProductQuery &query) const override {
    SparsityAttr sparsity = query.sparsity;
    int64_t most = query.options.maxGroupedColumns;
    int64_t rows = query.target.getGroupedRows();
    if (!sparsity.isQuantized())
      return LayoutOffer::refuse("the weight has no scales");
    if (query.isDynamic)
      return LayoutOffer::refuse("columns are known only at run time");
    if (query.columns() > most)
      return LayoutOffer::refuse("more than " + std::to_string(most) +
                                 " columns");
    if (rows == 0)
      return LayoutOffer::refuse("the target multiplies no bytes");
    if (!::nm::rt::groupedSupports(sparsity.getN(), sparsity.getM()))
      return LayoutOffer::refuse("no pattern of the layout is " +
                                 sparsity.getPatternString());
    auto layout =
        GroupedLayoutAttr::get(query.context(), rows, sparsity.getGroup());
    auto shape = ::nm::rt::groupedShape(
        ::nm::rt::LayoutSpec::grouped(rows, sparsity.getGroup(),
                                      getGroupForm(sparsity)),
        sparsity.getN(), sparsity.getM());
    LayoutOffer offer;
    offer.layout = layout;
    offer.cost = costOf(query, shape);
    offer.reason =
        llvm::formatv("{0} of at most {1} columns, {2:f3} bits a weight, "
                      "activations in 8 bits; {3}",
                      query.columns(), most, shape.bitsPerWeight(),
                      describeRegisters(query.target));
    return offer;
  }

  LogicalResult check(PackedMatmulOp op) const override {
    auto layout = cast<GroupedLayoutAttr>(op.getLayout());
    int64_t rows = getCPUTarget(op).getGroupedRows();
    if (layout.getRows() != rows)
      return op.emitOpError("has blocks of ")
             << layout.getRows() << " rows, but the target's kernels take "
             << rows << "; use a panel layout";
    if (op.getX().getType().getElementType().isInteger(8))
      return op.emitOpError("has layout ")
             << op.getLayout() << " and activations of i8, expected floats";
    return checkStaticColumns(op);
  }

  std::string activationForm(PackedMatmulOp op) const override {
    SparsityAttr sparsity = op.getSparsity();
    return "bytes for " + sparsity.getPatternOnly().getPatternString() +
           (sparsity.getBits() == 8 ? ", of 8 bits"
            : sparsity.getZeros()   ? ", with sums"
                                    : "");
  }

  Value emit(PackedMatmulOp op, const ProductPanels &panels,
             const KernelOptions &options) const override {
    auto layout = cast<GroupedLayoutAttr>(op.getLayout());
    KernelShape shape = kernelShapeOf(op, getCPUTarget(op).getLanes(),
                                      layout.getRows(), options);
    shape.depth = layout.getDepth();
    shape.form = getGroupForm(op.getSparsity());
    if (options.rowBlock == 0)
      shape.rowBlock = rowsOfTask(shape, columnsOf(op));
    KernelBuilder b(op.getLoc(), op.getContext());
    b.setInsertionPoint(op);
    return GroupedEmitter(b, op, shape, isWorthThreads(op, shape, options),
                          columnsOf(op))
        .emit(panels.x);
  }
};

} // namespace

const ProductLayout &mlir::nm::groupedProducts() {
  static const GroupedProducts products;
  return products;
}
