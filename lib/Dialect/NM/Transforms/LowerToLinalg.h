//===- LowerToLinalg.h - Groups and storage of encoded tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_LOWERTOLINALG_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_LOWERTOLINALG_H

#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"

namespace mlir::nm {

/// The N stored elements of every group, in no particular layout: two tensors
/// of the shape [.., groups, N, ..] with the pair of dimensions in place of the
/// sparse axis. Indices are i32, within the group, and ascend.
struct Slots {
  Value values, indices;
};

/// Lowerings of one pattern on tensors of one shape. "Grouped" tensors have the
/// sparse axis split in two: [.., groups, M, ..].
class GroupLowering {
public:
  GroupLowering(ReferenceBuilder &b, RankedTensorType type,
                SparsityAttr sparsity)
      : b(b), type(type), n(sparsity.getN()), m(sparsity.getM()),
        axis(sparsity.getAxis()), rank(type.getRank()) {}

  /// All but the N largest magnitudes of every group become +0.
  Value prune(Value dense);
  /// Stops the program if a group holds more than N non-zeros.
  void assertNotOverFull(Value dense);

  /// The non-zeros of every group; under-full groups take zeros of the lowest
  /// index as well.
  Slots toSlots(Value dense);
  Value toDense(Slots slots);

  /// The layouts that the two functions below know: dense, canonical, panel.
  static bool supports(LayoutAttr layout);
  /// The slots that lie in memory in `layout`, and the reverse.
  Slots readStorage(ValueRange storage, LayoutAttr layout);
  SmallVector<Value> writeStorage(Slots slots, LayoutAttr layout,
                                  TypeRange storageTypes);

private:
  Value split(Value dense, int64_t size);
  Value join(Value grouped, int64_t size);
  SmallVector<OpFoldResult> slotShape();

  /// Maps over the loops of a grouped tensor and one more: `own` names the
  /// group's elements by their own loop, `other` by the additional one.
  AffineMap own();
  AffineMap other();

  /// For every element, how many of its group come before it: larger keys
  /// first, among equal keys the lower index.
  Value rankInGroup(Value keys);
  Value magnitudeKey(ReferenceBuilder &body, Value scalar);

  Slots readCanonical(Value values, Value metadata);
  SmallVector<Value> writeCanonical(Slots slots, TypeRange types);
  struct PanelShape;
  struct StoredSlot;
  PanelShape panelShapeOf(PanelLayoutAttr layout) const;
  /// What the stored element of the loop is, in a body over the storage.
  StoredSlot storedSlotOf(ReferenceBuilder &body, const PanelShape &panel);
  Slots readPanel(Value values, Value metadata, PanelLayoutAttr layout);
  SmallVector<Value> writePanel(Slots slots, PanelLayoutAttr layout,
                                TypeRange types);

  /// Loop indices of the dimensions other than the sparse axis, in a body over
  /// a grouped tensor or over slots.
  SmallVector<Value> rowIndices(ReferenceBuilder &body);
  /// Position in a slot tensor: row indices, group and slot.
  SmallVector<Value> slotPosition(ArrayRef<Value> row, Value group, Value slot);

  ReferenceBuilder &b;
  RankedTensorType type;
  int64_t n, m, axis, rank;
};

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_LOWERTOLINALG_H
