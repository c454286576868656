//===- FuzzMeshJson.cpp - Configurations of meshes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Area.h"
#include "nm/Model/PifoMesh/Config.h"
#include <cstdint>
#include <cstdlib>

using namespace nm::mesh;

/// An error without a message is a defect, and so is a configuration that its
/// own printed form does not give again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  nm::support::Result<Config> config = parseConfig(text, "fuzz");
  if (!config) {
    if (config.error().message.empty())
      std::abort();
    return 0;
  }
  areaReport(*config);
  std::string printed = printConfig(*config);
  nm::support::Result<Config> again = parseConfig(printed, "fuzz");
  if (!again || printConfig(*again) != printed)
    std::abort();
  return 0;
}
