//===- FuzzPackedWeights.cpp - Files of packed weights -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A header of packed weights, a NUL, and what follows it. The header's length
// and checksum are made to fit, which no mutation would find.
#include "FuzzUtil.h"
#include "nm/Runtime/PackedWeights.h"
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace nm::rt;

static std::string imageOf(const uint8_t *data, size_t size) {
  const void *zero = std::memchr(data, 0, size);
  size_t length =
      zero ? size_t(static_cast<const uint8_t *>(zero) - data) : size;
  uint64_t fixed[2] = {length, packedChecksum(data, length)};
  std::string image = "NMWGHT01";
  image.append(reinterpret_cast<const char *>(fixed), sizeof(fixed));
  image.append(reinterpret_cast<const char *>(data), length);
  image.resize((image.size() + 63) / 64 * 64);
  if (zero)
    image.append(reinterpret_cast<const char *>(data) + length + 1,
                 size - length - 1);
  return image;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int fd = memfd_create("weights", 0);
  std::string image = imageOf(data, size);
  if (fd < 0 || write(fd, image.data(), image.size()) != ssize_t(image.size()))
    std::abort();
  std::string path = "/proc/self/fd/" + std::to_string(fd);
  Result<Manifest> manifest = readPackedManifest(path);
  fuzz::checkError(manifest);
  if (manifest) {
    auto params = Params::open(*manifest, path);
    fuzz::checkError(params);
    volatile unsigned char sum = 0;
    for (size_t i = 0; params && i < (*params)->size(); ++i) {
      const Param &param = (**params)[i];
      auto *values = static_cast<const unsigned char *>(param.values);
      for (int64_t b = 0; b < param.valuesBytes; ++b)
        sum = static_cast<unsigned char>(sum + values[b]);
    }
  }
  close(fd);
  return 0;
}
