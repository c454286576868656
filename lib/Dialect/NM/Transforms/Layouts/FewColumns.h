//===- FewColumns.h - Products with few columns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_FEWCOLUMNS_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_FEWCOLUMNS_H

#include "ProductLayout.h"

namespace mlir::nm {

/// Loops around a kernel that multiplies groups of rows by all columns at once.
class FewColumnsEmitter {
public:
  /// Emits at the place of `at`. `columns` is the number of columns, or the
  /// most there can be of `count`, which is known when the code runs.
  FewColumnsEmitter(const KernelBuilder &at, PackedMatmulOp op,
                    KernelShape shape, bool parallel, int64_t columns,
                    Value count = Value());
  virtual ~FewColumnsEmitter() = default;

  /// As ProductLayout::emit.
  Value emit(Value shared);
  /// Loops over the rows, from activations that are packed.
  void emitLoops(Value packed);

protected:
  /// Packs the activations and returns where they are.
  virtual Value pack() = 0;
  /// tile[column][row] = sum, for `groups` groups of rows from `firstGroup` on.
  virtual void emitRows(Value packed, Value firstGroup, Value groups,
                        Value tile) = 0;

  Value allocate(ArrayRef<int64_t> shape, Type element);

  KernelBuilder b;
  PackedMatmulOp op;
  KernelShape shape;
  int64_t columns;
  Value count; ///< an index; null where `columns` is exact

private:
  void emitTask(Value task, Value packed);
  Value transpose(Value tile, Value rows);

  bool parallel;
};

/// Checks, with a message, that the number of columns is static.
LogicalResult checkStaticColumns(PackedMatmulOp op);

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_LAYOUTS_FEWCOLUMNS_H
