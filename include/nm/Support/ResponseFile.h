//===- ResponseFile.h - Arguments from files -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_RESPONSEFILE_H
#define NM_SUPPORT_RESPONSEFILE_H

#include "nm/Support/Result.h"
#include <string>
#include <string_view>
#include <vector>

namespace nm::support {

/// The arguments in the text of a response file: words between blanks and line
/// ends. Single or double quotes keep blanks, a backslash the character after
/// it (not within single quotes). Errors: a quote that is not closed.
Result<std::vector<std::string>> splitResponse(std::string_view text,
                                               const std::string &path);

/// `arguments` with each `@path` before a `--` replaced by what the file says.
/// Within files, `@` is a character like others.
Result<std::vector<std::string>>
expandResponseFiles(std::vector<std::string> arguments);

} // namespace nm::support

#endif // NM_SUPPORT_RESPONSEFILE_H
