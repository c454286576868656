//===- Random.cpp - Early detection: RED and PIE as rules -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Printer.h"

using namespace nm::policy;

/// The upper bits of the next number of a linear congruential generator
/// (Knuth, MMIX), which goes on where `when` holds.
std::string Printer::draw(const std::string &state, unsigned bits,
                          const std::string &when) {
  std::string before = load(state);
  std::string factor = constant(6364136223846793005);
  std::string product = op("muli", before, factor);
  std::string after = op("addi", product, constant(1442695040888963407));
  store(choose(when, after, before), state);
  return op("shrui", after, constant(64 - bits));
}

/// `number` times the power of a factor in 2^-32: a product, rounded down, for
/// each bit of `times` that is set, from the lowest. `number` has at most 56
/// bits.
std::string Printer::decay(const std::string &number, const std::string &times,
                           uint64_t factor, unsigned bits) {
  std::string result = number;
  std::string half = constant(32), low = constant(0xffffffff);
  for (unsigned bit = 0; bit < bits; ++bit) {
    std::string part = op("andi", times, constant(uint64_t(1) << bit));
    std::string isSet = compare("ne", part, constant(0));
    std::string power = constant(factor);
    std::string above = op("muli", op("shrui", result, half), power);
    std::string below = op("muli", op("andi", result, low), power);
    std::string product = op("addi", above, op("shrui", below, half));
    result = choose(isSet, product, result);
    factor = factor * factor >> 32;
  }
  return result;
}

void Printer::redStates(const Red &red) {
  line("pifo.backlog @red.inside " +
       std::string(red.bytes ? "bytes" : "packets") +
       (red.field.empty() ? "" : " by @" + red.field));
  state("red.average", red.field);
  state("red.count", red.field, "-1");
  state("red.last", red.field);
  state("red.random", "", std::to_string(red.seed).c_str());
}

/// The average of the queue in units of 1 / `over`; over an idle time it
/// becomes what so many packets would have made of it (Floyd and Jacobson,
/// 1993, Figure 2).
std::string Printer::redAverage(const Red &red) {
  std::string now = value("pifo.now : i64");
  std::string queue = value("pifo.inside @red.inside : i64");
  std::string before = load("red.average");
  std::string isIdle = compare("eq", queue, constant(0));
  std::string average = either(
      isIdle,
      [&] {
        std::string idle = op("subi", now, load("red.last"));
        std::string times = op("divui", idle, constant(red.idle));
        std::string most = constant(0xffffffff);
        times = op("minui", times, most);
        uint64_t factor = ((red.over - 1) << 32) / red.over;
        return decay(before, times, factor, 32);
      },
      [&] {
        std::string part = op("divui", before, constant(red.over));
        return op("addi", before, op("subi", queue, part));
      });
  store(average, "red.average");
  store(now, "red.last");
  return average;
}

/// Random early detection (Floyd and Jacobson, 1993; RFC 2309), with the gentle
/// region of Floyd (2000). Probabilities are in 2^-24.
std::string Printer::admitRed(const Red &red) {
  constexpr uint64_t kOne = uint64_t(1) << 24;
  const uint64_t low = red.low * red.over, high = red.high * red.over;
  std::string average = redAverage(red);
  std::string one = constant(kOne), zero = constant(0);
  std::string isLow = compare("ult", average, constant(low));
  std::string isHigh = compare("uge", average, constant(high));
  std::string isBeyond = isHigh;
  std::string above = op("subi", average, constant(low));
  std::string part = op("muli", above, constant(red.probability));
  std::string chance = op("divui", part, constant(high - low));
  if (red.gentle) {
    isBeyond = compare("uge", average, constant(2 * high));
    above = op("subi", average, constant(high));
    part = op("muli", above, constant(kOne - red.probability));
    part = op("divui", part, constant(high));
    std::string more = op("addi", part, constant(red.probability));
    chance = choose(isHigh, more, chance);
  }
  std::string isOutside = op("ori", isLow, isBeyond, "i1");
  std::string isRandom = invert(isOutside);
  // Uniform random variables (section 7): the chance grows with the packets
  // since the last one.
  std::string before = load("red.count");
  std::string count = op("addi", before, constant(1));
  count = op("minsi", count, one);
  std::string random = draw("red.random", 32, isRandom);
  std::string spread = op("muli", count, chance);
  std::string isSure = compare("uge", spread, one);
  std::string rest = op("subi", one, spread);
  std::string left = op("muli", random, rest);
  std::string right = op("shli", chance, constant(32));
  std::string isLess = compare("ult", left, right);
  std::string isChosen = op("ori", isSure, isLess, "i1");
  isChosen = both(isChosen, isRandom);
  std::string resets = op("ori", isChosen, isBeyond, "i1");
  count = choose(resets, zero, count);
  std::string none = value("arith.constant -1 : i64");
  store(choose(isLow, none, count), "red.count");
  std::string marks = mark(red.ecn, isChosen);
  std::string drops = both(isChosen, invert(marks));
  return invert(op("ori", drops, isBeyond, "i1"));
}

