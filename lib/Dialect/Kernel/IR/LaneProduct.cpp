//===- LaneProduct.cpp - kernel.lane_product ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::kernel;

/// What a permute can select from.
constexpr int64_t kLeastSegment = 4, kMostSegment = 32;

static LogicalResult verifyValues(LaneProductOp op) {
  MemRefType values = op.getValues().getType();
  if (values.getRank() != 3 || values.getDimSize(0) != op.getStreams() ||
      ShapedType::isDynamic(values.getDimSize(2)) ||
      values.getDimSize(2) % op.getLanes() != 0)
    return op.emitOpError("lane_product_c1: has values of type ")
           << values << ", expected " << op.getStreams()
           << " streams of runs of registers of " << op.getLanes()
           << " elements";
  Type element = values.getElementType();
  int64_t interleave = op.getInterleave();
  bool isKnown = interleave == 1 || (interleave == 2 && element.isBF16()) ||
                 (interleave == 4 && element.isInteger(8));
  if (!isKnown)
    return op.emitOpError("lane_product_c1: interleaves ")
           << interleave << " registers of " << element
           << ", expected two of bf16, four of i8 or one";
  return success();
}

static LogicalResult verifySteps(LaneProductOp op) {
  MemRefType x = op.getX().getType(), values = op.getValues().getType();
  if (x.getElementType() != op.getAcc().getType().getElementType() ||
      x.getRank() != 2 || x.getDimSize(0) != op.getColumns() ||
      ShapedType::isDynamic(x.getDimSize(1)) ||
      x.getDimSize(1) % op.getLanes() != 0)
    return op.emitOpError("lane_product_c2: multiplies ")
           << x << ", expected " << op.getColumns() << " rows of "
           << op.getAcc().getType().getElementType()
           << ", of whole registers of " << op.getLanes();
  int64_t runs = values.getDimSize(1);
  int64_t expected = llvm::divideCeil(op.getSteps(), op.getInterleave());
  if (ShapedType::isStatic(runs) && runs != expected)
    return op.emitOpError("lane_product_c2: has streams of ")
           << runs << " runs, expected " << expected << " for " << op.getSteps()
           << " steps of " << x;
  return success();
}

static LogicalResult verifyIndices(LaneProductOp op) {
  if (!op.getIndices()) {
    if (op.getSegment() || op.getSlots())
      return op.emitOpError("lane_product_c4: has segments, but no indices");
    return success();
  }
  MemRefType indices = op.getIndices().getType();
  int64_t words = llvm::divideCeil(op.getSteps(), op.getUnroll());
  SmallVector<int64_t> expected{op.getStreams(), words, op.getLanes()};
  bool agree = indices.getRank() == 3 &&
               llvm::all_of(llvm::zip_equal(indices.getShape(), expected),
                            [](auto pair) {
                              auto [has, wants] = pair;
                              return ShapedType::isDynamic(has) || has == wants;
                            });
  if (!agree)
    return op.emitOpError("lane_product_c3: has indices of type ")
           << indices << ", expected " << expected[0] << " x " << expected[1]
           << " x " << expected[2];
  int64_t segment = op.getSegment().value_or(0);
  int64_t slots = op.getSlots().value_or(0);
  if (!llvm::isPowerOf2_64(segment) || segment < kLeastSegment ||
      segment > kMostSegment || op.getLanes() % segment != 0 ||
      32 % op.getUnroll() != 0 ||
      int64_t(llvm::Log2_64(segment)) > op.getIndexBits())
    return op.emitOpError("lane_product_c4: has segments of ")
           << segment << " elements and " << op.getUnroll()
           << " steps for each word of indices, expected a power of two from "
           << kLeastSegment << " to " << kMostSegment << " that divides "
           << op.getLanes() << ", and a divisor of 32 that leaves an index "
           << "the bits to name it";
  if (slots < 1 || slots > segment / 2)
    return op.emitOpError("lane_product_c4: has rows of ")
           << slots << " slots, expected at least two in a segment of "
           << segment;
  return success();
}

LogicalResult LaneProductOp::verify() {
  if (failed(verifyValues(*this)) || failed(verifySteps(*this)) ||
      failed(verifyIndices(*this)))
    return failure();
  if (getUnroll() % getSets() != 0 || getUnroll() % getInterleave() != 0)
    return emitOpError("lane_product_c5: takes ")
           << getUnroll() << " steps at once, expected a multiple of "
           << getSets() << " sets of sums and of " << getInterleave()
           << " interleaved steps";
  return success();
}
