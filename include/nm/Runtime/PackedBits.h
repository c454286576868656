//===- PackedBits.h - weights of narrow integers packed in bytes ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_PACKEDBITS_H
#define NM_RUNTIME_PACKEDBITS_H

#include "nm/Runtime/DerivedKey.h"

namespace nm::rt {

/// A weight [rows, columns] of f32 made of three stored tensors, as ONNX
/// Runtime's MatMulNBits has them: unsigned integers of `bits` bits, packed
/// from the lowest bits of a byte on, in blocks of `block` columns that are
/// whole bytes, the last one of a row padded; for each block a scale; and for
/// each block a zero point, packed alike in a row of whole bytes, or a float,
/// or none for 2^(bits - 1). An element is (integer - zero point) * scale; the
/// difference and the product are rounded to f32.
struct PackedBits {
  StoredOperand values; ///< U8, rows * blocks * (block * bits / 8) elements
  StoredOperand scale;  ///< a float type, rows * blocks elements
  StoredOperand zero;   ///< U8, floats of rows * blocks elements, or no key
  int64_t bits = 4;     ///< 2, 4 or 8
  int64_t block = 0;    ///< a power of two, at least 16
  int64_t rows = 0, columns = 0;

  int64_t blocks() const { return columns / block + (columns % block != 0); }
  /// The derived key.
  std::string key() const;
};

/// Whether `key` is that of packed integers.
bool isPackedBitsKey(std::string_view key);

/// The weight that a key describes, checked by checkPackedBits. An error says
/// which field of the key is wrong.
Result<PackedBits> parsePackedBits(std::string_view key);

/// Sizes of the stored tensors, and the ranges of bits, block and shape.
Status checkPackedBits(const PackedBits &weight);

/// The weight of `key` as f32 [rows, columns], which owns its values. Fails
/// where a stored tensor is missing or has another type or shape.
Result<Weight> readPackedBits(const Checkpoint &checkpoint,
                              std::string_view key, const MaskOptions &options);

} // namespace nm::rt

#endif // NM_RUNTIME_PACKEDBITS_H
