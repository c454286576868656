//===- Checkpoint.cpp - open a checkpoint, find tensors -------------------===//

#include "nm/Runtime/Checkpoint.h"
#include "CheckpointFormats.h"
#include "Memory.h"
#include "Support.h"
#include <algorithm>
#include <filesystem>

namespace nm::rt {

namespace fs = std::filesystem;
using Format = Checkpoint::Format;

Checkpoint::Checkpoint(std::string path, Format format)
    : filePath(std::move(path)), fileFormat(format) {}

Checkpoint::~Checkpoint() = default;

Status Checkpoint::setTensors(std::vector<TensorInfo> tensors) {
  for (size_t i = 1; i < tensors.size(); ++i) {
    if (tensors[i - 1].name == tensors[i].name)
      return makeError(Errc::Format, filePath, ": duplicate tensor ",
                       quote(tensors[i].name));
    if (tensors[i - 1].name > tensors[i].name)
      return makeError(Errc::Internal, filePath, ": tensors are not sorted");
  }
  infos = std::move(tensors);
  return {};
}

const TensorInfo *Checkpoint::find(std::string_view name) const {
  auto it = std::lower_bound(
      infos.begin(), infos.end(), name,
      [](const TensorInfo &info, std::string_view n) { return info.name < n; });
  return it != infos.end() && it->name == name ? &*it : nullptr;
}

Result<LoadedTensor> Checkpoint::read(std::string_view name) const {
  return guarded([&]() -> Result<LoadedTensor> {
    const TensorInfo *info = find(name);
    if (!info)
      return makeError(Errc::NotFound, filePath, ": no tensor ", quote(name));
    if (info->dtype == DType::Unknown)
      return makeError(Errc::Unsupported, filePath, ": tensor ", quote(name),
                       " has element type ", quote(info->dtypeText),
                       ", which is not supported");
    return readIndex(static_cast<size_t>(info - infos.data()));
  });
}

/// Levenshtein distance of two short texts.
static size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

std::vector<std::string> Checkpoint::nearestNames(std::string_view name,
                                                  size_t limit) const {
  // Enough for a hint; hostile files may hold a million long names.
  constexpr size_t maxNames = 20000, maxLength = 120;
  auto tail = [](std::string_view text) {
    return text.size() > maxLength ? text.substr(text.size() - maxLength)
                                   : text;
  };
  std::vector<std::pair<size_t, size_t>> scored;
  std::string_view wanted = tail(name);
  for (size_t i = 0; i < std::min(infos.size(), maxNames); ++i) {
    std::string_view have = tail(infos[i].name);
    size_t distance = editDistance(wanted, have);
    // A missing or extra prefix ("bert.") is the usual mistake.
    size_t shorter = std::min(wanted.size(), have.size());
    if (shorter >= 4 && wanted.substr(wanted.size() - shorter) ==
                            have.substr(have.size() - shorter))
      distance = 1;
    if (distance <= std::max(wanted.size(), have.size()) / 2)
      scored.emplace_back(distance, i);
  }
  std::sort(scored.begin(), scored.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(limit, scored.size()); ++i)
    names.push_back(infos[scored[i].second].name);
  return names;
}

Result<FileImage> mapImage(const std::string &path) {
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file)
    return file.error();
  FileImage image;
  image.data = (*file)->data();
  image.size = (*file)->size();
  image.identity = {path, image.size, (*file)->mtimeNs()};
  image.owner = *file;
  return image;
}

static bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

/// By extension, else by content. Safetensors is what is left.
static Format detectFormat(const std::string &path, const FileImage &image) {
  if (endsWith(path, ".safetensors"))
    return Format::Safetensors;
  if (endsWith(path, ".npy"))
    return Format::Npy;
  if (endsWith(path, ".npz"))
    return Format::Npz;
  if (endsWith(path, ".json"))
    return Format::ShardedSafetensors;
  auto startsWith = [&](std::string_view magic) {
    return image.size >= magic.size() &&
           std::memcmp(image.data, magic.data(), magic.size()) == 0;
  };
  if (startsWith("\x93NUMPY"))
    return Format::Npy;
  // The length of a safetensors header ends in zero bytes, these do not.
  bool small = image.size >= 8 && image.data[7] == 0;
  if (!small && (startsWith("PK\x03\x04") || startsWith("PK\x05\x06")))
    return Format::Npz;
  if (!small && startsWith("{"))
    return Format::ShardedSafetensors;
  return Format::Safetensors;
}

/// The file that a folder stands for.
static Result<std::string> fileOfFolder(const std::string &path) {
  std::error_code ignored;
  for (const char *name :
       {"model.safetensors.index.json", "model.safetensors"}) {
    fs::path candidate = fs::path(path) / name;
    if (fs::exists(candidate, ignored))
      return candidate.string();
  }
  std::vector<std::string> found;
  std::error_code failed;
  for (fs::directory_iterator it(path, failed), end; !failed && it != end;
       it.increment(failed))
    if (endsWith(it->path().string(), ".safetensors"))
      found.push_back(it->path().string());
  if (failed)
    return makeError(Errc::Io, path, ": cannot list: ", failed.message());
  if (found.size() == 1)
    return found.front();
  return makeError(Errc::NotFound, path, ": the folder holds ", found.size(),
                   " *.safetensors files and no model.safetensors.index.json, "
                   "name one file");
}

static Result<CheckpointPtr> openImage(const std::string &path, Format format,
                                       FileImage image) {
  switch (format) {
  case Format::Safetensors:
    return openSafetensors(path, std::move(image));
  case Format::ShardedSafetensors:
    return openShardedSafetensors(path, std::move(image));
  case Format::Npy:
    return openNpy(path, std::move(image));
  case Format::Npz:
    return openNpz(path, std::move(image));
  }
  return makeError(Errc::Argument, path, ": unknown format");
}

Result<CheckpointPtr> Checkpoint::open(const std::string &givenPath) {
  return guarded([&]() -> Result<CheckpointPtr> {
    std::string path = givenPath;
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      Result<std::string> file = fileOfFolder(path);
      if (!file)
        return file.error();
      path = *file;
    }
    Result<FileImage> image = mapImage(path);
    if (!image)
      return image.error();
    return openImage(path, detectFormat(path, *image), std::move(*image));
  });
}

Result<CheckpointPtr> Checkpoint::openMemory(const void *data, size_t size,
                                             Format format,
                                             const std::string &name) {
  return guarded([&]() -> Result<CheckpointPtr> {
    FileImage image;
    image.data = static_cast<const unsigned char *>(data);
    image.size = size;
    image.identity = {name, size, 0};
    return openImage(name, format, std::move(image));
  });
}

} // namespace nm::rt
