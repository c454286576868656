//===- Print.cpp - Policies as schedulers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bounds.h"
#include <algorithm>
#include <set>

using namespace nm::policy;

namespace {

class Printer {
public:
  explicit Printer(const Program &program)
      : program(program), longest(longestPacket(program)) {}
  std::string run();

private:
  void line(const std::string &text) {
    out.append(2 * indent, ' ');
    out += text + "\n";
  }
  void open(const std::string &text) {
    line(text);
    ++indent;
  }
  void close() {
    --indent;
    line("}");
  }
  /// A fresh value for `text`.
  std::string value(const std::string &text) {
    std::string name = "%" + std::to_string(next++);
    line(name + " = " + text);
    return name;
  }
  std::string constant(uint64_t number, const std::string &type = "i64") {
    return value("arith.constant " + std::to_string(number) + " : " + type);
  }
  const Field &field(const std::string &name) const {
    for (const Field &field : program.fields)
      if (field.name == name)
        return field;
    return length;
  }
  /// The quotient of values that are not negative, rounded up.
  std::string divideUp(const std::string &number, const std::string &divisor,
                       uint64_t by) {
    std::string rest = constant(by - 1);
    std::string sum = value("arith.addi " + number + ", " + rest + " : i64");
    return value("arith.divui " + sum + ", " + divisor + " : i64");
  }
  std::string read(const std::string &name) {
    return value("pifo.read_field @" + name + " : i64");
  }
  void node(const Policy &policy, const std::string &name,
            const std::vector<const Condition *> &before, bool isRoot);
  std::string holds(const Condition &condition);
  void predicate(const Policy &policy,
                 const std::vector<const Condition *> &before);
  void fair(const Policy &policy);
  void turns(const Policy &policy);
  uint64_t turnsOf(const Policy &policy) const;
  std::string carry(const std::string &after, const std::string &before,
                    const std::string &upper);
  void shaping(const Shape &shape);
  void admission(const Policy &policy);
  void delivery(const Codel &codel);
  std::string squareRoot(const std::string &number, uint64_t most);
  std::set<std::string> marked;
  /// Whether the scheduler pushes out: among equal ranks the worst is what
  /// comes, which a scheduler that refuses says for less.
  bool pushesOut() const {
    return !program.refuses && program.root.kind != Policy::Fifo;
  }

