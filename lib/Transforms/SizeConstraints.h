//===- SizeConstraints.h - What operations ask of sizes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_SIZECONSTRAINTS_H
#define NM_LIB_TRANSFORMS_SIZECONSTRAINTS_H

#include "SizeAnalysis.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm {

/// Takes what an operation demands of the sizes of its operands.
class SizeDemands {
public:
  virtual ~SizeDemands() = default;
  virtual void equal(AffineExpr a, AffineExpr b) = 0;
  /// `a` is `b` times a whole number; 0 is a multiple of 0 alone.
  virtual void multiple(AffineExpr a, AffineExpr b) = 0;
  /// `what` says what a value above the bound does: "reads past the end of".
  virtual void atMost(AffineExpr a, AffineExpr b, StringRef what) = 0;
  /// A new tensor.
  virtual void allocates(ArrayRef<AffineExpr> shape, Type element) = 0;
};

/// The dynamic side of the constraints that the verifier of `op` checks
/// statically.
void collectDemands(Operation *op, SizeAnalysis &sizes, SizeDemands &demands);

/// Sizes of the loops of `op`, of the first operand that has each; null where
/// no operand is indexed by the loop alone.
SmallVector<AffineExpr> getLoopSizes(linalg::LinalgOp op, SizeAnalysis &sizes);

/// Code before `op` that looks at every index that `extract`, in its body,
/// takes from data. Returns {no index is out of range, one that is}; nothing if
/// the index does not come from data.
std::optional<std::pair<Value, Value>>
checkGatheredIndex(OpBuilder &builder, linalg::GenericOp op,
                   tensor::ExtractOp extract, unsigned dim);

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_SIZECONSTRAINTS_H
