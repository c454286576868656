//===- OnnxCheckpoint.cpp - An ONNX model as a checkpoint -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointFormats.h"
#include "OnnxExternal.h"
#include "Support.h"
#include <algorithm>
#include <set>

namespace nm::rt {

namespace {
/// The initializers and large constants of the model's graph by name.
class OnnxCheckpoint final : public Checkpoint {
public:
  OnnxCheckpoint(const std::string &path, const FileImage &image,
                 std::shared_ptr<const onnx::Model> parsed)
      : Checkpoint(path, Format::Onnx), model(std::move(parsed)) {
    identities.push_back(image.identity);
  }

  Status finish() {
    struct Row {
      TensorInfo info;
      onnx::NamedTensor source;
    };
    std::vector<Row> rows;
    // Whoever caches what is read must see when one of these changes.
    std::set<std::string> files;
    for (const onnx::NamedTensor &tensor : namedTensors(model->graph)) {
      rows.push_back({infoOf(tensor), tensor});
      if (tensor.dense && tensor.dense->external)
        if (auto file = onnx::externalFile(*model, *tensor.dense))
          files.insert(*file);
    }
    std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
      return a.info.name < b.info.name;
    });
    for (const std::string &file : files)
      if (Result<FileImage> image = mapImage(file))
        identities.push_back(image->identity);
    std::vector<TensorInfo> infos;
    for (Row &row : rows) {
      infos.push_back(std::move(row.info));
      sources.push_back(row.source);
    }
    return setTensors(std::move(infos));
  }

protected:
  Result<LoadedTensor> readIndex(size_t index) const override {
    const onnx::NamedTensor &source = sources[index];
    Result<Tensor> tensor = source.dense
                                ? onnx::readTensor(*model, *source.dense)
                                : onnx::readSparse(*model, *source.sparse);
    if (!tensor)
      return tensor.error();
    return LoadedTensor{std::move(*tensor), std::nullopt};
  }

private:
  static TensorInfo infoOf(const onnx::NamedTensor &tensor) {
    const std::vector<int64_t> &dims = tensor.dims();
    TensorInfo info;
    info.name = std::string(tensor.name);
    info.dtype = onnx::toDType(tensor.values().type);
    info.dtypeText = onnx::elementTypeName(tensor.values().type);
    info.shape = dims;
    Result<int64_t> count =
        checkedCount(dims, std::max<int64_t>(1, elementBytes(info.dtype)));
    if (!count)
      info.note = count.error().message;
    return info;
  }

  std::shared_ptr<const onnx::Model> model;
  std::vector<onnx::NamedTensor> sources;
};
} // namespace

Result<CheckpointPtr> openOnnx(const std::string &path,
                               const FileImage &image) {
  auto model = onnx::parseModel(image.data, image.size, path, image.owner);
  if (!model)
    return model.error();
  auto checkpoint =
      std::make_shared<OnnxCheckpoint>(path, image, std::move(*model));
  NM_RETURN_IF_ERROR(checkpoint->finish());
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
