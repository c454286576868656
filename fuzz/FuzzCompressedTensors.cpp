//===- FuzzCompressedTensors.cpp ------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The container is well formed; the parts of a compressed weight are hostile.
// The first bytes choose their shapes, the rest is their data.
#include "FuzzUtil.h"
#include <cstring>
#include <string>

using namespace nm::rt;

namespace {
class Input {
public:
  Input(const uint8_t *data, size_t size) : data(data), size(size) {}
  uint8_t byte() { return size ? (--size, *data++) : 0; }
  std::string bytes(size_t count) {
    std::string out;
    while (out.size() < count)
      out += static_cast<char>(byte());
    return out;
  }

private:
  const uint8_t *data;
  size_t size;
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Input input(data, size);
  uint8_t flags = input.byte();
  uint64_t rows = input.byte() % 16, columns = input.byte() % 64;
  uint64_t stored = input.byte(), maskBytes = (columns + 7) / 8;
  if (flags & 1)
    maskBytes = input.byte() % 9; // does not fit
  bool ragged = flags & 2;
  if (!ragged && !(flags & 4))
    stored = rows * (columns / 2);
  std::string header, payload;
  auto add = [&](const std::string &name, const char *dtype,
                 const std::string &shape, const std::string &bytes) {
    header += (header.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"" +
              dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
              std::to_string(payload.size()) + "," +
              std::to_string(payload.size() + bytes.size()) + "]}";
    payload += bytes;
  };
  uint64_t dims[2] = {rows, columns};
  if (flags & 8)
    std::memcpy(dims, input.bytes(16).data(), 16);
  add("w.shape", "I64", "2",
      std::string(reinterpret_cast<const char *>(dims), 16));
  bool wide = flags & 16;
  std::string shape = std::to_string(stored);
  if (!ragged && rows != 0 && stored % rows == 0)
    shape = std::to_string(rows) + "," + std::to_string(stored / rows);
  add("w.compressed", wide ? "F32" : "I8", shape,
      input.bytes(stored * (wide ? 4 : 1)));
  add("w.bitmask", "U8", std::to_string(rows) + "," + std::to_string(maskBytes),
      input.bytes(rows * maskBytes));
  if (ragged) {
    std::string offsets;
    for (uint64_t r = 0; r < rows; ++r)
      offsets +=
          flags & 32 ? input.bytes(8) : input.bytes(1) + std::string(7, '\0');
    add("w.row_offsets", "I64", std::to_string(rows), offsets);
  }
  header += "}";
  fuzz::readSafetensors(header, payload);
  return 0;
}