  const Program &program;
  uint64_t longest;
  /// Packets have a length whether or not the policy declares it.
  Field length{"length", 16, 0};
  std::string out;
  size_t indent = 0;
  unsigned next = 0;
};

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
  uint64_t common = leastCommonMultiple(policy.weights);
  bool upper = ranksOf(largestStep(policy, longest)).twoWords;
  if (!policy.weights.empty()) {
    std::string list;
    for (uint64_t weight : policy.weights)
      list += (list.empty() ? "" : ", ") + std::to_string(common / weight);
    line("pifo.table @span by " + key + " = dense<[" + list + "]> : tensor<" +
         std::to_string(policy.weights.size()) + "xi64>");
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
  if (!pushesOut())
    return;
  // The flow's next packet starts where the one that was pushed out, its last,
  // started.
  open("pifo.evict {");
  rank = value("pifo.rank : i64");
  if (upper) {
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
  if (!pushesOut())
    return;
  // The slot is free again.
  open("pifo.evict {");
  rank = value("pifo.rank : i64");
  line("pifo.store " + rank + ", @next : i64");
  close();
}

/// Limits of what is inside: tail drop, and the dynamic threshold of Choudhury
/// and Hahne (IEEE/ACM Transactions on Networking 6(2), 1998).
void Printer::admission(const Policy &policy) {
  if (policy.limits.empty())
    return;
  auto name = [](size_t i) { return "@inside." + std::to_string(i); };
  for (size_t i = 0; i < policy.limits.size(); ++i) {
    const Limit &limit = policy.limits[i];
    line("pifo.backlog " + name(i) +
         (limit.kind == Limit::Bytes ? " bytes" : " packets") +
         (limit.field.empty() ? "" : " by @" + limit.field));
  }
  open("pifo.admit {");
  std::string fits;
  for (size_t i = 0; i < policy.limits.size(); ++i) {
    const Limit &limit = policy.limits[i];
    std::string inside = value("pifo.inside " + name(i) + " : i64");
    std::string holds;
    if (limit.kind == Limit::Share) {
      std::string room = value("pifo.room : i64");
      std::string parts = constant(limit.denominator);
      std::string share = constant(limit.numerator);
      std::string here =
          value("arith.muli " + inside + ", " + parts + " : i64");
      std::string most = value("arith.muli " + room + ", " + share + " : i64");
      holds = value("arith.cmpi ult, " + here + ", " + most + " : i64");
    } else {
      std::string more =
          limit.kind == Limit::Bytes ? read("length") : constant(1);
      std::string then = value("arith.addi " + inside + ", " + more + " : i64");
      std::string most = constant(limit.most);
      holds = value("arith.cmpi ule, " + then + ", " + most + " : i64");
    }
    fits = fits.empty() ? holds
                        : value("arith.andi " + fits + ", " + holds + " : i1");
  }
  line("pifo.yield " + fits + " : i1");
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

/// Controlled delay, RFC 8289, section 5, for one packet at a time: where the
/// procedure of the RFC goes on with the next packet after a drop, `phase` says
/// so to the turn of that packet: 1, it is sent; 2, it may be the next drop.
/// What empties the queue is never dropped, so that there is a next packet.
/// ECN as in Linux: a mark stands for a drop, and the packet is sent.
void Printer::delivery(const Codel &codel) {
  std::string key = codel.field.empty() ? "" : " by @" + codel.field;
  line("pifo.backlog @codel.bytes bytes" + key);
  for (const char *state : {"first", "next", "count", "last"})
    line("pifo.state @codel." + std::string(state) + key +
         " written_by(any) = 0 : i64");
  for (const char *state : {"dropping", "phase"})
    line("pifo.state @codel." + std::string(state) + key +
         " written_by(any) = 0 : i8");
  auto load = [&](const std::string &name, const char *type = "i64") {
    return value("pifo.load @codel." + name + " : " + type);
  };
  auto store = [&](const std::string &what, const std::string &name,
                   const char *type = "i64") {
    line("pifo.store " + what + ", @codel." + name + " : " + type);
  };
  auto op = [&](const char *name, const std::string &a, const std::string &b,
                const char *type = "i64") {
    return value("arith." + std::string(name) + " " + a + ", " + b + " : " +
                 type);
  };
  auto compare = [&](const char *how, const std::string &a,
                     const std::string &b, const char *type = "i64") {
    return value("arith.cmpi " + std::string(how) + ", " + a + ", " + b +
                 " : " + type);
  };
  auto choose = [&](const std::string &condition, const std::string &a,
                    const std::string &b, const char *type = "i64") {
    return value("arith.select " + condition + ", " + a + ", " + b + " : " +
                 type);
  };
  open("pifo.deliver {");
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
  std::string first = load("first");
  std::string isNew = compare("eq", first, zero);
  std::string above = op("addi", now, interval);
  std::string isBad = op("xori", good, yes, "i1");
  std::string mayDrop = op("andi", isBad, op("xori", isNew, yes, "i1"), "i1");
  mayDrop = op("andi", mayDrop, compare("sge", now, first), "i1");
  store(choose(good, zero, choose(isNew, above, first)), "first");
  // deque.
  std::string phase = load("phase", "i8");
  std::string isSent = compare("eq", phase, constant(1, "i8"), "i8");
  std::string isNext = compare("eq", phase, constant(2, "i8"), "i8");
  std::string wasDropping = compare("ne", load("dropping", "i8"), none, "i8");
  std::string next, count = load("count");
  std::string stays = op("andi", wasDropping, mayDrop, "i1");
  // control_law for the drop before.
  std::string square = constant(codel.interval * codel.interval);
  auto law = [&](const std::string &time, const std::string &number) {
    std::string part = op("divui", square, number);
    return op("addi", time, squareRoot(part, codel.interval));
  };
  std::string catchesUp = op("andi", isNext, stays, "i1");
  next = "%" + std::to_string(this->next++);
  open(next + " = scf.if " + catchesUp + " -> (i64) {");
  line("scf.yield " + law(load("next"), count) + " : i64");
  --indent;
  open("} else {");
  line("scf.yield " + load("next") + " : i64");
  close();
  std::string isDue = compare("sge", now, next);
  std::string repeats = op("andi", stays, isDue, "i1");
  std::string begins =
      op("andi", mayDrop, op("xori", wasDropping, yes, "i1"), "i1");
  // Behind the first drop of a series a packet is sent.
  std::string free = op("xori", isSent, yes, "i1");
  repeats = op("andi", repeats, free, "i1");
  begins = op("andi", begins, free, "i1");
  std::string acts = op("ori", repeats, begins, "i1");
  std::string marks = value("arith.constant false");
  if (!codel.ecn.empty()) {
    std::string codepoint = value("pifo.read_field @" + codel.ecn + " : i2");
    marks = compare("ne", codepoint, constant(0, "i2"), "i2");
    marks = op("andi", marks, acts, "i1");
    open("scf.if " + marks + " {");
    std::string experienced = value("arith.constant -1 : i2");
    line("pifo.write_field " + experienced + ", @" + codel.ecn + " : i2");
    close();
  }
  // The count of a series that follows soon begins where the last one ended.
  std::string delta = op("subi", count, load("last"));
  std::string several = compare("sgt", delta, one);
  std::string since = op("subi", now, next);
  std::string soon = compare("slt", since, constant(16 * codel.interval));
  std::string fresh = choose(op("andi", several, soon, "i1"), delta, one);
  std::string more = op("addi", count, one);
  std::string counted = choose(begins, fresh, choose(repeats, more, count));
  store(counted, "count");
  store(choose(begins, fresh, load("last")), "last");
  // A series that begins counts from now; a mark in it, which sends the packet,
  // from the mark before.
  std::string continues = op("andi", repeats, marks, "i1");
  std::string moves = op("ori", begins, continues, "i1");
  std::string moved = "%" + std::to_string(this->next++);
  open(moved + " = scf.if " + moves + " -> (i64) {");
  line("scf.yield " + law(choose(begins, now, next), counted) + " : i64");
  --indent;
  open("} else {");
  line("scf.yield " + next + " : i64");
  close();
  store(moved, "next");
  std::string drops = op("andi", acts, op("xori", marks, yes, "i1"), "i1");
  std::string one8 = constant(1, "i8"), two8 = constant(2, "i8");
  std::string later = choose(begins, one8, two8, "i8");
  store(choose(drops, later, none, "i8"), "phase", "i8");
  // The packet behind the first drop decides nothing.
  std::string goesOn =
      choose(isSent, wasDropping, op("ori", stays, begins, "i1"), "i1");
  store(choose(goesOn, one8, none, "i8"), "dropping", "i8");
  line("pifo.yield " + op("xori", drops, yes, "i1") + " : i1");
  close();
}

/// Figure 4. Nothing is rounded but the time of release, up.
void Printer::shaping(const Shape &shape) {
  auto [rate, cost] = tokensOf(shape);
  uint64_t full = cost * shape.burst;
  line("pifo.state @tokens written_by(enqueue) = " + std::to_string(full) +
       " : i64");
  line("pifo.state @last written_by(enqueue) = 0 : i64");
  open("pifo.shaping {");
  std::string now = value("pifo.now : i64");
  std::string last = value("pifo.load @last : i64");
  std::string tokens = value("pifo.load @tokens : i64");
  std::string passed = value("arith.subi " + now + ", " + last + " : i64");
  std::string bucket = constant(full), speed = constant(rate);
  // The bucket fills up before a product of long silence could overflow.
  std::string missing =
      value("arith.subi " + bucket + ", " + tokens + " : i64");
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
  line("pifo.store " + left + ", @tokens : i64");
  line("pifo.store " + now + ", @last : i64");
  std::string zero = constant(0);
  std::string debt = value("arith.subi " + zero + ", " + left + " : i64");
  std::string owes = value("arith.maxsi " + debt + ", " + zero + " : i64");
  std::string wait = divideUp(owes, speed, rate);
  std::string time = value("arith.addi " + now + ", " + wait + " : i64");
  line("pifo.yield " + time + " : i64");
  close();
}

void Printer::node(const Policy &policy, const std::string &name,
                   const std::vector<const Condition *> &before, bool isRoot) {
  std::string rank = "i1, saturate";
  switch (policy.kind) {
  case Policy::Fifo:
    break;
  case Policy::Edf:
  case Policy::Priority:
    rank = "i" + std::to_string(field(policy.field).bits) + ", saturate";
    break;
  case Policy::Wfq:
    rank = "i" + std::to_string(ranksOf(largestStep(policy, longest)).bits) +
           ", wrap";
    break;
  case Policy::RoundRobin:
    // At most 2^16 slots a round: 2^24 packets are 2^40 ahead.
    rank = "i48, wrap";
    break;
  case Policy::Strict:
    rank = policy.classes.size() > 64 ? "i10, saturate" : "i6, saturate";
    break;
  }
  open("pifo.node @" + name + " rank(" + rank + ") {");
  if (!isRoot)
    predicate(policy, before);
  switch (policy.kind) {
  case Policy::Wfq:
    fair(policy);
    break;
  case Policy::RoundRobin:
    turns(policy);
    break;
  case Policy::Fifo: {
    // Equal ranks leave in the order of their arrival.
    open("pifo.scheduling {");
    std::string zero = value("arith.constant 0 : i2");
    line("pifo.yield " + zero + " : i2");
    close();
    break;
  }
  case Policy::Edf:
  case Policy::Priority: {
    open("pifo.scheduling {");
    std::string found = read(policy.field);
    line("pifo.yield " + found + " : i64");
    close();
    break;
  }
  case Policy::Strict: {
    open("pifo.scheduling {");
    std::string child = value("pifo.child : i32");
    line("pifo.yield " + child + " : i32");
    close();
    break;
  }
  }
  if (policy.shape)
    shaping(*policy.shape);
  admission(policy);
  if (policy.codel)
    delivery(*policy.codel);
  std::vector<const Condition *> earlier;
  for (const Policy &child : policy.classes) {
    node(child, child.name, earlier, false);
    if (child.condition)
      earlier.push_back(&*child.condition);
  }
  close();
}

/// The fields that some rule marks.
static void collectMarked(const Policy &policy, std::set<std::string> &marked) {
  if (policy.codel && !policy.codel->ecn.empty())
    marked.insert(policy.codel->ecn);
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

} // namespace

std::string nm::policy::print(const Program &program) {
  return Printer(program).run();
}
