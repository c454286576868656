//===- Spelling.h - An option as pages show it -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SUPPORT_SPELLING_H
#define NM_LIB_SUPPORT_SPELLING_H

#include "nm/Support/Manual.h"
#include <string>

namespace nm::support {

/// "-o, --output=<file>": `name` and `value` are how a page sets names and
/// values.
template <typename Name, typename Value>
std::string spelling(const Manual::Entry &entry, const Name &name,
                     const Value &value) {
  std::string text;
  for (const std::string &each : entry.names)
    text += (text.empty() ? "" : ", ") + name(each);
  if (text.empty() || entry.value.empty())
    return text.empty() ? value(entry.value) : text;
  if (entry.valueOptional)
    return text + "[=" + value(entry.value) + "]";
  return text + (entry.names.back().size() == 2 ? " " : "=") +
         value(entry.value);
}

} // namespace nm::support

#endif // NM_LIB_SUPPORT_SPELLING_H
