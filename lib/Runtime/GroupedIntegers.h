//===- GroupedIntegers.h - weights of integers with scales of groups --*- C++ -*--===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_GROUPEDINTEGERS_H
#define NM_LIB_RUNTIME_GROUPEDINTEGERS_H

#include "WeightParts.h"
#include <functional>

namespace nm::rt {

/// A matrix of (value - zero) * scale, zero and scale being those of a row and
/// a group of columns. Differences are exact; the product is rounded once, to
/// the scales' type, as the libraries do that write these, or to f32.
struct GroupedIntegers {
  int64_t rows = 0, columns = 0, groups = 0;
  /// Of each column; within [0, groups).
  std::vector<int32_t> groupOf = {};
  /// [rows, groups]; no zeros stand for 0.
  std::vector<int32_t> zeros = {};
  std::vector<float> scales = {};
  /// Of scales and of the rounded result: F16, BF16 or F32.
  DType dtype = DType::F16;
  /// Writes the values of a row; called by several threads.
  std::function<void(int64_t row, int32_t *values)> unpackRow = {};

  LoadedTensor decode(Decoding decoding) const;
};

/// Field `index` of `bits` bits of a 32-bit word, unsigned.
inline int32_t fieldOf(uint32_t word, int index, int bits) {
  return int32_t((word >> (index * bits)) & ((1u << bits) - 1));
}

/// The elements of a tensor of floats as such.
Result<std::vector<float>> readFloats(const Checkpoint &container,
                                      const std::string &name);

/// The elements of a tensor of I32 or I64.
Result<std::vector<int64_t>> readIntegers(const Checkpoint &container,
                                          const std::string &name);

/// Groups of columns, each within [0, groups). `name` is for the message.
Result<std::vector<int32_t>> checkGroups(const std::vector<int64_t> &given,
                                         const std::string &name,
                                         int64_t groups);

/// Groups of equal length one after the other.
std::vector<int32_t> evenGroups(int64_t columns, int64_t groups);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_GROUPEDINTEGERS_H
