//===- FuzzPifoPolicy.cpp -------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Import/PifoPolicy.h"
#include <cstdint>
#include <cstdlib>

/// An error without a message is a defect.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  auto code = nm::policy::translate(text, "fuzz");
  if ((code ? *code : code.error().message).empty())
    std::abort();
  return 0;
}
