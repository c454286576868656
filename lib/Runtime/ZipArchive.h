//===- ZipArchive.h - members of a zip archive in memory ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_ZIPARCHIVE_H
#define NM_LIB_RUNTIME_ZIPARCHIVE_H

#include "CheckpointFormats.h"
#include <memory>
#include <mutex>
#include <string>
#include <vector>

struct zip;

namespace nm::rt {

/// A zip archive whose bytes lie in memory. Sizes are checked against what the
/// stored bytes can hold before anything is allocated for them. May be read
/// from several threads.
class ZipArchive {
public:
  struct Member {
    std::string name;
    uint64_t index = 0; ///< in the archive
    uint64_t size = 0;  ///< after inflation
  };

  /// `path` stands for the archive in messages.
  static Result<std::unique_ptr<ZipArchive>> open(const FileImage &image,
                                                  const std::string &path);
  ~ZipArchive();

  /// In the order of the directory.
  const std::vector<Member> &members() const { return list; }

  /// Refuses a member that cannot be read: encrypted, of another compression,
  /// with sizes that are missing or cannot be.
  Status check(const Member &member) const;

  /// The first bytes of a member, at most `bytes`.
  Result<std::vector<unsigned char>> readStart(const Member &member,
                                               uint64_t bytes) const;

  /// All bytes of a member from `skip` on, whose checksum is compared. The
  /// buffer is aligned to 64 bytes.
  Result<std::shared_ptr<unsigned char>> read(const Member &member,
                                              uint64_t skip = 0) const;

private:
  ZipArchive(const FileImage &image, std::string path);
  std::string where(const Member &member) const;

  FileImage image;
  std::string path;
  struct Close {
    void operator()(zip *archive) const;
  };
  std::unique_ptr<zip, Close> archive;
  std::vector<Member> list;
  mutable std::mutex mutex;
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_ZIPARCHIVE_H
