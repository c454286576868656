//===- FileCache.h - A bounded folder of what was made before -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An entry is a file that holds its whole key, its content and a hash of both,
// named by a hash of the key. Processes share a folder: entries appear whole or
// not at all (OutputFile.h), are never changed, and one that is removed while
// it is read is read to its end.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_FILECACHE_H
#define NM_SUPPORT_FILECACHE_H

#include "nm/Support/Result.h"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nm::support {

class FileCache {
public:
  /// Entries of at most `mostBytes` together lie in `folder`, which is made,
  /// for this user alone, with those that it is in. Fails where it cannot be
  /// written, and where others could write to it: what is found is run.
  static Result<FileCache> open(const std::string &folder, uint64_t mostBytes);

  /// What was kept under `key`, nothing if that is not there; now the entry
  /// that was used last. Fails if it is damaged; keep() replaces it.
  Result<std::optional<std::string>> find(std::string_view key) const;

  /// Keeps `content`, and removes what was not used for longest until all is
  /// within the bound. An entry that is larger than the bound is not kept.
  Status keep(std::string_view key, std::string_view content) const;

  /// The file that a key names.
  std::string pathOf(std::string_view key) const;

private:
  FileCache(std::string folder, uint64_t mostBytes)
      : folder(std::move(folder)), mostBytes(mostBytes) {}
  void removeOldest() const;

  std::string folder;
  uint64_t mostBytes;
};

/// An entry's file.
std::string makeCacheEntry(std::string_view key, std::string_view content);

/// The content, which lies in `file`; nothing if that is of another key. Fails
/// if it is damaged.
Result<std::optional<std::string_view>> readCacheEntry(std::string_view file,
                                                       std::string_view key);

/// $XDG_CACHE_HOME, or .cache in $HOME, with `name` behind it; "" where neither
/// says an absolute path (XDG Base Directory Specification 0.8).
std::string userCacheFolder(const std::string &name);

} // namespace nm::support

#endif // NM_SUPPORT_FILECACHE_H
