//===- FuzzTenants.cpp ----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What docs/simulator.md promises of a trace holds for each that is taken.
#include "nm/Traffic/TenantTrace.h"
#include <cmath>
#include <cstdlib>

using namespace nm::traffic;

static bool isTime(double nanoseconds) {
  return nanoseconds >= 0 && nanoseconds <= 2.5e14;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  auto trace = parseTenants(text, "folder/fuzz");
  if (!trace) {
    if (trace.error().message.empty())
      std::abort();
    return 0;
  }
  double last = 0;
  for (const TenantRequest &request : trace->requests) {
    if (request.tenant > 65535 || request.program >= trace->programs.size() ||
        !isTime(request.arrival) || !isTime(request.deadline) ||
        request.arrival < last)
      std::abort();
    last = request.arrival;
  }
  for (const std::string &program : trace->programs)
    if (program.empty())
      std::abort();
  if (trace->weights.size() > 65536)
    std::abort();
  for (double weight : trace->weights)
    if (!(weight > 0) || !std::isfinite(weight))
      std::abort();
  return 0;
}
