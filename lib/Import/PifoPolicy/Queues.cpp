//===- Queues.cpp - Limits and queue managements as rules -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Printer.h"

using namespace nm::policy;

/// Limits of what is inside: tail drop, and the dynamic threshold of Choudhury
/// and Hahne (IEEE/ACM Transactions on Networking 6(2), 1998).
/// i1: whether they all hold; empty without limits.
std::string Printer::limits(const Policy &policy) {
  std::string fits;
  for (size_t i = 0; i < policy.limits.size(); ++i) {
    const Limit &limit = policy.limits[i];
    std::string name = "limit." + std::to_string(i);
    std::string inside =
        value("pifo.inside @inside." + std::to_string(i) + " : i64");
    std::string holds;
    if (limit.kind == Limit::Share) {
      std::string room = value("pifo.room : i64");
      std::string parts = parameter(name + ".parts", limit.denominator);
      std::string share = parameter(name + ".share", limit.numerator);
      std::string here = op("muli", inside, parts);
      holds = compare("ult", here, op("muli", room, share));
    } else {
      std::string more =
          limit.kind == Limit::Bytes ? read("length") : constant(1);
      std::string then = op("addi", inside, more);
      holds = compare("ule", then, parameter(name + ".most", limit.most));
    }
    fits = fits.empty() ? holds : both(fits, holds);
  }
  return fits;
}

/// A queue management decides first: it hears of every packet.
void Printer::admission(const Policy &policy) {
  for (size_t i = 0; i < policy.limits.size(); ++i) {
    const Limit &limit = policy.limits[i];
    line("pifo.backlog @inside." + std::to_string(i) +
         (limit.kind == Limit::Bytes ? " bytes" : " packets") +
         (limit.field.empty() ? "" : " by @" + limit.field));
    std::string name = "limit." + std::to_string(i);
    if (limit.kind == Limit::Share) {
      declare(name + ".parts", limit.denominator);
      declare(name + ".share", limit.numerator);
    } else {
      declare(name + ".most", limit.most);
    }
  }
  if (policy.red)
    redStates(*policy.red);
  if (policy.pie)
    pieStates(*policy.pie);
  if (policy.step) {
    line("pifo.backlog @step.inside " +
         std::string(policy.step->bytes ? "bytes" : "packets") +
         (policy.step->field.empty() ? "" : " by @" + policy.step->field));
    declare("step.most", policy.step->most);
  }
  if (policy.limits.empty() && !policy.red && !policy.pie && !policy.step)
    return;
  open("pifo.admit {");
  std::string fits;
  if (policy.red)
    fits = admitRed(*policy.red);
  if (policy.pie)
    fits = admitPie(*policy.pie);
  if (policy.step)
    markStep(*policy.step);
  std::string holds = limits(policy);
  if (!holds.empty())
    fits = fits.empty() ? holds : both(fits, holds);
  if (fits.empty())
    fits = value("arith.constant true");
  line("pifo.yield " + fits + " : i1");
  close();
}

/// By the queue of this moment, as the switches of DCTCP do.
void Printer::markStep(const Step &step) {
  std::string inside = value("pifo.inside @step.inside : i64");
  std::string more = step.bytes ? read("length") : constant(1);
  std::string then = op("addi", inside, more);
  mark(step.ecn, compare("ugt", then, parameter("step.most", step.most)));
}

void Printer::delivery(const Policy &policy) {
  if (policy.codel)
    codelStates(*policy.codel);
  if (!policy.codel && !policy.red && !policy.pie)
    return;
  open("pifo.deliver {");
  if (policy.codel) {
    deliverCodel(*policy.codel);
  } else {
    if (policy.red)
      store(value("pifo.now : i64"), "red.last");
    else
      deliverPie(*policy.pie);
    line("pifo.yield " + value("arith.constant true") + " : i1");
  }
  close();
}

/// The root of a number of at most `most` squared, rounded down, a bit at a
/// time.
std::string Printer::squareRoot(const std::string &number, uint64_t most) {
  std::string root = constant(0);
  uint64_t bit = 1;
  while (bit <= most / 2)
    bit *= 2;
  for (; bit; bit /= 2) {
    std::string more = constant(bit);
    std::string next = value("arith.ori " + root + ", " + more + " : i64");
    std::string square = value("arith.muli " + next + ", " + next + " : i64");
    std::string fits =
        value("arith.cmpi ule, " + square + ", " + number + " : i64");
    root = value("arith.select " + fits + ", " + next + ", " + root + " : i64");
  }
  return root;
}

void Printer::codelStates(const Codel &codel) {
  line("pifo.backlog @codel.bytes bytes" +
       (codel.field.empty() ? "" : " by @" + codel.field));
  for (const char *name : {"first", "next", "count", "last"})
    state("codel." + std::string(name), codel.field);
  for (const char *name : {"dropping", "phase"})
    state("codel." + std::string(name), codel.field, "0", "i8");
}

