//===- Arithmetic.h - Whole numbers with care -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_ARITHMETIC_H
#define NM_SUPPORT_ARITHMETIC_H

#include <cstdint>

namespace nm::support {

/// a / b rounded up, for b > 0. Right also where a + b - 1 would overflow.
constexpr int64_t ceilDiv(int64_t a, int64_t b) {
  return a / b + (a % b > 0 ? 1 : 0);
}

/// The least multiple of unit > 0 that is not below value. The caller knows
/// that it fits.
constexpr int64_t roundUp(int64_t value, int64_t unit) {
  return ceilDiv(value, unit) * unit;
}

/// True on overflow; `result` is then the low 64 bits.
inline bool mulOverflow(int64_t a, int64_t b, int64_t &result) {
  return __builtin_mul_overflow(a, b, &result);
}
inline bool addOverflow(int64_t a, int64_t b, int64_t &result) {
  return __builtin_add_overflow(a, b, &result);
}

} // namespace nm::support

#endif // NM_SUPPORT_ARITHMETIC_H
