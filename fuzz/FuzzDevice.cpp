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
  (void)nm::rt::fuzz::parsePrintable(
      data, size,
      [](std::string_view text) { return parseDevice(text, "fuzz"); },
      printDevice);
  return 0;
}