void Printer::pieStates(const Pie &pie) {
  line("pifo.backlog @pie.bytes bytes" +
       (pie.field.empty() ? "" : " by @" + pie.field));
  for (const char *name : {"delay", "old", "probability", "burst", "last"})
    state("pie." + std::string(name), pie.field);
  state("pie.random", "", std::to_string(pie.seed).c_str());
}

namespace {
/// Of probabilities: alpha = 1/8 and beta = 10/8 times nanoseconds, divided by
/// up to 2048, are whole numbers.
constexpr uint64_t kSure = uint64_t(2048) * 8'000'000'000;
constexpr uint64_t kMeanPacket = 1024;
} // namespace

/// RFC 8033, section 4.2, where a period or more have passed. Several at once
/// count as one with the first term and the decay of all of them.
void Printer::updatePie(const Pie &pie, const std::string &now,
                        const std::string &delay) {
  std::string last = load("pie.last");
  std::string passed = op("subi", now, last);
  std::string period = constant(pie.update);
  open("scf.if " + compare("sge", passed, period) + " {");
  std::string periods = op("divui", passed, period);
  store(op("addi", last, op("muli", periods, period)), "pie.last");
  std::string times = op("minui", periods, constant(0xffff));
  std::string old = load("pie.old"), before = load("pie.probability");
  std::string error = op("subi", delay, constant(pie.target));
  std::string trend = op("subi", delay, old);
  trend = op("muli", trend, constant(10));
  std::string change = op("addi", op("muli", error, times), trend);
  std::string shift = constant(0);
  for (auto [parts, bits] :
       {std::pair(1'000'000, 2), std::pair(100'000, 4), std::pair(10'000, 6),
        std::pair(1'000, 8), std::pair(100, 10), std::pair(10, 11)}) {
    std::string isMore = compare("uge", before, constant(kSure / parts));
    shift = choose(isMore, constant(bits), shift);
  }
  change = op("shli", change, shift);
  std::string after = op("addi", before, change);
  after = op("minsi", op("maxsi", after, constant(0)), constant(kSure));
  // Section 4.2: where congestion went away, it decays by 63/64.
  std::string sum = op("ori", delay, old);
  std::string isGone = compare("eq", sum, constant(0));
  std::string less = decay(after, times, (uint64_t(63) << 32) / 64, 16);
  store(choose(isGone, less, after), "pie.probability");
  std::string burst = load("pie.burst");
  burst = op("subi", burst, op("muli", times, period));
  store(op("maxsi", burst, constant(0)), "pie.burst");
  store(delay, "pie.old");
  close();
}

/// RFC 8033, sections 4.1, 4.4 and 5.1.
std::string Printer::admitPie(const Pie &pie) {
  std::string now = value("pifo.now : i64");
  std::string bytes = value("pifo.inside @pie.bytes : i64");
  std::string isEmpty = compare("eq", bytes, constant(0));
  std::string delay = choose(isEmpty, constant(0), load("pie.delay"));
  store(delay, "pie.delay");
  updatePie(pie, now, delay);
  std::string probability = load("pie.probability"), old = load("pie.old");
  std::string target = constant(pie.target), two = constant(2);
  std::string wasShort = compare("ult", op("muli", old, two), target);
  std::string isShort = compare("ult", op("muli", delay, two), target);
  std::string isRare = compare("ult", probability, constant(kSure / 5));
  std::string isSmall = compare("ule", bytes, constant(2 * kMeanPacket));
  std::string spares = op("ori", both(wasShort, isRare), isSmall, "i1");
  std::string isOver = compare("eq", load("pie.burst"), constant(0));
  std::string asks = both(isOver, invert(spares));
  // 5^9 / 2^40 of a number of 40 bits against 1 / 2^23 of the probability.
  std::string random = draw("pie.random", 40, asks);
  std::string left = op("muli", random, constant(1953125));
  std::string right = op("shli", probability, constant(17));
  std::string isChosen = both(asks, compare("ult", left, right));
  std::string isMild = compare("ult", probability, constant(kSure / 10));
  std::string marks = mark(pie.ecn, both(isChosen, isMild));
  std::string taken = invert(both(isChosen, invert(marks)));
  std::string isCalm = compare("eq", probability, constant(0));
  isCalm = both(isCalm, both(isShort, wasShort));
  std::string renews = both(taken, isCalm);
  store(choose(renews, constant(pie.burst), load("pie.burst")), "pie.burst");
  return taken;
}

/// The delay is that of the packet that left last, 0 where it was the only one.
void Printer::deliverPie(const Pie &pie) {
  std::string now = value("pifo.now : i64");
  std::string waited = op("subi", now, read("arrival"));
  waited = op("minui", waited, constant(0xffffffff));
  std::string bytes = value("pifo.inside @pie.bytes : i64");
  std::string isLast = compare("eq", bytes, read("length"));
  std::string delay = choose(isLast, constant(0), waited);
  store(delay, "pie.delay");
  updatePie(pie, now, delay);
}
