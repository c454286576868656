//===- FuzzLayout.cpp -----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The first bytes choose a weight, the text behind them is a layout, the rest
// are stored bytes. Whatever unpacks must pack to storage that unpacks to the
// same weight.
#include "FuzzUtil.h"
#include "nm/Runtime/Pack.h"
#include <cstring>

using namespace nm::rt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 8)
    return 0;
  const DType types[] = {DType::I8, DType::BF16, DType::F32};
  WeightDesc desc;
  desc.m = 1 + data[0] % 64;
  desc.n = 1 + data[1] % 64;
  desc.dtype = types[data[2] % 3];
  desc.axis = data[3] % 2;
  desc.shape = {data[4] % 32, data[5] % 32};
  desc.shape[size_t(desc.axis)] = desc.m * (data[6] % 8);
  size_t textSize = std::min<size_t>(data[7], size - 8);
  std::string_view text(reinterpret_cast<const char *>(data) + 8, textSize);
  data += 8 + textSize;
  size -= 8 + textSize;

  Result<LayoutSpec> spec = parseLayoutSpec(text);
  fuzz::checkError(spec);
  if (!spec)
    return 0;
  Result<LayoutSpec> again = parseLayoutSpec(spec->str());
  if (!again || *again != *spec)
    std::abort();
  int64_t elem = elementBytes(desc.dtype);
  Result<StorageShapes> shapes =
      storageShapes(*spec, desc.shape, desc.axis, desc.n, desc.m, elem);
  fuzz::checkError(shapes);
  if (!shapes || shapes->values.bytes() > (1 << 20) ||
      shapes->metadata.bytes() > (1 << 20))
    return 0;

  std::vector<uint8_t> values(size_t(shapes->values.bytes()));
  std::vector<uint8_t> metadata(size_t(shapes->metadata.bytes()));
  size_t take = std::min(size, metadata.size());
  if (take)
    std::memcpy(metadata.data(), data, take);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = size > take ? data[take + i % (size - take)] : uint8_t(i);
  int64_t count = desc.shape[0] * desc.shape[1];
  std::vector<uint8_t> dense(size_t(count * elem)), back(dense.size());
  Status status =
      unpack(desc, *spec, values.data(), metadata.data(), dense.data());
  fuzz::checkError(status);
  if (!status)
    return 0;
  Result<PackStats> packed =
      pack(desc, *spec, dense.data(), values.data(), metadata.data());
  fuzz::checkError(packed);
  if (!packed) // only a dense layout can hold an over-full group
    return 0;
  if (!unpack(desc, *spec, values.data(), metadata.data(), back.data()))
    std::abort();
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t *a = &dense[size_t(i * elem)], *b = &back[size_t(i * elem)];
    bool same = std::memcmp(a, b, size_t(elem)) == 0;
    // A -0.0 may come back as +0.0.
    if (!same && !(elementToDouble(a, desc.dtype) == 0 &&
                   elementToDouble(b, desc.dtype) == 0))
      std::abort();
  }
  return 0;
}
