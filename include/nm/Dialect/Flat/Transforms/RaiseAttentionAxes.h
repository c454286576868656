//===- RaiseAttentionAxes.h - Tensors as seen by a loop nest -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters merge, split and permute dimensions around every product. What they
// mean is found by following axes: a dimension of a tensor is a list of axes,
// outermost first; merging dimensions concatenates lists, splitting one cuts
// its list, and an axis that has to be cut becomes two everywhere. Dimensions
// of size 1 have no axes.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONAXES_H
#define NM_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONAXES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::flat::raise {

using Axis = unsigned;
using Axes = SmallVector<Axis, 2>;

class AxisTable {
public:
  /// The axis of dimension `dim` of `value`; no axes if its size is 1.
  Axes create(Value value, int64_t dim);
  /// `axes` in terms of axes that were not cut.
  Axes resolve(ArrayRef<Axis> axes) const;
  int64_t getSize(Axis axis) const { return entries[axis].size; }
  /// The product of the sizes; dynamic if one is.
  int64_t getStaticSize(ArrayRef<Axis> axes) const;
  /// The same as a constant or a value made at `builder`.
  OpFoldResult getSize(OpBuilder &builder, Location loc,
                       ArrayRef<Axis> axes) const;
  /// Distributes `axes` over the dimensions [first, first + count) of `value`,
  /// cutting axes where need be. Fails if the sizes do not allow it.
  FailureOr<SmallVector<Axes>> split(ArrayRef<Axis> axes, Value value,
                                     int64_t first, int64_t count);
  /// Number of axes ever made: grows when one is cut.
  size_t size() const { return entries.size(); }

private:
  struct Entry {
    int64_t size;
    Value value; ///< a tensor that has the axis as a dimension, for its size
    int64_t dim;
    Axes parts; ///< not empty once cut
  };
  SmallVector<Entry> entries;
};

/// A tensor and the axes along its dimensions.
struct AxisView {
  Value value;
  SmallVector<Axes> dims;

  RankedTensorType getType() const {
    return cast<RankedTensorType>(value.getType());
  }
};

/// The axes of an operand of `op`, given those of its loops.
AxisView readOperand(OpOperand &operand, AffineMap map,
                     ArrayRef<Axes> loopAxes);
/// The axes of the loops of `op`, given those of its result; loops that the
/// result does not have stay empty. Fails if the result is not read by whole
/// dimensions.
FailureOr<SmallVector<Axes>> getLoopAxes(AffineMap resultMap,
                                         ArrayRef<Axes> dims);

/// The elements of `view` one reshape or cast further up. Null if its producer
/// is something else.
std::optional<AxisView> stepOverReshape(const AxisView &view, AxisTable &table);
/// The input of an operation that only moves elements, or rounds or widens
/// floats; null otherwise.
OpOperand *getMovedOperand(linalg::LinalgOp op);

/// One reshape: dimensions are merged or cut.
struct Reshape {
  bool isExpansion;
  SmallVector<ReassociationIndices> groups;
  /// Sizes before and after.
  SmallVector<OpFoldResult> from, to;

  Value apply(OpBuilder &builder, Location loc, Value value) const;
  Reshape inverse() const { return {!isExpansion, groups, to, from}; }
};

/// How a tensor becomes one whose dimensions are each one of given roles.
struct Arrangement {
  SmallVector<Reshape> reshapes;
  /// For each dimension of the result the role, or -1 for one of size 1
  /// without.
  SmallVector<int> roles;
};

/// Plans reshapes after which each dimension of `view` is one of `roles` (axes
/// each, in order). With `isComplete` every role gets a dimension, of size 1 if
/// need be. Fails if a role's axes lie apart, or not all or other ones are
/// there. Sizes are made at `builder`; unless `exists`, without reading the
/// tensor's own.
FailureOr<Arrangement> arrange(const AxisView &view, ArrayRef<Axes> roles,
                               bool isComplete, AxisTable &table,
                               OpBuilder &builder, Location loc,
                               bool exists = true);

} // namespace mlir::flat::raise

#endif // NM_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONAXES_H
