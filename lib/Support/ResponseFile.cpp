//===- ResponseFile.cpp - Arguments from files -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/ResponseFile.h"
#include "nm/Support/Text.h"
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace nm::support {

/// More than any command line holds.
static constexpr size_t kMaxBytes = size_t(1) << 22;

Result<std::vector<std::string>> splitResponse(std::string_view text,
                                               const std::string &path) {
  std::vector<std::string> words;
  std::string word;
  bool inWord = false;
  size_t line = 1, opened = 0;
  char quote = 0;
  for (size_t i = 0; i != text.size(); ++i) {
    char c = text[i];
    line += c == '\n';
    if (c == '\\' && quote != '\'' && i + 1 != text.size()) {
      word += text[++i];
      inWord = true;
    } else if (quote) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      opened = line;
      inWord = true;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (inWord)
        words.push_back(std::move(word));
      word.clear();
      inWord = false;
    } else {
      word += c;
      inWord = true;
    }
  }
  if (quote)
    return makeError(Errc::Format, quotePath(path), ", line ", opened,
                     ": found a quote that is not closed, expected another ",
                     std::string(1, quote));
  if (inWord)
    words.push_back(std::move(word));
  return words;
}

static Result<std::string> readText(const std::string &path) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  auto fail = [&](const std::string &why) {
    return makeError(Errc::Io, "cannot read the arguments in ", quotePath(path),
                     ": ", why, "; write ", quotePath("./@" + path),
                     " for a file of that name");
  };
  if (!file)
    return fail(std::strerror(errno));
  std::string text;
  char buffer[4096];
  size_t count;
  while ((count = std::fread(buffer, 1, sizeof(buffer), file)) > 0 &&
         text.size() <= kMaxBytes)
    text.append(buffer, count);
  int error = std::ferror(file) ? errno : 0;
  std::fclose(file);
  if (error)
    return fail(std::strerror(error));
  if (text.size() > kMaxBytes)
    return fail("it has more than 4 MiB");
  return text;
}

Result<std::vector<std::string>>
expandResponseFiles(std::vector<std::string> arguments) {
  std::vector<std::string> expanded;
  bool onlyFiles = false;
  for (std::string &argument : arguments) {
    onlyFiles |= argument == "--";
    if (onlyFiles || argument.size() < 2 || argument[0] != '@') {
      expanded.push_back(std::move(argument));
      continue;
    }
    std::string path = argument.substr(1);
    auto text = readText(path);
    if (!text)
      return text.error();
    auto words = splitResponse(*text, path);
    if (!words)
      return words.error();
    expanded.insert(expanded.end(), words->begin(), words->end());
  }
  return expanded;
}

} // namespace nm::support
