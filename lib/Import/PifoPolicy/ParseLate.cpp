//===- ParseLate.cpp - Policies that decide at dequeue, from text -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include <algorithm>

using namespace nm::policy;

/// The largest burst, in bytes, and the most that a bucket owes: with tokens of
/// 1/8,000,000,000 byte both have 61 bits.
static constexpr uint64_t kMostOwed = uint64_t(1) << 28;
/// Turns of a packet; 2^63 of them last for 2^41 packets.
static constexpr uint64_t kMostTurns = uint64_t(1) << 22;

/// Policies that decide at dequeue stand at the root and below their like: the
/// order of any other stands before. Those of classes that may have to wait
/// stand below their like only.
bool Parser::mayDecideLate(const Policy &policy) {
  bool isTree = policy.kind == Policy::Htb || policy.kind == Policy::Hfsc;
  if (!above || (isTree ? above->kind == policy.kind : above->isLate()))
    return true;
  if (policy.kind == Policy::Hfsc)
    return fail(policy.location,
                "hfsc as a class of another policy, which does not know of its "
                "deadlines; expected it at the root or as a class of hfsc");
  if (policy.kind == Policy::Htb)
    return fail(policy.location,
                "htb as a class of another policy, which does not know that it "
                "may have to wait; expected it at the root or as a class of "
                "htb, where 'prio' and 'weight' order classes");
  return fail(policy.location,
              "a policy that decides at dequeue as a class of one whose order "
              "stands before; expected it at the root or as a class of wf2q, "
              "drr or htb");
}

bool Parser::late(Policy &policy, unsigned depth) {
  policy.kind = is("wf2q")   ? Policy::Wf2q
                : is("drr")  ? Policy::Drr
                : is("hfsc") ? Policy::Hfsc
                             : Policy::Htb;
  if (!mayDecideLate(policy))
    return false;
  advance();
  policy.quantum = 1500;
  if ((policy.kind == Policy::Wf2q || policy.kind == Policy::Drr) &&
      accept("per")) {
    policy.perPacket = true;
    policy.quantum = 1;
    if (!require("packet"))
      return false;
  } else if (policy.kind == Policy::Drr && accept("quantum")) {
    if (!number(policy.quantum, 1, uint64_t(1) << 20, "bytes"))
      return false;
  }
  return require("{") && classes(policy, depth);
}

/// `in order per NAME`: a packet takes along those of its flow that came first.
bool Parser::inOrder(Policy &policy) {
  if (policy.kind != Policy::Edf && policy.kind != Policy::Priority)
    return fail(token.location, "'in order' behind a policy that lets no "
                                "packet overtake its own flow; expected it "
                                "behind edf or priority");
  advance();
  if (!require("order") || !is("per"))
    return expected("'order per' and a field");
  if (!per(policy.inOrder))
    return false;
  return (!is("not") && !is("pace")) ||
         fail(token.location, "packets that wait for their times, of flows in "
                              "order; expected one of them");
}

/// `not before NAME`, `pace N burst N`: where packets may have to wait.
bool Parser::eligibility(Policy &policy) {
  Location where = token.location;
  std::string word = token.text;
  if (policy.kind != Policy::Fifo && policy.kind != Policy::Edf &&
      policy.kind != Policy::Priority)
    return fail(where, "'" + word +
                           "' behind a policy with ranks of its own; expected "
                           "it behind fifo, edf or priority");
  if (above && above->kind != Policy::Htb)
    return fail(where,
                "packets that may have to wait in a class of a policy that "
                "does not know that; expected '" +
                    word + "' at the root or in a class of htb");
  advance();
  if (word == "not") {
    const Field *field = nullptr;
    return require("before") && useField(policy.notBefore, field);
  }
  policy.pace.emplace();
  return shape(*policy.pace) && per(policy.paceField);
}

/// `N burst N` of htb.
bool Parser::bucket(Shape &shape, const char *what) {
  return number(shape.rate, 1000, 1000000000000, what) &&
         (!accept("burst") || number(shape.burst, 1, kMostOwed, "bytes"));
}

