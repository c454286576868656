//===- NpyCheckpoint.cpp - an npy file as a checkpoint --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointFormats.h"
#include "Npy.h"
#include "Support.h"

namespace nm::rt {

namespace {
class NpyCheckpoint final : public Checkpoint {
public:
  NpyCheckpoint(const std::string &path, FileImage fileImage, NpyHeader parsed)
      : Checkpoint(path, Format::Npy), image(std::move(fileImage)),
        header(std::move(parsed)) {
    identities.push_back(image.identity);
  }

  Status finish() {
    std::string name = path().substr(path().rfind('/') + 1);
    size_t dot = name.rfind(".npy");
    if (dot != std::string::npos && dot + 4 == name.size())
      name.resize(dot);
    return setTensors({{name, header.dtype, header.dtypeText, header.shape,
                        TensorInfo::Storage::Plain}});
  }

protected:
  Result<LoadedTensor> readIndex(size_t) const override {
    LoadedTensor loaded;
    loaded.tensor = {npyView(header, image.data + header.dataBegin),
                     image.owner};
    return loaded;
  }

private:
  FileImage image;
  NpyHeader header;
};
} // namespace

Result<CheckpointPtr> openNpy(const std::string &path, FileImage image) {
  Result<NpyHeader> header =
      parseNpyHeader(image.data, image.size, image.size, path);
  if (!header)
    return header.error();
  auto checkpoint = std::make_shared<NpyCheckpoint>(path, std::move(image),
                                                    std::move(*header));
  NM_RETURN_IF_ERROR(checkpoint->finish());
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
