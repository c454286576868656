//===- Lex.cpp - Tokens and errors of policies -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include "nm/Support/Text.h"
#include <algorithm>

using namespace nm;
using namespace nm::policy;

static bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool TokenReader::fail(Location where, const std::string &what) {
  if (failed)
    return false;
  failed = true;
  size_t begin = 0;
  for (unsigned line = 1; line < where.line; ++line)
    begin = text.find('\n', begin) + 1;
  std::string line = text.substr(begin, text.find('\n', begin) - begin);
  std::string caret;
  // Tabs stay, so that the caret stands below its place.
  for (size_t i = 0; i + 1 < where.column; ++i)
    caret += i < line.size() && line[i] == '\t' ? '\t' : ' ';
  for (char &c : line)
    c = c == '\t' || (c >= 32 && c < 127) ? c : '?';
  // A window of long lines.
  size_t left = where.column > 100 ? where.column - 60 : 0;
  line = left < line.size() ? line.substr(left, 120) : "";
  caret = left < caret.size() ? caret.substr(left) : "";
  error.message = support::printable(file) + ":" + std::to_string(where.line) +
                  ":" + std::to_string(where.column) + ": " + what + "\n" +
                  line + "\n" + caret + "^\n";
  at = text.size();
  token = Token();
  return false;
}

void TokenReader::skipBlank() {
  while (at < text.size()) {
    char c = text[at];
    if (c == '#') {
      while (at < text.size() && text[at] != '\n')
        ++at, ++here.column;
    } else if (c == '\n') {
      ++at;
      here = {here.line + 1, 1};
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
      ++here.column;
    } else {
      return;
    }
  }
}

void TokenReader::number() {
  token.kind = Token::Number;
  bool overflow = false;
  auto scale = [&](uint64_t factor, uint64_t digit) {
    overflow |= __builtin_mul_overflow(token.value, factor, &token.value) ||
                __builtin_add_overflow(token.value, digit, &token.value);
  };
  auto digits = [&] {
    size_t first = at;
    while (at < text.size() && isDigit(text[at]))
      scale(10, static_cast<uint64_t>(text[at++] - '0'));
    return static_cast<int>(std::min<size_t>(at - first, 1000));
  };
  size_t begin = at;
  digits();
  // Two points are those of a range.
  int decimals = 0;
  if (at + 1 < text.size() && text[at] == '.' && isDigit(text[at + 1])) {
    ++at;
    decimals = digits();
    for (; decimals > 0 && token.value % 10 == 0 && !overflow; --decimals)
      token.value /= 10;
  }
  const char *suffixes = "kMGT";
  int power = 0;
  for (int i = 0; i < 4; ++i)
    if (at < text.size() && text[at] == suffixes[i]) {
      power = 3 * (i + 1);
      ++at;
      break;
    }
  token.text = text.substr(begin, at - begin);
  here.column += static_cast<unsigned>(at - begin);
  if (decimals > kMostDecimals) {
    fail(token.location, "more than " + std::to_string(kMostDecimals) +
                             " digits after the point");
    return;
  }
  for (; power > decimals; --power)
    scale(10, 0);
  for (; decimals > power; --decimals)
    token.divisor *= 10;
  if (overflow)
    fail(token.location, "a number above 2^64 - 1");
  else if (at < text.size() && (isLetter(text[at]) || isDigit(text[at])))
    fail(here, "a letter after a number; expected k, M, G, T or a space");
}

void TokenReader::advance() {
  if (failed)
    return;
  skipBlank();
  token = Token();
  token.location = here;
  if (at == text.size())
    return;
  if (isDigit(text[at]))
    return number();
  size_t begin = at;
  if (isLetter(text[at])) {
    token.kind = Token::Name;
    while (at < text.size() && (isLetter(text[at]) || isDigit(text[at])))
      ++at;
    if (at - begin > 64) {
      fail(here, "a name of more than 64 characters");
      return;
    }
  } else {
    token.kind = Token::Sign;
    for (const char *sign : {"..", "==", "!=", "<=", ">=", "<", ">", "{", "}",
                             "(", ")", "[", "]", ",", ":"})
      if (text.compare(at, std::string(sign).size(), sign) == 0) {
        at += std::string(sign).size();
        break;
      }
    if (at == begin) {
      fail(here, "a character that no policy has; expected a word, a number "
                 "or a sign");
      return;
    }
  }
  token.text = text.substr(begin, at - begin);
  here.column += static_cast<unsigned>(at - begin);
}

bool TokenReader::name(std::string &result, const char *what) {
  if (token.kind != Token::Name)
    return expected(what);
  result = token.text;
  advance();
  return true;
}

bool TokenReader::number(uint64_t &result, uint64_t low, uint64_t high,
                         const char *what) {
  std::string range = std::string(what) + " from " + std::to_string(low) +
                      " to " + std::to_string(high);
  if (token.kind == Token::Number && token.divisor != 1)
    return expected(range + " that is a whole number");
  if (token.kind != Token::Number || token.value < low || token.value > high)
    return expected(range);
  result = token.value;
  advance();
  return true;
}