/// `rate N burst N`, and what else there is. The weight is the rate if nothing
/// else is said.
bool Parser::guarantee(Policy &policy, Token &weight) {
  Guarantee &made = policy.guarantee.emplace();
  Location where = token.location;
  if (longestPacket(result) >= kMostOwed)
    return fail(where, "packets of up to " +
                           std::to_string(longestPacket(result)) +
                           " bytes; expected 'field length bits <at most 28>', "
                           "so that what a class of htb owes has 62 bits");
  made.rate.burst = 0;
  if (!require("rate") || !bucket(made.rate, "a rate in bit/s"))
    return false;
  if (!made.rate.burst)
    return expected("'burst'");
  made.ceil = made.rate;
  Location at = token.location;
  if (accept("ceil") && !bucket(made.ceil, "a ceiling in bit/s"))
    return false;
  if (made.ceil.rate < made.rate.rate)
    return fail(at, "a ceiling of " + std::to_string(made.ceil.rate) +
                        " bit/s below the rate; expected at least " +
                        std::to_string(made.rate.rate));
  if (accept("prio") && !number(made.priority, 0, 7, "a priority"))
    return false;
  weight.value = made.rate.rate;
  return true;
}

/// `real PIECES share N upper PIECES`, the first or the second of which must be
/// there: the share is the rate that lasts if nothing else is said. Pieces are
/// `N for TIME then N` or `N`.
bool Parser::curve(Policy &made, Token &weight) {
  auto pieces = [&](std::optional<Curve> &made, const char *zero) {
    constexpr uint64_t kMost = uint64_t(1) << 60;
    constexpr const char *kRate = "a rate in bit/s";
    Curve &curve = made.emplace();
    Location where = token.location;
    bool isZero = token.kind == Token::Number && token.value == 0;
    if (!number(curve.first, isZero ? 0 : 1000, 1000000000000, kRate))
      return false;
    curve.rest = curve.first;
    if (accept("for") &&
        (!duration(curve.span, (uint64_t(1) << 31) - 1, "a span") ||
         !require("then") || !number(curve.rest, 1000, 1000000000000, kRate)))
      return false;
    if (curve.rest == 0)
      return expected("'for', as a " + std::string(zero));
    CurveUnits units = unitsOf(curve);
    return (units.ahead <= kMost &&
            longestPacket(result) <= kMost / units.price) ||
           fail(where, "the pieces of the curve, or the longest packet, have "
                       "more than 2^60 of the units in which both rates are "
                       "whole; expected rounder rates, a shorter span or a "
                       "'length' of fewer bits");
  };
  if (accept("real")) {
    if (!pieces(made.curves.real, "curve that stays at 0 promises nothing"))
      return false;
    weight.value = made.curves.real->rest;
  }
  if (accept("share")) {
    if (!this->weight(weight))
      return false;
  } else if (!made.curves.real) {
    return expected("'real' or 'share'");
  }
  if (!accept("upper"))
    return true;
  result.hasUpper = true;
  return pieces(made.curves.upper, "limit that stays at 0 lets nothing out");
}

/// Weights of drr are not brought to a common unit: they are turns.
bool Parser::takeTurns(Policy &policy, const std::vector<Token> &weights) {
  uint64_t least = UINT64_MAX;
  for (const Token &weight : weights) {
    if (weight.divisor != 1)
      return fail(weight.location, "a weight of drr with a fraction; expected "
                                   "a whole number of quanta");
    policy.weights.push_back(weight.value);
    least = std::min(least, weight.value * policy.quantum);
  }
  uint64_t longest = policy.perPacket ? 1 : longestPacket(result);
  uint64_t turns = policy.classes.size() * (longest / least + 1);
  return turns <= kMostTurns ||
         fail(policy.location,
              "a packet may wait for " + std::to_string(turns) +
                  " turns of classes; expected at most " +
                  std::to_string(kMostTurns) +
                  ": a larger quantum or a 'length' of fewer bits");
}

bool Parser::checkLate(const Policy &policy) {
  uint64_t step = largestStep(policy, longestPacket(result));
  uint64_t times = 1;
  if (policy.kind == Policy::Wf2q)
    times = sumOfWeights(policy);
  return (step && step <= kMostStep / times) ||
         fail(policy.location,
              "a packet advances virtual time by more than 2^32, so that 63 "
              "bits would not last; expected weights with a smaller least "
              "common multiple or a 'length' of fewer bits");
}
