//===- Text.cpp - Names and words in messages -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Text.h"
#include <algorithm>

namespace nm::support {

static unsigned char byteAt(std::string_view text, size_t i) {
  return static_cast<unsigned char>(text[i]);
}

size_t utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return byteAt(text, i); };
  unsigned char first = byte(0);
  if (first < 0x80)
    return 1;
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  // Overlong forms, surrogates, and beyond U+10FFFF.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f))
    return 0;
  return length;
}

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = utf8Length(text);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

/// Whether the sequence moves the cursor or changes the order of what is
/// printed: C0 and C1 controls, line and paragraph separators, and the marks of
/// bidirectional text.
static bool isControl(std::string_view sequence) {
  unsigned char first = byteAt(sequence, 0);
  if (sequence.size() == 1)
    return first < 0x20 || first == 0x7f;
  unsigned char second = byteAt(sequence, 1);
  if (sequence.size() == 2)
    return first == 0xc2 && second < 0xa0;
  if (first != 0xe2 || sequence.size() != 3)
    return false;
  unsigned char third = byteAt(sequence, 2);
  return (second == 0x80 && (third == 0x8e || third == 0x8f ||
                             (third >= 0xa8 && third <= 0xae))) ||
         (second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

static std::string escape(std::string_view name, std::string_view also,
                          size_t limit) {
  static const char hex[] = "0123456789abcdef";
  std::string out;
  while (!name.empty()) {
    if (out.size() >= limit)
      return out + "...";
    size_t length = utf8Length(name);
    std::string_view sequence = name.substr(0, std::max<size_t>(length, 1));
    if (length == 0 || isControl(sequence) ||
        also.find(name[0]) != std::string_view::npos) {
      for (char c : sequence) {
        out += "\\x";
        out += hex[static_cast<unsigned char>(c) >> 4];
        out += hex[c & 15];
      }
    } else {
      out.append(sequence);
    }
    name.remove_prefix(sequence.size());
  }
  return out;
}

std::string printable(std::string_view name) {
  return escape(name, "", std::string::npos);
}

std::string quote(std::string_view name) {
  return "'" + escape(name, "'\\", 200) + "'";
}

std::string quotePath(std::string_view path) {
  return "'" + escape(path, "'\\", std::string::npos) + "'";
}

static std::string lower(std::string_view text) {
  std::string result(text);
  for (char &c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// Insertions, deletions, changes and swaps of neighbours that lead from one
/// text to the other.
static size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min(
          {last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string nearest(std::string_view word,
                    const std::vector<std::string> &candidates) {
  constexpr size_t longest = 100; // no option or name is longer
  if (word.size() > longest)
    return "";
  // A third of the word may differ: more is a different word.
  size_t best = std::max<size_t>(1, word.size() / 3) + 1;
  std::string found, small = lower(word);
  for (const std::string &candidate : candidates) {
    if (candidate.size() > longest)
      continue;
    size_t steps = distance(small, lower(candidate));
    if (steps < best) {
      best = steps;
      found = candidate;
    }
  }
  return found;
}

std::string didYouMean(std::string_view word,
                       const std::vector<std::string> &candidates) {
  std::string found = nearest(word, candidates);
  return found.empty() ? "" : " (did you mean " + quote(found) + "?)";
}

std::string alternatives(const std::vector<std::string> &words,
                         const char *last) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i != 0)
      text += i + 1 == words.size() ? " " + std::string(last) + " " : ", ";
    text += words[i];
  }
  return text;
}

} // namespace nm::support
