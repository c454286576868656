//===- TileProduct.cpp - kernel.tile_product -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Kernel/IR/KernelDialect.h"

using namespace mlir;
using namespace mlir::kernel;

#define GET_OP_CLASSES
#include "nm/Dialect/Kernel/IR/KernelOps.cpp.inc"

/// Whether two sizes are known to differ.
static bool differ(int64_t a, int64_t b) {
  return ShapedType::isStatic(a) && ShapedType::isStatic(b) && a != b;
}

int64_t TileProductOp::getInterleave() {
  return isInterleaved() ? getLhs().getType().getDimSize(2) : 1;
}

int64_t TileProductOp::getStaticDepth() {
  MemRefType lhs = getLhs().getType();
  if (!isInterleaved()) {
    int64_t depth = lhs.getDimSize(1);
    return ShapedType::isDynamic(depth) ? getRhs().getType().getDimSize(0)
                                        : depth;
  }
  if (!getOffsets() && ShapedType::isStatic(getRhs().getType().getDimSize(0)))
    return getRhs().getType().getDimSize(0);
  int64_t steps = lhs.getDimSize(0);
  return ShapedType::isDynamic(steps) ? steps : steps * getInterleave();
}

static LogicalResult verifyOffsets(TileProductOp op) {
  MemRefType lhs = op.getLhs().getType(), rhs = op.getRhs().getType();
  MemRefType offsets = op.getOffsets().getType();
  SmallVector<int64_t> expected(lhs.getShape());
  if (op.sharesOffsets() && expected.size() == 3)
    expected.erase(expected.begin() + 1);
  bool agree = llvm::equal(expected, offsets.getShape(),
                           [](int64_t a, int64_t b) { return !differ(a, b); });
  bool isStep = op.getInterleave() == 4 ||
                (op.getInterleave() == 2 && !op.sharesOffsets());
  if (!op.isInterleaved() || !isStep || !agree)
    return op.emitOpError("tile_product_c4: has offsets of type ")
           << offsets << ", expected those of a left operand of S x "
           << op.getRows() << (op.sharesOffsets() ? " x 4" : " x 2 or 4")
           << ", found " << lhs;
  if (!op.sharesOffsets() && op.getLanes() % op.getInterleave() != 0)
    return op.emitOpError("tile_product_c4: has vectors of ")
           << op.getLanes() << " lanes, expected a multiple of the "
           << op.getInterleave() << " elements that have offsets of their own";
  if (rhs.getRank() != 1)
    return op.emitOpError("tile_product_c2: reads ")
           << rhs << " by offsets, expected rank 1";
  return success();
}

LogicalResult TileProductOp::verify() {
  MemRefType lhs = getLhs().getType(), rhs = getRhs().getType();
  VectorType tile = getAcc().getType();
  if (lhs.getRank() != 2 && lhs.getRank() != 3)
    return emitOpError("tile_product_c1: has a left operand of rank ")
           << lhs.getRank() << ", expected rows x K or S x rows x L";
  int64_t rows = lhs.getDimSize(isInterleaved() ? 1 : 0);
  if (rows != getRows())
    return emitOpError("tile_product_c1: has ")
           << lhs << " for a tile of " << getRows() << " rows";
  if (isInterleaved() && ShapedType::isDynamic(getInterleave()))
    return emitOpError("tile_product_c1: has ")
           << lhs << ", expected a static number of neighbours";
  if (rhs.getElementType() != tile.getElementType())
    return emitOpError("tile_product_c2: has a panel of ")
           << rhs.getElementType() << " for sums of " << tile.getElementType();
  if (getOffsets()) {
    if (failed(verifyOffsets(*this)))
      return failure();
  } else {
    if (rhs.getRank() != 2)
      return emitOpError("tile_product_c2: has a panel of rank ")
             << rhs.getRank() << ", expected K x columns";
    int64_t columns = rhs.getDimSize(1);
    if (ShapedType::isStatic(columns) && columns < getVectors() * getLanes())
      return emitOpError("tile_product_c2: has a panel of ")
             << columns << " columns for a tile of "
             << getVectors() * getLanes();
    int64_t depth = rhs.getDimSize(0), steps = lhs.getDimSize(0);
    bool fits =
        !isInterleaved()
            ? !differ(depth, lhs.getDimSize(1))
            : ShapedType::isDynamic(depth) ||
                  !differ(steps, llvm::divideCeil(depth, getInterleave()));
    if (!fits)
      return emitOpError("tile_product_c3: multiplies ")
             << lhs << " and " << rhs << ", whose contractions differ";
  }
  if (getCommon() && (!getOffsets() || sharesOffsets()))
    return emitOpError("tile_product_c6: has steps with common offsets, "
                       "expected offsets of each row's own");
  if (getAhead() != 0 && !isInterleaved())
    return emitOpError("tile_product_c7: asks for steps ahead of ")
           << lhs << ", expected S x rows x L";
  if (int64_t(getUnroll() * getInterleave()) % getSets() != 0)
    return emitOpError("tile_product_c5: has ")
           << getSets() << " sets of sums, which do not divide the "
           << getUnroll() * getInterleave() << " elements of an iteration";
  return success();
}
