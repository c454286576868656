//===- Parse.cpp - Policies from text -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include <algorithm>
#include <numeric>
#include <utility>

using namespace nm::policy;
namespace support = nm::support;

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

/// A number above 0, with or without a fraction.
bool Parser::weight(Token &result) {
  if (token.kind != Token::Number || token.value == 0 ||
      token.value > kLargestWeight * token.divisor)
    return expected("a weight above 0 and at most " +
                    std::to_string(kLargestWeight));
  result = token;
  advance();
  return true;
}

/// Brings weights to whole numbers in a common unit.
bool Parser::take(Policy &policy, const std::vector<Token> &weights,
                  Location where) {
  uint64_t scale = 1, unit = 0;
  for (const Token &weight : weights)
    scale = std::max(scale, weight.divisor);
  for (const Token &weight : weights) {
    policy.weights.push_back(weight.value * (scale / weight.divisor));
    unit = std::gcd(unit, policy.weights.back());
  }
  for (uint64_t &weight : policy.weights)
    weight /= unit;
  policy.unit = unit;
  policy.scale = scale;
  if (leastCommonMultiple(policy.weights) == 0)
    return fail(where, "weights whose least common multiple is above 2^62, in "
                       "which virtual time counts; expected smaller or more "
                       "regular ones");
  return true;
}

bool Parser::weights(Policy &policy, size_t count) {
  Location where = token.location;
  if (!require("["))
    return false;
  std::vector<Token> list;
  do {
    list.emplace_back();
    if (list.size() > count)
      return fail(token.location,
                  "more weights than flows; expected " + std::to_string(count));
    if (!weight(list.back()))
      return false;
  } while (accept(","));
  if (list.size() != count)
    return fail(token.location,
                std::to_string(list.size()) + " weights; expected " +
                    std::to_string(count) + ", one for each flow");
  return require("]") && take(policy, list, where);
}

/// Refuses a capacity of more than `packets`, for which `what` is not known to
/// be exact.
bool Parser::fits(uint64_t packets, Location where, const std::string &what,
                  const std::string &help) {
  // Who pushes out holds one more for a moment.
  if (!result.refuses && packets != 0)
    --packets;
  result.largestCapacity = std::min(result.largestCapacity, packets);
  if (packets >= result.capacity)
    return true;
  std::string capacity = std::to_string(result.capacity);
  return fail(where, what + " at a capacity of " + capacity + " packets" +
                         (given      ? " (the one asked for)"
                          : declared ? ""
                                     : " (the default)") +
                         "; expected " +
                         (packets ? "a capacity of at most " +
                                        std::to_string(packets) + ", "
                                  : std::string()) +
                         help);
}

bool Parser::checkVirtualTime(const Policy &policy, Location where) {
  if (policy.kind != Policy::Wfq)
    return true;
  uint64_t longest = longestPacket(result);
  uint64_t step = largestStep(policy, longest);
  uint64_t common = leastCommonMultiple(policy.weights), least = 1;
  if (!policy.weights.empty())
    least = *std::min_element(policy.weights.begin(), policy.weights.end());
  std::string product = (policy.perPacket ? std::string("1")
                                          : std::to_string(longest) + " bytes");
  if (common / least != 1)
    product += " * " + std::to_string(common / least);
  return fits(step ? ranksOf(step).packets : 0, where,
              "a packet advances virtual time by up to " + product +
                  ", too much for ranks of 63 bits",
              policy.perPacket
                  ? "weights with a smaller least common multiple"
                  : "a 'length' of fewer bits or weights with a smaller least "
                    "common multiple");
}

bool Parser::flows(Policy &policy) {
  Location where = token.location;
  const Field *field = nullptr;
  if (!useField(policy.field, field))
    return false;
  if (policy.kind == Policy::Edf || policy.kind == Policy::Priority)
    return true;
  uint64_t flows = flowsOf(*field);
  if (flows > kMostFlows)
    return fail(where, "'" + policy.field +
                           "' has too many values to tell flows apart; "
                           "expected 'field " +
                           policy.field + " below <at most " +
                           std::to_string(kMostFlows) + ">'");
  if (policy.kind == Policy::Wfq && accept("weights") &&
      !weights(policy, flows))
    return false;
  return checkVirtualTime(policy, policy.location);
}

bool Parser::shape(Shape &shape) {
  Location where = token.location;
  if (!number(shape.rate, 1000, 1000000000000, "a rate in bit/s") ||
      !require("burst") || !number(shape.burst, 1, uint64_t(1) << 30, "bytes"))
    return false;
  uint64_t longest = longestPacket(result);
  return fits(packetsInDebt(shape, longest), where,
              "tokens of 1/" + std::to_string(tokensOf(shape).cost) +
                  " byte, which make this rate exact, leave 62 bits with "
                  "packets of " +
                  std::to_string(longest) + " bytes",
              "a smaller burst, a 'length' of fewer bits or a rate with fewer "
              "digits");
}

/// One operand, or several with a word between them, which make a `kind`.
/// `accept` takes the word where it stands.
template <typename Accept, typename Operand>
static bool joined(Condition &condition, Condition::Kind kind, Accept accept,
                   Operand operand) {
  if (!operand(condition))
    return false;
  if (!accept())
    return true;
  Condition all;
  all.kind = kind;
  all.operands.push_back(std::move(condition));
  do {
    all.operands.emplace_back();
    if (!operand(all.operands.back()))
      return false;
  } while (accept());
  condition = std::move(all);
  return true;
}

