//===- Numbers.cpp - Numbers as people write them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Numbers.h"
#include <cmath>
#include <cstdlib>

namespace nm::support {

bool parseWholeNumber(const std::string &text, int64_t &value) {
  size_t begin = !text.empty() && text[0] == '-' ? 1 : 0, at = begin;
  int64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    if (__builtin_mul_overflow(number, 10, &number) ||
        __builtin_add_overflow(number, text[at] - '0', &number))
      return false;
  if (at == begin || text.size() > at + 1)
    return false;
  if (at < text.size()) {
    int shift = text[at] == 'K'   ? 10
                : text[at] == 'M' ? 20
                : text[at] == 'G' ? 30
                                  : 0;
    if (!shift || __builtin_mul_overflow(number, int64_t(1) << shift, &number))
      return false;
  }
  value = begin ? -number : number;
  return true;
}

bool parseReal(const std::string &text, double &value) {
  // strtod takes blanks, hexadecimal, infinity and NaN as well.
  if (text.empty() ||
      text.find_first_not_of("0123456789.eE+-") != std::string::npos)
    return false;
  char *end = nullptr;
  double number = std::strtod(text.c_str(), &end);
  if (*end || !std::isfinite(number))
    return false;
  value = number;
  return true;
}

} // namespace nm::support
