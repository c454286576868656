//===- PackedFile.h - packed parameters in one file ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the cache next to a checkpoint and the weights of a compiled model have
// in common: parts at multiples of 64 bytes, to be mapped, behind a header that
// says what they are.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_PACKEDFILE_H
#define NM_LIB_RUNTIME_PACKEDFILE_H

#include "Memory.h"
#include "nm/Runtime/Params.h"
#include "nm/Support/OutputFile.h"
#include <vector>

namespace nm::rt {

/// The version of the layouts of a manifest: raise those whose bytes change.
/// Zero points of eight bits are of version 3, all others of version 2.
int layoutVersion(const Manifest &manifest);

/// Hash of a buffer, on several threads (nm/Support/Checksum.h).
uint64_t checksum(const void *data, uint64_t bytes);

/// One parameter. An absent one was not packed.
struct PackedEntry {
  bool present = false;
  const unsigned char *values = nullptr;
  const unsigned char *metadata = nullptr;
  int64_t valuesBytes = 0;
  int64_t metadataBytes = 0;
  std::string maskSource;
  /// As the file says; of no meaning for writePacked.
  uint64_t valuesChecksum = 0, metadataChecksum = 0;
};

struct PackedContents {
  std::string key;
  std::vector<PackedEntry> entries;
  /// Keeps the mapping alive.
  std::shared_ptr<const void> owner;
};

/// A kind of file: its first bytes, version included, and its name in messages.
struct PackedFormat {
  char magic[8];
  const char *what;
};

/// Maps a file and reads its header. Fails when it is missing or of another
/// kind, and when a part does not lie in it; the parts themselves are not
/// looked at.
Result<PackedContents> readPacked(const std::string &path,
                                  const PackedFormat &format);

/// Whether the parts of an entry are those that were written.
bool isIntact(const PackedEntry &entry);

Status writePacked(support::Sink &file, const PackedFormat &format,
                   const std::string &key,
                   const std::vector<PackedEntry> &entries);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_PACKEDFILE_H
