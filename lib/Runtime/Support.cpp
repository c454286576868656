//===- Support.cpp - printable names --------------------------------------===//

#include "Support.h"

namespace nm::rt {

/// Length of the UTF-8 sequence at the start of `text`, 0 when it is none.
static size_t utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  if (first < 0x80)
    return 1;
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  // Overlong forms, surrogates, and beyond U+10FFFF.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f))
    return 0;
  return length;
}

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = utf8Length(text);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string quote(std::string_view name) {
  static const char hex[] = "0123456789abcdef";
  constexpr size_t limit = 200;
  std::string out = "'";
  while (!name.empty()) {
    if (out.size() > limit) {
      out += "...";
      break;
    }
    size_t length = utf8Length(name);
    unsigned char c = static_cast<unsigned char>(name[0]);
    if (length == 0 || c < 0x20 || c == 0x7f || c == '\'' || c == '\\') {
      out += "\\x";
      out += hex[c >> 4];
      out += hex[c & 15];
      length = 1;
    } else {
      out.append(name.substr(0, length));
    }
    name.remove_prefix(length);
  }
  return out + "'";
}

} // namespace nm::rt
