//===- PackedWeights.cpp - The weights of a compiled model in one file -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/PackedWeights.h"
#include "PackedFile.h"
#include "Support.h"
#include "nm/Runtime/Pack.h"
#include "nm/Support/Json.h"
#include "nm/Support/JsonReader.h"
#include <cstdio>
#include <map>

namespace nm::rt {

static constexpr PackedFormat kFormat = {
    {'N', 'M', 'W', 'G', 'H', 'T', '0', '1'}, "file of packed weights"};

/// What tells parameters apart.
static std::string nameOf(const ParamSpec &spec) {
  return printManifest({{spec}});
}

Manifest mergeManifests(const std::vector<Manifest> &manifests) {
  Manifest all;
  std::map<std::string, bool> known;
  for (const Manifest &manifest : manifests)
    for (const ParamSpec &spec : manifest.params)
      if (known.emplace(nameOf(spec), true).second)
        all.params.push_back(spec);
  return all;
}

Result<std::vector<size_t>> findParams(const Manifest &manifest,
                                       const Manifest &all,
                                       const std::string &where) {
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < all.params.size(); ++i)
    places.emplace(nameOf(all.params[i]), i);
  std::vector<size_t> found;
  for (const ParamSpec &spec : manifest.params) {
    auto place = places.find(nameOf(spec));
    if (place == places.end())
      return makeError(Errc::Mismatch, where, " holds no parameter ",
                       quote(spec.key), " of ", dtypeName(spec.dtype), " ",
                       shapeString(spec.shape), " in layout ",
                       spec.layout.str(),
                       ": it was written for another model or by another "
                       "version; compile the model again");
    found.push_back(place->second);
  }
  return found;
}

static std::string hashText(const Manifest &manifest) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx",
                static_cast<unsigned long long>(hashManifest(manifest)));
  return text;
}

Status writePackedWeights(support::Sink &file, const Manifest &manifest,
                          const Params &params) {
  std::vector<PackedEntry> entries;
  for (size_t i = 0; i < params.size(); ++i) {
    const Param &param = params[i];
    PackedEntry &entry = entries.emplace_back();
    entry.present = true;
    entry.values = static_cast<const unsigned char *>(param.values);
    entry.metadata = static_cast<const unsigned char *>(param.metadata);
    entry.valuesBytes = param.valuesBytes;
    entry.metadataBytes = param.metadataBytes;
    entry.maskSource = param.maskSource;
  }
  nlohmann::ordered_json key;
  key["layouts"] = layoutVersion(manifest);
  key["manifest_hash"] = hashText(manifest);
  key["manifest"] = printManifest(manifest);
  return writePacked(file, kFormat, key.dump(), entries);
}

uint64_t packedChecksum(const void *data, uint64_t bytes) {
  return checksum(data, bytes);
}

static Result<Manifest> readKey(const std::string &key) {
  std::string hash, text;
  int layouts = 0;
  NM_RETURN_IF_ERROR(
      support::readJsonObject(key, "the key", [&](support::JsonReader &reader) {
        reader.integer("layouts", layouts);
        reader.text("manifest_hash", hash);
        reader.text("manifest", text);
      }));
  Result<Manifest> manifest = parseManifest(text);
  if (!manifest)
    return manifest.error();
  if (hashText(*manifest) != hash)
    return makeError(Errc::Format, "the hash of the manifest is ",
                     hashText(*manifest), ", but ", quote(hash), " is written");
  if (layouts != layoutVersion(*manifest))
    return makeError(Errc::Format, "the layouts are of version ", layouts,
                     ", expected ", layoutVersion(*manifest),
                     "; compile the model again");
  return manifest;
}

static Error inFile(const std::string &path, const Error &error) {
  // Those of the operating system name the file.
  if (error.message.compare(0, path.size(), path) == 0)
    return error;
  return makeError(error.code, path, ": ", error.message);
}

Result<Manifest> readPackedManifest(const std::string &path) {
  return guarded([&]() -> Result<Manifest> {
    Result<PackedContents> contents = readPacked(path, kFormat);
    if (!contents)
      return inFile(path, contents.error());
    Result<Manifest> manifest = readKey(contents->key);
    if (!manifest)
      return inFile(path, manifest.error());
    return manifest;
  });
}

/// Fills a Params object from a file of packed weights.
class PackedLoader {
public:
  PackedLoader(const Manifest &manifest, const std::string &path)
      : manifest(manifest), path(path), result(new Params()) {}

  Result<std::unique_ptr<Params>> run() {
    Result<PackedContents> contents = readPacked(path, kFormat);
    if (!contents)
      return inFile(path, contents.error());
    Result<Manifest> written = readKey(contents->key);
    if (!written)
      return inFile(path, written.error());
    if (written->params.size() != contents->entries.size())
      return makeError(Errc::Format, path, ": ", contents->entries.size(),
                       " entries for ", written->params.size(), " parameters");
    Result<std::vector<size_t>> places = findParams(manifest, *written, path);
    if (!places)
      return places.error();
    for (size_t i = 0; i < places->size(); ++i)
      NM_RETURN_IF_ERROR(
          take(manifest.params[i], contents->entries[(*places)[i]]));
    result->owners.push_back(contents->owner);
    return std::move(result);
  }

private:
  const Manifest &manifest;
  const std::string &path;
  std::unique_ptr<Params> result;

  Status take(const ParamSpec &spec, const PackedEntry &entry) {
    PatternSpec pattern = spec.sparsity.value_or(PatternSpec());
    Result<StorageShapes> shapes = storageShapesOf(spec);
    if (!shapes)
      return shapes.error();
    int64_t values = shapes->values.bytes();
    int64_t metadata = shapes->metadata.bytes();
    if (!entry.present || entry.valuesBytes != values ||
        entry.metadataBytes != metadata)
      return makeError(Errc::Format, path, ": parameter ", quote(spec.key),
                       " has ", entry.valuesBytes, " and ", entry.metadataBytes,
                       " bytes, expected ", values, " and ", metadata,
                       " in layout ", spec.layout.str());
    if (!isIntact(entry))
      return makeError(Errc::Format, path, ": parameter ", quote(spec.key),
                       " is damaged: its checksum differs; compile the model "
                       "again");
    WeightDesc desc{spec.shape, pattern.axis, pattern.n, pattern.m, spec.dtype};
    Status legal =
        verifyStored(desc, spec.layout, entry.values, entry.metadata, spec.key);
    if (!legal)
      return inFile(path, legal.error());
    result->list.push_back({values ? entry.values : nullptr,
                            metadata ? entry.metadata : nullptr, values,
                            metadata, entry.maskSource});
    return {};
  }
};

Result<std::unique_ptr<Params>> Params::open(const Manifest &manifest,
                                             const std::string &path) {
  return guarded([&]() -> Result<std::unique_ptr<Params>> {
    return PackedLoader(manifest, path).run();
  });
}

} // namespace nm::rt
