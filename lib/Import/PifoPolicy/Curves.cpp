//===- Curves.cpp - Hierarchical fair service curves as selections -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Stoica, Zhang and Ng, "A Hierarchical Fair Service Curve Algorithm for
// Link-Sharing, Real-Time and Priority Services" (SIGCOMM 1997). A curve of two
// pieces is the least (concave) or the largest (convex) of two lines. The
// deadline curve of a class is the least of its service curves from all times
// at which it woke; with concave ones that is the least of two lines again,
// each the least of its kind. So two numbers say all: how far each line is,
// now, ahead of what the class was served by the real-time criterion. In units
// of which a byte and a nanosecond of either rate are whole numbers, nothing is
// rounded but the deadline itself, up to a nanosecond.

#include "Printer.h"
#include <numeric>

using namespace nm::policy;

static constexpr const char *kNever = "9223372036854775807";
/// Lines are ahead by this at most, and by this where no curve has begun.
static constexpr uint64_t kMostAhead = uint64_t(1) << 61;
/// Deadlines, less this, are ranks below all of link sharing.
static constexpr uint64_t kRealTime = uint64_t(1) << 62;

CurveUnits nm::policy::unitsOf(const Curve &curve) {
  constexpr uint64_t kByte = 8'000'000'000;
  uint64_t unit = std::gcd(std::gcd(curve.first, curve.rest), kByte);
  CurveUnits made{curve.first / unit, curve.rest / unit, kByte / unit, false,
                  0};
  made.isConvex = made.first < made.rest;
  unsigned __int128 ahead =
      static_cast<unsigned __int128>(made.isConvex ? made.rest - made.first
                                                   : made.first - made.rest) *
      curve.span;
  made.ahead = ahead > UINT64_MAX ? UINT64_MAX : static_cast<uint64_t>(ahead);
  return made;
}

/// A line a while after it was last looked at; it never leaves 62 bits.
std::string LateWriter::lineNow(const char *name, const char *speed,
                                const std::string &passed) {
  std::string before = load("real." + std::string(name));
  std::string each =
      value("pifo.lookup @real." + std::string(speed) + " : i64");
  std::string most = constant(kMostAhead);
  std::string room = op("divui", op("subi", most, before), each);
  std::string after = op("addi", before, op("muli", passed, each));
  return choose(compare("uge", passed, room), most, after);
}

LateWriter::CurveNow LateWriter::curveNow(const std::string &now) {
  std::string passed = op("subi", now, load("real.last"));
  CurveNow made;
  made.first = lineNow("line.first", "first", passed);
  made.rest = lineNow("line.rest", "rest", passed);
  made.eligible = lineNow("line.eligible", "rest", passed);
  made.isConvex =
      compare("eq", value("pifo.lookup @real.convex : i64"), constant(1));
  return made;
}

void LateWriter::storeCurve(const CurveNow &curve, const std::string &now) {
  store(curve.first, "real.line.first");
  store(curve.rest, "real.line.rest");
  store(curve.eligible, "real.line.eligible");
  store(now, "real.last");
}

void LateWriter::curveStates(const Policy &policy) {
  std::vector<uint64_t> first, rest, price, convex, ahead, has, inner, spans;
  uint64_t common = commonOf(policy);
  for (size_t i = 0; i < policy.classes.size(); ++i) {
    const Policy &made = policy.classes[i];
    CurveUnits units{1, 1, 1, false, 0};
    if (made.real)
      units = unitsOf(*made.real);
    first.push_back(units.first);
    rest.push_back(units.rest);
    price.push_back(units.price);
    convex.push_back(units.isConvex);
    ahead.push_back(units.ahead);
    has.push_back(made.real.has_value());
    inner.push_back(made.kind == Policy::Hfsc);
    spans.push_back(policy.weights.empty() ? 1 : common / policy.weights[i]);
  }
  table("real.first", "child", first, false);
  table("real.rest", "child", rest, false);
  table("real.price", "child", price, false);
  table("real.convex", "child", convex, false);
  table("real.ahead", "child", ahead, false);
  table("real.has", "child", has, false);
  table("inner", "child", inner, false);
  table("span", "child", spans, true);
  for (const char *name : {"first", "rest", "eligible"})
    line("pifo.state @real.line." + std::string(name) +
         " by child written_by(any) = " + std::to_string(kMostAhead) +
         " : i64");
  line("pifo.state @real.last by child written_by(any) = 0 : i64");
  state("virtual", "");
  line("pifo.state @start by child written_by(any) = 0 : i64");
}

