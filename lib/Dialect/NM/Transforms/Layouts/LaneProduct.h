//===- LaneProduct.h - Products by the lane kernel -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_LANEPRODUCT_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_LANEPRODUCT_H

#include "FewColumns.h"

namespace mlir::nm {

/// The shape of the kernel's code.
KernelShape laneShapeOf(PackedMatmulOp op, int64_t lanes, int64_t interleave,
                        const KernelOptions &options);

/// Elements of a packed column: whole registers.
int64_t paddedDepth(const KernelShape &shape);

/// Checks, with a message, that the target has the kernel.
LogicalResult checkLanes(PackedMatmulOp op, int64_t lanes, int64_t interleave);

/// The form in which the kernel reads activations.
std::string laneForm(int64_t lanes, int64_t interleave);

class LaneEmitter final : public FewColumnsEmitter {
public:
  /// `words` holds indices, null for a layout without.
  LaneEmitter(const KernelBuilder &at, PackedMatmulOp op, KernelShape shape,
              bool parallel, Value values, Value words, int64_t columns,
              Value count = Value())
      : FewColumnsEmitter(at, op, std::move(shape), parallel, columns, count),
        values(values), words(words) {}

  /// Packs the activations into a buffer of columns x paddedDepth.
  void packInto(Value packed);

private:
  Value pack() override;
  void emitRows(Value packed, Value firstGroup, Value groups,
                Value tile) override;

  Value values, words;
};

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_LANEPRODUCT_H
