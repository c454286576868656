//===- DType.cpp - element types ------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/DType.h"
#include "nm/Support/Bytes.h"
#include <cmath>
#include <iterator>
#include <limits>

namespace nm::support {

namespace {
struct DTypeRow {
  DType dtype;
  const char *name;
  const char *safetensors;
  int64_t bytes;
  bool isFloat;
};
} // namespace

static constexpr DTypeRow kRows[] = {
    {DType::Unknown, "unknown", "UNKNOWN", 0, false},
    {DType::Bool, "bool", "BOOL", 1, false},
    {DType::U8, "u8", "U8", 1, false},
    {DType::I8, "i8", "I8", 1, false},
    {DType::F8E5M2, "f8e5m2", "F8_E5M2", 1, true},
    {DType::F8E4M3, "f8e4m3", "F8_E4M3", 1, true},
    {DType::I16, "i16", "I16", 2, false},
    {DType::U16, "u16", "U16", 2, false},
    {DType::F16, "f16", "F16", 2, true},
    {DType::BF16, "bf16", "BF16", 2, true},
    {DType::I32, "i32", "I32", 4, false},
    {DType::U32, "u32", "U32", 4, false},
    {DType::F32, "f32", "F32", 4, true},
    {DType::F64, "f64", "F64", 8, true},
    {DType::I64, "i64", "I64", 8, false},
    {DType::U64, "u64", "U64", 8, false},
};

static const DTypeRow &row(DType dtype) {
  size_t index = static_cast<size_t>(dtype);
  return kRows[index < std::size(kRows) ? index : 0];
}

int64_t elementBytes(DType dtype) { return row(dtype).bytes; }
bool isFloat(DType dtype) { return row(dtype).isFloat; }
std::string_view dtypeName(DType dtype) { return row(dtype).name; }
std::string_view safetensorsName(DType dtype) { return row(dtype).safetensors; }

DType parseDType(std::string_view name) {
  for (const DTypeRow &r : kRows)
    if (name == r.name)
      return r.dtype;
  return DType::Unknown;
}

DType parseSafetensorsDType(std::string_view name) {
  for (const DTypeRow &r : kRows)
    if (name == r.safetensors)
      return r.dtype;
  return DType::Unknown;
}

uint64_t magnitudeMask(DType dtype) {
  int64_t bits = elementBytes(dtype) * 8;
  if (bits == 0)
    return 0;
  uint64_t all = ~uint64_t(0) >> (64 - bits);
  return isFloat(dtype) ? all >> 1 : all;
}

float bf16ToFloat(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  return loadUnaligned<float>(&wide);
}

float f16ToFloat(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 0x1f;
  uint32_t fraction = bits & 0x3ff;
  uint32_t out;
  if (exponent == 0x1f) {
    out = sign | 0x7f800000 | (fraction << 13);
  } else if (exponent != 0) {
    out = sign | ((exponent + 112) << 23) | (fraction << 13);
  } else {
    // Subnormal: fraction * 2^-24 is exact in f32.
    float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    out = sign | loadUnaligned<uint32_t>(&magnitude);
  }
  return loadUnaligned<float>(&out);
}

uint16_t floatToBf16(float value) {
  uint32_t bits = loadUnaligned<uint32_t>(&value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

uint16_t floatToF16(float value) {
  uint32_t bits = loadUnaligned<uint32_t>(&value);
  uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
  if (magnitude >= 0x477ff000) // 65520 and above round to infinity
    return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {
    // Subnormal: the nearest multiple of 2^-24, ties to even by the addition.
    float scaled;
    std::memcpy(&scaled, &magnitude, sizeof(scaled));
    scaled += 0.5f; // ulp(0.5) is 2^-24
    return static_cast<uint16_t>(
        sign | (loadUnaligned<uint32_t>(&scaled) - 0x3f000000));
  }
  uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

/// An 8-bit float with the given exponent width and bias 2^(width-1) - 1.
static double f8ToDouble(uint8_t bits, int exponentBits, bool hasInfinity) {
  int fractionBits = 7 - exponentBits;
  int bias = (1 << (exponentBits - 1)) - 1;
  int exponent = (bits & 0x7f) >> fractionBits;
  int fraction = bits & ((1 << fractionBits) - 1);
  int top = (1 << exponentBits) - 1;
  double value;
  if (hasInfinity && exponent == top)
    value = fraction ? std::numeric_limits<double>::quiet_NaN()
                     : std::numeric_limits<double>::infinity();
  else if (!hasInfinity && (bits & 0x7f) == 0x7f)
    value = std::numeric_limits<double>::quiet_NaN();
  else if (exponent == 0)
    value = std::ldexp(fraction, 1 - bias - fractionBits);
  else
    value = std::ldexp(fraction + (1 << fractionBits),
                       exponent - bias - fractionBits);
  return bits & 0x80 ? -value : value;
}

double elementToDouble(const void *data, DType dtype) {
  switch (dtype) {
  case DType::Unknown:
    return 0;
  case DType::Bool:
  case DType::U8:
    return loadUnaligned<uint8_t>(data);
  case DType::I8:
    return loadUnaligned<int8_t>(data);
  case DType::F8E5M2:
    return f8ToDouble(loadUnaligned<uint8_t>(data), 5, true);
  case DType::F8E4M3:
    return f8ToDouble(loadUnaligned<uint8_t>(data), 4, false);
  case DType::I16:
    return loadUnaligned<int16_t>(data);
  case DType::U16:
    return loadUnaligned<uint16_t>(data);
  case DType::F16:
    return static_cast<double>(f16ToFloat(loadUnaligned<uint16_t>(data)));
  case DType::BF16:
    return static_cast<double>(bf16ToFloat(loadUnaligned<uint16_t>(data)));
  case DType::I32:
    return loadUnaligned<int32_t>(data);
  case DType::U32:
    return loadUnaligned<uint32_t>(data);
  case DType::F32:
    return static_cast<double>(loadUnaligned<float>(data));
  case DType::F64:
    return loadUnaligned<double>(data);
  case DType::I64:
    return static_cast<double>(loadUnaligned<int64_t>(data));
  case DType::U64:
    return static_cast<double>(loadUnaligned<uint64_t>(data));
  }
  return 0;
}

} // namespace nm::support
