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
// each the least of its kind. So two points say all: when each line reaches, or
// reached, what the class was served by the real-time criterion, a whole
// nanosecond and the units that are still missing then. How far a line is ahead
// would have no bound: a steep first piece goes on beside a class that the
// curve does not owe anything any more. In units of which a byte and a
// nanosecond of either rate are whole numbers, nothing is rounded but the
// deadline itself, up to a nanosecond.
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
/// Deadlines, less this, are ranks below all of link sharing. Nothing happens
/// at this time or later.
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

/// The lines of a curve ("real" or "upper") that begins anew at `time`.
LateWriter::CurveNow LateWriter::curveFrom(const std::string &of,
                                           const std::string &isConvex,
                                           const std::string &time) {
  std::string zero = constant(0);
  std::string way = value("pifo.lookup @" + of + ".begin : i64");
  std::string begin =
      op("addi", time, choose(isConvex, way, op("subi", zero, way)));
  Line now{time, zero};
  Line rest{begin, value("pifo.lookup @" + of + ".missing : i64")};
  return {now, rest, now, isConvex};
}

LateWriter::CurveNow LateWriter::curveNow(const std::string &of) {
  CurveNow made;
  made.isConvex =
      compare("eq", value("pifo.lookup @" + of + ".convex : i64"), constant(1));
  auto loaded = [&](const char *name) {
    std::string line = of + ".line." + name;
    return Line{load(line + ".time"), load(line + ".missing")};
  };
  made.first = loaded("first");
  made.rest = loaded("rest");
  if (of == kReal)
    made.eligible = loaded("eligible");
  if (!living)
    return made;
  std::string since = value("pifo.lookup @" + of + ".since : i64");
  std::string isNew = compare("sgt", since, load("curve.last"));
  CurveNow anew = curveFrom(of, made.isConvex, since);
  made.first = chooseLine(isNew, anew.first, made.first);
  made.rest = chooseLine(isNew, anew.rest, made.rest);
  if (of == kReal)
    made.eligible = chooseLine(isNew, anew.eligible, made.eligible);
  return made;
}

void LateWriter::storeCurve(const std::string &of, const CurveNow &curve) {
  auto stored = [&](const Line &line, const char *name) {
    store(line.time, of + ".line." + name + ".time");
    store(line.missing, of + ".line." + name + ".missing");
  };
  stored(curve.first, "first");
  stored(curve.rest, "rest");
  if (of == kReal)
    stored(curve.eligible, "eligible");
}

LateWriter::Line LateWriter::chooseLine(const std::string &when,
                                        const Line &one, const Line &other) {
  return {choose(when, one.time, other.time),
          choose(when, one.missing, other.missing)};
}

/// The lower one of two lines that are equally steep.
LateWriter::Line LateWriter::lowerLine(const Line &one, const Line &other) {
  std::string isLater = compare("sgt", one.time, other.time);
  std::string misses = both(compare("eq", one.time, other.time),
                            compare("sgt", one.missing, other.missing));
  return chooseLine(op("ori", isLater, misses, "i1"), one, other);
}

/// The first nanosecond in which the line has reached what was served.
std::string LateWriter::reachedAt(const Line &line) {
  return op("addi", line.time, op("minsi", line.missing, constant(1)));
}

std::string LateWriter::reachedAt(const CurveNow &curve) {
  std::string first = reachedAt(curve.first), rest = reachedAt(curve.rest);
  return choose(curve.isConvex, op("minsi", first, rest),
                op("maxsi", first, rest));
}

/// The line where `amount` more is served.
LateWriter::Line LateWriter::charged(const Line &line, const std::string &each,
                                     const std::string &amount) {
  std::string never = constant(kRealTime), zero = constant(0);
  // A first piece of convex curves may be level.
  std::string speed = op("maxsi", each, constant(1));
  std::string total = op("addi", line.missing, amount);
  std::string passed = op("divui", total, speed);
  std::string missing = op("subi", total, op("muli", passed, speed));
  std::string time = op("minsi", op("addi", line.time, passed), never);
  std::string isLevel =
      both(compare("eq", each, zero), compare("sgt", amount, zero));
  return {choose(isLevel, never, time), missing};
}

LateWriter::CurveNow LateWriter::charged(const std::string &of,
                                         const CurveNow &curve,
                                         const std::string &amount) {
  std::string first = value("pifo.lookup @" + of + ".first : i64");
  std::string rest = value("pifo.lookup @" + of + ".rest : i64");
  return {charged(curve.first, first, amount),
          charged(curve.rest, rest, amount), curve.eligible, curve.isConvex};
}

