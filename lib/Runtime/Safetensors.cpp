//===- Safetensors.cpp - a safetensors file as a checkpoint ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointFormats.h"
#include "SafetensorsHeader.h"
#include "Support.h"
#include <algorithm>

namespace nm::rt {

namespace {
class SafetensorsCheckpoint final : public Checkpoint {
public:
  SafetensorsCheckpoint(const std::string &path, FileImage fileImage)
      : Checkpoint(path, Format::Safetensors), image(std::move(fileImage)) {
    identities.push_back(image.identity);
  }

  Status finish();

protected:
  Result<LoadedTensor> readIndex(size_t index) const override {
    const SafetensorsEntry &entry = entries[index];
    LoadedTensor loaded;
    loaded.tensor = {
        denseView(image.data + entry.begin, entry.dtype, entry.shape),
        image.owner};
    return loaded;
  }

private:
  FileImage image;
  std::vector<SafetensorsEntry> entries;
};
} // namespace

Status SafetensorsCheckpoint::finish() {
  Result<SafetensorsHeader> header =
      parseSafetensorsHeader(image.data, image.size, path());
  if (!header)
    return header.error();
  texts = std::move(header->metadata);
  entries = std::move(header->entries);
  std::sort(entries.begin(), entries.end(),
            [](const SafetensorsEntry &a, const SafetensorsEntry &b) {
              return a.name < b.name;
            });
  for (size_t i = 1; i < entries.size(); ++i)
    if (entries[i - 1].name == entries[i].name)
      return makeError(Errc::Format, path(), ": duplicate key ",
                       quote(entries[i].name), " in the header");
  std::vector<TensorInfo> list;
  list.reserve(entries.size());
  for (const SafetensorsEntry &entry : entries)
    list.push_back({entry.name, entry.dtype, entry.dtypeText, entry.shape});
  return setTensors(std::move(list));
}

Result<CheckpointPtr> openSafetensors(const std::string &path,
                                      FileImage image) {
  auto checkpoint =
      std::make_shared<SafetensorsCheckpoint>(path, std::move(image));
  NM_RETURN_IF_ERROR(checkpoint->finish());
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
