//===- Names.h - Words of assembly and JSON -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_NAMES_H
#define NM_ISA_NAMES_H

#include "nm/Isa/Instructions.h"
#include <cstring>
#include <string_view>

namespace nm::isa {

using model::toString;

/// The value of a name; false if there is none.
template <typename Enum> bool parseName(std::string_view text, Enum &value) {
  for (int i = 0; i < countOf(Enum()); ++i)
    if (text == toString(static_cast<Enum>(i))) {
      value = static_cast<Enum>(i);
      return true;
    }
  return false;
}

/// "add, sub, mul, max".
template <typename Enum> std::string namesOf(Enum) {
  std::string text;
  for (int i = 0; i < countOf(Enum()); ++i)
    text += (i ? ", " : "") + std::string(toString(static_cast<Enum>(i)));
  return text;
}

/// "2:4", both up to 64.
bool parsePattern(std::string_view text, SparsePattern &pattern);
/// Two hexadecimal digits a byte.
bool parseHex(std::string_view text, std::vector<uint8_t> &bytes);

inline uint32_t floatBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
/// The bits, "0x3f800000": exact for every value.
std::string floatText(float value);
bool parseFloat(std::string_view text, float &value);

} // namespace nm::isa

#endif // NM_ISA_NAMES_H
