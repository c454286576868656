//===- WideDims.h - Reshapes that only add or drop sizes of 1 -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_TRANSFORMS_WIDEDIMS_H
#define NM_DIALECT_NM_TRANSFORMS_WIDEDIMS_H

#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>

namespace mlir::nm {

/// `groups` say which dimensions of the larger shape make one of the smaller.
/// For each the one that is not of size 1, or -1; nothing if a group has
/// several.
inline std::optional<SmallVector<int64_t>>
getWideDims(RankedTensorType larger, ArrayRef<ReassociationIndices> groups) {
  SmallVector<int64_t> wide;
  for (const ReassociationIndices &group : groups) {
    int64_t found = -1;
    for (int64_t dim : group) {
      if (larger.getDimSize(dim) == 1)
        continue;
      if (found >= 0)
        return std::nullopt;
      found = dim;
    }
    wide.push_back(found);
  }
  return wide;
}

} // namespace mlir::nm

#endif // NM_DIALECT_NM_TRANSFORMS_WIDEDIMS_H
