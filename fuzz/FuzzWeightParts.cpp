//===- FuzzWeightParts.cpp ------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The container is well formed; the tensors that make up quantised and
// semi-structured weights are hostile. An input is a count and, for each
// tensor, its name's number, its type's number, its rank (at most 3) and a byte
// for each dimension; the bytes after them are the data of all, taken again
// from the first where they do not suffice.
#include "FuzzUtil.h"
#include "nm/Runtime/DType.h"
#include <string>

using namespace nm::rt;

static constexpr const char *kNames[] = {"a.weight_packed",
                                         "a.weight_scale",
                                         "a.weight_shape",
                                         "a.weight_zero_point",
                                         "a.weight_g_idx",
                                         "a.scale_packed",
                                         "a.meta",
                                         "a.qweight",
                                         "a.qzeros",
                                         "a.scales",
                                         "a.g_idx",
                                         "a.packed",
                                         "a.compressed",
                                         "a.bitmask",
                                         "a.shape",
                                         "a.row_offsets",
                                         "a.weight_global_scale",
                                         "a.weight"};
static constexpr DType kTypes[] = {DType::I32, DType::F16,  DType::I64,
                                   DType::I8,  DType::F32,  DType::I16,
                                   DType::U8,  DType::BF16, DType::F64};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t place = 0;
  auto next = [&]() -> uint8_t { return place < size ? data[place++] : 0; };
  struct Part {
    size_t name;
    DType dtype;
    std::vector<int64_t> shape;
  };
  std::vector<Part> parts;
  unsigned used = 0;
  for (int left = next() % 8; left > 0; --left) {
    Part part;
    part.name = next() % std::size(kNames);
    part.dtype = kTypes[next() % std::size(kTypes)];
    for (int rank = next() % 4; rank > 0; --rank)
      part.shape.push_back(next());
    Result<int64_t> bytes = checkedCount(part.shape, elementBytes(part.dtype));
    if ((used >> part.name & 1) || !bytes || *bytes > 65536)
      continue;
    used |= 1u << part.name;
    parts.push_back(std::move(part));
  }
  size_t begin = place;
  std::string header, payload;
  for (const Part &part : parts) {
    size_t first = payload.size();
    size_t bytes = size_t(*checkedCount(part.shape) * elementBytes(part.dtype));
    for (size_t i = 0; i < bytes; ++i) {
      if (place >= size)
        place = begin;
      payload += char(next());
    }
    std::string dims = shapeString(part.shape);
    header +=
        (header.empty() ? "{\"" : ",\"") + std::string(kNames[part.name]) +
        "\":{\"dtype\":\"" + std::string(safetensorsName(part.dtype)) +
        "\",\"shape\":" + dims + ",\"data_offsets\":[" + std::to_string(first) +
        "," + std::to_string(payload.size()) + "]}";
  }
  fuzz::readSafetensors(header.empty() ? "{}" : header + "}", payload);
  return 0;
}
