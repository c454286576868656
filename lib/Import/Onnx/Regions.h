//===- Regions.h - What loops and branches share --------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_REGIONS_H
#define NM_LIB_IMPORT_ONNX_REGIONS_H

#include "Emit.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::nm::onnx {

/// "[2, ?, 3]".
std::string shapeText(const Val &value);

/// Whether it may be of one element in some call.
bool isOneElement(const Val &value);

/// A tensor of the type that the sizes say.
Value fitted(Emit &e, Val &value, ArrayRef<OpFoldResult> shape);

/// Computes sizes that a region computes where `e` builds, in front of it.
class Hoist {
public:
  explicit Hoist(Emit &e) : e(e) {}

  /// Nothing where the size depends on what only the region knows. Equal sizes
  /// of several regions become one.
  std::optional<OpFoldResult> operator()(Region &region, OpFoldResult size);

private:
  FailureOr<Value> hoist(Region &region, Value value);
  /// A copy of the operation, or one made before that computes the same.
  void copy(Operation *op);

  Emit &e;
  IRMapping moved;
  SmallVector<Operation *> copies;
};

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_REGIONS_H
