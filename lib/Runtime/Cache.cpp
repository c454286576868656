//===- Cache.cpp - packed parameters on disk --------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cache.h"
#include "SafetensorsHeader.h"
#include "Support.h"
#include "nm/Support/Checksum.h"
#include "nm/Support/Json.h"
#include <algorithm>
#include <filesystem>

namespace nm::rt {

using nlohmann::json;
using support::hashBytes;
using support::mixHash;

static constexpr PackedFormat kFormat = {
    {'N', 'M', 'C', 'A', 'C', 'H', 'E', '2'}, "cache file"};

/// Paths as a name that does not depend on where the process runs.
static std::string fullPath(const std::string &path) {
  std::error_code failed;
  std::filesystem::path full = std::filesystem::canonical(path, failed);
  return failed ? path : full.string();
}

std::string cacheName(const Manifest &manifest,
                      const std::vector<const Checkpoint *> &checkpoints,
                      const std::vector<ScopePath> &scopes,
                      const MaskOptions &mask) {
  json name;
  name["layouts"] = layoutVersion(manifest);
  name["manifest"] = printManifest(manifest);
  name["policy"] = int(mask.policy);
  name["bit_order"] = int(mask.bitOrder);
  name["suffixes"] = mask.suffixes;
  name["quantize"] = mask.quantize;
  name["scopes"] = json::array();
  for (const ScopePath &scope : scopes)
    name["scopes"].push_back({scope.scope, fullPath(scope.path)});
  name["paths"] = json::array();
  for (const Checkpoint *checkpoint : checkpoints)
    name["paths"].push_back(fullPath(checkpoint->path()));
  return support::printJson(name);
}

/// Hash of the parts of a file that a change of its tensors shows in: the whole
/// header of safetensors, the beginning of others, the end, where a zip archive
/// keeps the checksums of its members, and pages spread evenly between. The
/// time of modification does not tell: rsync, git and container images set it.
static uint64_t contentHash(const MappedFile &file) {
  constexpr uint64_t edge = 256 << 10, page = 4096, samples = 256;
  uint64_t size = file.size(), head = edge;
  if (size > 8) {
    uint64_t header = loadUnaligned<uint64_t>(file.data());
    if (header <= kMaxSafetensorsHeader)
      head = std::max(head, 8 + header);
  }
  head = std::min(head, size);
  uint64_t tail = std::min(edge, size - head);
  uint64_t hash = mixHash(checksum(file.data(), head),
                          checksum(file.data() + size - tail, tail));
  uint64_t middle = size - head - tail;
  uint64_t count = std::min(samples, middle / page);
  for (uint64_t i = 0; i < count; ++i)
    hash =
        mixHash(hash, hashBytes(file.data() + head + middle / count * i, page));
  if (count == middle / page && middle != 0) // small enough to look at it all
    hash = mixHash(hash, checksum(file.data() + head, middle));
  return hash;
}

Result<std::string>
cacheKey(const std::string &name,
         const std::vector<const Checkpoint *> &checkpoints) {
  json files = json::array();
  for (const Checkpoint *checkpoint : checkpoints)
    for (const Checkpoint::FileIdentity &identity : checkpoint->files()) {
      Result<std::shared_ptr<const MappedFile>> file =
          MappedFile::open(identity.path);
      if (!file)
        return file.error();
      files.push_back({fullPath(identity.path), identity.size, identity.mtimeNs,
                       contentHash(**file)});
    }
  return name + support::printJson(files);
}

unsigned cacheMode(const std::vector<const Checkpoint *> &checkpoints) {
  unsigned mode = 0666;
  for (const Checkpoint *checkpoint : checkpoints)
    for (const Checkpoint::FileIdentity &identity : checkpoint->files())
      mode &= identity.mode;
  return mode;
}

Result<PackedContents> readCache(const std::string &path,
                                 const std::string &key) {
  Result<PackedContents> contents = readPacked(path, kFormat);
  if (!contents)
    return contents.error();
  if (contents->key != key)
    return makeError(Errc::Format, "stale");
  for (const PackedEntry &entry : contents->entries)
    if (entry.present && !isIntact(entry))
      return makeError(Errc::Format, "damaged");
  return contents;
}

Status writeCache(const std::string &path, unsigned mode,
                  const std::string &key,
                  const std::vector<PackedEntry> &entries) {
  support::OutputOptions options;
  options.mode = mode;
  options.keepMode = false;
  auto file = support::OutputFile::open(path, options);
  if (!file)
    return file.error();
  NM_RETURN_IF_ERROR(writePacked(**file, kFormat, key, entries));
  return (*file)->commit();
}

} // namespace nm::rt
