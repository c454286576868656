//===- Dequantize.h - floats that a checkpoint holds as integers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights of 8 bits with scales and zero points of groups become floats when
// they are loaded, by the operations of the model that does so:
//
//   result = (values - zero) * scale
//
// each rounded to `compute`. Such a tensor has a derived key, which says all of
// that in JSON and stands wherever a key does; see docs/runtime.md.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_DEQUANTIZE_H
#define NM_RUNTIME_DEQUANTIZE_H

#include "nm/Runtime/DerivedKey.h"

namespace nm::rt {

/// The iterations of `loops` give the elements of the result, row by row.
struct Dequantized {
  using Operand = StoredOperand;

  Operand values; ///< of I8 or U8
  Operand zero;   ///< I8, U8 or floats of at most 32 bits, or a number
  Operand scale;  ///< floats of at most 32 bits, or a number
  std::vector<int64_t> loops;
  DType compute = DType::F32; ///< F32, F16 or BF16
  DType dtype = DType::F32;   ///< of the result, no narrower than `compute`
  std::vector<int64_t> shape; ///< of the result

  /// The derived key.
  std::string key() const;
};

/// Whether a key has the form of one of dequantized integers.
bool isDequantizedKey(std::string_view key);

/// Reads and checks such a key: shapes and strides stay within the tensors.
Result<Dequantized> parseDequantized(std::string_view key);

/// Checks what parseDequantized does of a description made otherwise.
Status checkDequantized(const Dequantized &tensor);

/// The result, row-major. Views of operands that are numbers are not read; the
/// others are contiguous and of the operands' types and shapes.
Result<Tensor> dequantize(const Dequantized &tensor, const TensorView &values,
                          const TensorView &zero, const TensorView &scale);

/// The same of a checkpoint; a mask of the integers is the result's.
Result<Weight> readDequantized(const Checkpoint &checkpoint,
                               std::string_view key,
                               const MaskOptions &options);

} // namespace nm::rt

#endif // NM_RUNTIME_DEQUANTIZE_H
