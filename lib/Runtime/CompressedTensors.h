//===- CompressedTensors.h - bitmask-compressed weights -------------------===//

#ifndef NM_LIB_RUNTIME_COMPRESSEDTENSORS_H
#define NM_LIB_RUNTIME_COMPRESSEDTENSORS_H

#include "nm/Runtime/Checkpoint.h"

namespace nm::rt {

/// The parts of one weight in a compressed-tensors checkpoint.
struct BitmaskParts {
  /// [rows, columns] of the dense weight.
  std::vector<int64_t> shape;
  TensorView compressed;
  /// u8 [rows, ceil(columns / 8)], LSB first.
  TensorView bitmask;
  /// i64 [rows], exclusive prefix sum; null data for the 2:4 form, where every
  /// row holds columns / 2.
  TensorView rowOffsets;
};

/// Checks dtypes and shapes of the parts against each other.
Status checkBitmaskParts(const BitmaskParts &parts, const std::string &where);

/// The dense weight with its mask. Fails when the bitmask and the values do not
/// agree, and for the 2:4 form when a group does not hold exactly 2.
Result<LoadedTensor> readBitmask(const BitmaskParts &parts,
                                 std::shared_ptr<const void> owner,
                                 const std::string &where);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_COMPRESSEDTENSORS_H
