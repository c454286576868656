//===- OptionTable.h - An option of a command line -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SUPPORT_OPTIONTABLE_H
#define NM_LIB_SUPPORT_OPTIONTABLE_H

#include "nm/Support/Options.h"
#include <optional>

namespace nm::support {

struct CommandLine::Option {
  std::string name, value, help, defaultText;
  char shorthand = 0;
  size_t group = 0;
  bool isFlag = false, isList = false, valueOptional = false;
  std::vector<Choice> choices;
  std::vector<std::string> suggestions;
  /// Called with the value; flags and options alone with "".
  std::function<Status(const std::string &)> set;
  /// As first given, with its value; empty: not given.
  std::optional<std::string> first;
};

/// "-o", "--output".
inline std::string dashed(const std::string &name) {
  return (name.size() == 1 ? "-" : "--") + name;
}

} // namespace nm::support

#endif // NM_LIB_SUPPORT_OPTIONTABLE_H