/// Controlled delay, RFC 8289, section 5, for one packet at a time: where the
/// procedure of the RFC goes on with the next packet after a drop, `phase` says
/// so to the turn of that packet: 1, it is sent; 2, it may be the next drop.
/// What empties the queue is never dropped, so that there is a next packet.
/// ECN as in Linux: a mark stands for a drop, and the packet is sent.
void Printer::deliverCodel(const Codel &codel) {
  std::string now = value("pifo.now : i64"), zero = constant(0);
  std::string one = constant(1), none = constant(0, "i8");
  std::string yes = value("arith.constant true");
  std::string interval = constant(codel.interval);
  // dodequeue: whether the packet may be dropped.
  std::string waited = op("subi", now, read("arrival"));
  std::string inside = value("pifo.inside @codel.bytes : i64");
  std::string behind = op("subi", inside, read("length"));
  std::string isShort = compare("slt", waited, constant(codel.target));
  std::string isSmall = compare("ule", behind, constant(codel.mtu));
  std::string good = op("ori", isShort, isSmall, "i1");
  std::string first = load("codel.first");
  std::string isNew = compare("eq", first, zero);
  std::string above = op("addi", now, interval);
  std::string isBad = op("xori", good, yes, "i1");
  std::string mayDrop = op("andi", isBad, op("xori", isNew, yes, "i1"), "i1");
  mayDrop = op("andi", mayDrop, compare("sge", now, first), "i1");
  store(choose(good, zero, choose(isNew, above, first)), "codel.first");
  // deque.
  std::string phase = load("codel.phase", "i8");
  std::string isSent = compare("eq", phase, constant(1, "i8"), "i8");
  std::string isNext = compare("eq", phase, constant(2, "i8"), "i8");
  std::string wasDropping =
      compare("ne", load("codel.dropping", "i8"), none, "i8");
  std::string count = load("codel.count");
  std::string stays = op("andi", wasDropping, mayDrop, "i1");
  // control_law for the drop before.
  std::string square = constant(codel.interval * codel.interval);
  auto law = [&](const std::string &time, const std::string &number) {
    std::string part = op("divui", square, number);
    return op("addi", time, squareRoot(part, codel.interval));
  };
  std::string catchesUp = op("andi", isNext, stays, "i1");
  std::string next = either(
      catchesUp, [&] { return law(load("codel.next"), count); },
      [&] { return load("codel.next"); });
  std::string isDue = compare("sge", now, next);
  std::string repeats = op("andi", stays, isDue, "i1");
  std::string begins =
      op("andi", mayDrop, op("xori", wasDropping, yes, "i1"), "i1");
  // Behind the first drop of a series a packet is sent.
  std::string free = op("xori", isSent, yes, "i1");
  repeats = op("andi", repeats, free, "i1");
  begins = op("andi", begins, free, "i1");
  std::string acts = op("ori", repeats, begins, "i1");
  std::string marks = mark(codel.ecn, acts);
  // The count of a series that follows soon begins where the last one ended.
  std::string delta = op("subi", count, load("codel.last"));
  std::string several = compare("sgt", delta, one);
  std::string since = op("subi", now, next);
  std::string soon = compare("slt", since, constant(16 * codel.interval));
  std::string fresh = choose(op("andi", several, soon, "i1"), delta, one);
  std::string more = op("addi", count, one);
  std::string counted = choose(begins, fresh, choose(repeats, more, count));
  store(counted, "codel.count");
  store(choose(begins, fresh, load("codel.last")), "codel.last");
  // A series that begins counts from now; a mark in it, which sends the packet,
  // from the mark before.
  std::string continues = op("andi", repeats, marks, "i1");
  std::string moves = op("ori", begins, continues, "i1");
  std::string moved = either(
      moves, [&] { return law(choose(begins, now, next), counted); },
      [&] { return next; });
  store(moved, "codel.next");
  std::string drops = op("andi", acts, op("xori", marks, yes, "i1"), "i1");
  std::string one8 = constant(1, "i8"), two8 = constant(2, "i8");
  std::string later = choose(begins, one8, two8, "i8");
  store(choose(drops, later, none, "i8"), "codel.phase", "i8");
  // The packet behind the first drop decides nothing.
  std::string goesOn =
      choose(isSent, wasDropping, op("ori", stays, begins, "i1"), "i1");
  store(choose(goesOn, one8, none, "i8"), "codel.dropping", "i8");
  line("pifo.yield " + op("xori", drops, yes, "i1") + " : i1");
}

/// i1: whether the packet is marked where `when` asks for it: it has another
/// codepoint than 0 (RFC 3168), and gets 3.
std::string Printer::mark(const std::string &field, const std::string &when) {
  if (field.empty())
    return value("arith.constant false");
  std::string codepoint = value("pifo.read_field @" + field + " : i2");
  std::string able = compare("ne", codepoint, constant(0, "i2"), "i2");
  std::string marks = both(able, when);
  open("scf.if " + marks + " {");
  std::string experienced = value("arith.constant -1 : i2");
  line("pifo.write_field " + experienced + ", @" + field + " : i2");
  close();
  return marks;
}
