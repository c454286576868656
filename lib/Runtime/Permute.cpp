//===- Permute.cpp - view a permuted tensor in memory order ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Permute.h"
#include "Support.h"
#include <algorithm>
#include <numeric>

namespace nm::rt {

int64_t MemoryOrder::position(int64_t axis) const {
  return std::find(axes.begin(), axes.end(), axis) - axes.begin();
}

Result<MemoryOrder> inMemoryOrder(const TensorView &view) {
  MemoryOrder order;
  order.axes.resize(view.shape.size());
  std::iota(order.axes.begin(), order.axes.end(), 0);
  if (!view.isContiguous()) {
    std::sort(order.axes.begin(), order.axes.end(), [&](int64_t a, int64_t b) {
      return std::make_pair(-view.strides[size_t(a)], a) <
             std::make_pair(-view.strides[size_t(b)], b);
    });
    TensorView permuted = view;
    for (size_t i = 0; i < order.axes.size(); ++i) {
      permuted.shape[i] = view.shape[size_t(order.axes[i])];
      permuted.strides[i] = view.strides[size_t(order.axes[i])];
    }
    if (permuted.isContiguous()) {
      order.tensor.view = std::move(permuted);
      return order;
    }
    std::iota(order.axes.begin(), order.axes.end(), 0);
  }
  Tensor tensor;
  tensor.view = view;
  Result<Tensor> contiguous = toContiguous(tensor);
  if (!contiguous)
    return contiguous.error();
  order.tensor = std::move(*contiguous);
  return order;
}

} // namespace nm::rt
