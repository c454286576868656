//===- Print.cpp - Policies as schedulers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Printer.h"
#include <algorithm>

using namespace nm::policy;

/// What a bucket owes at most where packets that wait for it are pushed out.
/// Without those it owes less: the bound of the capacity says so.
static constexpr uint64_t kMostTokens = uint64_t(1) << 62;

std::string Printer::holds(const Condition &condition) {
  if (condition.kind == Condition::Compare) {
    std::string type = "i" + std::to_string(field(condition.field).bits);
    std::string found =
        value("pifo.read_field @" + condition.field + " : " + type);
    auto compare = [&](const char *relation, uint64_t number) {
      std::string constant = this->constant(number, type);
      return value("arith.cmpi " + std::string(relation) + ", " + found + ", " +
                   constant + " : " + type);
    };
    if (condition.low == condition.high)
      return compare("eq", condition.low);
    std::string low = compare("uge", condition.low);
    std::string high = compare("ule", condition.high);
    return value("arith.andi " + low + ", " + high + " : i1");
  }
  std::string result = holds(condition.operands[0]);
  if (condition.kind == Condition::Not) {
    std::string yes = value("arith.constant true");
    return value("arith.xori " + result + ", " + yes + " : i1");
  }
  const char *op = condition.kind == Condition::And ? "andi" : "ori";
  for (size_t i = 1; i < condition.operands.size(); ++i) {
    std::string other = holds(condition.operands[i]);
    result = value("arith." + std::string(op) + " " + result + ", " + other +
                   " : i1");
  }
  return result;
}

/// The first class whose condition holds takes the packet.
void Printer::predicate(const Policy &policy,
                        const std::vector<const Condition *> &before) {
  open("pifo.predicate {");
  std::string result;
  auto join = [&](const std::string &with) {
    result = result.empty()
                 ? with
                 : value("arith.andi " + result + ", " + with + " : i1");
  };
  if (policy.condition)
    join(holds(*policy.condition));
  for (const Condition *condition : before) {
    std::string taken = holds(*condition);
    std::string yes = value("arith.constant true");
    join(value("arith.xori " + taken + ", " + yes + " : i1"));
  }
  if (result.empty())
    result = value("arith.constant true");
  line("pifo.yield " + result + " : i1");
  close();
}

/// Start-time fair queueing (Figure 1) of flows or children. Virtual time is
/// in bytes, or packets, times the least common multiple of the weights, so
/// that nothing is rounded. Where 63 bits of it would not last, upper words
/// count how often the lower ones went around.
void Printer::fair(const Policy &policy) {
  bool byChild = !policy.classes.empty();
  std::string key = byChild ? "child" : "@" + policy.field;
  uint64_t common = commonOf(policy);
  bool upper = ranksOf(largestStep(policy, longest)).twoWords;
  if (!policy.weights.empty()) {
    std::vector<uint64_t> spans;
    for (uint64_t weight : policy.weights)
      spans.push_back(common / weight);
    table("span", key, spans, true);
  }
  line("pifo.state @virtual written_by(dequeue) = 0 : i64");
  line("pifo.state @finish by " + key + " written_by(enqueue) = 0 : i64");
  if (upper) {
    line("pifo.state @virtual_upper written_by(dequeue) = 0 : i32");
    line("pifo.state @finish_upper by " + key +
         " written_by(enqueue) = 0 : i32");
  }
  open("pifo.scheduling {");
  std::string now = value("pifo.load @virtual : i64");
  std::string finish = value("pifo.load @finish : i64");
  std::string start, startUpper;
  if (upper) {
    std::string nowUpper = value("pifo.load @virtual_upper : i32");
    std::string finishUpper = value("pifo.load @finish_upper : i32");
    std::string isAbove =
        value("arith.cmpi ugt, " + finishUpper + ", " + nowUpper + " : i32");
    std::string isSame =
        value("arith.cmpi eq, " + finishUpper + ", " + nowUpper + " : i32");
    std::string isLater =
        value("arith.cmpi ugt, " + finish + ", " + now + " : i64");
    std::string both = value("arith.andi " + isSame + ", " + isLater + " : i1");
    std::string ahead = value("arith.ori " + isAbove + ", " + both + " : i1");
    start =
        value("arith.select " + ahead + ", " + finish + ", " + now + " : i64");
    startUpper = value("arith.select " + ahead + ", " + finishUpper + ", " +
                       nowUpper + " : i32");
  } else {
    start = value("arith.maxsi " + now + ", " + finish + " : i64");
  }
  std::string span = policy.perPacket ? "" : read("length");
  if (!policy.weights.empty()) {
    std::string scale = value("pifo.lookup @span : i64");
    span = span.empty() ? scale
                        : value("arith.muli " + span + ", " + scale + " : i64");
  } else if (span.empty()) {
    span = constant(1);
  }
  std::string end = value("arith.addi " + start + ", " + span + " : i64");
  line("pifo.store " + end + ", @finish : i64");
  if (upper)
    line("pifo.store " + carry(end, start, startUpper) +
         ", @finish_upper : i32");
  line("pifo.yield " + start + " : i64");
  close();
  open("pifo.dequeue {");
  std::string rank = value("pifo.rank : i64");
  if (upper) {
    std::string before = value("pifo.load @virtual : i64");
    std::string beforeUpper = value("pifo.load @virtual_upper : i32");
    line("pifo.store " + carry(rank, before, beforeUpper) +
         ", @virtual_upper : i32");
  }
  line("pifo.store " + rank + ", @virtual : i64");
  close();
}

