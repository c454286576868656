//===- Writer.cpp - write safetensors and npy files -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Writer.h"
#include "Memory.h"
#include "Npy.h"
#include "Support.h"
#include "Threads.h"
#include "nm/Support/Json.h"
#include "nm/Support/OutputFile.h"
#include <algorithm>
#include <numeric>

namespace nm::rt {

static Result<Tensor> contiguous(const TensorView &view,
                                 const std::string &where) {
  if (elementBytes(view.dtype) == 0)
    return makeError(Errc::Argument, where, ": the element type is unknown");
  Result<int64_t> count = checkedCount(view.shape, elementBytes(view.dtype));
  if (!count)
    return makeError(count.error().code, where, ": ", count.error().message);
  Tensor tensor;
  tensor.view = view;
  return toContiguous(tensor);
}

namespace {
/// A safetensors file before it is written.
struct SafetensorsImage {
  std::string header; ///< padded, without its length
  std::vector<Tensor> data;

  Status write(support::Sink &sink) const {
    uint64_t length = header.size();
    NM_RETURN_IF_ERROR(sink.write(&length, 8));
    NM_RETURN_IF_ERROR(sink.write(header.data(), header.size()));
    for (const Tensor &tensor : data)
      NM_RETURN_IF_ERROR(
          sink.write(tensor.view.data, uint64_t(tensor.view.bytes())));
    return {};
  }
};
} // namespace

static Result<SafetensorsImage>
layOut(const std::string &path, const std::vector<NamedView> &tensors,
       const std::vector<std::pair<std::string, std::string>> &metadata) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    int64_t sizeA = elementBytes(tensors[a].view.dtype);
    int64_t sizeB = elementBytes(tensors[b].view.dtype);
    return std::make_pair(-sizeA, tensors[a].name) <
           std::make_pair(-sizeB, tensors[b].name);
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const auto &[key, value] : metadata)
    header["__metadata__"][key] = value;
  uint64_t offset = 0;
  SafetensorsImage image;
  for (size_t i : order) {
    const NamedView &tensor = tensors[i];
    std::string where = path + ": tensor " + quote(tensor.name);
    if (!isUtf8(tensor.name) || tensor.name == "__metadata__")
      return makeError(Errc::Argument, where, ": not a legal name");
    if (header.contains(tensor.name))
      return makeError(Errc::Argument, where, ": is given twice");
    Result<Tensor> row = contiguous(tensor.view, where);
    if (!row)
      return row.error();
    uint64_t end = offset + uint64_t(row->view.bytes());
    header[tensor.name] = {
        {"dtype", std::string(safetensorsName(row->view.dtype))},
        {"shape", row->view.shape},
        {"data_offsets", {offset, end}}};
    offset = end;
    image.data.push_back(std::move(*row));
  }
  image.header = header.dump();
  image.header.append((64 - (8 + image.header.size()) % 64) % 64, ' ');
  return image;
}

Status writeSafetensors(
    support::Sink &sink, const std::string &where,
    const std::vector<NamedView> &tensors,
    const std::vector<std::pair<std::string, std::string>> &metadata) {
  return guarded([&]() -> Status {
    Result<SafetensorsImage> image = layOut(where, tensors, metadata);
    return image ? image->write(sink) : image.error();
  });
}

Status writeSafetensors(
    const std::string &path, const std::vector<NamedView> &tensors,
    const std::vector<std::pair<std::string, std::string>> &metadata) {
  return guarded([&]() -> Status {
    Result<SafetensorsImage> image = layOut(path, tensors, metadata);
    if (!image)
      return image.error();
    auto file = support::OutputFile::open(path);
    if (!file)
      return file.error();
    NM_RETURN_IF_ERROR(image->write(**file));
    return (*file)->commit();
  });
}

Status writeNpy(support::Sink &sink, const std::string &where,
                const TensorView &view) {
  return guarded([&]() -> Status {
    Result<Tensor> row = contiguous(view, where);
    if (!row)
      return row.error();
    std::string header = npyHeaderText(view.dtype, view.shape);
    if (header.empty())
      return makeError(Errc::Unsupported, where,
                       ": npy has no element type for ", dtypeName(view.dtype),
                       ", widen it to f32 first");
    NM_RETURN_IF_ERROR(sink.write(header.data(), header.size()));
    return sink.write(row->view.data, uint64_t(row->view.bytes()));
  });
}

Status writeNpy(const std::string &path, const TensorView &view) {
  return guarded([&]() -> Status {
    auto file = support::OutputFile::open(path);
    if (!file)
      return file.error();
    NM_RETURN_IF_ERROR(writeNpy(**file, path, view));
    return (*file)->commit();
  });
}

Result<Tensor> widenToF32(const TensorView &view) {
  return guarded([&]() -> Result<Tensor> {
    Result<Tensor> row = contiguous(view, "tensor");
    if (!row)
      return row.error();
    if (view.dtype == DType::F32)
      return row;
    int64_t count = view.count(), elem = elementBytes(view.dtype);
    if (Result<int64_t> fits = checkedCount(view.shape, 4); !fits)
      return fits.error();
    std::shared_ptr<unsigned char> buffer = allocateBuffer(uint64_t(count) * 4);
    float *out = reinterpret_cast<float *>(buffer.get());
    const unsigned char *data = row->view.data;
    int threads = threadsFor(count, count * 4);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < count; ++i)
      out[i] = static_cast<float>(elementToDouble(data + i * elem, view.dtype));
    Tensor result;
    result.view = denseView(out, DType::F32, view.shape);
    result.owner = buffer;
    return result;
  });
}

} // namespace nm::rt