void LateWriter::curveTables(const std::string &of, const Policy &policy) {
  std::vector<uint64_t> first, rest, price, convex, begin, missing, has, since;
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
    // The line of the second rate is at 0 before or after the curve begins.
    uint64_t whole = units.ahead / units.rest, more = units.ahead % units.rest;
    bool isBefore = !units.isConvex && more > 0;
    begin.push_back(isBefore ? whole + 1 : whole);
    missing.push_back(isBefore ? units.rest - more : more);
    has.push_back(curve.has_value());
    since.push_back(curve ? curve->since : 0);
  }
  table(of + ".first", "child", first, true);
  table(of + ".rest", "child", rest, true);
  table(of + ".price", "child", price, true);
  table(of + ".convex", "child", convex, true);
  table(of + ".begin", "child", begin, true);
  table(of + ".missing", "child", missing, true);
  table(of + ".has", "child", has, true);
  if (living)
    table(of + ".since", "child", since, true);
  std::vector<const char *> lines{"first", "rest"};
  if (of == kReal)
    lines.push_back("eligible");
  for (const char *name : lines) {
    std::string state = "pifo.state @" + of + ".line." + name;
    line(state + ".time by child written_by(any) = -" +
         std::to_string(kRealTime) + " : i64");
    line(state + ".missing by child written_by(any) = 0 : i64");
  }
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
  if (living)
    line("pifo.state @curve.last by child written_by(any) = 0 : i64");
  state("virtual", "");
  line("pifo.state @start by child written_by(any) = 0 : i64");
}

/// A class that wakes begins its curves anew where that is lower.
void LateWriter::wakeCurve(const std::string &of, const std::string &now) {
  CurveNow curve = curveNow(of), anew = curveFrom(of, curve.isConvex, now);
  // Two convex curves cross; the one that is lower now counts.
  std::string stays = compare("sgt", reachedAt(curve), now);
  auto woken = [&](const Line &before, const Line &then) {
    return chooseLine(curve.isConvex, chooseLine(stays, before, then),
                      lowerLine(before, then));
  };
  curve.first = woken(curve.first, anew.first);
  curve.rest = woken(curve.rest, anew.rest);
  if (of == kReal)
    curve.eligible = lowerLine(curve.eligible, anew.eligible);
  storeCurve(of, curve);
}

std::string LateWriter::hasCurve(const std::string &of) {
  return compare("eq", value("pifo.lookup @" + of + ".has : i64"), constant(1));
}

/// Whether link sharing may serve the class, and, where it may not or the
/// real-time criterion does not yet, when that changes.
LateWriter::Fit LateWriter::upperFit(const std::string &eligible,
                                     const std::string &now) {
  std::string never = value(kNeverText);
  std::string opens = reachedAt(curveNow(kUpper));
  std::string isOver = both(hasCurve(kUpper), compare("sgt", opens, now));
  std::string upperAgain = choose(isOver, opens, never);
  std::string waits = both(hasCurve(kReal), compare("sgt", eligible, now));
  std::string realAgain = choose(waits, eligible, never);
  return {invert(isOver), op("minsi", upperAgain, realAgain)};
}

void LateWriter::selectCurve() {
  std::string now = value("pifo.now : i64"), zero = constant(0);
  unsigned pair = next++;
  std::string offer = "%" + std::to_string(pair) + "#0";
  line("%" + std::to_string(pair) + ":2 = pifo.offer : i64");
  CurveNow curve = curveNow(kReal);
  std::string cost =
      op("muli", read("length"), value("pifo.lookup @real.price : i64"));
  // When the curve has brought what is owed with this packet.
  std::string limit = constant(kRealTime), last = constant(kRealTime - 1);
  std::string deadline =
      op("minsi", reachedAt(charged(kReal, curve, cost)), last);
  // Of convex curves the line of the second rate says it.
  std::string opens =
      choose(curve.isConvex, reachedAt(curve.eligible), reachedAt(curve));
  std::string eligible = both(compare("sle", opens, now), hasCurve(kReal));
  std::string one = constant(1);
  std::string inner = compare("eq", value("pifo.lookup @inner : i64"), one);
  std::string shares = aheadOf(load("start"), load("virtual"));
  std::string isBelow = both(inner, compare("slt", offer, zero));
  std::string own = both(invert(inner), eligible);
  std::string rank = choose(own, op("subi", deadline, limit), shares);
  rank = choose(isBelow, offer, rank);
  std::string may = value("arith.constant true"), again = value(kNeverText);
  if (limited) {
    Fit fit = upperFit(opens, now);
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
  std::string zero = constant(0);
  std::string rank = value("pifo.rank : i64"), bytes = read("length");
  std::string isReal = compare("slt", rank, zero);
  for (const std::string &of : curveKinds()) {
    CurveNow curve = curveNow(of);
    std::string cost =
        op("muli", bytes, value("pifo.lookup @" + of + ".price : i64"));
    if (of == kReal) {
      cost = choose(isReal, cost, zero);
      curve.eligible =
          charged(curve.eligible, value("pifo.lookup @real.rest : i64"), cost);
    }
    storeCurve(of, charged(of, curve, cost));
  }
  if (living)
    store(value("pifo.now : i64"), "curve.last");
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
  if (living)
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
