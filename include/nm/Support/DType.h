//===- DType.h - Element types ------------------------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_DTYPE_H
#define NM_SUPPORT_DTYPE_H

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace nm::support {

/// Element types. The values equal nm_dtype of the C ABI and are stored in
/// cache files: append only.
enum class DType : uint8_t {
  Unknown = 0, ///< listed by inspection, refused on use
  Bool = 1,    ///< one byte, 0 or 1
  U8 = 2,
  I8 = 3,
  F8E5M2 = 4,
  F8E4M3 = 5,
  I16 = 6,
  U16 = 7,
  F16 = 8,
  BF16 = 9,
  I32 = 10,
  U32 = 11,
  F32 = 12,
  F64 = 13,
  I64 = 14,
  U64 = 15
};

/// Bytes of one element; 0 for Unknown.
int64_t elementBytes(DType dtype);

/// Whether the type is a floating-point type (its top bit is a sign, so that
/// the all-zero magnitude has two encodings).
bool isFloat(DType dtype);

/// Name in manifests and messages: "f32", "bf16", "i8", "bool", ...
std::string_view dtypeName(DType dtype);

/// Name in safetensors headers: "F32", "BF16", "I8", "BOOL", ...
std::string_view safetensorsName(DType dtype);

/// Inverse of dtypeName and of safetensorsName; Unknown when there is none.
DType parseDType(std::string_view name);
DType parseSafetensorsDType(std::string_view name);

/// The bits of an element that decide whether it is zero: everything but the
/// sign of floating-point types (-0.0 is zero, NaN is not).
uint64_t magnitudeMask(DType dtype);

/// Conversions to and from float; the narrowing ones round to nearest even and
/// keep NaN a NaN.
float bf16ToFloat(uint16_t bits);
float f16ToFloat(uint16_t bits);
uint16_t floatToBf16(float value);
uint16_t floatToF16(float value);

/// Widens one element to double. `data` may be unaligned. Unknown gives 0.
double elementToDouble(const void *data, DType dtype);

} // namespace nm::support

#endif // NM_SUPPORT_DTYPE_H
