//===- Patches.cpp - Convolutions that are products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"

namespace mlir::nm::onnx {

/// Whether each element of the input lies in one window: the strides are the
/// sizes of the kernel, and whole windows fill the input.
static bool tiles(const Val &x, const Windows &w) {
  bool isWide = false;
  for (auto [d, stride] : llvm::enumerate(w.strides)) {
    std::optional<int64_t> size = Emit::constant(x.shape[d + 2]);
    if (Emit::constant(w.kernel[d]) != stride || w.dilations[d] != 1 ||
        Emit::constant(w.before[d]) != 0 || Emit::constant(w.after[d]) != 0 ||
        !size || *size % stride != 0)
      return false;
    isWide |= stride != 1;
  }
  return isWide;
}

std::optional<Val> convolvePatches(NodeEmit &n, Val &x, Val &weight,
                                   const Windows &w) {
  if (!tiles(x, w) || !Emit::constant(weight.shape[1]))
    return std::nullopt;
  auto spatial = static_cast<int64_t>(w.strides.size());
  // [N, C, (windows, kernel)..] -> [N, windows.., C, kernel..]
  Dims apart{x.shape[0], x.shape[1]};
  SmallVector<int64_t> order{0};
  OpFoldResult windows = n.size(1), depth = weight.shape[1];
  for (int64_t d = 0; d < spatial; ++d) {
    apart.append({w.result[d], w.kernel[d]});
    order.push_back(2 + 2 * d);
    windows = n.mul(windows, w.result[d]);
    depth = n.mul(depth, w.kernel[d]);
  }
  order.push_back(1);
  for (int64_t d = 0; d < spatial; ++d)
    order.push_back(3 + 2 * d);
  Val split = n.reshape(x, apart);
  Val gathered = n.transpose(split, order);
  Val rows = n.reshape(gathered, {x.shape[0], windows, depth});
  Val matrix = n.reshape(weight, {weight.shape[0], depth});
  std::optional<Val> product = n.matmul(rows, matrix, /*transposeRhs=*/true);
  if (!product)
    return std::nullopt;
  Val channels = n.transpose(*product, {0, 2, 1});
  Dims shape{x.shape[0], weight.shape[0]};
  llvm::append_range(shape, w.result);
  return n.reshape(channels, shape);
}

} // namespace mlir::nm::onnx
