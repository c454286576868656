//===- Late.cpp - Policies that decide at dequeue, as selections -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Printer.h"

using namespace nm::policy;

static constexpr const char *kNever = "9223372036854775807";
/// Ranks of htb: eight priorities for each lender, the class itself, then
/// classes in which it is, the innermost first. What still needs a lender comes
/// behind all of them.
static constexpr uint64_t kPriorities = 8, kNeedsLender = 32 * kPriorities;
/// Bytes that a bucket owes at most.
static constexpr uint64_t kMostOwed = uint64_t(1) << 28;

std::string LateWriter::childNumber() {
  std::string child = value("pifo.child : i32");
  return value("arith.extui " + child + " : i32 to i64");
}

std::string LateWriter::cost(const Policy &policy) {
  return policy.perPacket ? constant(1) : read("length");
}

/// How far a virtual time is ahead of another: they go around, but are never
/// 2^63 apart.
std::string LateWriter::aheadOf(const std::string &time,
                                const std::string &now) {
  return op("maxsi", op("subi", time, now), constant(0));
}

void LateWriter::lateOrder(const Policy &policy) {
  if (policy.kind == Policy::Wf2q)
    return finishTimes(policy);
  if (policy.kind == Policy::Drr)
    return deficits(policy);
  if (policy.kind == Policy::Hfsc)
    return serviceCurves(policy);
  buckets(policy);
}

/// WF2Q+ (Bennett and Zhang, IEEE/ACM Transactions on Networking 5(5), 1997):
/// of the classes whose next packet has started in a fluid server, the one that
/// finishes first. Virtual time counts bytes times the least common multiple of
/// the weights, that of a class times their sum over its weight. Where no
/// class has started, the first start is now.
void LateWriter::finishTimes(const Policy &policy) {
  uint64_t common = commonOf(policy), sum = sumOfWeights(policy);
  std::vector<uint64_t> weights = policy.weights;
  if (weights.empty())
    weights.assign(policy.classes.size(), 1);
  for (uint64_t &weight : weights)
    weight = sum * (common / weight);
  table("span", "child", weights, true);
  state("virtual", "");
  line("pifo.state @start by child written_by(any) = 0 : i64");
  open("pifo.wake {");
  std::string now = load("virtual");
  store(op("addi", now, aheadOf(load("start"), now)), "start");
  close();
  open("pifo.select {");
  now = load("virtual");
  std::string start = load("start");
  std::string span = op("muli", cost(policy), value("pifo.lookup @span : i64"));
  std::string finish = op("subi", op("addi", start, span), now);
  std::string ahead = aheadOf(start, now);
  std::string yes = value("arith.constant true");
  std::string never = value("arith.constant " + std::string(kNever) + " : i64");
  line("pifo.yield " + yes + ", " + ahead + ", " + finish + ", " + never +
       " : i1, i64, i64, i64");
  close();
  open("pifo.dequeue {");
  std::string bytes = cost(policy);
  now = op("addi", load("virtual"), value("pifo.rank : i64"));
  store(op("addi", now, op("muli", bytes, constant(common))), "virtual");
  span = op("muli", bytes, value("pifo.lookup @span : i64"));
  store(op("addi", load("start"), span), "start");
  close();
}

/// What a class may send at that turn: turns are numbered without end, and
/// class k has every turn of which the rest is k.
std::string LateWriter::credit(const Policy &policy, const std::string &turn,
                               const std::string &child) {
  std::string classes = constant(policy.classes.size());
  std::string now = op("divui", op("subi", turn, child), classes);
  std::string then = op("divui", op("subi", load("since"), child), classes);
  std::string turns = op("subi", now, then);
  std::string brought = op("muli", turns, value("pifo.lookup @quantum : i64"));
  return op("addi", load("deficit"), brought);
}

