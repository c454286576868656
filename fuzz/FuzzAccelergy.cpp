//===- FuzzAccelergy.cpp --------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Tables that are read make a device, or an error that says why not. What
// follows a NUL is what they are used for.
#include "FuzzUtil.h"
#include "nm/Explore/Accelergy.h"

using namespace nm::explore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size), further;
  if (size_t end = text.find('\0'); end != std::string::npos) {
    further = text.substr(end + 1);
    text.resize(end);
  }
  AccelergyTables tables;
  auto status = readAccelergy(text, "fuzz", tables);
  nm::rt::fuzz::checkError(status);
  if (!status)
    return 0;
  AccelergyUse use;
  for (const AccelergyComponent &component : tables.components) {
    if (component.count < 1 || component.count > (int64_t(1) << 32))
      std::abort();
    use.units.push_back("array=" + component.name);
    break;
  }
  if (!further.empty())
    use.energies.push_back(further);
  auto device =
      applyAccelergy(*nm::machine::findDevice("edge"), tables, use, "fuzz");
  nm::rt::fuzz::checkError(device);
  if (device &&
      !(device->staticWatts.total() >= 0 && device->areaMm2.total() >= 0))
    std::abort();
  return 0;
}
