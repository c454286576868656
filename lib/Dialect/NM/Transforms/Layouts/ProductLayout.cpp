//===- ProductLayout.cpp - Layouts that products take -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProductLayout.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include <numeric>

using namespace mlir;
using namespace mlir::nm;

ArrayRef<const ProductLayout *> mlir::nm::productLayouts() {
  static const ProductLayout *const layouts[] = {
      &groupedProducts(), &laneProducts(),  &lanePanelProducts(),
      &sharedProducts(),  &panelProducts(), &pairedProducts(),
      &wholeProducts()};
  return layouts;
}

const ProductLayout *mlir::nm::findProductLayout(LayoutAttr layout) {
  for (const ProductLayout *each : productLayouts())
    if (each->owns(layout))
      return each;
  return nullptr;
}

KernelShape mlir::nm::kernelShapeOf(PackedMatmulOp op, int64_t lanes,
                                    int64_t groupRows,
                                    const KernelOptions &options) {
  SparsityAttr sparsity = op.getSparsity();
  int64_t unit = std::lcm(groupRows, lanes);
  KernelShape shape;
  shape.lanes = lanes;
  shape.rows = groupRows;
  shape.n = sparsity.getN();
  shape.m = sparsity.getM();
  shape.weightRows = op.getRows();
  shape.contraction = op.getDepth();
  int64_t rows = options.rowBlock > 0 ? options.rowBlock : kLeastTaskRows;
  shape.rowBlock = std::max(unit, rows / unit * unit);
  shape.accumulator = op.getAccumulatorType();
  shape.weightElement = op.getEncodedType().getElementType();
  shape.target = getCPUTarget(op);
  return shape;
}

int64_t mlir::nm::columnsOf(PackedMatmulOp op) {
  return op.getX().getType().getDimSize(op.getTransposeX() ? 0 : 1);
}

Value mlir::nm::viewActivations(KernelBuilder &b, PackedMatmulOp op,
                                OpFoldResult k, OpFoldResult column,
                                OpFoldResult length, OpFoldResult columns) {
  OpFoldResult one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> steps{one, one};
  if (!op.getTransposeX())
    return memref::SubViewOp::create(b, op.getX(), {k, column},
                                     {length, columns}, steps);
  return b.turned(memref::SubViewOp::create(b, op.getX(), {column, k},
                                            {columns, length}, steps));
}

bool mlir::nm::isWorthThreads(PackedMatmulOp op, const KernelShape &shape,
                              const KernelOptions &options) {
  double flops = 2.0 * double(shape.weightRows * shape.contraction * shape.n) /
                 double(shape.m) * double(std::max<int64_t>(1, columnsOf(op)));
  int64_t least = options.minParallelFlops < 0 ? shape.target.getParallel()
                                               : options.minParallelFlops;
  return options.parallel && flops >= double(least);
}

std::string mlir::nm::describeRegisters(CPUAttr target) {
  return std::to_string(target.getRegisters()) + " registers of " +
         std::to_string(target.getVector()) + " bits";
}
