//===- ElementWork.h - How long an elementwise body is -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_ELEMENTWORK_H
#define NM_LIB_TRANSFORMS_ELEMENTWORK_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::nm {

/// Units of work of one operation: a function of `math` becomes a polynomial.
inline int64_t workOfInner(Operation *op) {
  return isa<math::MathDialect>(op->getDialect()) ? 16 : 1;
}

/// Units of work for one element.
inline int64_t workOf(linalg::LinalgOp op) {
  int64_t work = 0;
  for (Operation &inner : op.getBlock()->without_terminator())
    work += workOfInner(&inner);
  return work;
}

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_ELEMENTWORK_H
