//===- StepOps.cpp - Verifiers of the step operations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Step/IR/StepDialect.h"

using namespace mlir;
using namespace mlir::step;

#define GET_OP_CLASSES
#include "nm/Dialect/Step/IR/StepOps.cpp.inc"

/// Constraint `constraint`: an operand N and a pattern without one go together.
template <typename Op>
static LogicalResult verifyKeep(Op op, StringRef constraint) {
  if (op.getPattern().isDynamic() == static_cast<bool>(op.getN()))
    return success();
  return op.emitOpError() << constraint
                          << (op.getN() ? ": 'keep' is given, but the pattern "
                                          "has an N of its own: "
                                        : ": 'keep' is missing for ")
                          << op.getPattern();
}

LogicalResult MaskOp::verify() {
  if (failed(getPattern().verifyFits(getSource().getType(), [&] {
        return emitOpError() << "step_mask_c1: ";
      })))
    return failure();
  return verifyKeep(*this, "step_mask_c2");
}

LogicalResult SoftThresholdOp::verify() {
  if (failed(getPattern().verifyFits(getSource().getType(), [&] {
        return emitOpError() << "step_soft_threshold_c1: ";
      })))
    return failure();
  if (!getPattern().hasUnitBlock())
    return emitOpError() << "step_soft_threshold_c1: blocks must be single "
                         << "elements, got " << getPattern();
  return verifyKeep(*this, "step_soft_threshold_c2");
}

LogicalResult TransposableMaskOp::verify() {
  int64_t n = getN(), m = getM();
  if (n < 1 || n > m || m > 64)
    return emitOpError() << "step_transposable_mask_c1: expected 1 <= N <= M "
                         << "<= 64, got " << n << ":" << m;
  RankedTensorType type = getSource().getType();
  ArrayRef<int64_t> axes = getAxes();
  if (axes.size() != 2 || axes[0] < 0 || axes[0] >= axes[1] ||
      axes[1] >= type.getRank())
    return emitOpError() << "step_transposable_mask_c2: expected two "
                         << "different dimensions of " << type
                         << ", ascending, got [" << axes << "]";
  for (int64_t dim : axes)
    if (!type.isDynamicDim(dim) && type.getDimSize(dim) % m != 0)
      return emitOpError() << "step_transposable_mask_c2: size "
                           << type.getDimSize(dim) << " of dimension " << dim
                           << " is no multiple of " << m;
  return success();
}

LogicalResult ChangeProductOp::verify() {
  RankedTensorType type = getBefore().getType();
  constexpr int64_t most = kStatisticRun * 1022;
  if (type.hasStaticShape() && type.getNumElements() > most)
    return emitOpError() << "step_change_product_c1: expected at most " << most
                         << " elements, got " << type.getNumElements();
  return success();
}
