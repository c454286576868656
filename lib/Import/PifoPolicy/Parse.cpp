//===- Parse.cpp - Policies from text -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Import/PifoPolicy.h"
#include <algorithm>
#include <numeric>

using namespace nm::policy;

namespace {

/// Levels of braces and parentheses; a scheduler has at most 64 levels.
constexpr unsigned kDeepest = 30;
constexpr size_t kMostClasses = 1024;
constexpr uint64_t kMostFlows = 65536;
/// Virtual time advances by the length times this at most.
constexpr uint64_t kLargestScale = 1 << 16;

struct Token {
  enum Kind { Name, Number, Sign, End } kind = End;
  std::string text;
  uint64_t value = 0;
  Location location;
};

class Parser {
public:
  Parser(const std::string &text, const std::string &file, std::string &error)
      : text(text), file(file), error(error) {
    advance();
  }
  std::optional<Program> program();

private:
  // Lexer.
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

  bool field();
  bool useField(std::string &result, const Field *&found);
  bool policy(Policy &policy, unsigned depth);
  bool flows(Policy &policy);
  bool classes(Policy &policy, unsigned depth);
  bool weights(Policy &policy, size_t count);
  bool checkScale(const std::vector<uint64_t> &weights, Location where);
  bool shape(Shape &shape);
  bool condition(Condition &condition, unsigned depth);
  bool conjunction(Condition &condition, unsigned depth);
  bool comparison(Condition &condition, unsigned depth);

