//===- FuzzFileCache.cpp - Entries of the cache of compiled code -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The entry as it is, then its text as the content of a whole entry: a list of
// texts, each of which may be one, as compiled code is.
#include "FuzzUtil.h"
#include "nm/Support/FileCache.h"
#include "nm/Support/TextList.h"

using namespace nm::support;

namespace fuzz = nm::rt::fuzz;

static void split(std::string_view text, int depth) {
  auto parts = splitTexts(text);
  fuzz::checkError(parts);
  if (!parts)
    return;
  std::vector<std::string> same(parts->begin(), parts->end());
  if (joinTexts(same) != text)
    std::abort();
  for (std::string_view part : *parts)
    if (depth > 0)
      split(part, depth - 1);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  fuzz::checkError(readCacheEntry(text, "key"));
  split(text, 3);
  std::string entry = makeCacheEntry("key", text);
  auto content = readCacheEntry(entry, "key");
  if (!content || !*content || **content != text)
    std::abort();
  return 0;
}
