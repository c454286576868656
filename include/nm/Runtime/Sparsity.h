//===- Sparsity.h - verify, find and derive N:M patterns ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element is zero when its magnitude bits are: -0.0 is zero, NaN is not.
// A group is M consecutive elements along the axis, starting at a multiple of
// M. Groups with fewer than N non-zeros are legal.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_SPARSITY_H
#define NM_RUNTIME_SPARSITY_H

#include "nm/Runtime/Mask.h"
#include "nm/Runtime/Result.h"
#include "nm/Runtime/Tensor.h"

namespace nm::rt {

/// Fails with tensor name, group coordinates and count at the first over-full
/// group in row-major order of groups. The coordinate along `axis` is that of
/// the group. Any strides; element types of 1, 2, 4 and 8 bytes.
Status verifyPattern(const TensorView &view, int64_t axis, int64_t n, int64_t m,
                     const std::string &name);

/// What to add to the message about weights with an over-full group.
constexpr const char *kOverFullAdvice =
    "; to prune by magnitude choose the mask policy 'derive', or give an "
    "explicit mask";

/// Same, for a mask instead of weights.
Status verifyMask(const Mask &mask, int64_t axis, int64_t n, int64_t m,
                  const std::string &name);

/// The tightest pattern along one axis: smallest N/M, among equals smallest M.
struct AxisPattern {
  int64_t axis = 0;
  /// 0 when the tensor is all zero (then any N:M holds).
  int64_t n = 1;
  int64_t m = 1;
  /// Whether the pattern says anything: n < m.
  bool sparse() const { return n < m; }
};

struct SparsityReport {
  int64_t count = 0;
  int64_t nonZeros = 0;
  /// One for each axis, in order.
  std::vector<AxisPattern> axes;

  double density() const {
    return count ? static_cast<double>(nonZeros) / static_cast<double>(count)
                 : 0.0;
  }
  /// The axis with the tightest pattern, the last one among equals; null for a
  /// tensor without dimensions.
  const AxisPattern *best() const;
};

/// Finds the tightest N:M along every axis, over M = 2, 4, 8, 16, 32, 64 and
/// then every other M up to 64 that divides the dimension. Reads the weights
/// once; scratch memory is one bit an element. With a mask of the same shape,
/// elements that it does not keep count as zero.
Result<SparsityReport> tightestPattern(const TensorView &view,
                                       const Mask *mask = nullptr);

/// The N elements of largest magnitude of every group (one-shot magnitude
/// pruning, "ASP"): ties go to the lower index, NaN is the largest magnitude.
/// Exactly N positions a group, as a mask of Form::Bytes.
Result<Mask> deriveMask(const TensorView &view, int64_t axis, int64_t n,
                        int64_t m);

} // namespace nm::rt

#endif // NM_RUNTIME_SPARSITY_H