  const std::string &text;
  const std::string &file;
  std::string &error;
  size_t at = 0;
  Location here;
  Token token;
  bool failed = false;
  size_t count = 0;
  Program result;
};

bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool Parser::fail(Location where, const std::string &what) {
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
  error = file + ":" + std::to_string(where.line) + ":" +
          std::to_string(where.column) + ": " + what + "\n" + line + "\n" +
          caret + "^\n";
  at = text.size();
  token = Token();
  return false;
}

void Parser::skipBlank() {
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

void Parser::number() {
  token.kind = Token::Number;
  bool overflow = false;
  auto scale = [&](uint64_t factor, uint64_t digit) {
    overflow |= __builtin_mul_overflow(token.value, factor, &token.value) ||
                __builtin_add_overflow(token.value, digit, &token.value);
  };
  size_t begin = at;
  while (at < text.size() && isDigit(text[at]))
    scale(10, static_cast<uint64_t>(text[at++] - '0'));
  const char *suffixes = "kMGT";
  for (int i = 0; i < 4; ++i)
    if (at < text.size() && text[at] == suffixes[i]) {
      for (int j = 0; j <= i; ++j)
        scale(1000, 0);
      ++at;
      break;
    }
  token.text = text.substr(begin, at - begin);
  here.column += static_cast<unsigned>(at - begin);
  if (overflow)
    fail(token.location, "a number above 2^64 - 1");
  else if (at < text.size() && (isLetter(text[at]) || isDigit(text[at])))
    fail(here, "a letter after a number; expected k, M, G, T or a space");
}

void Parser::advance() {
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

bool Parser::name(std::string &result, const char *what) {
  if (token.kind != Token::Name)
    return expected(what);
  result = token.text;
  advance();
  return true;
}

bool Parser::number(uint64_t &result, uint64_t low, uint64_t high,
                    const char *what) {
  std::string range = std::string(what) + " from " + std::to_string(low) +
                      " to " + std::to_string(high);
  if (token.kind != Token::Number || token.value < low || token.value > high)
    return expected(range);
  result = token.value;
  advance();
  return true;
}

bool Parser::field() {
  Field made;
  Location where = token.location;
  if (!name(made.name, "the name of a field"))
    return false;
  for (const Field &other : result.fields)
    if (other.name == made.name)
      return fail(where, "the field '" + made.name + "' is declared twice");
  uint64_t bits = 32;
  if (accept("bits") && !number(bits, 1, 63, "a number of bits"))
    return false;
  made.bits = static_cast<unsigned>(bits);
  if (accept("below") &&
      !number(made.below, 1, uint64_t(1) << bits, "a number of values"))
    return false;
  if (made.name == "length" && (bits > 32 || made.below))
    return fail(where, "'length' is declared as something else; expected at "
                       "most 32 bits and no 'below'");
  if (result.fields.size() == 64)
    return fail(where, "more than 64 fields");
  result.fields.push_back(made);
  return true;
}

bool Parser::useField(std::string &use, const Field *&found) {
  Location where = token.location;
  if (!name(use, "the name of a field"))
    return false;
  for (const Field &field : result.fields)
    if (field.name == use) {
      found = &field;
      return true;
    }
  return fail(where, "no field '" + use + "'; expected 'field " + use +
                         "' before the policy");
}

bool Parser::checkScale(const std::vector<uint64_t> &weights, Location where) {
  uint64_t common = 1;
  for (uint64_t weight : weights) {
    common = std::lcm(common, weight);
    if (common > kLargestScale)
      return fail(where, "weights whose least common multiple is above " +
                             std::to_string(kLargestScale) +
                             "; expected smaller or more regular ones");
  }
  return true;
}

bool Parser::weights(Policy &policy, size_t count) {
  Location where = token.location;
  if (!require("["))
    return false;
  do {
    policy.weights.push_back(0);
    if (policy.weights.size() > count)
      return fail(token.location,
                  "more weights than flows; expected " + std::to_string(count));
    if (!number(policy.weights.back(), 1, kLargestScale, "a weight"))
      return false;
  } while (accept(","));
  if (policy.weights.size() != count)
    return fail(token.location,
                std::to_string(policy.weights.size()) + " weights; expected " +
                    std::to_string(count) + ", one for each flow");
  return require("]") && checkScale(policy.weights, where);
}

bool Parser::flows(Policy &policy) {
  Location where = token.location;
  const Field *field = nullptr;
  if (!useField(policy.field, field))
    return false;
  if (policy.kind == Policy::Edf || policy.kind == Policy::Priority)
    return true;
  uint64_t flows = field->below       ? field->below
                   : field->bits < 17 ? uint64_t(1) << field->bits
                                      : kMostFlows + 1;
  if (flows > kMostFlows)
    return fail(where, "'" + policy.field +
                           "' has too many values to tell flows apart; "
                           "expected 'field " +
                           policy.field + " below <at most " +
                           std::to_string(kMostFlows) + ">'");
  return policy.kind != Policy::Wfq || !accept("weights") ||
         weights(policy, flows);
}

bool Parser::shape(Shape &shape) {
  Location where = token.location;
  if (!number(shape.rate, 1000, 1000000000000, "a rate in bit/s") ||
      !require("burst") || !number(shape.burst, 1, uint64_t(1) << 30, "bytes"))
    return false;
  // Bits times 1e9 / unit make the tokens: a full queue of debts and a full
  // bucket have to fit 62 bits.
  uint64_t unit = std::gcd(shape.rate, uint64_t(8'000'000'000));
  long double cost = 8e9L / static_cast<long double>(unit);
  uint64_t longest = 65535;
  for (const Field &field : result.fields)
    if (field.name == "length")
      longest = (uint64_t(1) << field.bits) - 1;
  if (cost * (static_cast<long double>(longest) *
                  static_cast<long double>(result.capacity) +
              static_cast<long double>(shape.burst)) >=
      0x1p62L)
    return fail(where, "a rate too odd for exact arithmetic at this capacity; "
                       "expected a multiple of 1k or 1M");
  return true;
}

bool Parser::condition(Condition &condition, unsigned depth) {
  if (!conjunction(condition, depth))
    return false;
  if (!is("or"))
    return true;
  Condition all;
  all.kind = Condition::Or;
  all.operands.push_back(std::move(condition));
  while (accept("or")) {
    all.operands.emplace_back();
    if (!conjunction(all.operands.back(), depth))
      return false;
  }
  condition = std::move(all);
  return true;
}

bool Parser::conjunction(Condition &condition, unsigned depth) {
  if (!comparison(condition, depth))
    return false;
  if (!is("and"))
    return true;
  Condition all;
  all.kind = Condition::And;
  all.operands.push_back(std::move(condition));
  while (accept("and")) {
    all.operands.emplace_back();
    if (!comparison(all.operands.back(), depth))
      return false;
  }
  condition = std::move(all);
  return true;
}

bool Parser::comparison(Condition &condition, unsigned depth) {
  if (depth > kDeepest)
    return fail(token.location, "more than 30 levels of nesting");
  if (++count > 65536)
    return fail(token.location, "more than 65536 comparisons");
  if (accept("("))
    return this->condition(condition, depth + 1) && require(")");
  if (accept("not")) {
    condition.kind = Condition::Not;
    condition.operands.emplace_back();
    return comparison(condition.operands.back(), depth + 1);
  }
  const Field *field = nullptr;
  if (!useField(condition.field, field))
    return false;
  uint64_t most =
      field->below ? field->below - 1 : (uint64_t(1) << field->bits) - 1;
  condition.kind = Condition::Compare;
  std::string sign = token.text;
  if (sign != "in" && sign != "==" && sign != "!=" && sign != "<=" &&
      sign != ">=" && sign != "<" && sign != ">")
    return expected("'==', '!=', '<', '<=', '>', '>=' or 'in'");
  advance();
  uint64_t value = 0;
  Location where = token.location;
  if (!number(value, 0, most, "a value of the field"))
    return false;
  condition.low = condition.high = value;
  if (sign == "in") {
    if (accept("..") &&
        !number(condition.high, value, most, "the end of the range"))
      return false;
  } else if (sign == "!=") {
    Condition equal = condition;
    condition = Condition();
    condition.kind = Condition::Not;
    condition.operands.push_back(std::move(equal));
  } else if (sign == "<" || sign == "<=") {
    if (sign == "<" && value == 0)
      return fail(where, "nothing is below 0; expected at least 1");
    condition.low = 0;
    condition.high = value - (sign == "<");
  } else if (sign == ">" || sign == ">=") {
    if (sign == ">" && value == most)
      return fail(where,
                  "no value of the field is above " + std::to_string(most));
    condition.low = value + (sign == ">");
    condition.high = most;
  }
  return true;
}

bool Parser::classes(Policy &policy, unsigned depth) {
  bool weighted = false;
  while (!is("}")) {
    if (failed)
      return false;
    if (++count > 65536 || policy.classes.size() == kMostClasses)
      return fail(token.location, "too many classes");
    Policy made;
    Location where = token.location;
    if (!policy.classes.empty() && !policy.classes.back().condition)
      return fail(where, "a class after one that takes all other packets; "
                         "expected '}', or 'when' before it");
    std::string className;
    if (!name(className, "the name of a class or '}'") || !require(":"))
      return false;
    for (const Policy &other : policy.classes)
      if (other.name == className)
        return fail(where, "two classes are called '" + className + "'");
    uint64_t weight = 1;
    if (is("weight")) {
      if (policy.kind != Policy::Wfq)
        return fail(token.location, "a weight outside wfq; expected a policy");
      weighted = true;
      advance();
      if (!number(weight, 1, kLargestScale, "a weight"))
        return false;
    }
    if (accept("shape")) {
      made.shape.emplace();
      if (!shape(*made.shape))
        return false;
    }
    if (!this->policy(made, depth + 1))
      return false;
    made.name = className;
    if (accept("when")) {
      made.condition.emplace();
      if (!condition(*made.condition, depth + 1))
        return false;
    }
    policy.weights.push_back(weight);
    policy.classes.push_back(std::move(made));
  }
  if (policy.classes.empty())
    return expected("at least one class");
  if (policy.classes.back().condition)
    return fail(token.location,
                "the last class has a condition; expected one without 'when', "
                "which takes all other packets");
  if (!weighted)
    policy.weights.clear();
  return checkScale(policy.weights, policy.location) && require("}");
}

bool Parser::policy(Policy &policy, unsigned depth) {
  policy.location = token.location;
  if (depth > kDeepest)
    return fail(token.location, "more than 30 levels of nesting");
  if (accept("fifo"))
    return true;
  if (is("edf") || is("priority")) {
    policy.kind = is("edf") ? Policy::Edf : Policy::Priority;
    advance();
    return require("by") && flows(policy);
  }
  if (is("wfq") || is("rr")) {
    policy.kind = is("wfq") ? Policy::Wfq : Policy::RoundRobin;
    advance();
    if (accept("by"))
      return flows(policy);
    if (accept("{"))
      return classes(policy, depth);
    return expected("'by' or '{'");
  }
  if (accept("strict")) {
    policy.kind = Policy::Strict;
    return require("{") && classes(policy, depth);
  }
  return expected("fifo, edf, priority, wfq, rr or strict");
}

std::optional<Program> Parser::program() {
  if (!require("scheduler") || !name(result.name, "the scheduler's name"))
    return std::nullopt;
  if (accept("capacity") &&
      !number(result.capacity, 1, 1 << 24, "a number of packets"))
    return std::nullopt;
  while (accept("field"))
    if (!field())
      return std::nullopt;
  if (!policy(result.root, 0))
    return std::nullopt;
  if (token.kind != Token::End || failed) {
    expected("the end of the text");
    return std::nullopt;
  }
  return std::move(result);
}

} // namespace

std::optional<Program> nm::policy::parse(const std::string &text,
                                         const std::string &file,
                                         std::string &error) {
  return Parser(text, file, error).program();
}

std::string nm::policy::translate(const std::string &text,
                                  const std::string &file, std::string &error) {
  std::optional<Program> program = parse(text, file, error);
  return program ? print(*program) : "";
}
