//===- Patches.cpp - Convolutions as products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weight [M, C, kernel..] as a matrix [M, kernel.., C] times the patches of
// the input, [N, kernel.., C, windows..]: channels lie together, as N:M groups
// of a convolution's weight do. (Chellapilla, Puri, Simard: High performance
// convolutional neural networks for document processing, 2006)
//
//===----------------------------------------------------------------------===//

#include "Windows.h"

namespace mlir::nm::onnx {

using utils::IteratorType;

/// Whether each window is one element of the input, in order.
static bool isPointwise(const Windows &w) {
  for (auto [d, stride] : llvm::enumerate(w.strides))
    if (stride != 1 || Emit::constant(w.kernel[d]) != 1 ||
        Emit::constant(w.before[d]) != 0 || Emit::constant(w.after[d]) != 0)
      return false;
  return true;
}

/// [N, C, spatial..] to [N, kernel.., C, windows..].
static Val gatherPatches(NodeEmit &n, Val &x, OpFoldResult channels,
                         const Windows &w) {
  Value padded = padWindows(n, x, w, n.number(n.elementType(x.type), 0));
  unsigned spatial = w.strides.size(), rank = 2 + 2 * spatial;
  MLIRContext *context = n.b.getContext();
  auto dim = [&](unsigned d) { return getAffineDimExpr(d, context); };
  Dims shape{x.shape[0]};
  llvm::append_range(shape, w.kernel);
  shape.push_back(channels);
  llvm::append_range(shape, w.result);
  SmallVector<AffineExpr> from{dim(0), dim(1 + spatial)};
  for (unsigned d = 0; d < spatial; ++d)
    from.push_back(dim(2 + spatial + d) * w.strides[d] +
                   dim(1 + d) * w.dilations[d]);
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  Value init = n.empty(shape, n.elementType(x.type));
  auto op = linalg::GenericOp::create(
      n.b, n.loc, init.getType(), padded, init,
      ArrayRef<AffineMap>{AffineMap::get(rank, 0, from, context),
                          n.b.getMultiDimIdentityMap(rank)},
      iterators, [](OpBuilder &b, Location loc, ValueRange a) {
        linalg::YieldOp::create(b, loc, a[0]);
      });
  return n.make(op.getResult(0), x.type, shape);
}

std::optional<Val> convolvePatches(NodeEmit &n, Val &x, Val &weight,
                                   const Windows &w) {
  OpFoldResult channels = weight.shape[1];
  if (!n.require(x.shape[1], channels, "dimension 1 of the input"))
    return std::nullopt;
  OpFoldResult windows = n.product(w.result);
  OpFoldResult depth = n.mul(n.product(w.kernel), channels);
  Val patches = isPointwise(w) ? x : gatherPatches(n, x, channels, w);
  Val columns = n.reshape(patches, {x.shape[0], depth, windows});
  SmallVector<int64_t> order{0};
  for (int64_t d = 2; d < weight.rank(); ++d)
    order.push_back(d);
  order.push_back(1);
  Val turned =
      llvm::all_of(w.kernel,
                   [](OpFoldResult size) { return Emit::constant(size) == 1; })
          ? weight
          : n.transpose(weight, order);
  Val matrix = n.reshape(turned, {weight.shape[0], depth});
  std::optional<Val> product = n.matmul(matrix, columns);
  if (!product)
    return std::nullopt;
  Dims shape{x.shape[0], weight.shape[0]};
  llvm::append_range(shape, w.result);
  return n.reshape(*product, shape);
}

} // namespace mlir::nm::onnx