/// A class that wakes begins its curve anew where that is lower.
void LateWriter::wakeCurve() {
  std::string now = value("pifo.now : i64"), zero = constant(0);
  CurveNow curve = curveNow(now);
  std::string ahead = value("pifo.lookup @real.ahead : i64");
  // Two convex curves cross; the one that is lower now counts.
  std::string highest = op("maxsi", curve.first, curve.rest);
  std::string stays = compare("slt", highest, zero);
  std::string convexFirst = choose(stays, curve.first, zero);
  std::string convexRest = choose(stays, curve.rest, op("subi", zero, ahead));
  curve.first =
      choose(curve.isConvex, convexFirst, op("minsi", curve.first, zero));
  curve.rest =
      choose(curve.isConvex, convexRest, op("minsi", curve.rest, ahead));
  curve.eligible = op("minsi", curve.eligible, zero);
  storeCurve(curve, now);
  std::string clock = load("virtual");
  store(op("addi", clock, aheadOf(load("start"), clock)), "start");
}

/// A quotient, rounded up, of a number of either sign.
std::string LateWriter::divideUpSigned(const std::string &number,
                                       const std::string &divisor) {
  std::string zero = constant(0);
  std::string up = op(
      "divui", op("subi", op("addi", number, divisor), constant(1)), divisor);
  std::string down = op("divui", op("subi", zero, number), divisor);
  return choose(compare("sgt", number, zero), up, op("subi", zero, down));
}

void LateWriter::selectCurve() {
  std::string now = value("pifo.now : i64"), zero = constant(0);
  unsigned pair = next++;
  std::string offer = "%" + std::to_string(pair) + "#0";
  line("%" + std::to_string(pair) + ":2 = pifo.offer : i64");
  CurveNow curve = curveNow(now);
  std::string first = value("pifo.lookup @real.first : i64");
  std::string rest = value("pifo.lookup @real.rest : i64");
  std::string cost =
      op("muli", read("length"), value("pifo.lookup @real.price : i64"));
  // When each line has brought what is owed with this packet.
  std::string byFirst = divideUpSigned(op("subi", cost, curve.first), first);
  std::string byRest = divideUpSigned(op("subi", cost, curve.rest), rest);
  std::string earlier =
      choose(compare("eq", first, zero), byRest, op("minsi", byFirst, byRest));
  std::string wait =
      choose(curve.isConvex, earlier, op("maxsi", byFirst, byRest));
  std::string last = constant(kRealTime - 1);
  std::string deadline = op("minsi", op("addi", now, wait), last);
  std::string limit = constant(kRealTime);
  deadline = op("maxsi", deadline, op("subi", zero, limit));
  std::string lowest = choose(curve.isConvex, curve.eligible,
                              op("minsi", curve.first, curve.rest));
  std::string one = constant(1);
  std::string eligible =
      both(compare("sge", lowest, zero),
           compare("eq", value("pifo.lookup @real.has : i64"), one));
  std::string inner = compare("eq", value("pifo.lookup @inner : i64"), one);
  std::string shares = aheadOf(load("start"), load("virtual"));
  std::string isBelow = both(inner, compare("slt", offer, zero));
  std::string own =
      both(op("xori", inner, value("arith.constant true"), "i1"), eligible);
  std::string rank = choose(own, op("subi", deadline, limit), shares);
  rank = choose(isBelow, offer, rank);
  std::string yes = value("arith.constant true");
  std::string never = value("arith.constant " + std::string(kNever) + " : i64");
  line("pifo.yield " + yes + ", " + rank + ", " + zero + ", " + never +
       " : i1, i64, i64, i64");
}

/// What the real-time criterion sends counts for link sharing too, but not the
/// other way around, so that nobody is punished for what others left.
void LateWriter::chargeCurve() {
  std::string now = value("pifo.now : i64"), zero = constant(0);
  std::string rank = value("pifo.rank : i64"), bytes = read("length");
  std::string isReal = compare("slt", rank, zero);
  CurveNow curve = curveNow(now);
  std::string cost = op("muli", bytes, value("pifo.lookup @real.price : i64"));
  cost = choose(isReal, cost, zero);
  for (std::string *each : {&curve.first, &curve.rest, &curve.eligible})
    *each = op("subi", *each, cost);
  storeCurve(curve, now);
  std::string clock = load("virtual");
  store(op("addi", clock, op("maxsi", rank, zero)), "virtual");
  std::string span = op("muli", bytes, value("pifo.lookup @span : i64"));
  store(op("addi", load("start"), span), "start");
}

void LateWriter::serviceCurves(const Policy &policy) {
  curveStates(policy);
  open("pifo.wake {");
  wakeCurve();
  close();
  open("pifo.select {");
  selectCurve();
  close();
  open("pifo.dequeue {");
  chargeCurve();
  close();
}
