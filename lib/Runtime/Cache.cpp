//===- Cache.cpp - packed parameters on disk ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// File: magic (8 bytes), header length, header checksum, JSON header, padding
// to 64, then the parts, each at a multiple of 64. The header holds the key
// and, for every parameter, null or the offsets, sizes and checksum of its
// parts. Offsets count from the end of the padded header.
//
//===----------------------------------------------------------------------===//

#include "Cache.h"
#include "SafetensorsHeader.h"
#include "Support.h"
#include "Threads.h"
#include "nm/Support/Json.h"
#include "nm/Support/OutputFile.h"
#include <algorithm>
#include <filesystem>

namespace nm::rt {

using nlohmann::json;

static constexpr char kMagic[8] = {'N', 'M', 'C', 'A', 'C', 'H', 'E', '1'};
/// Raise when the bytes of any layout change.
static constexpr int kLayoutVersion = 2;

static uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

/// Four independent lanes keep the multiplier busy.
static uint64_t hashChunk(const unsigned char *data, int64_t bytes) {
  uint64_t lanes[4] = {1, 2, 3, 4};
  int64_t i = 0;
  for (; i + 32 <= bytes; i += 32)
    for (int lane = 0; lane < 4; ++lane)
      lanes[lane] =
          mix(lanes[lane], loadUnaligned<uint64_t>(data + i + lane * 8));
  uint64_t hash = mix(mix(mix(lanes[0], lanes[1]), lanes[2]), lanes[3]);
  for (; i < bytes; ++i)
    hash = mix(hash, data[i]);
  return mix(hash, uint64_t(bytes));
}

uint64_t checksum(const void *data, uint64_t bytes) {
  constexpr int64_t chunk = 1 << 20;
  const unsigned char *from = static_cast<const unsigned char *>(data);
  int64_t total = int64_t(bytes), chunks = ceilDiv(total, chunk);
  std::vector<uint64_t> hashes(static_cast<size_t>(chunks));
  int threads = threadsFor(chunks, total);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < chunks; ++i)
    hashes[size_t(i)] =
        hashChunk(from + i * chunk, std::min(chunk, total - i * chunk));
  uint64_t hash = bytes;
  for (uint64_t part : hashes)
    hash = mix(hash, part);
  return hash;
}

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
  name["layouts"] = kLayoutVersion;
  name["manifest"] = printManifest(manifest);
  name["policy"] = int(mask.policy);
  name["bit_order"] = int(mask.bitOrder);
  name["suffixes"] = mask.suffixes;
  name["scopes"] = json::array();
  for (const ScopePath &scope : scopes)
    name["scopes"].push_back({scope.scope, fullPath(scope.path)});
  name["paths"] = json::array();
  for (const Checkpoint *checkpoint : checkpoints)
    name["paths"].push_back(fullPath(checkpoint->path()));
  return name.dump(-1, ' ', false, json::error_handler_t::replace);
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
  uint64_t hash = mix(checksum(file.data(), head),
                      checksum(file.data() + size - tail, tail));
  uint64_t middle = size - head - tail;
  uint64_t count = std::min(samples, middle / page);
  for (uint64_t i = 0; i < count; ++i)
    hash = mix(hash, hashChunk(file.data() + head + middle / count * i, page));
  if (count == middle / page && middle != 0) // small enough to look at it all
    hash = mix(hash, checksum(file.data() + head, middle));
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
  return name + files.dump(-1, ' ', false, json::error_handler_t::replace);
}

unsigned cacheMode(const std::vector<const Checkpoint *> &checkpoints) {
  unsigned mode = 0666;
  for (const Checkpoint *checkpoint : checkpoints)
    for (const Checkpoint::FileIdentity &identity : checkpoint->files())
      mode &= identity.mode;
  return mode;
}

namespace {
/// Reads the header of a cache file; every access is checked.
class CacheReader {
public:
  CacheReader(const unsigned char *data, uint64_t size)
      : data(data), size(size) {}

