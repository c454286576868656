//===- Numbers.h - Numbers as people write them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_NUMBERS_H
#define NM_SUPPORT_NUMBERS_H

#include <cstdint>
#include <string>

namespace nm::support {

/// Decimal digits, after an optional minus, and K, M or G for powers of 1024:
/// "64K" as 65536. False for anything else and beyond 63 bits.
bool parseWholeNumber(const std::string &text, int64_t &value);

/// A finite decimal number with an optional exponent, such as "1e-3". False for
/// anything else, and where it overflows.
bool parseReal(const std::string &text, double &value);

} // namespace nm::support

#endif // NM_SUPPORT_NUMBERS_H
