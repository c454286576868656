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
/// The initializers of the model's graph by name.
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
      Source source;
    };
    std::vector<Row> rows;
    for (const onnx::Tensor &tensor : model->graph.initializers)
      rows.push_back({infoOf(tensor, tensor.dims), {&tensor, nullptr}});
    for (const onnx::SparseTensor &sparse : model->graph.sparseInitializers)
      rows.push_back({infoOf(sparse.values, sparse.dims), {nullptr, &sparse}});
    std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
      return a.info.name < b.info.name;
    });
    // Whoever caches what is read must see when one of these changes.
    std::set<std::string> files;
    for (const onnx::Tensor &tensor : model->graph.initializers)
      if (tensor.external)
        if (Result<std::string> file = onnx::externalFile(*model, tensor))
          files.insert(*file);
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
    const Source &source = sources[index];
    Result<Tensor> tensor = source.dense
                                ? onnx::readTensor(*model, *source.dense)
                                : onnx::readSparse(*model, *source.sparse);
    if (!tensor)
      return tensor.error();
    return LoadedTensor{std::move(*tensor), std::nullopt};
  }

private:
  struct Source {
    const onnx::Tensor *dense = nullptr;
    const onnx::SparseTensor *sparse = nullptr;
  };

  static TensorInfo infoOf(const onnx::Tensor &tensor,
                           const std::vector<int64_t> &dims) {
    TensorInfo info;
    info.name = std::string(tensor.name);
    info.dtype = onnx::toDType(tensor.type);
    info.dtypeText = onnx::elementTypeName(tensor.type);
    info.shape = dims;
    Result<int64_t> count =
        checkedCount(dims, std::max<int64_t>(1, elementBytes(info.dtype)));
    if (!count)
      info.note = count.error().message;
    return info;
  }

  std::shared_ptr<const onnx::Model> model;
  std::vector<Source> sources;
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