/// The flow's next packet starts where the one that was pushed out, its last,
/// started.
void Printer::evictFair(const Policy &policy) {
  std::string rank = value("pifo.rank : i64");
  if (ranksOf(largestStep(policy, longest)).twoWords) {
    std::string before = value("pifo.load @finish : i64");
    std::string beforeUpper = value("pifo.load @finish_upper : i32");
    std::string around =
        value("arith.cmpi ugt, " + rank + ", " + before + " : i64");
    std::string one = value("arith.extui " + around + " : i1 to i32");
    std::string rankUpper =
        value("arith.subi " + beforeUpper + ", " + one + " : i32");
    line("pifo.store " + rankUpper + ", @finish_upper : i32");
  }
  line("pifo.store " + rank + ", @finish : i64");
}

/// What a packet that is pushed out takes back, and when the queue was used.
void Printer::eviction(const Policy &policy) {
  const bool turns = policy.kind == Policy::RoundRobin;
  const bool counts = turns || policy.kind == Policy::Wfq;
  if (!pushesOut() || (!counts && !policy.red))
    return;
  open("pifo.evict {");
  if (turns) {
    // The slot is free again.
    std::string rank = value("pifo.rank : i64");
    line("pifo.store " + rank + ", @next : i64");
  } else if (counts) {
    evictFair(policy);
  }
  if (policy.red)
    store(value("pifo.now : i64"), "red.last");
  close();
}

/// The upper word of a number that grew from `before` to `after`.
std::string Printer::carry(const std::string &after, const std::string &before,
                           const std::string &upper) {
  std::string around =
      value("arith.cmpi ult, " + after + ", " + before + " : i64");
  std::string one = value("arith.extui " + around + " : i1 to i32");
  return value("arith.addi " + upper + ", " + one + " : i32");
}

uint64_t Printer::turnsOf(const Policy &policy) const {
  if (!policy.classes.empty())
    return policy.classes.size();
  const Field &found = field(policy.field);
  return found.below ? found.below : uint64_t(1) << found.bits;
}

