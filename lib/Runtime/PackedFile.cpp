//===- PackedFile.cpp - packed parameters in one file ----------------------===//
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

#include "PackedFile.h"
#include "Support.h"
#include "Threads.h"
#include "nm/Support/Checksum.h"
#include "nm/Support/Json.h"
#include "nm/Support/JsonReader.h"
#include <algorithm>

namespace nm::rt {

using nlohmann::json;
using support::hashBytes;
using support::mixHash;

/// What stands before the header: magic, length, checksum.
static constexpr uint64_t kFixedBytes = 24;

int layoutVersion(const Manifest &manifest) {
  auto hasZeros = [](const ParamSpec &spec) {
    const GroupForm &form = spec.layout.form;
    return spec.layout.hasForm() && form.zeros && form.bits == 8;
  };
  return std::any_of(manifest.params.begin(), manifest.params.end(), hasZeros)
             ? 3
             : 2;
}

uint64_t checksum(const void *data, uint64_t bytes) {
  constexpr int64_t chunk = 1 << 20;
  const unsigned char *from = static_cast<const unsigned char *>(data);
  int64_t total = int64_t(bytes), chunks = ceilDiv(total, chunk);
  std::vector<uint64_t> hashes(static_cast<size_t>(chunks));
  int threads = threadsFor(chunks, total);
  // Of a mapped file only what calls read is to stay resident: of a table of
  // embeddings the rows of a few words.
  PassedPages pages(data, bytes);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < chunks; ++i) {
    int64_t begin = i * chunk, end = std::min(begin + chunk, total);
    hashes[size_t(i)] = hashBytes(from + begin, uint64_t(end - begin));
    pages.pass(uint64_t(begin), uint64_t(end));
  }
  uint64_t hash = bytes;
  for (uint64_t part : hashes)
    hash = mixHash(hash, part);
  return hash;
}

namespace {
/// Reads the header of a file of packed parameters; every access is checked.
class PackedReader {
public:
  PackedReader(const MappedFile &file, const PackedFormat &format)
      : data(file.data()), size(file.size()), format(format) {}

  Status run(PackedContents &contents) {
    if (size < kFixedBytes || std::memcmp(data, format.magic, 8) != 0)
      return fail("not a ", format.what, " of this version");
    uint64_t length = loadUnaligned<uint64_t>(data + 8);
    if (length > size - kFixedBytes)
      return fail("truncated: the header is of ", length, " bytes, but ",
                  size - kFixedBytes, " follow");
    if (checksum(data + kFixedBytes, length) !=
        loadUnaligned<uint64_t>(data + 16))
      return fail("damaged header");
    base = ceilDiv(int64_t(kFixedBytes + length), kAlignment) * kAlignment;
    std::string_view text(reinterpret_cast<const char *>(data) + kFixedBytes,
                          length);
    return support::readJsonObject(
        text, format.what, [&](support::JsonReader &reader) {
          reader.text("key", contents.key);
          reader.objects("entries", 0, SIZE_MAX,
                         [&](support::JsonReader &inner, size_t) {
                           contents.entries.emplace_back();
                           readEntry(inner, contents.entries.back());
                         });
        });
  }

private:
  const unsigned char *data;
  uint64_t size, base = 0;
  const PackedFormat &format;

  template <typename... Parts> static Error fail(const Parts &...parts) {
    return makeError(Errc::Format, parts...);
  }

  void readEntry(support::JsonReader &reader, PackedEntry &entry) {
    reader.flag("present", entry.present, support::Need::Required);
    if (!entry.present)
      return;
    reader.text("source", entry.maskSource);
    readPart(reader, "values", entry.values, entry.valuesBytes,
             entry.valuesChecksum);
    readPart(reader, "metadata", entry.metadata, entry.metadataBytes,
             entry.metadataChecksum);
  }

  /// [offset, bytes, checksum]
  void readPart(support::JsonReader &reader, const char *name,
                const unsigned char *&pointer, int64_t &bytes, uint64_t &sum) {
    std::vector<uint64_t> part;
    reader.integers<uint64_t>(name, part, 0, UINT64_MAX, 3);
    if (!reader.ok())
      return;
    if (part.size() != 3)
      return reader.wrong(name, "offset, bytes and checksum");
    uint64_t offset = part[0], length = part[1];
    if (base > size || offset > size - base || length > size - base - offset ||
        offset % kAlignment != 0)
      return reader.fail(name, "lies outside of the file, or not at a multiple "
                               "of 64: it is truncated or damaged");
    pointer = data + base + offset;
    bytes = int64_t(length);
    sum = part[2];
  }
};
} // namespace

bool isIntact(const PackedEntry &entry) {
  return checksum(entry.values, uint64_t(entry.valuesBytes)) ==
             entry.valuesChecksum &&
         checksum(entry.metadata, uint64_t(entry.metadataBytes)) ==
             entry.metadataChecksum;
}

Result<PackedContents> readPacked(const std::string &path,
                                  const PackedFormat &format) {
  return guarded([&]() -> Result<PackedContents> {
    Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
    if (!file)
      return file.error();
    PackedContents contents;
    contents.owner = *file;
    NM_RETURN_IF_ERROR(PackedReader(**file, format).run(contents));
    return contents;
  });
}

static std::string headerOf(const std::string &key,
                            const std::vector<PackedEntry> &entries) {
  uint64_t offset = 0;
  auto part = [&](const unsigned char *data, int64_t bytes) {
    json item = {offset, bytes, checksum(data, uint64_t(bytes))};
    offset += uint64_t(ceilDiv(bytes, kAlignment)) * kAlignment;
    return item;
  };
  json header;
  header["key"] = key;
  header["entries"] = json::array();
  for (const PackedEntry &entry : entries) {
    json item;
    item["present"] = entry.present;
    if (entry.present) {
      item["source"] = entry.maskSource;
      item["values"] = part(entry.values, entry.valuesBytes);
      item["metadata"] = part(entry.metadata, entry.metadataBytes);
    }
    header["entries"].push_back(std::move(item));
  }
  return support::printJson(header);
}

Status writePacked(support::Sink &file, const PackedFormat &format,
                   const std::string &key,
                   const std::vector<PackedEntry> &entries) {
  return guarded([&]() -> Status {
    std::string text = headerOf(key, entries);
    static constexpr char zeros[kAlignment] = {};
    auto writePadded = [&](const void *data, uint64_t bytes, uint64_t before) {
      Status status = file.write(data, bytes);
      uint64_t rest = (kAlignment - (before + bytes) % kAlignment) % kAlignment;
      return status ? file.write(zeros, rest) : status;
    };
    uint64_t fixed[2] = {text.size(), checksum(text.data(), text.size())};
    NM_RETURN_IF_ERROR(file.write(format.magic, sizeof(format.magic)));
    NM_RETURN_IF_ERROR(file.write(fixed, sizeof(fixed)));
    NM_RETURN_IF_ERROR(writePadded(text.data(), text.size(), kFixedBytes));
    for (const PackedEntry &entry : entries) {
      if (!entry.present)
        continue;
      NM_RETURN_IF_ERROR(
          writePadded(entry.values, uint64_t(entry.valuesBytes), 0));
      NM_RETURN_IF_ERROR(
          writePadded(entry.metadata, uint64_t(entry.metadataBytes), 0));
    }
    return {};
  });
}

} // namespace nm::rt
