//===- CApiCheckpoint.cpp - C ABI: checkpoints, writing, layouts ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CApiSupport.h"
#include "nm/Runtime/Checkpoint.h"
#include "nm/Runtime/Inspect.h"
#include "nm/Runtime/Pack.h"
#include "nm/Runtime/Sparsity.h"
#include "nm/Runtime/Threads.h"
#include "nm/Runtime/Writer.h"

using namespace nm::rt;

struct nm_checkpoint {
  std::shared_ptr<const Checkpoint> impl;
};

extern "C" nm_status nm_checkpoint_open(const char *path,
                                        nm_checkpoint **checkpoint,
                                        nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(clearResult(checkpoint, "checkpoint"));
    if (!path)
      return nullArgument("path");
    auto opened = Checkpoint::open(path);
    if (!opened)
      return opened.error();
    *checkpoint = new nm_checkpoint{std::move(*opened)};
    return {};
  });
}

extern "C" void nm_checkpoint_free(nm_checkpoint *checkpoint) {
  delete checkpoint;
}

extern "C" size_t nm_checkpoint_count(const nm_checkpoint *checkpoint) {
  return checkpoint ? checkpoint->impl->tensors().size() : 0;
}

extern "C" const char *nm_checkpoint_name(const nm_checkpoint *checkpoint,
                                          size_t index) {
  if (index >= nm_checkpoint_count(checkpoint))
    return nullptr;
  return checkpoint->impl->tensors()[index].name.c_str();
}

extern "C" const char *nm_checkpoint_text(const nm_checkpoint *checkpoint,
                                          const char *name) {
  if (!checkpoint || !name)
    return nullptr;
  for (const auto &[key, text] : checkpoint->impl->metadata())
    if (key == name)
      return text.c_str();
  return nullptr;
}

/// Zero fields, those of a newer header included; the size stays.
static Status clear(nm_tensor *tensor) {
  size_t size = tensor->struct_size;
  NM_RETURN_IF_ERROR(
      checkStructSize(size, "nm_tensor", sizeof(nm_tensor), sizeof(nm_tensor)));
  std::memset(static_cast<void *>(tensor), 0, size);
  tensor->struct_size = size;
  return {};
}

extern "C" nm_status nm_checkpoint_read(const nm_checkpoint *checkpoint,
                                        const char *name, nm_tensor *tensor,
                                        nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!checkpoint || !name || !tensor)
      return nullArgument(!checkpoint ? "checkpoint"
                          : !name     ? "name"
                                      : "tensor");
    NM_RETURN_IF_ERROR(clear(tensor));
    Result<LoadedTensor> loaded = checkpoint->impl->read(name);
    if (!loaded)
      return loaded.error();
    Result<Tensor> contiguous = toContiguous(loaded->tensor);
    if (!contiguous)
      return contiguous.error();
    auto owner = std::make_unique<Tensor>(std::move(*contiguous));
    tensor->dtype = static_cast<nm_dtype>(owner->view.dtype);
    tensor->rank = owner->view.shape.size();
    tensor->shape = owner->view.shape.data();
    tensor->data = owner->view.data;
    tensor->bytes = size_t(owner->view.bytes());
    tensor->owner = owner.release();
    return {};
  });
}

extern "C" void nm_tensor_free(nm_tensor *tensor) {
  if (!tensor)
    return;
  delete static_cast<Tensor *>(tensor->owner);
  (void)clear(tensor);
}

extern "C" nm_status nm_inspect(const char *path,
                                const nm_params_options *options, int json,
                                char **text, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkThreadEnvironment());
    if (!path || !text)
      return nullArgument(!path ? "path" : "text");
    *text = nullptr;
    Result<COptions> common = readOptions(options);
    if (!common)
      return common.error();
    auto checkpoint = Checkpoint::open(path);
    if (!checkpoint)
      return checkpoint.error();
    auto rows = inspect(**checkpoint, common->mask);
    if (!rows)
      return rows.error();
    *text = copyString(json ? formatJson(*rows) : formatTable(*rows));
    return {};
  });
}

Result<TensorView> nm::rt::viewOf(nm_dtype dtype, size_t rank,
                                  const int64_t *shape, const void *data) {
  Result<DType> type = dtypeOf(dtype);
  if (!type)
    return type.error();
  Result<std::vector<int64_t>> dims = shapeOf(rank, shape);
  if (!dims)
    return dims.error();
  Result<int64_t> count = checkedCount(*dims, elementBytes(*type));
  if (!count)
    return count.error();
  if (!data && *count != 0)
    return nullArgument("data");
  return denseView(data, *type, std::move(*dims));
}

Result<std::vector<NamedView>>
nm::rt::namedViewsOf(const nm_named_tensor *tensors, size_t count) {
  std::vector<NamedView> views;
  auto add = [&](const nm_named_tensor &tensor) -> Status {
    if (!tensor.name)
      return nullArgument("name");
    Result<TensorView> view =
        viewOf(tensor.dtype, tensor.rank, tensor.shape, tensor.data);
    if (!view)
      return view.error();
    views.push_back({tensor.name, std::move(*view)});
    return {};
  };
  NM_RETURN_IF_ERROR(forEachStruct(tensors, count, "nm_named_tensor", add));
  return views;
}

