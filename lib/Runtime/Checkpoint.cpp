//===- Checkpoint.cpp - open a checkpoint, find tensors -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Checkpoint.h"
#include "CheckpointFormats.h"
#include "ForeignFormats.h"
#include "Memory.h"
#include "SafetensorsHeader.h"
#include "Support.h"
#include "ZipArchive.h"
#include "nm/Runtime/Onnx.h"
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

Result<LoadedTensor> Checkpoint::read(std::string_view name,
                                      Decoding decoding) const {
  return guarded([&]() -> Result<LoadedTensor> {
    const TensorInfo *info = find(name);
    if (!info)
      return makeError(Errc::NotFound, filePath, ": no tensor ", quote(name));
    if (!info->note.empty())
      return makeError(Errc::Format, filePath, ": tensor ", quote(name), ": ",
                       info->note);
    if (info->dtype == DType::Unknown)
      return makeError(Errc::Unsupported, filePath, ": tensor ", quote(name),
                       " has element type ", quote(info->dtypeText),
                       ", which is not supported");
    auto index = static_cast<size_t>(info - infos.data());
    return decoding == Decoding::Exact ? readExactly(index) : readIndex(index);
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
  image.identity = {path, image.size, (*file)->mtimeNs(), (*file)->mode()};
  image.owner = *file;
  return image;
}

static bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

/// What a file's content says that it is.
enum class Content : uint8_t {
  Safetensors,
  Index,
  Npy,
  Zip,
  TorchLegacy,
  Gguf,
  Onnx,
  Other
};

static Content contentOf(const unsigned char *data, uint64_t size) {
  auto startsWith = [&](std::string_view magic) {
    return size >= magic.size() &&
           std::memcmp(data, magic.data(), magic.size()) == 0;
  };
  // Eight bytes of length, then an object. No other kind has both: a length
  // that could be read as its magic would be too large.
  if (size > 8 && data[8] == '{' &&
      loadUnaligned<uint64_t>(data) <= kMaxSafetensorsHeader)
    return Content::Safetensors;
  if (startsWith("\x93NUMPY"))
    return Content::Npy;
  if (startsWith("PK\x03\x04") || startsWith("PK\x05\x06"))
    return Content::Zip;
  if (isTorchLegacy(data, size))
    return Content::TorchLegacy;
  if (startsWith("GGUF"))
    return Content::Gguf;
  if (startsWith("{"))
    return Content::Index;
  if (onnx::looksLikeModel(data, size))
    return Content::Onnx;
  return Content::Other;
}

std::string describeContent(const void *data, size_t size) {
  auto *bytes = static_cast<const unsigned char *>(data);
  switch (contentOf(bytes, size)) {
  case Content::Safetensors:
    return "a checkpoint (safetensors)";
  case Content::Npy:
    return "an array (npy)";
  case Content::Zip:
    return "a zip archive (npz, or a file of torch.save)";
  case Content::TorchLegacy:
    return "a checkpoint (torch.save)";
  case Content::Gguf:
    return "a checkpoint (GGUF)";
  case Content::Index:
    return "JSON, such as the index of a checkpoint";
  case Content::Onnx: // a model that holds its own checkpoint
    return "";
  case Content::Other:
    break;
  }
  std::string foreign = nameForeignFormat(bytes, size);
  bool mayBeModel = foreign.find("MLIR") != std::string::npos ||
                    foreign.find("a text file") != std::string::npos;
  return mayBeModel ? "" : foreign;
}

static bool isIndexName(const std::string &name) {
  return endsWith(name, ".safetensors.index.json");
}

/// The file that a folder stands for.
static Result<std::string> fileOfFolder(const std::string &path) {
  std::error_code ignored;
  auto within = [&](const char *name) { return fs::path(path) / name; };
  for (const char *name : {"model.safetensors.index.json", "model.safetensors"})
    if (fs::exists(within(name), ignored))
      return within(name).string();
  std::vector<std::string> found, indices, ggufs, bins, binIndices;
  std::error_code failed;
  for (fs::directory_iterator it(path, failed), end; !failed && it != end;
       it.increment(failed)) {
    std::string name = it->path().string();
    if (isIndexName(name))
      indices.push_back(name);
    else if (endsWith(name, ".safetensors"))
      found.push_back(name);
    else if (endsWith(name, ".bin.index.json"))
      binIndices.push_back(name);
    else if (endsWith(name, "model.bin") || endsWith(name, ".pth") ||
             endsWith(name, ".pt"))
      bins.push_back(name);
    else if (endsWith(name, ".gguf"))
      ggufs.push_back(name);
  }
  if (failed)
    return makeError(Errc::Io, path, ": cannot list: ", failed.message());
  // Several: the same model in several precisions, or parts of a pipeline.
  if (indices.size() == 1)
    return indices.front();
  if (indices.size() > 1)
    return makeError(Errc::NotFound, path, ": the folder holds ",
                     indices.size(),
                     " indices *.safetensors.index.json, name "
                     "one of them");
  if (found.size() == 1)
    return found.front();
  for (const char *name : {"pytorch_model.bin.index.json", "pytorch_model.bin"})
    if (found.empty() && fs::exists(within(name), ignored))
      return within(name).string();
  // Those of variants, such as pytorch_model.fp16.bin.index.json.
  for (const std::vector<std::string> *torch : {&binIndices, &bins})
    if (found.empty() && torch->size() == 1)
      return torch->front();
  if (found.empty() && ggufs.size() == 1)
    return ggufs.front();
  const char *hint = "";
  if (fs::exists(within("saved_model.pb"), ignored))
    hint = "; a SavedModel of TensorFlow: write its arrays with numpy.savez";
  return makeError(Errc::NotFound, path, ": the folder holds ", found.size(),
                   " *.safetensors files and no model.safetensors.index.json, "
                   "name one file",
                   hint);
}

/// An archive of arrays or of torch; what else it holds is said.
static Result<CheckpointPtr> openZip(const std::string &path,
                                     const FileImage &image, bool asNpz,
                                     bool asTorch) {
  Result<std::unique_ptr<ZipArchive>> archive = ZipArchive::open(image, path);
  if (!archive)
    return archive.error();
  if (asTorch || (!asNpz && isTorchArchive(**archive)))
    return openTorch(path, image, std::move(*archive));
  bool empty = (*archive)->members().empty();
  if (asNpz || empty || isNpz(**archive))
    return openNpz(path, image, std::move(*archive));
  return makeError(Errc::Format, path,
                   ": a zip archive without arrays "
                   "(*.npy) and without the data.pkl of torch.save; its first "
                   "member is ",
                   quote((*archive)->members().front().name));
}

static Result<CheckpointPtr> openImage(const std::string &path, Format format,
                                       FileImage image) {
  switch (format) {
  case Format::Safetensors:
    return openSafetensors(path, std::move(image));
  case Format::Sharded:
    return openSharded(path, image);
  case Format::Npy:
    return openNpy(path, std::move(image));
  case Format::Torch:
    if (isTorchLegacy(image.data, image.size))
      return openTorchLegacy(path, image);
    [[fallthrough]];
  case Format::Npz:
    return openZip(path, image, format == Format::Npz, format == Format::Torch);
  case Format::Gguf:
    return openGguf(path, std::move(image));
  case Format::Onnx:
    return openOnnx(path, image);
  }
  return makeError(Errc::Argument, path, ": unknown format");
}

Result<CheckpointPtr> openContainer(const std::string &path, FileImage image,
                                    Shard shard) {
  switch (contentOf(image.data, image.size)) {
  case Content::Safetensors:
    return openSafetensors(path, std::move(image));
  case Content::Npy:
    return openNpy(path, std::move(image));
  case Content::Index:
    if (shard == Shard::Yes)
      return makeError(Errc::Format, path,
                       ": JSON, expected a file of tensors: an index names it "
                       "as a shard");
    return openSharded(path, image);
  case Content::Zip:
    return openZip(path, image, false, false);
  case Content::TorchLegacy:
    return openTorchLegacy(path, image);
  case Content::Gguf:
    return openGguf(path, std::move(image));
  case Content::Onnx:
    return openOnnx(path, image);
  case Content::Other:
    break;
  }
  std::string foreign = nameForeignFormat(image.data, image.size);
  bool isText = foreign.compare(0, 11, "a text file") == 0;
  if (isText && endsWith(path, ".json"))
    return openSharded(path, image);
  if (!foreign.empty())
    return makeError(Errc::Format, path, ": ", foreign);
  if (endsWith(path, ".onnx"))
    return openOnnx(path, image);
  if (endsWith(path, ".npy"))
    return openNpy(path, std::move(image));
  if (endsWith(path, ".npz"))
    return openZip(path, image, true, false);
  if (endsWith(path, ".pt") || endsWith(path, ".pth") || endsWith(path, ".bin"))
    return makeError(Errc::Format, path, ": found ", image.size,
                     " bytes that begin neither a file of torch.save nor any "
                     "other checkpoint");
  return openSafetensors(path, std::move(image));
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
    Result<CheckpointPtr> container =
        openContainer(path, std::move(*image), Shard::No);
    if (!container)
      return container.error();
    std::string folder = fs::path(path).parent_path().string();
    return composeWeights(std::move(*container), &folder);
  });
}

Result<CheckpointPtr> Checkpoint::openMemory(const void *data, size_t size,
                                             Format format,
                                             const std::string &name) {
  return guarded([&]() -> Result<CheckpointPtr> {
    FileImage image;
    image.data = static_cast<const unsigned char *>(data);
    image.size = size;
    image.identity = {name, size, 0, 0600};
    Result<CheckpointPtr> container = openImage(name, format, std::move(image));
    if (!container)
      return container.error();
    return composeWeights(std::move(*container), nullptr);
  });
}

} // namespace nm::rt
