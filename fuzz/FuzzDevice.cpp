//===- FuzzDevice.cpp -----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A device description that parses must print to one that parses to the same.
#include "FuzzUtil.h"
#include "nm/Machine/Device.h"

using namespace nm::model;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Result<Device> device = parseDevice(text, "fuzz");
  nm::rt::fuzz::checkError(device);
  if (!device)
    return 0;
  std::string printed = printDevice(*device);
  Result<Device> again = parseDevice(printed, "fuzz");
  if (!again || printDevice(*again) != printed)
    std::abort();
  return 0;
}