extern "C" nm_status nm_write_npy(const char *path, nm_dtype dtype, size_t rank,
                                  const int64_t *shape, const void *data,
                                  nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!path)
      return nullArgument("path");
    Result<TensorView> view = viewOf(dtype, rank, shape, data);
    if (!view)
      return view.error();
    return writeNpy(path, *view);
  });
}

extern "C" nm_status nm_write_safetensors(const char *path,
                                          const nm_named_tensor *tensors,
                                          size_t count, nm_error **error) {
  return nm_write_safetensors_with(path, tensors, count, nullptr, 0, error);
}

extern "C" nm_status
nm_write_safetensors_with(const char *path, const nm_named_tensor *tensors,
                          size_t count, const nm_text *texts, size_t num_texts,
                          nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!path || (!tensors && count != 0) || (!texts && num_texts != 0))
      return nullArgument(!path                    ? "path"
                          : !tensors && count != 0 ? "tensors"
                                                   : "texts");
    Result<std::vector<NamedView>> views = namedViewsOf(tensors, count);
    if (!views)
      return views.error();
    std::vector<std::pair<std::string, std::string>> metadata;
    auto add = [&](const nm_text &pair) -> Status {
      if (!pair.name || !pair.text)
        return nullArgument(!pair.name ? "name" : "text");
      if (!isUtf8(pair.name) || !isUtf8(pair.text))
        return makeError(Errc::Argument, path, ": text ", quote(pair.name),
                         " is not UTF-8");
      metadata.emplace_back(pair.name, pair.text);
      return {};
    };
    NM_RETURN_IF_ERROR(forEachStruct(texts, num_texts, "nm_text", add));
    return writeSafetensors(path, *views, metadata);
  });
}

static Result<WeightDesc> descOf(const nm_weight *given) {
  if (!given)
    return nullArgument("weight");
  nm_weight weight = nm_weight();
  NM_RETURN_IF_ERROR(readStruct(given, "nm_weight", weight));
  Result<DType> dtype = dtypeOf(weight.dtype);
  if (!dtype)
    return dtype.error();
  Result<std::vector<int64_t>> shape = shapeOf(weight.rank, weight.shape);
  if (!shape)
    return shape.error();
  return WeightDesc{std::move(*shape), weight.axis, weight.n, weight.m, *dtype};
}

/// The shapes of a weight in a layout given as text.
static Result<StorageShapes> shapesOf(const WeightDesc &desc,
                                      const char *layout, LayoutSpec &spec) {
  if (!layout)
    return nullArgument("layout");
  Result<LayoutSpec> parsed = parseLayoutSpec(layout);
  if (!parsed)
    return parsed.error();
  spec = *parsed;
  return storageShapes(spec, desc.shape, desc.axis, desc.n, desc.m,
                       elementBytes(desc.dtype));
}

extern "C" nm_status nm_layout_bytes(const nm_weight *weight,
                                     const char *layout, size_t *values_bytes,
                                     size_t *metadata_bytes, nm_error **error) {
  return runC(error, [&]() -> Status {
    Result<WeightDesc> desc = descOf(weight);
    if (!desc)
      return desc.error();
    LayoutSpec spec;
    Result<StorageShapes> shapes = shapesOf(*desc, layout, spec);
    if (!shapes)
      return shapes.error();
    if (values_bytes)
      *values_bytes = size_t(shapes->values.bytes());
    if (metadata_bytes)
      *metadata_bytes = size_t(shapes->metadata.bytes());
    return {};
  });
}

extern "C" nm_status nm_convert(const nm_weight *weight, const char *from,
                                const void *from_values,
                                const void *from_metadata, const char *to,
                                void *to_values, void *to_metadata,
                                nm_error **error) {
  return runC(error, [&]() -> Status {
    Result<WeightDesc> desc = descOf(weight);
    if (!desc)
      return desc.error();
    LayoutSpec source, target;
    for (bool input : {true, false}) {
      LayoutSpec &spec = input ? source : target;
      Result<StorageShapes> shapes = shapesOf(*desc, input ? from : to, spec);
      if (!shapes)
        return shapes.error();
      if (!(input ? from_values : to_values) && shapes->values.bytes() != 0)
        return nullArgument(input ? "from_values" : "to_values");
      if (!(input ? from_metadata : to_metadata) &&
          shapes->metadata.bytes() != 0)
        return nullArgument(input ? "from_metadata" : "to_metadata");
    }
    return convert(*desc, source, from_values, from_metadata, target, to_values,
                   to_metadata);
  });
}

extern "C" nm_status nm_derive_mask(const nm_weight *weight, const void *dense,
                                    uint8_t *mask, nm_error **error) {
  return runC(error, [&]() -> Status {
    Result<WeightDesc> desc = descOf(weight);
    if (!desc)
      return desc.error();
    Result<TensorView> view =
        viewOf(weight->dtype, weight->rank, weight->shape, dense);
    if (!view)
      return view.error();
    Result<Mask> derived = deriveMask(*view, desc->axis, desc->n, desc->m);
    if (!derived)
      return derived.error();
    int64_t count = view->count();
    if (!mask && count != 0)
      return nullArgument("mask");
    if (count != 0)
      derived->expand(0, count, mask);
    return {};
  });
}
