//===- CompressedTensors.h - bitmask-compressed weights -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_COMPRESSEDTENSORS_H
#define NM_LIB_RUNTIME_COMPRESSEDTENSORS_H

#include "nm/Runtime/Checkpoint.h"

namespace nm::rt {

/// The parts of one weight in a compressed-tensors checkpoint. Its rows are
/// those of the last dimension; the others are taken together.
struct BitmaskParts {
  /// Of the dense weight.
  std::vector<int64_t> shape;
  TensorView compressed;
  /// u8 [dimensions but the last..., ceil(last / 8)], LSB first.
  TensorView bitmask;
  /// Unused for the 2:4 form, where every row holds half its elements. Else the
  /// exclusive prefix sum of what the rows hold: i64 [rows] for a matrix,
  /// [] for a vector. From three dimensions on the library writes the sums
  /// along the first one, which say nothing of the place of a row: not looked
  /// at.
  TensorView rowOffsets;
  /// Not the 2:4 form.
  bool ragged = false;
};

/// Checks dtypes and shapes of the parts against each other. The message names
/// no tensor.
Status checkBitmaskParts(const BitmaskParts &parts);

/// The dense weight with its mask. Fails when the bitmask and the values do not
/// agree, and for the 2:4 form when a group does not hold exactly 2.
Result<LoadedTensor> readBitmask(const BitmaskParts &parts,
                                 std::shared_ptr<const void> owner,
                                 const std::string &where);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_COMPRESSEDTENSORS_H
