//===- LowerToLinalg.h - Pieces of the reference lowering of recipes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_STEP_TRANSFORMS_LOWERTOLINALG_H
#define NM_LIB_DIALECT_STEP_TRANSFORMS_LOWERTOLINALG_H

#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"
#include "nm/Dialect/Step/IR/StepDialect.h"

namespace mlir::step {

/// Lowerings of one pattern on one tensor of f32. "Block tensors" have one
/// element for each block of the tensor.
class MaskLowering {
public:
  /// `n` is the i32 N, or null where the pattern has it.
  MaskLowering(nm::ReferenceBuilder &b, Value source, PatternAttr pattern,
               Value n);

  /// i1, of the tensor's shape.
  Value mask();
  Value softThreshold(Value scale);

private:
  /// The magnitude of each block, i32.
  Value magnitudes();
  /// For every block, how many of its group come before it: larger magnitudes
  /// first, among equal ones the lower index.
  Value ranks(Value magnitudes);
  /// Whether the program's sizes are whole groups, asserted.
  void assertFits();
  /// In a body over a block tensor and the members of a group: the place of
  /// member `member` of the group of the block at the loops' indices, and that
  /// block's own number in the group.
  std::pair<SmallVector<Value>, Value> place(nm::ReferenceBuilder &body,
                                             Value member);
  Value isKept(nm::ReferenceBuilder &body, Value rank);

  nm::ReferenceBuilder &b;
  Value source;
  PatternAttr pattern;
  Value n;
  RankedTensorType type;
  int64_t rank;
  AffineMap identity;
};

/// i1, of the shape of `source`.
Value lowerTransposableMask(nm::ReferenceBuilder &b, TransposableMaskOp op);

Value lowerChangeSum(nm::ReferenceBuilder &b, ChangeSumOp op);
/// Mantissa, exponent, left out.
SmallVector<Value> lowerChangeProduct(nm::ReferenceBuilder &b,
                                      ChangeProductOp op);
Value lowerCountNonfinite(nm::ReferenceBuilder &b, CountNonfiniteOp op);

/// Stops the program unless `divisor` divides the dynamic dimension `dim`.
void assertMultiple(nm::ReferenceBuilder &b, Value tensor, int64_t dim,
                    int64_t divisor, StringRef what);

} // namespace mlir::step

#endif // NM_LIB_DIALECT_STEP_TRANSFORMS_LOWERTOLINALG_H