/// Deficit round robin (Shreedhar and Varghese, SIGCOMM 1995): rank is the
/// number of turns until the class may send. Nobody counts what turns bring to
/// classes that the pointer passes; they do it themselves when they are asked.
void LateWriter::deficits(const Policy &policy) {
  std::vector<uint64_t> quanta;
  for (uint64_t weight : policy.weights)
    quanta.push_back(weight * policy.quantum);
  table("quantum", "child", quanta, false);
  line("pifo.state @turn written_by(any) = " +
       std::to_string(policy.classes.size() - 1) + " : i64");
  for (const char *name : {"since", "deficit"})
    line("pifo.state @" + std::string(name) +
         " by child written_by(any) = 0 : i64");
  open("pifo.wake {");
  store(constant(0), "deficit");
  store(load("turn"), "since");
  close();
  open("pifo.select {");
  selectDeficit(policy);
  close();
  open("pifo.dequeue {");
  std::string turn = op("addi", load("turn"), value("pifo.rank : i64"));
  std::string may = credit(policy, turn, childNumber());
  store(op("subi", may, cost(policy)), "deficit");
  store(turn, "since");
  store(turn, "turn");
  close();
}

void LateWriter::selectDeficit(const Policy &policy) {
  std::string turn = load("turn"), child = childNumber(), zero = constant(0);
  std::string one = constant(1), classes = constant(policy.classes.size());
  std::string here = op("remui", turn, classes);
  std::string missing = op("subi", cost(policy), credit(policy, turn, child));
  missing = op("maxsi", missing, zero);
  std::string stays =
      both(compare("eq", here, child), compare("eq", missing, zero));
  // Of the turns that it needs, the first comes when the pointer does.
  std::string quantum = value("pifo.lookup @quantum : i64");
  std::string up = op("subi", op("addi", missing, quantum), one);
  std::string turns = op("maxsi", op("divui", up, quantum), one);
  std::string way = op("subi", child, here);
  std::string around = op("addi", way, classes);
  way = choose(compare("sgt", way, zero), way, around);
  std::string rounds = op("muli", op("subi", turns, one), classes);
  std::string steps = choose(stays, zero, op("addi", way, rounds));
  std::string yes = value("arith.constant true");
  std::string never = value("arith.constant " + std::string(kNever) + " : i64");
  line("pifo.yield " + yes + ", " + steps + ", " + zero + ", " + never +
       " : i1, i64, i64, i64");
}

/// Guarantees and ceilings with borrowing (hierarchical token bucket, Devera,
/// 2002; formal link sharing of Floyd and Van Jacobson, 1995). A class sends
/// while its bucket owes nothing; if it owes, the nearest class around it that
/// owes nothing lends, unless a ceiling on the way is reached. Tokens are
/// exact: a state counts what the bucket lacks.
void LateWriter::buckets(const Policy &policy) {
  std::vector<uint64_t> inner, priority;
  for (const char *name : {"rate", "ceil"}) {
    std::vector<uint64_t> speed, price, full;
    for (const Policy &made : policy.classes) {
      const Guarantee &has = *made.guarantee;
      const Shape &shape = name[0] == 'r' ? has.rate : has.ceil;
      Tokens tokens = tokensOf(shape);
      speed.push_back(tokens.rate);
      price.push_back(tokens.cost);
      full.push_back(tokens.cost * shape.burst);
    }
    table(name + std::string(".speed"), "child", speed, true);
    table(name + std::string(".price"), "child", price, true);
    table(name + std::string(".full"), "child", full, true);
    line("pifo.state @" + std::string(name) +
         ".lacks by child written_by(any) = 0 : i64");
  }
  uint64_t common = commonOf(policy);
  std::vector<uint64_t> spans;
  for (size_t i = 0; i < policy.classes.size(); ++i) {
    const Policy &made = policy.classes[i];
    inner.push_back(made.kind == Policy::Htb);
    priority.push_back(made.guarantee->priority);
    spans.push_back(common / policy.weights[i]);
  }
  table("inner", "child", inner, false);
  table("priority", "child", priority, true);
  table("span", "child", spans, true);
  line("pifo.state @last by child written_by(any) = 0 : i64");
  for (const char *name : {"own", "lent"}) {
    state(name + std::string(".virtual"), "");
    line("pifo.state @" + std::string(name) +
         ".finish by child written_by(any) = 0 : i64");
  }
  open("pifo.select {");
  selectBucket();
  close();
  open("pifo.dequeue {");
  chargeBuckets();
  close();
}

