//===- Safetensors.cpp - safetensors files, sharded or not ----------------===//

#include "CheckpointFormats.h"
#include "CompressedTensors.h"
#include "Json.h"
#include "SafetensorsHeader.h"
#include "Support.h"
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
  Status groupCompressed(std::vector<bool> &hidden);
  std::string where(const std::string &name) const {
    return path() + ": tensor " + quote(name);
  }
};
} // namespace

Status SafetensorsCheckpoint::addFile(const std::string &file, FileImage image,
                                      const std::vector<std::string> *only) {
  Result<std::vector<SafetensorsEntry>> entries =
      parseSafetensorsHeader(image.data, image.size, file);
  if (!entries)
    return entries.error();
  std::vector<SafetensorsEntry> &list = *entries;
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

/// Finds compressed-tensors weights, plans them, and marks their parts hidden.
Status SafetensorsCheckpoint::groupCompressed(std::vector<bool> &hidden) {
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
    size_t shape = look(prefix + ".shape");
    if (shape == kNone)
      return makeError(Errc::Format, where(prefix),
                       ": has 'compressed' and 'bitmask', but no 'shape'");
    TensorView dims = view(shape);
    if (dims.dtype != DType::I64 || dims.shape != std::vector<int64_t>{2})
      return makeError(Errc::Mismatch, where(prefix + ".shape"), " is ",
                       raws[shape].entry.dtypeText, " ",
                       shapeString(dims.shape), ", expected I64 [2]");
    for (int i : {0, 1})
      plan.info.shape.push_back(loadUnaligned<int64_t>(dims.data + 8 * i));
    plan.info.dtype = raws[i].entry.dtype;
    plan.info.dtypeText = raws[i].entry.dtypeText;
    BitmaskParts parts{plan.info.shape, view(i), view(plan.bitmask),
                       ragged ? view(plan.rowOffsets) : TensorView()};
    NM_RETURN_IF_ERROR(checkBitmaskParts(parts, where(plan.info.name)));
    for (size_t raw : {i, plan.bitmask, shape, plan.rowOffsets})
      if (raw != kNone)
        hidden[raw] = true;
    plans.push_back(std::move(plan));
  }
  return {};
}

Status SafetensorsCheckpoint::finish() {
  std::vector<bool> hidden(raws.size());
  NM_RETURN_IF_ERROR(groupCompressed(hidden));
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

/// Shard names must be plain names, so that an index cannot reach out of its
/// folder.
static bool isPlainName(const std::string &name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

Result<CheckpointPtr> openShardedSafetensors(const std::string &path,
                                             FileImage index) {
  constexpr uint64_t maxIndex = 100000000;
  if (index.size > maxIndex)
    return makeError(Errc::Format, path, ": found ", index.size,
                     " bytes, expected an index of at most ", maxIndex);
  std::string_view text(reinterpret_cast<const char *>(index.data), index.size);
  Result<nlohmann::json> document = parseStrictJson(text, path);
  if (!document)
    return document.error();
  auto map = document->find("weight_map");
  if (!document->is_object() || map == document->end() || !map->is_object())
    return makeError(Errc::Format, path,
                     ": expected an object with an object 'weight_map'");
  std::map<std::string, std::vector<std::string>> byFile;
  for (const auto &item : map->items()) {
    if (!item.value().is_string() ||
        !isPlainName(item.value().get_ref<const std::string &>()))
      return makeError(Errc::Format, path, ": weight_map of tensor ",
                       quote(item.key()),
                       " is not the plain name of a file in the same folder");
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
