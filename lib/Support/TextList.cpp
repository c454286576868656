//===- TextList.cpp - Several texts in one -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/TextList.h"
#include "nm/Support/Bytes.h"
#include <cstdint>

namespace nm::support {

static void addWord(std::string &text, uint64_t word) {
  char bytes[sizeof(word)];
  storeUnaligned(bytes, word);
  text.append(bytes, sizeof(bytes));
}

std::string joinTexts(const std::vector<std::string> &texts) {
  std::string list;
  addWord(list, texts.size());
  for (const std::string &text : texts) {
    addWord(list, text.size());
    list += text;
  }
  return list;
}

Result<std::vector<std::string_view>> splitTexts(std::string_view list) {
  constexpr size_t word = sizeof(uint64_t);
  size_t size = list.size();
  auto takeWord = [&](uint64_t &value) {
    if (list.size() < word)
      return false;
    value = loadUnaligned<uint64_t>(list.data());
    list.remove_prefix(word);
    return true;
  };
  uint64_t count = 0;
  // Each has a length at least, so that no count asks for more memory than the
  // list has.
  if (!takeWord(count) || count > list.size() / word)
    return makeError(Errc::Format, "a list of ", size,
                     " bytes has no room for its ", count, " texts");
  std::vector<std::string_view> texts;
  texts.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t length = 0;
    if (!takeWord(length) || length > list.size())
      return makeError(Errc::Format, "text ", i, " of ", count,
                       " ends behind the list");
    texts.push_back(list.substr(0, length));
    list.remove_prefix(length);
  }
  if (!list.empty())
    return makeError(Errc::Format, list.size(), " bytes follow the last of ",
                     count, " texts");
  return texts;
}

} // namespace nm::support
