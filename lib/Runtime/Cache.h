//===- Cache.h - packed parameters on disk --------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_CACHE_H
#define NM_LIB_RUNTIME_CACHE_H

#include "PackedFile.h"
#include "nm/Runtime/Params.h"

namespace nm::rt {

/// What packed buffers depend on beside the checkpoints' content, as text:
/// paths and scopes, manifest, mask options, version of the layouts. One cache
/// file belongs to it.
std::string cacheName(const Manifest &manifest,
                      const std::vector<const Checkpoint *> &checkpoints,
                      const std::vector<ScopePath> &scopes,
                      const MaskOptions &mask);

/// The name with the identities of all files: path, size, time of modification,
/// and a hash of the content (of the header, and of samples of the rest).
Result<std::string>
cacheKey(const std::string &name,
         const std::vector<const Checkpoint *> &checkpoints);

/// Permissions that no file of the checkpoints has not.
unsigned cacheMode(const std::vector<const Checkpoint *> &checkpoints);

/// Maps a cache file. Fails when it is missing, stale (another key) or damaged;
/// the message says which.
Result<PackedContents> readCache(const std::string &path,
                                 const std::string &key);

/// Writes a cache file atomically, with these permission bits at most.
Status writeCache(const std::string &path, unsigned mode,
                  const std::string &key,
                  const std::vector<PackedEntry> &entries);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_CACHE_H