  Status run(const std::string &key, std::vector<CacheEntry> &entries) {
    constexpr uint64_t fixed = 24;
    if (size < fixed || std::memcmp(data, kMagic, 8) != 0)
      return fail("not a cache file of this version");
    uint64_t length = loadUnaligned<uint64_t>(data + 8);
    if (length > size - fixed)
      return fail("truncated");
    if (checksum(data + fixed, length) != loadUnaligned<uint64_t>(data + 16))
      return fail("damaged header");
    base = (fixed + length + kAlignment - 1) / kAlignment * kAlignment;
    std::string_view text(reinterpret_cast<const char *>(data) + fixed, length);
    Result<json> header = support::parseStrictJson(text, "cache");
    if (!header)
      return header.error();
    if (header->value("key", "") != key)
      return fail("stale");
    for (const json &item : (*header)["entries"]) {
      entries.emplace_back();
      if (item.is_null())
        continue;
      CacheEntry &entry = entries.back();
      entry.present = true;
      entry.maskSource = item.at("source").get<std::string>();
      if (!part(item.at("values"), entry.values, entry.valuesBytes) ||
          !part(item.at("metadata"), entry.metadata, entry.metadataBytes))
        return fail("damaged");
    }
    return {};
  }

private:
  const unsigned char *data;
  uint64_t size, base = 0;

  static Error fail(const char *why) { return makeError(Errc::Format, why); }

  /// [offset, bytes, checksum]
  bool part(const json &item, const unsigned char *&pointer, int64_t &bytes) {
    uint64_t offset = item.at(0).get<uint64_t>();
    uint64_t length = item.at(1).get<uint64_t>();
    if (base > size || offset > size - base || length > size - base - offset ||
        offset % kAlignment != 0)
      return false;
    pointer = data + base + offset;
    bytes = int64_t(length);
    return checksum(pointer, length) == item.at(2).get<uint64_t>();
  }
};
} // namespace

Result<CacheContents> readCache(const std::string &path,
                                const std::string &key) {
  return guarded([&]() -> Result<CacheContents> {
    Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
    if (!file)
      return file.error();
    CacheContents contents;
    contents.owner = *file;
    CacheReader reader((*file)->data(), (*file)->size());
    NM_RETURN_IF_ERROR(reader.run(key, contents.entries));
    return contents;
  });
}

Status writeCache(const std::string &path, unsigned mode,
                  const std::string &key,
                  const std::vector<CacheEntry> &entries) {
  return guarded([&]() -> Status {
    uint64_t offset = 0;
    auto part = [&](const unsigned char *data, int64_t bytes) {
      json item = {offset, bytes, checksum(data, uint64_t(bytes))};
      offset += uint64_t(ceilDiv(bytes, kAlignment)) * kAlignment;
      return item;
    };
    json header;
    header["key"] = key;
    header["entries"] = json::array();
    for (const CacheEntry &entry : entries) {
      json item;
      if (entry.present) {
        item["source"] = entry.maskSource;
        item["values"] = part(entry.values, entry.valuesBytes);
        item["metadata"] = part(entry.metadata, entry.metadataBytes);
      }
      header["entries"].push_back(std::move(item));
    }
    std::string text =
        header.dump(-1, ' ', false, json::error_handler_t::replace);
    support::OutputOptions options;
    options.mode = mode;
    options.keepMode = false;
    auto file = support::OutputFile::open(path, options);
    if (!file)
      return file.error();
    static constexpr char zeros[kAlignment] = {};
    auto writePadded = [&](const void *data, uint64_t bytes, uint64_t before) {
      Status status = (*file)->write(data, bytes);
      uint64_t rest = (kAlignment - (before + bytes) % kAlignment) % kAlignment;
      return status ? (*file)->write(zeros, rest) : status;
    };
    uint64_t fixed[2] = {text.size(), checksum(text.data(), text.size())};
    NM_RETURN_IF_ERROR((*file)->write(kMagic, sizeof(kMagic)));
    NM_RETURN_IF_ERROR((*file)->write(fixed, sizeof(fixed)));
    NM_RETURN_IF_ERROR(writePadded(text.data(), text.size(), 24));
    for (const CacheEntry &entry : entries) {
      if (!entry.present)
        continue;
      NM_RETURN_IF_ERROR(
          writePadded(entry.values, uint64_t(entry.valuesBytes), 0));
      NM_RETURN_IF_ERROR(
          writePadded(entry.metadata, uint64_t(entry.metadataBytes), 0));
    }
    return (*file)->commit();
  });
}

} // namespace nm::rt
