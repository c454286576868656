//===- OnnxTensor.cpp - The values of ONNX tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointFormats.h"
#include "Memory.h"
#include "OnnxExternal.h"
#include "Support.h"
#include "nm/Runtime/Onnx.h"
#include <algorithm>
#include <filesystem>

namespace nm::onnx {

using rt::DType;
using rt::Errc;
namespace fs = std::filesystem;

namespace {
struct TypeRow {
  const char *name;
  DType dtype;
  int64_t bits;
};
} // namespace

/// By number.
static constexpr TypeRow kTypes[] = {
    {"undefined", DType::Unknown, 0},
    {"float32", DType::F32, 32},
    {"uint8", DType::U8, 8},
    {"int8", DType::I8, 8},
    {"uint16", DType::U16, 16},
    {"int16", DType::I16, 16},
    {"int32", DType::I32, 32},
    {"int64", DType::I64, 64},
    {"string", DType::Unknown, 0},
    {"bool", DType::Bool, 8},
    {"float16", DType::F16, 16},
    {"float64", DType::F64, 64},
    {"uint32", DType::U32, 32},
    {"uint64", DType::U64, 64},
    {"complex64", DType::Unknown, 64},
    {"complex128", DType::Unknown, 128},
    {"bfloat16", DType::BF16, 16},
    {"float8e4m3fn", DType::F8E4M3, 8},
    {"float8e4m3fnuz", DType::Unknown, 8},
    {"float8e5m2", DType::F8E5M2, 8},
    {"float8e5m2fnuz", DType::Unknown, 8},
    {"uint4", DType::Unknown, 4},
    {"int4", DType::Unknown, 4},
    {"float4e2m1", DType::Unknown, 4},
    {"float8e8m0", DType::Unknown, 8},
    {"uint2", DType::Unknown, 2},
    {"int2", DType::Unknown, 2},
};
static constexpr int32_t kTypeCount = sizeof(kTypes) / sizeof(TypeRow);

static const TypeRow *rowOf(int32_t type) {
  return type >= 0 && type < kTypeCount ? &kTypes[type] : nullptr;
}

std::string elementTypeName(int32_t type) {
  const TypeRow *row = rowOf(type);
  return row ? row->name : "element type " + std::to_string(type);
}

DType toDType(int32_t type) {
  const TypeRow *row = rowOf(type);
  return row ? row->dtype : DType::Unknown;
}

int64_t elementBits(int32_t type) {
  const TypeRow *row = rowOf(type);
  return row ? row->bits : 0;
}

static rt::Error failed(const Model &model, const Tensor &tensor,
                        const std::string &message) {
  return rt::makeError(Errc::Format, model.path, ": tensor ",
                       rt::quote(tensor.name), ": ", message);
}

Result<std::string> externalFile(const Model &model, const Tensor &tensor) {
  fs::path location(std::string(tensor.location));
  auto refused = [&](const char *why) {
    return failed(model, tensor,
                  "external data lies in " + rt::quote(tensor.location) +
                      ", which " + why +
                      "; expected a file in the model's folder or below it");
  };
  if (tensor.location.empty())
    return failed(model, tensor, "external data without a location");
  if (tensor.location.find('\0') != std::string_view::npos ||
      location.is_absolute())
    return refused("is not relative");
  for (const fs::path &part : location)
    if (part == "..")
      return refused("leaves the folder");
  fs::path folder = fs::path(model.path).parent_path();
  if (folder.empty())
    folder = ".";
  std::error_code error;
  fs::path real = fs::canonical(folder / location, error);
  if (error)
    return failed(model, tensor,
                  "cannot open external data " +
                      rt::quote((folder / location).string()) + ": " +
                      error.message());
  fs::path realFolder = fs::canonical(folder, error);
  if (error)
    return failed(model, tensor,
                  "cannot open the folder of the model: " + error.message());
  auto [end, rest] = std::mismatch(realFolder.begin(), realFolder.end(),
                                   real.begin(), real.end());
  if (end != realFolder.end())
    return refused("leads out of the folder by a link");
  return real.string();
}

static Result<rt::Tensor> readExternal(const Model &model, const Tensor &tensor,
                                       DType dtype, int64_t bytes) {
  Result<std::string> path = externalFile(model, tensor);
  if (!path)
    return path.error();
  Result<rt::FileImage> image = rt::mapImage(*path);
  if (!image)
    return image.error();
  auto size = static_cast<int64_t>(image->size);
  int64_t length = tensor.length;
  if (tensor.offset > size || (length >= 0 && length > size - tensor.offset))
    return failed(model, tensor,
                  "external data are " +
                      (length < 0 ? std::string("the bytes")
                                  : std::to_string(length) + " bytes") +
                      " from " + std::to_string(tensor.offset) + " on, but " +
                      rt::quote(tensor.location) + " has " +
                      std::to_string(size));
  if (length < 0)
    length = size - tensor.offset;
  if (length != bytes)
    return failed(model, tensor,
                  "external data have " + std::to_string(length) +
                      " bytes, expected " + std::to_string(bytes));
  return rt::Tensor{
      rt::denseView(image->data + tensor.offset, dtype, tensor.dims),
      image->owner};
}

/// Copies `count` numbers of a field into a dense tensor.
template <typename From>
static void store(unsigned char *to, DType dtype,
                  const std::vector<From> &from) {
  int64_t width = rt::elementBytes(dtype);
  for (size_t i = 0; i < from.size(); ++i) {
    auto value = static_cast<uint64_t>(from[i]);
    if (dtype == DType::Bool)
      value = value != 0;
    std::memcpy(to + i * width, &value, width); // little-endian
  }
}

Result<rt::Tensor> readTensor(const Model &model, const Tensor &tensor) {
  return rt::guarded([&]() -> Result<rt::Tensor> {
    DType dtype = toDType(tensor.type);
    if (dtype == DType::Unknown)
      return failed(model, tensor,
                    "elements are " + elementTypeName(tensor.type) +
                        ", which cannot be read as numbers");
    int64_t width = rt::elementBytes(dtype);
    Result<int64_t> count = rt::checkedCount(tensor.dims, width);
    if (!count)
      return failed(model, tensor, count.error().message);
    int64_t bytes = *count * width;
    if (tensor.external)
      return readExternal(model, tensor, dtype, bytes);

    auto wrong = [&](int64_t found, const char *what) {
      return failed(model, tensor,
                    "shape " + rt::shapeString(tensor.dims) + " of " +
                        elementTypeName(tensor.type) + " needs " +
                        std::to_string(what[0] == 'b' ? bytes : *count) + " " +
                        what + ", found " + std::to_string(found));
    };
    if (tensor.hasRaw) {
      if (static_cast<int64_t>(tensor.raw.size()) != bytes)
        return wrong(static_cast<int64_t>(tensor.raw.size()), "bytes");
      return rt::Tensor{rt::denseView(tensor.raw.data(), dtype, tensor.dims),
                        model.owner};
    }
    bool isFloat = tensor.type == Float, isDouble = tensor.type == Double;
    bool isInt64 = tensor.type == Int64;
    bool isUnsigned = tensor.type == Uint32 || tensor.type == Uint64;
    size_t found = isFloat      ? tensor.floats.size() / 4
                   : isDouble   ? tensor.doubles.size() / 8
                   : isInt64    ? tensor.int64s.size()
                   : isUnsigned ? tensor.uint64s.size()
                                : tensor.int32s.size();
    if (static_cast<int64_t>(found) != *count)
      return wrong(static_cast<int64_t>(found), "values");
    std::shared_ptr<unsigned char> data =
        rt::allocateBuffer(static_cast<uint64_t>(bytes));
    if (isFloat || isDouble) {
      const std::string &from = isFloat ? tensor.floats : tensor.doubles;
      std::memcpy(data.get(), from.data(), from.size());
    } else if (isInt64) {
      store(data.get(), dtype, tensor.int64s);
    } else if (isUnsigned) {
      store(data.get(), dtype, tensor.uint64s);
    } else {
      store(data.get(), dtype, tensor.int32s);
    }
    return rt::Tensor{rt::denseView(data.get(), dtype, tensor.dims), data};
  });
}

/// A few kept values must not make the reader ask for any amount: a thousandth
/// of a dense tensor's bytes is less than the sparsest that anybody trains, and
/// small tensors may hold nothing but zeros.
static int64_t mostDenseBytes(int64_t kept) {
  constexpr int64_t least = int64_t(1) << 20, factor = 1024;
  return std::max(least, factor * kept);
}

Result<rt::Tensor> readSparse(const Model &model, const SparseTensor &sparse) {
  return rt::guarded([&]() -> Result<rt::Tensor> {
    const Tensor &name = sparse.values;
    Result<rt::Tensor> values = readTensor(model, sparse.values);
    if (!values)
      return values.error();
    Result<rt::Tensor> indices = readTensor(model, sparse.indices);
    if (!indices)
      return indices.error();
    DType dtype = values->view.dtype;
    int64_t width = rt::elementBytes(dtype);
    Result<int64_t> count = rt::checkedCount(sparse.dims, width);
    if (!count)
      return failed(model, name, count.error().message);
    int64_t stored = values->view.count();
    int64_t rank = static_cast<int64_t>(sparse.dims.size());
    const std::vector<int64_t> &shape = indices->view.shape;
    bool linear = shape == std::vector<int64_t>{stored};
    if (values->view.rank() != 1 || indices->view.dtype != DType::I64 ||
        (!linear && shape != std::vector<int64_t>{stored, rank}))
      return failed(
          model, name,
          "sparse values of shape " + rt::shapeString(values->view.shape) +
              " have indices of shape " + rt::shapeString(shape) +
              ", expected int64 of [" + std::to_string(stored) + "] or [" +
              std::to_string(stored) + ", " + std::to_string(rank) + "]");
    int64_t kept = values->view.bytes() + indices->view.bytes();
    if (*count * width > mostDenseBytes(kept))
      return failed(model, name,
                    "a dense tensor of shape " + rt::shapeString(sparse.dims) +
                        " takes " + std::to_string(*count * width) +
                        " bytes, and " + std::to_string(kept) +
                        " bytes of values and indices justify " +
                        std::to_string(mostDenseBytes(kept)) +
                        "; store it as a dense tensor");
    std::vector<int64_t> strides = rt::rowMajorStrides(sparse.dims);
    std::shared_ptr<unsigned char> data =
        rt::allocateBuffer(static_cast<uint64_t>(*count * width));
    std::memset(data.get(), 0, static_cast<size_t>(*count * width));
    for (int64_t i = 0; i < stored; ++i) {
      int64_t place = 0;
      for (int64_t d = 0; d < (linear ? 1 : rank); ++d) {
        auto index = rt::loadUnaligned<int64_t>(
            indices->view.data + (linear ? i : i * rank + d) * 8);
        int64_t size = linear ? *count : sparse.dims[d];
        if (index < 0 || index >= size)
          return failed(model, name,
                        "sparse index " + std::to_string(index) +
                            " is not below " + std::to_string(size));
        place += linear ? index : index * strides[d];
      }
      std::memcpy(data.get() + place * width, values->view.data + i * width,
                  width);
    }
    return rt::Tensor{rt::denseView(data.get(), dtype, sparse.dims), data};
  });
}

/// Whether a constant is large enough for a weight. Sizes that overflow are for
/// whoever reads it to report.
static bool isLarge(const std::vector<int64_t> &dims) {
  rt::Result<int64_t> count = rt::checkedCount(dims, 1);
  return !count || *count > kInlineElements;
}

std::vector<NamedTensor> namedTensors(const Graph &graph) {
  std::vector<NamedTensor> result;
  for (const Tensor &tensor : graph.initializers)
    result.push_back({tensor.name, &tensor, nullptr});
  for (const SparseTensor &sparse : graph.sparseInitializers)
    result.push_back({sparse.values.name, nullptr, &sparse});
  for (const Node &node : graph.nodes) {
    bool isConstant = node.opType == "Constant" && node.outputs.size() == 1 &&
                      (node.domain.empty() || node.domain == "ai.onnx");
    if (!isConstant)
      continue;
    for (const Attribute &attribute : node.attributes) {
      NamedTensor constant{node.outputs.front()};
      if (attribute.name == "value")
        constant.dense = attribute.t.get();
      else if (attribute.name == "sparse_value")
        constant.sparse = attribute.sparse.get();
      if ((constant.dense || constant.sparse) && isLarge(constant.dims()))
        result.push_back(constant);
    }
  }
  return result;
}

} // namespace nm::onnx
