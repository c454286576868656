//===- ParseQueues.cpp - Limits and queue managements from text -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

using namespace nm::policy;

/// The longest time, ns, of which the square has 62 bits.
static constexpr uint64_t kLongest = (uint64_t(1) << 31) - 1;

uint64_t nm::policy::flowsOf(const Field &field) {
  return field.below       ? field.below
         : field.bits < 17 ? uint64_t(1) << field.bits
                           : kMostFlows + 1;
}

/// `per NAME`: a field of few values.
bool Parser::per(std::string &result) {
  if (!accept("per"))
    return true;
  Location where = token.location;
  const Field *field = nullptr;
  if (!useField(result, field))
    return false;
  if (flowsOf(*field) > kMostFlows)
    return fail(where, "'" + result +
                           "' has too many values to tell flows apart; "
                           "expected 'field " +
                           result + " below <at most " +
                           std::to_string(kMostFlows) + ">'");
  return true;
}

bool Parser::limit(Policy &policy) {
  Limit made;
  if (policy.limits.size() == kMostLimits)
    return fail(token.location, "more than " + std::to_string(kMostLimits) +
                                    " limits of one policy");
  if (accept("share")) {
    made.kind = Limit::Share;
    Token share;
    // In thousandths, so that no product leaves 62 bits.
    if (token.kind == Token::Number &&
        (token.divisor > 1000 || token.value > 1000 * token.divisor))
      return expected("a share above 0 and at most 1000, with at most 3 digits "
                      "after the point");
    if (!weight(share))
      return false;
    made.numerator = share.value;
    made.denominator = share.divisor;
  } else {
    if (!number(made.most, 1, uint64_t(1) << 56,
                "packets or bytes, or 'share'"))
      return false;
    if (accept("bytes"))
      made.kind = Limit::Bytes;
    else if (!accept("packets"))
      return expected("'packets' or 'bytes'");
  }
  if (!per(made.field))
    return false;
  policy.limits.push_back(made);
  return true;
}

/// A number and `ns`, `us`, `ms` or `s`, in ns.
bool Parser::duration(uint64_t &result, uint64_t high, const char *what) {
  Location where = token.location;
  if (!number(result, 1, high, what))
    return false;
  uint64_t unit = is("ns")   ? 1
                  : is("us") ? 1000
                  : is("ms") ? 1000000
                  : is("s")  ? 1000000000
                             : 0;
  if (!unit)
    return expected("'ns', 'us', 'ms' or 's'");
  advance();
  if (result > high / unit)
    return fail(where,
                std::string(what) + " above " + std::to_string(high) + " ns");
  result *= unit;
  return true;
}

bool Parser::ecn(std::string &result) {
  if (!accept("ecn"))
    return true;
  Location where = token.location;
  const Field *field = nullptr;
  if (!useField(result, field))
    return false;
  return (field->bits == 2 && !field->below) ||
         fail(where,
              "'" + result +
                  "' holds no ECN codepoint (RFC 3168); expected 'field " +
                  result + " bits 2'");
}

/// Behind `arrival` of 63 bits, if the policy declares it.
bool Parser::asksForArrival(Location where, const std::string &who) {
  for (const Field &field : result.fields)
    if (field.name == "arrival" && (field.bits < 63 || field.below))
      return fail(where, "'arrival' is declared with fewer than 63 bits, but " +
                             who + " asks when packets came");
  result.needsArrival = true;
  return true;
}

bool Parser::management(Policy &policy, Location where) {
  std::string word = token.text;
  if (!policy.classes.empty())
    return fail(where, word +
                           " of classes; expected it behind a policy that "
                           "holds packets, such as 'fifo " +
                           word + "'");
  std::string present = policy.codel  ? "codel"
                        : policy.red  ? "red"
                        : policy.pie  ? "pie"
                        : policy.step ? "mark"
                                      : "";
  if (!present.empty())
    return fail(where, present == word
                           ? "a second " + word + " of one policy"
                           : word + " of a policy that has " + present +
                                 "; expected one of them");
  advance();
  if (word == "codel")
    return codel(policy.codel.emplace(), where);
  if (word == "mark")
    return step(policy.step.emplace());
  return word == "red" ? red(policy.red.emplace(), where)
                       : pie(policy.pie.emplace(), where);
}

bool Parser::codel(Codel &made, Location where) {
  if (!asksForArrival(where, "codel"))
    return false;
  if (accept("target") && !duration(made.target, kLongest, "a target"))
    return false;
  if (accept("interval") && !duration(made.interval, kLongest, "an interval"))
    return false;
  if (accept("mtu") && !number(made.mtu, 1, uint64_t(1) << 32, "bytes"))
    return false;
  return per(made.field) && ecn(made.ecn);
}

/// A chance above 0 and at most 1, in 2^-24.
bool Parser::chance(uint64_t &result) {
  if (token.kind != Token::Number || token.value > token.divisor ||
      (token.value << 24) / token.divisor == 0)
    return expected("a probability from 0.0000001 to 1");
  result = (token.value << 24) / token.divisor;
  advance();
  return true;
}

bool Parser::red(Red &made, Location where) {
  constexpr uint64_t kMost = uint64_t(1) << 37;
  if (!require("min") || !number(made.low, 1, kMost, "packets or bytes") ||
      !require("max") ||
      !number(made.high, made.low + 1, kMost, "packets or bytes"))
    return false;
  made.bytes = accept("bytes");
  if (!made.bytes && !accept("packets"))
    return expected("'packets' or 'bytes'");
  if (accept("probability") && !chance(made.probability))
    return false;
  if (accept("over")) {
    Location at = token.location;
    if (!number(made.over, 2, 65536, "a number of packets"))
      return false;
    if ((made.over & (made.over - 1)) != 0)
      return fail(at, "an average over " + std::to_string(made.over) +
                          " packets; expected a power of two");
  }
  if (made.high * made.over > uint64_t(1) << 38)
    return fail(where, "the upper threshold times " +
                           std::to_string(made.over) +
                           " is above 2^38, in which the average is compared; "
                           "expected a smaller one, or 'over' fewer packets");
  made.gentle = accept("gentle");
  if (accept("idle") && !duration(made.idle, kLongest, "a time"))
    return false;
  if (!seed(made.seed) || !per(made.field) || !ecn(made.ecn))
    return false;
  return fits(packetsAveraged(made, longestPacket(result)), where,
              "the average of red leaves 56 bits",
              "'over' fewer packets or a 'length' of fewer bits");
}

/// `above N packets ecn NAME`
bool Parser::step(Step &made) {
  if (!require("above") ||
      !number(made.most, 1, uint64_t(1) << 56, "packets or bytes"))
    return false;
  made.bytes = accept("bytes");
  if (!made.bytes && !accept("packets"))
    return expected("'packets' or 'bytes'");
  if (!per(made.field))
    return false;
  return is("ecn") ? ecn(made.ecn) : expected("'ecn'");
}

bool Parser::pie(Pie &made, Location where) {
  if (!asksForArrival(where, "pie"))
    return false;
  if (accept("target") && !duration(made.target, kLongest, "a target"))
    return false;
  if (accept("update") && !duration(made.update, kLongest, "a period"))
    return false;
  if (accept("burst") && !duration(made.burst, kLongest, "a time"))
    return false;
  return seed(made.seed) && per(made.field) && ecn(made.ecn);
}

bool Parser::seed(uint64_t &result) {
  return !accept("seed") ||
         number(result, 0, uint64_t(1) << 56, "a number to begin with");
}
