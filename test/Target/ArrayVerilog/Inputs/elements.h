//===- elements.h - Elements of accelerators and their arithmetic -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written from "Values" of docs/attacc-isa.md: f32 arithmetic is the host's,
// never contracted; a type is 0 f32, 1 f16, 2 bf16.
//
//===----------------------------------------------------------------------===//

#ifndef NM_TEST_ARRAY_ELEMENTS_H
#define NM_TEST_ARRAY_ELEMENTS_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>

inline float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

/// With the one quiet NaN.
inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return std::isnan(value) ? 0x7fc00000 : bits;
}

inline float widen(uint32_t element, int type) {
  if (type == 1) {
    uint16_t bits = static_cast<uint16_t>(element);
    _Float16 half;
    std::memcpy(&half, &bits, 2);
    return static_cast<float>(half);
  }
  return floatOf(type == 2 ? element << 16 : element);
}

inline uint32_t narrow(float value, int type) {
  if (type == 0)
    return bitsOf(value);
  if (std::isnan(value))
    return type == 1 ? 0x7e00 : 0x7fc0;
  if (type == 1) {
    _Float16 half = static_cast<_Float16>(value);
    uint16_t bits;
    std::memcpy(&bits, &half, 2);
    return bits;
  }
  // The two neighbours, and which is nearer: the lower half against its middle.
  uint32_t bits = bitsOf(value), low = bits & 0xffff, high = bits >> 16;
  return low > 0x8000 || (low == 0x8000 && high % 2) ? high + 1 : high;
}

/// Elements of a type: one of four is special (zeros, denormal numbers, the
/// largest, infinities, NaN), the others have exponents near one another or
/// any.
class Elements {
public:
  explicit Elements(uint64_t seed) : random(seed) {}
  uint64_t below(uint64_t n) { return random() % n; }

  uint32_t any(int type) {
    int exp = type == 1 ? 5 : 8, man = type == 0 ? 23 : type == 1 ? 10 : 7;
    uint32_t fraction = static_cast<uint32_t>(below(1u << man));
    uint32_t sign = static_cast<uint32_t>(below(2)) << (exp + man);
    uint32_t top = (1u << exp) - 1, middle = top / 2;
    uint32_t exponent = static_cast<uint32_t>(below(top + 1));
    switch (below(16)) {
    case 0:
      return sign; // zero
    case 1:
      return sign | fraction; // denormal
    case 2:
      return sign | top << man | (below(3) ? 0 : fraction); // infinity or NaN
    case 3:
      return sign | (top - 1) << man | ((1u << man) - 1 - below(2));
    case 4:
    case 5:
      return sign | exponent << man | fraction;
    case 6:
      return sign | exponent << man; // powers of two: ties
    default:
      return sign | (middle - 3 + static_cast<uint32_t>(below(6))) << man |
             fraction;
    }
  }
  /// Without what makes every sum NaN.
  uint32_t finite(int type) {
    for (;;) {
      uint32_t element = any(type);
      if (std::isfinite(widen(element, type)) &&
          std::fabs(widen(element, type)) < 1e4f)
        return element;
    }
  }

private:
  std::mt19937_64 random;
};

#endif // NM_TEST_ARRAY_ELEMENTS_H
