//===- Parser.h - The parser of policies -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_PIFOPOLICY_PARSER_H
#define NM_LIB_IMPORT_PIFOPOLICY_PARSER_H

#include "Bounds.h"

namespace nm::policy {

/// Levels of braces and parentheses; a scheduler has at most 64 levels.
inline constexpr unsigned kDeepest = 30;
inline constexpr size_t kMostClasses = 1024;
inline constexpr uint64_t kMostFlows = 65536;
inline constexpr size_t kMostLimits = 8;
inline constexpr uint64_t kLargestWeight = 1 << 16;
/// Digits after the point of a number.
inline constexpr int kMostDecimals = 9;

/// The number of values, or one more than there may be flows.
uint64_t flowsOf(const Field &field);

struct Token {
  enum Kind { Name, Number, Sign, End } kind = End;
  std::string text;
  /// Number: value / divisor, a power of ten.
  uint64_t value = 0, divisor = 1;
  Location location;
};

/// The words of a policy, one after the other.
class TokenReader {
protected:
  TokenReader(const std::string &text, const std::string &file)
      : text(text), file(file) {
    if (text.compare(0, 3, "\xef\xbb\xbf") == 0)
      at = 3; // a byte order mark
    advance();
  }

  void advance();
  void skipBlank();
  void number();

  // Errors: the first one counts, and ends the input.
  bool fail(Location where, const std::string &what);
  bool expected(const std::string &what) {
    return fail(token.location,
                "found " +
                    (token.kind == Token::End ? "the end of the text"
                                              : "'" + token.text + "'") +
                    "; expected " + what);
  }

  bool is(const char *word) const {
    return token.kind != Token::End && token.kind != Token::Number &&
           token.text == word;
  }
  bool accept(const char *word) {
    if (!is(word))
      return false;
    advance();
    return true;
  }
  bool require(const char *word) {
    return accept(word) || expected("'" + std::string(word) + "'");
  }
  bool name(std::string &result, const char *what);
  bool number(uint64_t &result, uint64_t low, uint64_t high, const char *what);

  const std::string &text;
  const std::string &file;
  support::Error error{support::Errc::Format, ""};
  size_t at = 0;
  Location here;
  Token token;
  bool failed = false;
};

class Parser : private TokenReader {
public:
  Parser(const std::string &text, const std::string &file, uint64_t capacity)
      : TokenReader(text, file), given(capacity) {}
  support::Result<Program> program();

private:
  bool field();
  bool useField(std::string &result, const Field *&found);
  bool policy(Policy &policy, unsigned depth);
  bool core(Policy &policy, unsigned depth);
  bool limit(Policy &policy);
  bool management(Policy &policy, Location where);
  bool codel(Codel &made, Location where);
  bool red(Red &made, Location where);
  bool pie(Pie &made, Location where);
  bool step(Step &made);
  bool inOrder(Policy &policy);
  bool curve(Policy &made, Token &weight);
  bool chance(uint64_t &result);
  bool seed(uint64_t &result);
  bool asksForArrival(Location where, const std::string &who);
  bool duration(uint64_t &result, uint64_t high, const char *what);
  bool ecn(std::string &result);
  bool per(std::string &result);
  bool flows(Policy &policy);
  bool classes(Policy &policy, unsigned depth);
  bool late(Policy &policy, unsigned depth);
  bool mayDecideLate(const Policy &policy);
  bool guarantee(Policy &policy, Token &weight);
  bool eligibility(Policy &policy);
  bool bucket(Shape &shape, const char *what);
  bool takeTurns(Policy &policy, const std::vector<Token> &weights);
  bool checkLate(const Policy &policy);
  bool oneClass(Policy &policy, Policy &made, Token &weight, bool &weighted,
                unsigned depth);
  bool className(const Policy &policy, std::string &result);
  bool weight(Token &result);
  bool weights(Policy &policy, size_t count);
  bool take(Policy &policy, const std::vector<Token> &weights, Location where);
  bool fits(uint64_t packets, Location where, const std::string &what,
            const std::string &help);
  bool checkVirtualTime(const Policy &policy, Location where);
  bool shape(Shape &shape);
  bool condition(Condition &condition, unsigned depth);
  bool conjunction(Condition &condition, unsigned depth);
  bool comparison(Condition &condition, unsigned depth);

  /// The capacity from outside, or 0; whether the text says one.
  uint64_t given;
  bool declared = false;
  size_t count = 0;
  /// The policy whose classes are read.
  const Policy *above = nullptr;
  Program result;
};

} // namespace nm::policy

#endif // NM_LIB_IMPORT_PIFOPOLICY_PARSER_H
