//===- Text.h - Names in messages -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_PIFOMESH_TEXT_H
#define NM_LIB_MODEL_PIFOMESH_TEXT_H

#include <cstdio>
#include <string>

namespace nm::mesh {

/// `text` with control characters as \xNN, as it may stand in a message.
inline std::string escape(const std::string &text) {
  std::string result;
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    if (code >= 32 && code != 127) {
      result += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), "\\x%02x",
                  static_cast<unsigned>(code));
    result += escaped;
  }
  return result;
}

} // namespace nm::mesh

#endif // NM_LIB_MODEL_PIFOMESH_TEXT_H
