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
//
// Upper limits are an addition of Linux: another such curve, of all that the
// class sends, which link sharing does not exceed. A curve that changes begins
// anew at the time of the change.

#include "Printer.h"
#include <numeric>

using namespace nm::policy;

static constexpr const char *kNeverText =
    "arith.constant 9223372036854775807 : i64";
/// The curves of a class.
static constexpr const char *kReal = "real", *kUpper = "upper";
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

/// The lines of a curve ("real" or "upper") a while after they were last looked
/// at; they never leave 62 bits.
LateWriter::CurveNow LateWriter::curveNow(const std::string &of,
                                          const std::string &now) {
  CurveNow made;
  std::string last = load("curve.last"), isNew, begin, zero = constant(0);
  made.isConvex =
      compare("eq", value("pifo.lookup @" + of + ".convex : i64"), constant(1));
  if (living) {
    std::string since = value("pifo.lookup @" + of + ".since : i64");
    std::string ahead = value("pifo.lookup @" + of + ".ahead : i64");
    isNew = compare("sgt", since, last);
    last = choose(isNew, since, last);
    begin = choose(made.isConvex, op("subi", zero, ahead), ahead);
  }
  std::string passed = op("subi", now, last);
  auto line = [&](const char *name, const char *speed, bool isRest = false) {
    std::string before = load(of + ".line." + name);
    if (living)
      before = choose(isNew, isRest ? begin : zero, before);
    std::string each = value("pifo.lookup @" + of + "." + speed + " : i64");
    std::string most = constant(kMostAhead);
    std::string room = op("divui", op("subi", most, before), each);
    std::string after = op("addi", before, op("muli", passed, each));
    return choose(compare("uge", passed, room), most, after);
  };
  made.first = line("first", "first");
  made.rest = line("rest", "rest", true);
  if (of == kReal)
    made.eligible = line("eligible", "rest");
  return made;
}

void LateWriter::storeCurve(const std::string &of, const CurveNow &curve) {
  store(curve.first, of + ".line.first");
  store(curve.rest, of + ".line.rest");
  if (of == kReal)
    store(curve.eligible, of + ".line.eligible");
}

void LateWriter::curveTables(const std::string &of, const Policy &policy) {
  std::vector<uint64_t> first, rest, price, convex, ahead, has, since;
  for (const Policy &made : policy.classes) {
    const std::optional<Curve> &curve =
        of == kReal ? made.curves.real : made.curves.upper;
    CurveUnits units{1, 1, 1, false, 0};
    if (curve)
      units = unitsOf(*curve);
    first.push_back(units.first);
    rest.push_back(units.rest);
    price.push_back(units.price);
    convex.push_back(units.isConvex);
    ahead.push_back(units.ahead);
    has.push_back(curve.has_value());
    since.push_back(curve ? curve->since : 0);
  }
  table(of + ".first", "child", first, true);
  table(of + ".rest", "child", rest, true);
  table(of + ".price", "child", price, true);
  table(of + ".convex", "child", convex, true);
  table(of + ".ahead", "child", ahead, true);
  table(of + ".has", "child", has, true);
  if (living)
    table(of + ".since", "child", since, true);
  std::vector<const char *> lines{"first", "rest"};
  if (of == kReal)
    lines.push_back("eligible");
  for (const char *name : lines)
    line("pifo.state @" + of + ".line." + name +
         " by child written_by(any) = " + std::to_string(kMostAhead) +
         " : i64");
}

void LateWriter::curveStates(const Policy &policy) {
  std::vector<uint64_t> inner, spans;
  uint64_t common = commonOf(policy);
  for (size_t i = 0; i < policy.classes.size(); ++i) {
    inner.push_back(policy.classes[i].kind == Policy::Hfsc);
    spans.push_back(policy.weights.empty() ? 1 : common / policy.weights[i]);
  }
  for (const std::string &of : curveKinds())
    curveTables(of, policy);
  table("inner", "child", inner, false);
  table("span", "child", spans, true);
  line("pifo.state @curve.last by child written_by(any) = 0 : i64");
  state("virtual", "");
  line("pifo.state @start by child written_by(any) = 0 : i64");
}