/// Round robin. Slots are numbered without end, a power of two of them a round,
/// and slot `k` of a round is the turn of flow `k`. The turn pointer is the
/// slot that was served last; a packet waits for the first slot of its flow
/// behind the pointer that no other packet of the flow has.
void Printer::turns(const Policy &policy) {
  bool byChild = !policy.classes.empty();
  std::string key = byChild ? "child" : "@" + policy.field;
  uint64_t slots = slotsOf(turnsOf(policy));
  line("pifo.state @pointer written_by(dequeue) = -1 : i64");
  line("pifo.state @next by " + key + " written_by(enqueue) = 0 : i64");
  open("pifo.scheduling {");
  std::string pointer = value("pifo.load @pointer : i64");
  std::string next = value("pifo.load @next : i64");
  std::string flow;
  if (byChild) {
    std::string child = value("pifo.child : i32");
    flow = value("arith.extui " + child + " : i32 to i64");
  } else {
    flow = read(policy.field);
  }
  std::string round = constant(slots);
  std::string first =
      value("arith.constant -" + std::to_string(slots) + " : i64");
  std::string begin = value("arith.andi " + pointer + ", " + first + " : i64");
  std::string here = value("arith.addi " + begin + ", " + flow + " : i64");
  std::string later = value("arith.addi " + here + ", " + round + " : i64");
  std::string isBehind =
      value("arith.cmpi sgt, " + here + ", " + pointer + " : i64");
  std::string slot =
      value("arith.select " + isBehind + ", " + here + ", " + later + " : i64");
  std::string turn = value("arith.maxsi " + slot + ", " + next + " : i64");
  std::string end = value("arith.addi " + turn + ", " + round + " : i64");
  line("pifo.store " + end + ", @next : i64");
  line("pifo.yield " + turn + " : i64");
  close();
  open("pifo.dequeue {");
  std::string rank = value("pifo.rank : i64");
  line("pifo.store " + rank + ", @pointer : i64");
  close();
}

/// Figure 4. Nothing is rounded but the time of release, up.
void Printer::shaping(const Shape &shape, const std::string &transaction,
                      const std::string &prefix, const std::string &field) {
  auto [rate, cost] = tokensOf(shape);
  uint64_t full = cost * shape.burst;
  declare(prefix + "speed", rate);
  declare(prefix + "full", full);
  std::string key = field.empty() ? "" : " by @" + field;
  line("pifo.state @" + prefix + "tokens" + key +
       " written_by(enqueue) = " + shown(full) + " : i64");
  line("pifo.state @" + prefix + "last" + key +
       " written_by(enqueue) = 0 : i64");
  open("pifo." + transaction + " {");
  std::string now = value("pifo.now : i64");
  std::string last = load(prefix + "last");
  std::string tokens = load(prefix + "tokens");
  std::string passed = value("arith.subi " + now + ", " + last + " : i64");
  std::string bucket = parameter(prefix + "full", full);
  std::string speed = parameter(prefix + "speed", rate);
  // The bucket fills up before a product of long silence could overflow.
  std::string missing =
      value("arith.subi " + bucket + ", " + tokens + " : i64");
  // It may have become smaller than what is in it.
  if (living)
    missing = op("maxsi", missing, constant(0));
  std::string enough = divideUp(missing, speed, rate);
  std::string isFull =
      value("arith.cmpi uge, " + passed + ", " + enough + " : i64");
  std::string gain = value("arith.muli " + passed + ", " + speed + " : i64");
  std::string more = value("arith.addi " + tokens + ", " + gain + " : i64");
  std::string have =
      value("arith.select " + isFull + ", " + bucket + ", " + more + " : i64");
  std::string bytes = read("length");
  std::string each = constant(cost);
  std::string price = value("arith.muli " + bytes + ", " + each + " : i64");
  std::string left = value("arith.subi " + have + ", " + price + " : i64");
  std::string zero = constant(0);
  // Who is pushed out owes what it cost, and there is no end of those.
  if (transaction == "eligible" && !program.refuses)
    left = op("maxsi", left, op("subi", zero, constant(kMostTokens)));
  store(left, prefix + "tokens");
  store(now, prefix + "last");
  std::string debt = value("arith.subi " + zero + ", " + left + " : i64");
  std::string owes = value("arith.maxsi " + debt + ", " + zero + " : i64");
  std::string wait = divideUp(owes, speed, rate);
  std::string time = value("arith.addi " + now + ", " + wait + " : i64");
  line("pifo.yield " + time + " : i64");
  close();
}

/// When a packet may leave at the earliest.
void Printer::eligibility(const Policy &policy) {
  if (policy.pace)
    shaping(*policy.pace, "eligible", "pace.", policy.paceField);
  if (policy.notBefore.empty())
    return;
  open("pifo.eligible {");
  line("pifo.yield " + read(policy.notBefore) + " : i64");
  close();
}

