//===- FuseEpilogueOperand.h - Operands across a reshape -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_DIALECT_NM_TRANSFORMS_FUSEEPILOGUEOPERAND_H
#define LIB_DIALECT_NM_TRANSFORMS_FUSEEPILOGUEOPERAND_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AffineMap.h"

namespace mlir::nm::fuse {

/// How the dimensions of a product's result and those that its consumers see
/// correspond: not at all changed, or through one reshape.
struct Relation {
  /// Null, tensor.expand_shape or tensor.collapse_shape.
  Operation *reshape = nullptr;
  /// The product's result, and its type as the consumers see it.
  RankedTensorType inner, outer;

  /// Which outer (if `isExpand`) or inner dimensions belong to each inner
  /// (outer) dimension.
  SmallVector<ReassociationIndices> groups;
  bool isExpand() const {
    return isa_and_nonnull<tensor::ExpandShapeOp>(reshape);
  }

  static Relation identity(RankedTensorType type);
  static Relation across(Operation *reshape);

  /// The same reshape, of `value`, with the element type that `value` has.
  Value apply(Value value, OpBuilder &builder) const;
};

/// How a consumer's operand, read by a map of outer dimensions, is read by a
/// projected permutation of inner ones.
struct AdaptedOperand {
  Value value;
  /// Type to cast to first: sizes known as the consumer knows them.
  RankedTensorType cast;
  /// First merge dimensions, if there are any to merge ...
  std::optional<SmallVector<ReassociationIndices>> collapse;
  /// ... then split, to this shape.
  std::optional<SmallVector<ReassociationIndices>> expand;
  AffineMap map; ///< of the inner dimensions

  /// Creates the reshapes. `innerSizes` are those of the product's result.
  Value materialize(ArrayRef<OpFoldResult> innerSizes, RankedTensorType inner,
                    OpBuilder &builder) const;
};

/// Fails if the operand follows a part of what the reshape merges.
FailureOr<AdaptedOperand> adaptOperand(Value value, AffineMap map,
                                       const Relation &relation);

} // namespace mlir::nm::fuse

#endif // LIB_DIALECT_NM_TRANSFORMS_FUSEEPILOGUEOPERAND_H
