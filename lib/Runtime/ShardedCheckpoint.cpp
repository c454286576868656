//===- ShardedCheckpoint.cpp - an index and the files it names ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointFormats.h"
#include "Support.h"
#include "nm/Support/Json.h"
#include <algorithm>
#include <map>

namespace nm::rt {

namespace {
/// The tensors that an index names, each in the file that it names for it.
class ShardedCheckpoint final : public Checkpoint {
public:
  explicit ShardedCheckpoint(const std::string &path)
      : Checkpoint(path, Format::Sharded) {}

  /// Adds the tensors that the index has in one file.
  Status addShard(CheckpointPtr shard, const std::vector<std::string> &names);
  Status finish();

protected:
  Result<LoadedTensor> readIndex(size_t index) const override {
    return shards[places[index].shard]->read(places[index].info.name);
  }
  Result<LoadedTensor> readExactly(size_t index) const override {
    return shards[places[index].shard]->read(places[index].info.name,
                                             Decoding::Exact);
  }

private:
  struct Place {
    TensorInfo info;
    size_t shard;
  };

  std::vector<CheckpointPtr> shards;
  std::vector<Place> places;
};
} // namespace

Status ShardedCheckpoint::addShard(CheckpointPtr shard,
                                   const std::vector<std::string> &names) {
  for (const std::string &name : names) {
    const TensorInfo *info = shard->find(name);
    if (!info)
      return makeError(Errc::Format, path(), ": weight_map names tensor ",
                       quote(name), " in ", shard->path(),
                       ", but that file does not hold it");
    places.push_back({*info, shards.size()});
  }
  identities.insert(identities.end(), shard->files().begin(),
                    shard->files().end());
  texts.insert(texts.end(), shard->metadata().begin(), shard->metadata().end());
  shards.push_back(std::move(shard));
  return {};
}

Status ShardedCheckpoint::finish() { return setStored(places); }

/// Shards lie in the folder of the index or below it, so that an index cannot
/// reach out of its folder.
static bool isInnerPath(const std::string &name) {
  if (name.empty() || name.find('\0') != std::string::npos)
    return false;
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('/', begin), name.size());
    std::string_view part = std::string_view(name).substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..")
      return false;
    begin = end + 1;
  }
  return true;
}

using NamesByFile = std::map<std::string, std::vector<std::string>>;

/// The tensors that an index has in each file.
static Result<NamesByFile> readIndexFile(const std::string &path,
                                         const FileImage &index) {
  constexpr uint64_t maxIndex = 100000000;
  if (index.size > maxIndex)
    return makeError(Errc::Format, path, ": found ", index.size,
                     " bytes, expected an index of at most ", maxIndex);
  std::string_view text(reinterpret_cast<const char *>(index.data), index.size);
  Result<nlohmann::json> document = support::parseStrictJson(text, path);
  if (!document)
    return document.error();
  auto map = document->find("weight_map");
  if (!document->is_object() || map == document->end() || !map->is_object())
    return makeError(
        Errc::Format, path,
        ": JSON without an object 'weight_map', expected the index of a "
        "sharded checkpoint (model.safetensors.index.json)");
  NamesByFile byFile;
  for (const auto &item : map->items()) {
    if (!item.value().is_string() ||
        !isInnerPath(item.value().get_ref<const std::string &>()))
      return makeError(Errc::Format, path, ": weight_map of tensor ",
                       quote(item.key()),
                       " is not the path of a file in the folder of the index, "
                       "or below it");
    byFile[item.value()].push_back(item.key());
  }
  return byFile;
}

Result<CheckpointPtr> openSharded(const std::string &path,
                                  const FileImage &index) {
  Result<NamesByFile> byFile = readIndexFile(path, index);
  if (!byFile)
    return byFile.error();
  auto checkpoint = std::make_shared<ShardedCheckpoint>(path);
  size_t slash = path.rfind('/');
  std::string folder =
      slash == std::string::npos ? "" : path.substr(0, slash + 1);
  for (const auto &[file, names] : *byFile) {
    Result<FileImage> image = mapImage(folder + file);
    if (!image)
      return image.error();
    Result<CheckpointPtr> shard =
        openContainer(folder + file, std::move(*image), Shard::Yes);
    if (!shard)
      return shard.error();
    NM_RETURN_IF_ERROR(checkpoint->addShard(std::move(*shard), names));
  }
  NM_RETURN_IF_ERROR(checkpoint->finish());
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
