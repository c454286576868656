//===- Tensor.h - views of tensor data ------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_TENSOR_H
#define NM_RUNTIME_TENSOR_H

#include "nm/Runtime/DType.h"
#include "nm/Runtime/Result.h"
#include <memory>
#include <string>
#include <vector>

namespace nm::rt {

/// More dimensions than this are refused everywhere.
constexpr int64_t kMaxRank = 32;

/// A strided, read-only view. It does not own its data, and the data may be
/// unaligned for the element type.
struct TensorView {
  const unsigned char *data = nullptr;
  DType dtype = DType::Unknown;
  std::vector<int64_t> shape;
  /// In elements, may be negative or zero.
  std::vector<int64_t> strides;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t count() const;
  int64_t bytes() const { return count() * elementBytes(dtype); }
  /// Row-major without gaps (dimensions of size 1 have free strides).
  bool isContiguous() const;
  /// Element at a multi-index, widened.
  double at(const std::vector<int64_t> &index) const;
};

/// A view with the object that keeps its memory alive (a mapping, a buffer).
struct Tensor {
  TensorView view;
  std::shared_ptr<const void> owner;
};

/// A row-major view of a buffer.
TensorView denseView(const void *data, DType dtype, std::vector<int64_t> shape);

/// Row-major strides, in elements.
std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape);

/// The same values in row-major order: the tensor itself when it already is,
/// else a copy in a 64-byte aligned buffer.
Result<Tensor> toContiguous(const Tensor &tensor);

/// Product of the dimensions. Fails on a negative dimension, on more than
/// kMaxRank dimensions, and when the product of the non-zero dimensions times
/// `elemBytes` does not fit in 63 bits.
Result<int64_t> checkedCount(const std::vector<int64_t> &shape,
                             int64_t elemBytes = 1);

/// "[2, 3]".
std::string shapeString(const std::vector<int64_t> &shape);

} // namespace nm::rt

#endif // NM_RUNTIME_TENSOR_H
