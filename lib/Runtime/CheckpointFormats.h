//===- CheckpointFormats.h - one opener for each container ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_CHECKPOINTFORMATS_H
#define NM_LIB_RUNTIME_CHECKPOINTFORMATS_H

#include "nm/Runtime/Checkpoint.h"

namespace nm::rt {

class ZipArchive;

/// The bytes of one file, mapped or in memory.
struct FileImage {
  const unsigned char *data = nullptr;
  uint64_t size = 0;
  std::shared_ptr<const void> owner;
  Checkpoint::FileIdentity identity;
};

using CheckpointPtr = std::shared_ptr<const Checkpoint>;

Result<FileImage> mapImage(const std::string &path);

Result<CheckpointPtr> openSafetensors(const std::string &path, FileImage image);

/// `index` is the image of `model.safetensors.index.json` or another index of
/// this form; the shards, of any format, lie in its folder or below it.
Result<CheckpointPtr> openSharded(const std::string &path,
                                  const FileImage &index);
Result<CheckpointPtr> openNpy(const std::string &path, FileImage image);
Result<CheckpointPtr> openNpz(const std::string &path, const FileImage &image,
                              std::unique_ptr<ZipArchive> archive);
Result<CheckpointPtr> openGguf(const std::string &path, FileImage image);
Result<CheckpointPtr> openOnnx(const std::string &path, const FileImage &image);
Result<CheckpointPtr> openTorch(const std::string &path, const FileImage &image,
                                std::unique_ptr<ZipArchive> archive);

Result<CheckpointPtr> openTorchLegacy(const std::string &path,
                                      const FileImage &image);

/// Whether a file begins as torch.save began them before PyTorch 1.6.
bool isTorchLegacy(const unsigned char *data, uint64_t size);

/// Whether a file is one of those that an index names; such a one is no index.
enum class Shard : uint8_t { No, Yes };

/// The tensors of a file as it stores them. By content; where that says nothing
/// the extension chooses whose message tells what is wrong with it.
Result<CheckpointPtr> openContainer(const std::string &path, FileImage image,
                                    Shard shard);

/// The weights that the tensors of a container stand for (WeightParts.h), and
/// the names of tied ones: the container itself if it has neither. `folder` is
/// where a config.json may lie that says how they are quantised; null for what
/// comes from memory.
Result<CheckpointPtr> composeWeights(CheckpointPtr container,
                                     const std::string *folder);

/// What an archive holds, by the names of its members.
bool isNpz(const ZipArchive &archive);
bool isTorchArchive(const ZipArchive &archive);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_CHECKPOINTFORMATS_H
