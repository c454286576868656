//===- Safetensors.cpp - safetensors files, sharded or not ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointFormats.h"
#include "CompressedTensors.h"
#include "SafetensorsHeader.h"
#include "Support.h"
#include "nm/Support/Json.h"
#include <algorithm>
#include <map>
#include <unordered_map>

namespace nm::rt {

namespace {
class SafetensorsCheckpoint final : public Checkpoint {
public:
  SafetensorsCheckpoint(const std::string &path, Format format)
      : Checkpoint(path, format) {}

  /// Adds the tensors of one file; with `only`, those that it names.
  Status addFile(const std::string &file, FileImage image,
                 const std::vector<std::string> *only);

  /// Call once after every file was added.
  Status finish();

protected:
  Result<LoadedTensor> readIndex(size_t index) const override;

private:
  struct Raw {
    SafetensorsEntry entry;
    size_t file;
  };
  static constexpr size_t kNone = SIZE_MAX;
  /// How a logical tensor is stored: indices of raw tensors.
  struct Plan {
    TensorInfo info;
    size_t values = kNone, bitmask = kNone, rowOffsets = kNone;
  };

  std::vector<FileImage> images;
  std::vector<Raw> raws;
  std::vector<Plan> plans;
  TensorView view(size_t raw) const {
    const SafetensorsEntry &entry = raws[raw].entry;
    return denseView(images[raws[raw].file].data + entry.begin, entry.dtype,
                     entry.shape);
  }
  void groupCompressed(std::vector<bool> &hidden);
  void addTied();
  std::string where(const std::string &name) const {
    return path() + ": tensor " + quote(name);
  }
};
} // namespace

Status SafetensorsCheckpoint::addFile(const std::string &file, FileImage image,
                                      const std::vector<std::string> *only) {
  Result<SafetensorsHeader> header =
      parseSafetensorsHeader(image.data, image.size, file);
  if (!header)
    return header.error();
  std::vector<SafetensorsEntry> &list = header->entries;
  texts.insert(texts.end(), header->metadata.begin(), header->metadata.end());
  std::sort(list.begin(), list.end(),
            [](const SafetensorsEntry &a, const SafetensorsEntry &b) {
              return a.name < b.name;
            });
  for (size_t i = 1; i < list.size(); ++i)
    if (list[i - 1].name == list[i].name)
      return makeError(Errc::Format, file, ": duplicate key ",
                       quote(list[i].name), " in the header");
  identities.push_back(image.identity);
  images.push_back(std::move(image));
  if (!only) {
    for (SafetensorsEntry &entry : list)
      raws.push_back({std::move(entry), images.size() - 1});
    return {};
  }
  for (const std::string &name : *only) {
    auto it = std::lower_bound(list.begin(), list.end(), name,
                               [](const SafetensorsEntry &e,
                                  const std::string &n) { return e.name < n; });
    if (it == list.end() || it->name != name)
      return makeError(Errc::Format, path(), ": weight_map names tensor ",
                       quote(name), " in ", file,
                       ", but that file does not hold it");
    raws.push_back({*it, images.size() - 1});
  }
  return {};
}

/// The dense shape that `<p>.shape` holds: I64, one number a dimension, written
/// as [rank] or as [rank, 1].
static std::string readShape(const TensorView &dims, const std::string &dtype,
                             std::vector<int64_t> &shape) {
  if (dims.dtype != DType::I64 || dims.count() > kMaxRank || dims.rank() > 2)
    return "'shape' is " + quote(dtype) + " " + shapeString(dims.shape) +
           ", expected I64 with one element a dimension";
  for (int64_t i = 0; i < dims.count(); ++i)
    shape.push_back(loadUnaligned<int64_t>(dims.data + 8 * i));
  return "";
}

/// Finds compressed-tensors weights, plans them, and marks their parts hidden.
void SafetensorsCheckpoint::groupCompressed(std::vector<bool> &hidden) {
  std::unordered_map<std::string_view, size_t> byName;
  for (size_t i = 0; i < raws.size(); ++i)
    byName.emplace(raws[i].entry.name, i);
  auto look = [&](const std::string &name) {
    auto it = byName.find(name);
    return it == byName.end() ? kNone : it->second;
  };
  constexpr std::string_view suffix = ".compressed";
  for (size_t i = 0; i < raws.size(); ++i) {
    const std::string &name = raws[i].entry.name;
    if (name.size() <= suffix.size() ||
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
      continue;
    std::string prefix = name.substr(0, name.size() - suffix.size());
    Plan plan;
    plan.values = i;
    plan.bitmask = look(prefix + ".bitmask");
    if (plan.bitmask == kNone)
      continue; // some other format; stays visible as it is
    plan.rowOffsets = look(prefix + ".row_offsets");
    bool ragged = plan.rowOffsets != kNone;
    plan.info.storage = ragged ? TensorInfo::Storage::SparseBitmask
                               : TensorInfo::Storage::Sparse24Bitmask;
    bool named = prefix.size() >= 7 &&
                 prefix.compare(prefix.size() - 7, 7, ".weight") == 0;
    plan.info.name = named || prefix == "weight" ? prefix : prefix + ".weight";
    plan.info.dtype = raws[i].entry.dtype;
    plan.info.dtypeText = raws[i].entry.dtypeText;
    size_t shape = look(prefix + ".shape");
    if (shape == kNone)
      plan.info.note = "has 'compressed' and 'bitmask', but no 'shape'";
    else
      plan.info.note =
          readShape(view(shape), raws[shape].entry.dtypeText, plan.info.shape);
    if (plan.info.note.empty()) {
      BitmaskParts parts{plan.info.shape, view(i), view(plan.bitmask),
                         ragged ? view(plan.rowOffsets) : TensorView()};
      if (Status fits = checkBitmaskParts(parts); !fits)
        plan.info.note = fits.error().message;
    }
    for (size_t raw : {i, plan.bitmask, shape, plan.rowOffsets})
      if (raw != kNone)
        hidden[raw] = true;
    plans.push_back(std::move(plan));
  }
}

/// safetensors' save_model keeps one of several tensors that share their data
/// and records the others in the metadata as `name: kept`.
void SafetensorsCheckpoint::addTied() {
  std::unordered_map<std::string, size_t> byName;
  for (size_t i = 0; i < plans.size(); ++i)
    byName.emplace(plans[i].info.name, i);
  for (const auto &[name, kept] : texts) {
    auto found = byName.find(kept);
    if (found == byName.end() || !byName.emplace(name, plans.size()).second)
      continue; // some other entry, such as "format": "pt"
    Plan plan = plans[found->second];
    plan.info.name = name;
    plan.info.tiedTo = kept;
    plans.push_back(std::move(plan));
  }
}

Status SafetensorsCheckpoint::finish() {
  std::vector<bool> hidden(raws.size());
  groupCompressed(hidden);
  for (size_t i = 0; i < raws.size(); ++i) {
    if (hidden[i])
      continue;
    Plan plan;
    const SafetensorsEntry &entry = raws[i].entry;
    plan.info = {entry.name, entry.dtype, entry.dtypeText, entry.shape,
                 TensorInfo::Storage::Plain};
    plan.values = i;
    plans.push_back(std::move(plan));
  }
  addTied();
  std::sort(plans.begin(), plans.end(), [](const Plan &a, const Plan &b) {
    return a.info.name < b.info.name;
  });
  std::vector<TensorInfo> list;
  for (const Plan &plan : plans)
    list.push_back(plan.info);
  return setTensors(std::move(list));
}

Result<LoadedTensor> SafetensorsCheckpoint::readIndex(size_t index) const {
  const Plan &plan = plans[index];
  if (plan.info.storage == TensorInfo::Storage::Plain) {
    LoadedTensor loaded;
    loaded.tensor = {view(plan.values), images[raws[plan.values].file].owner};
    return loaded;
  }
  BitmaskParts parts{plan.info.shape, view(plan.values), view(plan.bitmask),
                     plan.rowOffsets != kNone ? view(plan.rowOffsets)
                                              : TensorView()};
  return readBitmask(parts, images[raws[plan.bitmask].file].owner,
                     where(plan.info.name));
}

Result<CheckpointPtr> openSafetensors(const std::string &path,
                                      FileImage image) {
  auto checkpoint = std::make_shared<SafetensorsCheckpoint>(
      path, Checkpoint::Format::Safetensors);
  NM_RETURN_IF_ERROR(checkpoint->addFile(path, std::move(image), nullptr));
  NM_RETURN_IF_ERROR(checkpoint->finish());
  return CheckpointPtr(std::move(checkpoint));
}

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

Result<CheckpointPtr> openShardedSafetensors(const std::string &path,
                                             FileImage index) {
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
        ": JSON without an object 'weight_map', expected the index "
        "of sharded safetensors (model.safetensors.index.json)");
  std::map<std::string, std::vector<std::string>> byFile;
  for (const auto &item : map->items()) {
    if (!item.value().is_string() ||
        !isInnerPath(item.value().get_ref<const std::string &>()))
      return makeError(Errc::Format, path, ": weight_map of tensor ",
                       quote(item.key()),
                       " is not the path of a file in the folder of the index, "
                       "or below it");
    byFile[item.value()].push_back(item.key());
  }
  auto checkpoint = std::make_shared<SafetensorsCheckpoint>(
      path, Checkpoint::Format::ShardedSafetensors);
  size_t slash = path.rfind('/');
  std::string folder =
      slash == std::string::npos ? "" : path.substr(0, slash + 1);
  for (const auto &[file, names] : byFile) {
    Result<FileImage> image = mapImage(folder + file);
    if (!image)
      return image.error();
    NM_RETURN_IF_ERROR(
        checkpoint->addFile(folder + file, std::move(*image), &names));
  }
  NM_RETURN_IF_ERROR(checkpoint->finish());
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
