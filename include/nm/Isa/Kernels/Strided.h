//===- Strided.h - Elements of a tensor in another order -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A transpose, a slice, a broadcast and most reshapes of a tensor are its
// elements in another order. Such a view costs nothing until somebody needs the
// elements in place; emitRearrange then moves them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_KERNELS_STRIDED_H
#define NM_ISA_KERNELS_STRIDED_H

#include "nm/Isa/Builder.h"
#include <optional>

namespace nm::isa {

using model::Device;

/// Element (i_0, i_1, ...) of `sizes` is element offset + sum i_k strides_k of
/// the tensor, counted row by row. A stride of 0 repeats.
struct Strided {
  TensorId tensor;
  int64_t offset = 0;
  std::vector<int64_t> sizes, strides;

  /// All elements of a tensor in order.
  static Strided inOrder(TensorId tensor, std::vector<int64_t> sizes);

  int64_t count() const { return numElements(sizes); }
  /// Whether these are the first count() elements of the tensor in order.
  bool isInOrder() const;
  /// The dimensions of `order`, in that order; others, which have to be of size
  /// 1 or are fixed at 0, are dropped.
  Strided permuted(const std::vector<int64_t> &order) const;
  /// The same elements in the same order under other sizes, of as many
  /// elements; nothing if no strides say that.
  std::optional<Strided> reshaped(const std::vector<int64_t> &sizes) const;
};

/// dest = source, element by element of views of equal sizes. The tensors have
/// rank 1 or 2 and elements of one type; no element of dest repeats. Moves by
/// whole boxes where both tensors have neighbours together, through two
/// buffers. An error if the views fall into more than 4096 boxes that no loop
/// joins.
Status emitRearrange(Builder &builder, const Device &device,
                     const Strided &source, const Strided &dest);

} // namespace nm::isa

#endif // NM_ISA_KERNELS_STRIDED_H
