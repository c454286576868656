//===- TextFile.cpp - Small files as text -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/TextFile.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Text.h"
#include <cerrno>
#include <cstring>
#include <fstream>

namespace nm::support {

Result<std::string> readTextFile(const std::string &path, int mostMiB,
                                 const char *expected) {
  return guarded([&]() -> Result<std::string> {
    std::streamsize most = static_cast<std::streamsize>(mostMiB) << 20;
    std::ifstream file(path, std::ios::binary);
    std::string text(static_cast<size_t>(most) + 1, '\0');
    if (!file || (!file.read(text.data(), most + 1) && !file.eof()))
      return makeError(Errc::Io, "cannot read ", quotePath(path), ": ",
                       std::strerror(errno ? errno : EIO));
    if (file.gcount() > most)
      return makeError(Errc::Format, quotePath(path), ": found more than ",
                       mostMiB, " MiB, expected ", expected);
    text.resize(static_cast<size_t>(file.gcount()));
    return text;
  });
}

} // namespace nm::support
