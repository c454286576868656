//===- FuzzTrafficCsv.cpp -------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuzzTraffic.h"

using namespace nm::traffic;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  readAll(openCsvMemory(reinterpret_cast<const char *>(data), size, "fuzz"));
  return 0;
}
