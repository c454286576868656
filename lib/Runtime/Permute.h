//===- Permute.h - view a permuted tensor in memory order -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_PERMUTE_H
#define NM_LIB_RUNTIME_PERMUTE_H

#include "nm/Runtime/Tensor.h"
#include <vector>

namespace nm::rt {

/// A tensor with its dimensions in the order in which they lie in memory.
struct MemoryOrder {
  /// Row-major and contiguous.
  Tensor tensor;
  /// Dimension i of `tensor` is dimension axes[i] of the original.
  std::vector<int64_t> axes;

  /// Where dimension `axis` of the original went.
  int64_t position(int64_t axis) const;
};

/// Permutes dimensions when that makes the view contiguous (transposed
/// weights), else copies. `view` must outlive the result.
Result<MemoryOrder> inMemoryOrder(const TensorView &view);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_PERMUTE_H
