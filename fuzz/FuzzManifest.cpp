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
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Result<Manifest> manifest = parseManifest(text);
  fuzz::checkError(manifest);
  if (!manifest)
    return 0;
  std::string printed = printManifest(*manifest);
  Result<Manifest> again = parseManifest(printed);
  if (!again || printManifest(*again) != printed)
    std::abort();
  return 0;
}
