//===- FuzzPifoPolicy.cpp -------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Import/PifoPolicy.h"
#include <cstdint>
#include <cstdlib>

/// Texts behind lines of dashes are policies that take the first one's place,
/// a tick apart.
static std::vector<nm::policy::NamedText> split(const std::string &text) {
  static constexpr char kLine[] = "\n---\n";
  std::vector<nm::policy::NamedText> policies;
  for (size_t begin = 0;;) {
    size_t end = text.find(kLine, begin);
    policies.emplace_back(text.substr(begin, end - begin), "fuzz");
    if (end == std::string::npos)
      return policies;
    begin = end + sizeof(kLine) - 1;
  }
}

/// An error without a message is a defect.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto policies =
      split(std::string(reinterpret_cast<const char *>(data), size));
  auto code = nm::policy::translate(policies[0].first, "fuzz");
  if ((code ? *code : code.error().message).empty())
    std::abort();
  std::vector<nm::policy::NamedText> others(policies.begin() + 1,
                                            policies.end());
  std::vector<uint64_t> times;
  for (size_t i = 0; i < others.size(); ++i)
    times.push_back(i);
  auto living = nm::policy::translateLiving(policies[0], others, times);
  if ((living ? living->module : living.error().message).empty())
    std::abort();
  return 0;
}
