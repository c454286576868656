//===- RecipePatterns.cpp - N:M patterns and names as text -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support.h"
#include "nm/Runtime/Recipe.h"
#include <algorithm>
#include <tuple>

namespace nm::rt {

Result<std::pair<int64_t, int64_t>> parseRatio(std::string_view text,
                                               const std::string &where) {
  int64_t parts[2] = {0, 0};
  size_t colon = text.find(':');
  bool good = colon != std::string_view::npos;
  for (int i = 0; good && i < 2; ++i) {
    std::string_view digits =
        i ? text.substr(colon + 1) : text.substr(0, colon);
    good = !digits.empty() && digits.size() <= 2 &&
           digits.find_first_not_of("0123456789") == std::string_view::npos;
    for (char c : good ? digits : std::string_view())
      parts[i] = parts[i] * 10 + (c - '0');
  }
  if (!good || parts[0] < 1 || parts[0] > parts[1] || parts[1] > 64)
    return makeError(Errc::Format, where, ": pattern ", quote(text),
                     ", expected N:M with 1 <= N <= M <= 64, such as 2:4");
  return std::make_pair(parts[0], parts[1]);
}

/// "AxBx...", sizes from 1 to 64.
static Result<std::vector<int64_t>> parseBlock(std::string_view text,
                                               const std::string &where) {
  std::vector<int64_t> sizes;
  for (size_t from = 0; from <= text.size();) {
    size_t to = std::min(text.find('x', from), text.size());
    std::string_view digits = text.substr(from, to - from);
    bool good =
        !digits.empty() && digits.size() <= 2 &&
        digits.find_first_not_of("0123456789") == std::string_view::npos;
    int64_t size = 0;
    for (char c : good ? digits : std::string_view())
      size = size * 10 + (c - '0');
    if (size < 1 || size > 64 || sizes.size() == 32)
      return makeError(Errc::Format, where, ": blocks of ", quote(text),
                       ", expected sizes from 1 to 64, one for each dimension, "
                       "such as 4x1");
    sizes.push_back(size);
    from = to + 1;
  }
  return sizes;
}

Result<PatternRule> parsePattern(std::string_view text,
                                 const std::string &where) {
  PatternRule rule;
  if (text == "dense")
    return rule;
  size_t space = text.find(' ');
  auto ratio = parseRatio(text.substr(0, space), where);
  if (!ratio)
    return ratio.error();
  std::tie(rule.n, rule.m) = *ratio;
  if (space == std::string_view::npos)
    return rule;
  std::string_view rest = text.substr(space + 1);
  constexpr std::string_view blocks = "blocks ";
  if (rest == "transposable") {
    rule.transposable = true;
    return rule;
  }
  if (rest.substr(0, blocks.size()) != blocks)
    return makeError(Errc::Format, where, ": pattern ", quote(text),
                     ", expected N:M, N:M transposable or N:M blocks AxB");
  auto sizes = parseBlock(rest.substr(blocks.size()), where);
  if (!sizes)
    return sizes.error();
  // Blocks of one element are none.
  if (std::any_of(sizes->begin(), sizes->end(),
                  [](int64_t size) { return size > 1; }))
    rule.block = std::move(*sizes);
  return rule;
}

std::string patternText(const PatternRule &rule) {
  if (rule.dense())
    return "dense";
  std::string text = std::to_string(rule.n) + ":" + std::to_string(rule.m);
  if (rule.transposable)
    text += " transposable";
  for (size_t i = 0; i < rule.block.size(); ++i)
    text += (i ? "x" : " blocks ") + std::to_string(rule.block[i]);
  return text;
}

bool matchesName(std::string_view expression, std::string_view name) {
  // The last star seen and what it had taken so far.
  size_t e = 0, n = 0, star = std::string_view::npos, taken = 0;
  while (n < name.size()) {
    if (e < expression.size() && expression[e] == '*') {
      star = e++;
      taken = n;
    } else if (e < expression.size() &&
               (expression[e] == '?' || expression[e] == name[n])) {
      ++e;
      ++n;
    } else if (star != std::string_view::npos) {
      e = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (e < expression.size() && expression[e] == '*')
    ++e;
  return e == expression.size();
}

} // namespace nm::rt
