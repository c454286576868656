//===- Npy.h - the header of an npy array ---------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_NPY_H
#define NM_LIB_RUNTIME_NPY_H

#include "nm/Runtime/Result.h"
#include "nm/Runtime/Tensor.h"
#include <string>

namespace nm::rt {

struct NpyHeader {
  DType dtype = DType::Unknown;
  std::string dtypeText;
  std::vector<int64_t> shape;
  bool fortranOrder = false;
  /// Offset of the data.
  uint64_t dataBegin = 0;
};

/// Longest header that is read.
constexpr uint64_t kMaxNpyHeader = 1 << 20;

/// Parses the header of an npy image of which the first `available` bytes are
/// at hand and which has `total` bytes in all; for known element types the data
/// must end where the image does.
Result<NpyHeader> parseNpyHeader(const unsigned char *data, uint64_t available,
                                 uint64_t total, const std::string &where);

/// The array as a view; Fortran order becomes strides.
TensorView npyView(const NpyHeader &header, const unsigned char *data);

/// Text of an npy header of version 1.0, padded so that data begins at a
/// multiple of 64. Empty when the element type has no npy name.
std::string npyHeaderText(DType dtype, const std::vector<int64_t> &shape);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_NPY_H