std::string Printer::rankOf(const Policy &policy) const {
  switch (policy.kind) {
  case Policy::Fifo:
    break;
  case Policy::Edf:
  case Policy::Priority:
    return "i" + std::to_string(field(policy.field).bits) + ", saturate";
  case Policy::Wfq:
    return "i" + std::to_string(ranksOf(largestStep(policy, longest)).bits) +
           ", wrap";
  case Policy::RoundRobin:
    // At most 2^16 slots a round: 2^24 packets are 2^40 ahead.
    return "i48, wrap";
  case Policy::Strict:
    return policy.classes.size() > 64 ? "i10, saturate" : "i6, saturate";
  case Policy::Wf2q:
  case Policy::Drr:
  case Policy::Htb:
  case Policy::Hfsc:
    return "i64, late";
  }
  return "i1, saturate";
}

/// The transactions that order what is in the node.
void Printer::order(const Policy &policy) {
  if (policy.isLate())
    return lateOrder(policy);
  if (policy.kind == Policy::Wfq)
    return fair(policy);
  if (policy.kind == Policy::RoundRobin)
    return turns(policy);
  open("pifo.scheduling {");
  if (policy.kind == Policy::Fifo) {
    // Equal ranks leave in the order of their arrival.
    line("pifo.yield " + constant(0, "i2") + " : i2");
  } else if (policy.kind == Policy::Strict) {
    std::string child = value("pifo.child : i32");
    line("pifo.yield " + child + " : i32");
  } else {
    std::string found = read(policy.field);
    line("pifo.yield " + found + " : i64");
  }
  close();
}

void Printer::node(const Policy &policy, const std::string &name,
                   const std::vector<const Condition *> &before, bool isRoot) {
  open("pifo.node @" + name + " rank(" + rankOf(policy) + ") {");
  if (!isRoot)
    predicate(policy, before);
  order(policy);
  if (!policy.inOrder.empty())
    line("pifo.in_order by @" + policy.inOrder);
  eligibility(policy);
  if (policy.shape)
    shaping(*policy.shape, "shaping");
  eviction(policy);
  admission(policy);
  delivery(policy);
  std::vector<const Condition *> earlier;
  lateDepth += policy.isLate();
  for (const Policy &child : policy.classes) {
    node(child, child.name, earlier, false);
    if (child.condition)
      earlier.push_back(&*child.condition);
  }
  lateDepth -= policy.isLate();
  close();
}

/// The fields that some rule marks.
static void collectMarked(const Policy &policy, std::set<std::string> &marked) {
  if (policy.codel)
    marked.insert(policy.codel->ecn);
  if (policy.red)
    marked.insert(policy.red->ecn);
  if (policy.pie)
    marked.insert(policy.pie->ecn);
  if (policy.step)
    marked.insert(policy.step->ecn);
  for (const Policy &child : policy.classes)
    collectMarked(child, marked);
}

std::string Printer::run() {
  collectMarked(program.root, marked);
  open("pifo.scheduler @" + program.name + " capacity(" +
       std::to_string(program.capacity) +
       (program.largestCapacity < kMostPackets
            ? " at_most " + std::to_string(program.largestCapacity)
            : std::string()) +
       ")" + (pushesOut() ? " push_out" : "") + " {");
  bool hasLength = false, hasArrival = false;
  for (const Field &field : program.fields) {
    hasLength |= field.name == "length";
    hasArrival |= field.name == "arrival";
    line("pifo.field " +
         std::string(marked.count(field.name) ? "writable " : "") + "@" +
         field.name + " : i" + std::to_string(field.bits) +
         (field.below ? " below " + std::to_string(field.below) : ""));
  }
  if (!hasLength)
    line("pifo.field @length : i16");
  if (program.needsArrival && !hasArrival)
    line("pifo.field @arrival : i63");
  // Fields and the root share a table of symbols.
  std::string root = "root";
  while (std::any_of(program.fields.begin(), program.fields.end(),
                     [&](const Field &field) { return field.name == root; }))
    root += "_";
  node(program.root, root, {}, true);
  close();
  return std::move(out);
}

std::string nm::policy::print(const Program &program) {
  return Printer(program).run();
}