LateWriter::BucketNow LateWriter::bucketNow(const char *name,
                                            const std::string &now) {
  std::string of = name;
  std::string speed = value("pifo.lookup @" + of + ".speed : i64");
  std::string lacked = load(of + ".lacks");
  std::string passed = op("subi", now, load("last"));
  // Whether it is full is known before a product of long silence could
  // overflow.
  std::string up = op("addi", lacked, op("subi", speed, constant(1)));
  std::string enough = compare("uge", passed, op("divui", up, speed));
  std::string rest = op("subi", lacked, op("muli", passed, speed));
  BucketNow made;
  made.lacks = choose(enough, constant(0), rest);
  made.full = value("pifo.lookup @" + of + ".full : i64");
  made.isOpen = compare("sle", made.lacks, made.full);
  return made;
}

/// When the bucket owes nothing any more; never if it is so far.
std::string LateWriter::openTime(const char *name, const BucketNow &bucket,
                                 const std::string &now) {
  std::string speed =
      value("pifo.lookup @" + std::string(name) + ".speed : i64");
  std::string owed = op("subi", bucket.lacks, bucket.full);
  std::string up = op("addi", owed, op("subi", speed, constant(1)));
  std::string time = op("addi", now, op("divui", up, speed));
  std::string never = value("arith.constant " + std::string(kNever) + " : i64");
  return choose(bucket.isOpen, never, time);
}

std::string LateWriter::charged(const char *name, const BucketNow &bucket) {
  std::string price =
      value("pifo.lookup @" + std::string(name) + ".price : i64");
  std::string bytes = op("muli", read("length"), price);
  std::string most = op("muli", constant(kMostOwed), price);
  return op("minsi", op("addi", bucket.lacks, bytes),
            op("addi", bucket.full, most));
}

void LateWriter::selectBucket() {
  std::string now = value("pifo.now : i64"), needs = constant(kNeedsLender);
  unsigned pair = next++;
  std::string offer = "%" + std::to_string(pair) + "#0";
  line("%" + std::to_string(pair) + ":2 = pifo.offer : i64");
  std::string one = constant(1);
  std::string inner = compare("eq", value("pifo.lookup @inner : i64"), one);
  std::string own = op("addi", value("pifo.lookup @priority : i64"), needs);
  offer = choose(inner, offer, own);
  // Someone inside sends on its own account or has a lender.
  std::string settled = compare("slt", offer, needs);
  BucketNow rate = bucketNow("rate", now), ceil = bucketNow("ceil", now);
  // This class lends: the innermost ones have the smallest ranks.
  std::string priority = op("subi", offer, needs);
  std::string level = constant((31 - lateDepth) * kPriorities);
  level = choose(inner, level, constant(0));
  std::string lends = both(rate.isOpen, ceil.isOpen);
  std::string rank = choose(lends, op("addi", level, priority), offer);
  rank = choose(settled, offer, rank);
  std::string lent = lateDepth == 0 ? lends : ceil.isOpen;
  std::string may = op("ori", settled, lent, "i1");
  auto behind = [&](const std::string &name) {
    return aheadOf(load(name + ".finish"), load(name + ".virtual"));
  };
  std::string has = compare("slt", rank, needs);
  std::string tie = choose(has, behind("own"), behind("lent"));
  std::string again =
      op("minsi", openTime("rate", rate, now), openTime("ceil", ceil, now));
  line("pifo.yield " + may + ", " + rank + ", " + tie + ", " + again +
       " : i1, i64, i64, i64");
}

/// Start-time fair queueing among the classes: of those that send on accounts
/// in this node, and of those that need a lender above.
void LateWriter::advanceClock(const char *name, const std::string &when) {
  std::string clock = name + std::string(".virtual");
  std::string finish = name + std::string(".finish");
  std::string before = load(clock), last = load(finish);
  std::string start = op("addi", before, aheadOf(last, before));
  std::string span =
      op("muli", read("length"), value("pifo.lookup @span : i64"));
  store(choose(when, start, before), clock);
  store(choose(when, op("addi", start, span), last), finish);
}

void LateWriter::chargeBuckets() {
  std::string now = value("pifo.now : i64");
  std::string needs = constant(kNeedsLender);
  std::string settled = compare("slt", value("pifo.rank : i64"), needs);
  BucketNow rate = bucketNow("rate", now), ceil = bucketNow("ceil", now);
  store(choose(settled, charged("rate", rate), rate.lacks), "rate.lacks");
  store(charged("ceil", ceil), "ceil.lacks");
  store(now, "last");
  advanceClock("own", settled);
  advanceClock("lent", invert(settled));
}
