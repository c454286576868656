//===- Names.cpp - Words of assembly and JSON ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Names.h"
#include <charconv>
#include <cstdio>

namespace nm::isa {

support::DType dtypeOf(Type type) {
  return support::parseDType(toString(type));
}

bool typeOf(support::DType dtype, Type &type) {
  return parseName(support::dtypeName(dtype), type);
}

bool parsePattern(std::string_view text, SparsePattern &pattern) {
  const char *end = text.data() + text.size();
  auto n = std::from_chars(text.data(), end, pattern.n);
  if (n.ec != std::errc() || n.ptr == end || *n.ptr != ':')
    return false;
  auto m = std::from_chars(n.ptr + 1, end, pattern.m);
  return m.ec == std::errc() && m.ptr == end && pattern.n >= 0 &&
         pattern.n <= 255 && pattern.m >= 0 && pattern.m <= 255;
}

bool parseHex(std::string_view text, std::vector<uint8_t> &bytes) {
  if (text.size() % 2)
    return false;
  bytes.resize(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char *begin = text.data() + 2 * i;
    auto parsed = std::from_chars(begin, begin + 2, bytes[i], 16);
    if (parsed.ec != std::errc() || parsed.ptr != begin + 2)
      return false;
  }
  return true;
}

std::string floatText(float value) {
  char text[16];
  std::snprintf(text, sizeof(text), "0x%08x", floatBits(value));
  return text;
}

bool parseFloat(std::string_view text, float &value) {
  uint32_t bits = 0;
  if (text.size() != 10 || text.substr(0, 2) != "0x")
    return false;
  const char *end = text.data() + text.size();
  auto parsed = std::from_chars(text.data() + 2, end, bits, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end)
    return false;
  std::memcpy(&value, &bits, sizeof(value));
  return true;
}

} // namespace nm::isa
