//===- FuzzManifest.cpp ---------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A manifest that parses must print to one that parses to the same.
#include "FuzzUtil.h"
#include "nm/Runtime/Params.h"

using namespace nm::rt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)fuzz::parsePrintable(
      data, size, [](std::string_view text) { return parseManifest(text); },
      printManifest);
  return 0;
}
