//===- FuzzMeshReplay.cpp - Traces of the mesh model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Replay.h"
#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace nm::mesh;

/// A configuration, a zero byte, a trace. Meshes so large that making one takes
/// all the time are left out.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = data + size, *zero = std::find(data, end, 0);
  if (zero == end || end - zero > 4096)
    return 0;
  nm::support::Result<Config> config = parseConfig(
      {reinterpret_cast<const char *>(data), static_cast<size_t>(zero - data)},
      "fuzz");
  if (!config || config->capacity() > 4096)
    return 0;
  nm::support::Result<std::string> result =
      replay(*config, std::string(zero + 1, end), "fuzz", 4);
  if (!result && result.error().message.empty())
    std::abort();
  return 0;
}
