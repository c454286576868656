//===- TextCursor.h - A place in a short text ----------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_TEXTCURSOR_H
#define NM_LIB_RUNTIME_TEXTCURSOR_H

#include <string_view>

namespace nm::rt {

/// What parsers of short texts share, such as a layout or the header of an npy
/// file: `text`, which is borrowed, and the place up to which it is read.
class TextCursor {
protected:
  explicit TextCursor(std::string_view text) : text(text) {}

  bool atEnd() {
    skipSpace();
    return pos == text.size();
  }
  void skipSpace() {
    while (pos < text.size() && (text[pos] == ' ' || text[pos] == '\t' ||
                                 text[pos] == '\n' || text[pos] == '\r'))
      ++pos;
  }
  /// Whether `word` comes next, after white space; reads past it.
  bool accept(std::string_view word) {
    skipSpace();
    if (text.substr(pos, word.size()) != word)
      return false;
    pos += word.size();
    return true;
  }
  bool accept(char c) { return accept(std::string_view(&c, 1)); }

  std::string_view text;
  size_t pos = 0;
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_TEXTCURSOR_H
