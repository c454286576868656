//===- Place.h - What the name of an output stands for -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SUPPORT_PLACE_H
#define NM_LIB_SUPPORT_PLACE_H

#include "nm/Support/Result.h"
#include <string>
#include <sys/stat.h>

namespace nm::support {

/// What a path names after its links were followed.
struct Place {
  enum class Kind {
    New,       ///< nothing yet, in a folder that is there
    Regular,   ///< a file
    Other,     ///< a device, FIFO or socket
    Descriptor ///< one that this process holds: `-`, /dev/stdout, /dev/fd/5
  };
  Kind kind = Kind::New;
  std::string path;        ///< of what the links lead to
  int descriptor = -1;     ///< of Descriptor
  struct stat status = {}; ///< unless New

  std::string folder() const;
  std::string leaf() const;
};

/// Fails if the path can be no output: a folder, or in one that is not there.
Result<Place> locate(const std::string &path);

/// Fails if this process may not write there: the file that is there, and the
/// folder, where a file is written before it takes its name.
Status checkWritable(const std::string &path, const Place &place);

/// "'out.npy'", or "standard output" for `-`.
std::string outputName(const std::string &path);

/// "cannot write 'out.npy': <why>".
Error writeError(const std::string &path, const std::string &why);

} // namespace nm::support

#endif // NM_LIB_SUPPORT_PLACE_H