bool Parser::condition(Condition &condition, unsigned depth) {
  return joined(
      condition, Condition::Or, [&] { return accept("or"); },
      [&](Condition &part) { return conjunction(part, depth); });
}

bool Parser::conjunction(Condition &condition, unsigned depth) {
  return joined(
      condition, Condition::And, [&] { return accept("and"); },
      [&](Condition &part) { return comparison(part, depth); });
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

/// `NAME :`, where no class that takes the rest stands before.
bool Parser::className(const Policy &policy, std::string &result) {
  Location where = token.location;
  if (!policy.classes.empty() && !policy.classes.back().condition)
    return fail(where, "a class after one that takes all other packets; "
                       "expected '}', or 'when' before it");
  if (!name(result, "the name of a class or '}'") || !require(":"))
    return false;
  for (const Policy &other : policy.classes)
    if (other.name == result)
      return fail(where, "two classes are called '" + result + "'");
  return true;
}

bool Parser::oneClass(Policy &policy, Policy &made, Token &weight,
                      bool &weighted, unsigned depth) {
  std::string name;
  if (!className(policy, name))
    return false;
  weight.value = 1;
  if (policy.kind == Policy::Htb) {
    weighted = true;
    if (!guarantee(made, weight))
      return false;
  }
  if (policy.kind == Policy::Hfsc) {
    weighted = true;
    if (!curve(made, weight))
      return false;
  }
  if (is("weight")) {
    if (policy.kind == Policy::Hfsc)
      return expected("a policy, as 'share' is the weight of a class of hfsc");
    if (policy.kind != Policy::Wfq && !policy.isLate())
      return fail(token.location, "a weight outside wfq, wf2q, drr and htb; "
                                  "expected a policy");
    weighted = true;
    advance();
    if (!this->weight(weight))
      return false;
  }
  Location where = token.location;
  if (accept("shape")) {
    made.shape.emplace();
    if (!shape(*made.shape))
      return false;
  }
  if (!this->policy(made, depth + 1))
    return false;
  if (made.curves.real && made.kind == Policy::Hfsc)
    return fail(where, "a real-time curve of a class with classes of hfsc, "
                       "which have their own; expected 'share' alone");
  if (made.shape && made.isLate())
    return fail(where, "a shape of a policy that decides at dequeue; expected "
                       "the ceiling of a class of htb");
  made.name = name;
  if (accept("when")) {
    made.condition.emplace();
    return condition(*made.condition, depth + 1);
  }
  return true;
}

bool Parser::classes(Policy &policy, unsigned depth) {
  bool weighted = false;
  std::vector<Token> weights;
  const Policy *outer = std::exchange(above, &policy);
  while (!is("}")) {
    if (failed)
      return false;
    if (++count > 65536 || policy.classes.size() == kMostClasses)
      return fail(token.location, "too many classes");
    Policy made;
    Token weight;
    if (!oneClass(policy, made, weight, weighted, depth))
      return false;
    weights.push_back(weight);
    policy.classes.push_back(std::move(made));
  }
  above = outer;
  if (policy.classes.empty())
    return expected("at least one class");
  if (policy.classes.back().condition)
    return fail(token.location,
                "the last class has a condition; expected one without 'when', "
                "which takes all other packets");
  if (policy.kind == Policy::Drr)
    return takeTurns(policy, weights) && require("}");
  if (weighted && !take(policy, weights, policy.location))
    return false;
  return (policy.isLate() ? checkLate(policy)
                          : checkVirtualTime(policy, policy.location)) &&
         require("}");
}

/// What orders the packets, then what limits them.
bool Parser::policy(Policy &policy, unsigned depth) {
  if (!core(policy, depth))
    return false;
  if (is("in") && !inOrder(policy))
    return false;
  if ((is("not") || is("pace")) && !eligibility(policy))
    return false;
  for (;;) {
    Location where = token.location;
    if (accept("limit")) {
      if (!limit(policy))
        return false;
    } else if (is("codel") || is("red") || is("pie") || is("mark")) {
      if (!management(policy, where))
        return false;
    } else {
      return true;
    }
  }
}

bool Parser::core(Policy &policy, unsigned depth) {
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
    if (policy.kind == Policy::Wfq && accept("per")) {
      policy.perPacket = true;
      if (!require("packet"))
        return false;
    }
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
  if (is("wf2q") || is("drr") || is("htb") || is("hfsc"))
    return late(policy, depth);
  return expected(
      "fifo, edf, priority, wfq, rr, strict, wf2q, drr, htb or hfsc");
}

support::Result<Program> Parser::program() {
  if (!require("scheduler") || !name(result.name, "the scheduler's name"))
    return error;
  declared = is("capacity");
  if (accept("capacity") &&
      !number(result.capacity, 1, kMostPackets, "a number of packets"))
    return error;
  if (given)
    result.capacity = given;
  if (accept("full")) {
    result.refuses = accept("refuse");
    if (!result.refuses && !(accept("push") && accept("out"))) {
      expected("'refuse' or 'push out'");
      return error;
    }
  }
  while (accept("field"))
    if (!field())
      return error;
  if (!policy(result.root, 0))
    return error;
  if (token.kind != Token::End || failed) {
    expected("the end of the text");
    return error;
  }
  return std::move(result);
}

support::Result<Program> nm::policy::parse(const std::string &text,
                                           const std::string &file,
                                           uint64_t capacity) {
  return Parser(text, file, capacity).program();
}

support::Result<std::string> nm::policy::translate(const std::string &text,
                                                   const std::string &file,
                                                   uint64_t capacity) {
  support::Result<Program> program = parse(text, file, capacity);
  if (!program)
    return program.error();
  return print(*program);
}