/// A class that wakes begins its curves anew where that is lower.
void LateWriter::wakeCurve(const std::string &of, const std::string &now) {
  std::string zero = constant(0);
  CurveNow curve = curveNow(of, now);
  std::string ahead = value("pifo.lookup @" + of + ".ahead : i64");
  // Two convex curves cross; the one that is lower now counts.
  std::string highest = op("maxsi", curve.first, curve.rest);
  std::string stays = compare("slt", highest, zero);
  std::string convexFirst = choose(stays, curve.first, zero);
  std::string convexRest = choose(stays, curve.rest, op("subi", zero, ahead));
  curve.first =
      choose(curve.isConvex, convexFirst, op("minsi", curve.first, zero));
  curve.rest =
      choose(curve.isConvex, convexRest, op("minsi", curve.rest, ahead));
  if (of == kReal)
    curve.eligible = op("minsi", curve.eligible, zero);
  storeCurve(of, curve);
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

/// How long it takes until the curve is ahead by `amount`.
std::string LateWriter::waitFor(const std::string &of, const CurveNow &curve,
                                const std::string &amount) {
  std::string first = value("pifo.lookup @" + of + ".first : i64");
  std::string rest = value("pifo.lookup @" + of + ".rest : i64");
  std::string byFirst = divideUpSigned(op("subi", amount, curve.first), first);
  std::string byRest = divideUpSigned(op("subi", amount, curve.rest), rest);
  std::string earlier = choose(compare("eq", first, constant(0)), byRest,
                               op("minsi", byFirst, byRest));
  return choose(curve.isConvex, earlier, op("maxsi", byFirst, byRest));
}

std::string LateWriter::hasCurve(const std::string &of) {
  return compare("eq", value("pifo.lookup @" + of + ".has : i64"), constant(1));
}

/// Whether link sharing may serve the class, and, where it may not or the
/// real-time criterion does not yet, when that changes.
LateWriter::Fit LateWriter::upperFit(const CurveNow &real,
                                     const std::string &isEligible,
                                     const std::string &now) {
  std::string zero = constant(0), never = value(kNeverText);
  CurveNow curve = curveNow(kUpper, now);
  std::string lowest =
      choose(curve.isConvex, op("maxsi", curve.first, curve.rest),
             op("minsi", curve.first, curve.rest));
  std::string has = hasCurve(kUpper);
  std::string isOver = both(has, compare("slt", lowest, zero));
  std::string opens = op("addi", now, waitFor(kUpper, curve, zero));
  std::string upperAgain = choose(isOver, opens, never);
  // Of convex curves the line of the second rate says it.
  std::string rest = value("pifo.lookup @real.rest : i64");
  std::string byLine = divideUpSigned(op("subi", zero, real.eligible), rest);
  std::string wait = choose(real.isConvex, byLine, waitFor(kReal, real, zero));
  std::string waits = both(hasCurve(kReal), invert(isEligible));
  std::string realAgain = choose(waits, op("addi", now, wait), never);
  return {invert(isOver), op("minsi", upperAgain, realAgain)};
}

void LateWriter::selectCurve() {
  std::string now = value("pifo.now : i64"), zero = constant(0);
  unsigned pair = next++;
  std::string offer = "%" + std::to_string(pair) + "#0";
  line("%" + std::to_string(pair) + ":2 = pifo.offer : i64");
  CurveNow curve = curveNow(kReal, now);
  std::string cost =
      op("muli", read("length"), value("pifo.lookup @real.price : i64"));
  // When the curve has brought what is owed with this packet.
  std::string wait = waitFor(kReal, curve, cost);
  std::string last = constant(kRealTime - 1);
  std::string deadline = op("minsi", op("addi", now, wait), last);
  std::string limit = constant(kRealTime);
  deadline = op("maxsi", deadline, op("subi", zero, limit));
  std::string lowest = choose(curve.isConvex, curve.eligible,
                              op("minsi", curve.first, curve.rest));
  std::string eligible = both(compare("sge", lowest, zero), hasCurve(kReal));
  std::string one = constant(1);
  std::string inner = compare("eq", value("pifo.lookup @inner : i64"), one);
  std::string shares = aheadOf(load("start"), load("virtual"));
  std::string isBelow = both(inner, compare("slt", offer, zero));
  std::string own = both(invert(inner), eligible);
  std::string rank = choose(own, op("subi", deadline, limit), shares);
  rank = choose(isBelow, offer, rank);
  std::string may = value("arith.constant true"), again = value(kNeverText);
  if (limited) {
    Fit fit = upperFit(curve, eligible, now);
    may = op("ori", fit.fits, compare("slt", rank, zero), "i1");
    again = fit.again;
  }
  line("pifo.yield " + may + ", " + rank + ", " + zero + ", " + again +
       " : i1, i64, i64, i64");
}

/// What the real-time criterion sends counts for link sharing too, but not the
/// other way around, so that nobody is punished for what others left. Both
/// count for upper limits.
void LateWriter::chargeCurve() {
  std::string now = value("pifo.now : i64"), zero = constant(0);
  std::string rank = value("pifo.rank : i64"), bytes = read("length");
  std::string isReal = compare("slt", rank, zero);
  for (const std::string &of : curveKinds()) {
    CurveNow curve = curveNow(of, now);
    std::string cost =
        op("muli", bytes, value("pifo.lookup @" + of + ".price : i64"));
    if (of == kReal) {
      cost = choose(isReal, cost, zero);
      curve.eligible = op("subi", curve.eligible, cost);
    }
    curve.first = op("subi", curve.first, cost);
    curve.rest = op("subi", curve.rest, cost);
    storeCurve(of, curve);
  }
  store(now, "curve.last");
  std::string clock = op("addi", load("virtual"), op("maxsi", rank, zero));
  store(clock, "virtual");
  std::string span = op("muli", bytes, value("pifo.lookup @span : i64"));
  std::string start = op("addi", load("start"), span);
  // Who had to wait for its limit does not catch up.
  if (limited)
    start = op("addi", clock, aheadOf(start, clock));
  store(start, "start");
}

std::vector<std::string> LateWriter::curveKinds() const {
  if (limited)
    return {kReal, kUpper};
  return {kReal};
}

void LateWriter::serviceCurves(const Policy &policy) {
  curveStates(policy);
  open("pifo.wake {");
  std::string now = value("pifo.now : i64");
  for (const std::string &of : curveKinds())
    wakeCurve(of, now);
  store(now, "curve.last");
  std::string clock = load("virtual");
  store(op("addi", clock, aheadOf(load("start"), clock)), "start");
  close();
  open("pifo.select {");
  selectCurve();
  close();
  open("pifo.dequeue {");
  chargeCurve();
  close();
}
