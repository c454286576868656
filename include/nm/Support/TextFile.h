//===- TextFile.h - Small files as text -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_TEXTFILE_H
#define NM_SUPPORT_TEXTFILE_H

#include "nm/Support/Result.h"
#include <string>

namespace nm::support {

/// A file of at most `mostMiB` MiB, whole. `expected` is what a larger one is
/// not: "a mapping".
Result<std::string> readTextFile(const std::string &path, int mostMiB,
                                 const char *expected);

} // namespace nm::support

#endif // NM_SUPPORT_TEXTFILE_H
