//===- LogicalCheckpoint.cpp - the weights that a container stands for ----===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "WeightParts.h"
#include "nm/Support/Json.h"
#include <algorithm>
#include <filesystem>
#include <unordered_map>
#include <unordered_set>

namespace nm::rt {

WeightParts::~WeightParts() = default;

std::string weightNamed(const std::string &name) {
  constexpr std::string_view suffix = ".weight";
  bool isOne =
      name == "weight" ||
      (name.size() > suffix.size() &&
       std::string_view(name).substr(name.size() - suffix.size()) == suffix);
  return isOne ? name : name + ".weight";
}

void PartFinder::add(const Status &fits, TensorInfo info,
                     const std::string &prefix,
                     std::initializer_list<const char *> names,
                     std::unique_ptr<const WeightParts> parts) {
  FoundWeight weight;
  weight.info = std::move(info);
  if (!fits)
    weight.info.note = fits.error().message;
  weight.info.dtypeText = dtypeName(weight.info.dtype);
  weight.parts = std::move(parts);
  for (const char *name : names)
    weight.hidden.push_back(prefix + name);
  found.push_back(std::move(weight));
}

Result<Tensor> readPart(const Checkpoint &container, const std::string &name) {
  Result<LoadedTensor> loaded = container.read(name);
  if (!loaded)
    return loaded.error();
  return toContiguous(loaded->tensor);
}

Status expectPart(const char *part, const TensorInfo &info, DType dtype,
                  const std::vector<int64_t> &shape) {
  if (info.dtype == dtype && info.shape == shape)
    return {};
  return makeError(Errc::Mismatch, "'", part, "' is ", dtypeName(info.dtype),
                   " ", shapeString(info.shape), ", expected ",
                   dtypeName(dtype), " ", shapeString(shape));
}

namespace {
/// A container whose parts are put together.
class LogicalCheckpoint final : public Checkpoint {
public:
  explicit LogicalCheckpoint(CheckpointPtr container)
      : Checkpoint(container->path(), container->format()),
        container(std::move(container)) {
    identities = this->container->files();
    texts = this->container->metadata();
  }

  Status finish(std::vector<FoundWeight> found);
  void dependsOn(FileIdentity file) { identities.push_back(std::move(file)); }

protected:
  Result<LoadedTensor> readIndex(size_t index) const override {
    return readBy(index, Decoding::Rounded);
  }
  Result<LoadedTensor> readExactly(size_t index) const override {
    return readBy(index, Decoding::Exact);
  }

private:
  Result<LoadedTensor> readBy(size_t index, Decoding decoding) const {
    const Logical &tensor = logicals[index];
    // Parts of no bytes may have any number of rows.
    if (tensor.info.storage == TensorInfo::Storage::Quantized &&
        *checkedCount(tensor.info.shape) == 0)
      return LoadedTensor{
          {denseView(nullptr,
                     decoding == Decoding::Exact ? DType::F32
                                                 : tensor.info.dtype,
                     tensor.info.shape),
           nullptr},
          std::nullopt};
    if (tensor.parts)
      return tensor.parts->read(
          *container, path() + ": tensor " + quote(tensor.info.name), decoding);
    return container->read(tensor.stored, decoding);
  }

  struct Logical {
    TensorInfo info;
    /// Shared by tied names; null for what is stored as it is.
    std::shared_ptr<const WeightParts> parts;
    std::string stored; ///< its name in the container
  };

  CheckpointPtr container;
  std::vector<Logical> logicals;
  void addTied();
};
} // namespace

/// safetensors' save_model keeps one of several tensors that share their data
/// and records the others in the metadata as `name: kept`.
void LogicalCheckpoint::addTied() {
  std::unordered_map<std::string, size_t> byName;
  for (size_t i = 0; i < logicals.size(); ++i)
    byName.emplace(logicals[i].info.name, i);
  for (const auto &[name, kept] : texts) {
    auto found = byName.find(kept);
    if (found == byName.end() || !byName.emplace(name, logicals.size()).second)
      continue; // some other entry, such as "format": "pt"
    Logical tied = logicals[found->second];
    tied.info.name = name;
    tied.info.tiedTo = kept;
    logicals.push_back(std::move(tied));
  }
}

Status LogicalCheckpoint::finish(std::vector<FoundWeight> found) {
  std::unordered_set<std::string> hidden;
  for (FoundWeight &weight : found) {
    hidden.insert(weight.hidden.begin(), weight.hidden.end());
    logicals.push_back({std::move(weight.info), std::move(weight.parts), ""});
  }
  for (const TensorInfo &info : container->tensors())
    if (hidden.count(info.name) == 0)
      logicals.push_back({info, nullptr, info.name});
  addTied();
  return setStored(logicals);
}

/// Takes what a JSON file of a model's folder says of the quantisation. The
/// first file that says anything is the one that counts.
static void readConfigFile(const std::filesystem::path &file, bool nested,
                           QuantizationConfig &config,
                           std::vector<Checkpoint::FileIdentity> &used) {
  std::error_code failed;
  constexpr uintmax_t maxConfig = 10000000;
  if (!std::filesystem::is_regular_file(file, failed) ||
      std::filesystem::file_size(file, failed) > maxConfig || failed)
    return;
  Result<FileImage> image = mapImage(file.string());
  if (!image)
    return;
  std::string_view text(reinterpret_cast<const char *>(image->data),
                        image->size);
  Result<nlohmann::json> document =
      support::parseStrictJson(text, file.string());
  if (!document || !document->is_object())
    return; // a model's own file, of any form
  const nlohmann::json *said = &*document;
  if (nested) {
    auto inner = document->find("quantization_config");
    if (inner == document->end() || !inner->is_object())
      return;
    said = &*inner;
  }
  auto take = [&](const char *key, std::string &out) {
    auto value = said->find(key);
    if (value != said->end() && value->is_string())
      out = value->get<std::string>();
  };
  take("quant_method", config.method);
  take("checkpoint_format", config.checkpointFormat);
  used.push_back(image->identity);
}

Result<CheckpointPtr> composeWeights(CheckpointPtr container,
                                     const std::string *folder) {
  PartFinder finder{*container, {}};
  std::vector<Checkpoint::FileIdentity> used;
  // Only GPTQ's parts mean something else by what stands in another file.
  bool asks = std::any_of(container->tensors().begin(),
                          container->tensors().end(), [](const auto &info) {
                            std::string_view name = info.name;
                            return name.size() >= 7 &&
                                   name.substr(name.size() - 7) == "qweight";
                          });
  if (asks && folder) {
    std::filesystem::path place(*folder);
    readConfigFile(place / "config.json", true, finder.config, used);
    if (used.empty())
      readConfigFile(place / "quantize_config.json", false, finder.config,
                     used);
  }
  findBitmaskWeights(finder);
  findPackQuantizedWeights(finder);
  findIntQuantizedWeights(finder);
  findMarlin24Weights(finder);
  findQweights(finder);
  findSemiStructuredWeights(finder);
  if (finder.found.empty() && container->metadata().empty())
    return container;
  auto logical = std::make_shared<LogicalCheckpoint>(std::move(container));
  for (Checkpoint::FileIdentity &file : used)
    logical->dependsOn(std::move(file));
  NM_RETURN_IF_ERROR(logical->finish(std::move(finder.found)));
  return CheckpointPtr(std::move(logical));
}

} // namespace nm::rt
