//===- GrowthTest.cpp - Proofs that ranks never fall ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle runs programs over unbounded numbers, with a queue that sorts, and
// looks at the ranks: what was proved may never be seen to fail.
//
//===----------------------------------------------------------------------===//

#include "ProgramWriter.h"
#include "nm/Model/PifoMesh/Proofs.h"
#include "gtest/gtest.h"
#include <array>
#include <map>
#include <optional>
#include <random>

using namespace nm::mesh;

namespace {

using Number = __int128;

/// Fields of a packet: 0 is equal within a flow, 1 changes.
constexpr unsigned kFixedField = 0, kFreeField = 1;
const std::vector<bool> kFixed{true, false};

struct Builder : ProgramWriter {
  int wide(Op kind, int a = -1, int b = -1, int c = -1) {
    return op(kind, 64, a, b, c);
  }
  int compare(Op kind, int a, int b) { return op(kind, 1, a, b); }
  /// A field of 8 bits as a wide number.
  int field(unsigned index) {
    Value value;
    value.op = Op::Field;
    value.bits = 8;
    value.index = index;
    return wide(Op::ZExt, add(std::move(value)));
  }
  int load(unsigned state, int entry = -1) {
    Value value;
    value.op = Op::Load;
    value.bits = 64;
    value.index = state;
    value.a = entry;
    return add(std::move(value));
  }
  int maximum(int a, int b) {
    return wide(Op::Select, compare(Op::ULt, a, b), b, a);
  }
  void store(unsigned state, int value, int entry = -1) {
    program.stores.push_back({state, entry, value});
  }
};

/// States by number and entry; each begins at 0.
using Memory = std::map<std::pair<unsigned, Number>, Number>;

/// The values of a program as numbers that neither overflow nor are cut
/// (`Trunc` of a serial number is that number), or nothing where they grow past
/// what an overflow of the states would be.
std::optional<std::vector<Number>> evaluate(const Program &program,
                                            const Memory &memory,
                                            const std::array<Number, 2> &fields,
                                            Number now, Number rank,
                                            bool isSerial) {
  std::vector<Number> numbers;
  for (const Value &value : program.values) {
    auto of = [&](int operand) { return operand < 0 ? 0 : numbers[operand]; };
    Number a = of(value.a), b = of(value.b), c = of(value.c), result = 0;
    switch (value.op) {
    case Op::Const:
      result = value.immediate;
      break;
    case Op::Field:
      result = fields[value.index];
      break;
    case Op::Now:
      result = now;
      break;
    case Op::Rank:
      result = rank;
      break;
    case Op::Load: {
      auto found = memory.find({value.index, a});
      result = found == memory.end() ? 0 : found->second;
      break;
    }
    case Op::Add:
      result = a + b;
      break;
    case Op::Sub:
      result = a - b;
      break;
    case Op::Mul:
      result = a * b;
      break;
    case Op::Shl:
      result = a * (Number(1) << b);
      break;
    case Op::LShr: // floor
      result = a >> b;
      break;
    case Op::ULt:
    case Op::SLt:
      result = a < b;
      break;
    case Op::ULe:
    case Op::SLe:
      result = a <= b;
      break;
    case Op::Eq:
      result = a == b;
      break;
    case Op::Select:
      result = a ? b : c;
      break;
    case Op::Trunc:
      result = isSerial ? a : a & Number(maskOf(value.bits));
      break;
    case Op::ZExt:
    case Op::SExt:
      result = a;
      break;
    default:
      ADD_FAILURE() << "no meaning for " << opName(value.op);
    }
    if (result > Number(1) << 60 || result < -(Number(1) << 60))
      return std::nullopt;
    numbers.push_back(result);
  }
  return numbers;
}

Number entryOf(const Store &store, const std::vector<Number> &numbers) {
  return store.entry < 0 ? 0 : numbers[store.entry];
}

/// Runs random packets of three flows through a queue that leaves by rank, then
/// arrival. False if a rank fell within a flow; nothing if numbers grew too
/// large.
std::optional<bool> ranksGrewIn(const Program &enqueue, const Program *dequeue,
                                bool isSerial, std::mt19937 &random) {
  Memory memory;
  std::multimap<Number, std::array<Number, 2>> queue;
  std::map<Number, Number> last; // rank by flow
  Number now = 0;
  auto perform = [&](const Program &program,
                     const std::vector<Number> &numbers) {
    for (const Store &store : program.stores)
      memory[{store.state, entryOf(store, numbers)}] = numbers[store.value];
  };
  for (unsigned step = 0; step < 40; ++step) {
    now += random() % 5;
    if (queue.empty() || random() % 5 < 3) {
      std::array<Number, 2> fields{random() % 3, random() % 20};
      auto numbers = evaluate(enqueue, memory, fields, now, 0, isSerial);
      if (!numbers)
        return std::nullopt;
      Number rank = (*numbers)[enqueue.rank];
      auto [before, isFirst] = last.insert({fields[kFixedField], rank});
      if (!isFirst && rank < before->second)
        return false;
      before->second = rank;
      perform(enqueue, *numbers);
      queue.insert({rank, fields});
      continue;
    }
    auto [rank, fields] = *queue.begin();
    queue.erase(queue.begin());
    if (!dequeue)
      continue;
    auto numbers = evaluate(*dequeue, memory, fields, now, rank, isSerial);
    if (!numbers)
      return std::nullopt;
    perform(*dequeue, *numbers);
  }
  return true;
}

/// Programs over a scalar state 0, a state 1 by flow, a state 2 by the free
/// field, and a state 3 that the dequeue sets.
struct RandomProgram {
  Builder enqueue, dequeue;
  bool hasDequeue;

  RandomProgram(std::mt19937 &random, bool isSerial) {
    auto below = [&](unsigned count) {
      return static_cast<unsigned>(random() % count);
    };
    int flow = enqueue.field(kFixedField), other = enqueue.field(kFreeField);
    std::vector<int> entries{-1, flow, other, -1};
    std::vector<int> values{flow, other, enqueue.wide(Op::Now),
                            enqueue.constant(below(6))};
    for (unsigned state = 0; state < 4; ++state)
      values.push_back(enqueue.load(state, entries[state]));
    // Later values are built on more often, so that programs are deep.
    auto any = [&] {
      unsigned size = values.size();
      return values[below(2) ? below(size)
                             : size - 1 - below(std::min(3u, size))];
    };
    for (unsigned count = 2 + below(6); count; --count) {
      int a = any(), b = any(), made;
      switch (below(isSerial ? 8 : 7)) {
      case 0:
      case 1:
        made = enqueue.wide(Op::Add, a, b);
        break;
      case 2:
        made = enqueue.wide(Op::Sub, a, b);
        break;
      case 3:
        made = enqueue.maximum(a, b);
        break;
      case 4:
        made = enqueue.wide(Op::Select,
                            enqueue.compare(below(2) ? Op::ULt : Op::ULe, a, b),
                            any(), any());
        break;
      case 5:
        made = enqueue.wide(Op::Mul, a, b);
        break;
      case 6:
        made = enqueue.wide(below(2) ? Op::Shl : Op::LShr, a,
                            enqueue.constant(below(3)));
        break;
      default:
        made = enqueue.wide(Op::ZExt, enqueue.op(Op::Trunc, 16, a));
      }
      values.push_back(made);
    }
    for (unsigned state = 0; state < 3; ++state)
      if (below(2))
        enqueue.store(state, any(), entries[state]);
    enqueue.program.rank = any();
    hasDequeue = below(2);
    if (!hasDequeue)
      return;
    int rank = dequeue.wide(Op::Rank);
    int set = rank;
    if (below(4) == 0)
      set = dequeue.wide(Op::Add, rank, dequeue.field(kFreeField));
    if (below(4) == 0)
      set = dequeue.wide(Op::Now);
    dequeue.store(below(4) ? 3 : below(3), set);
  }

  const Program *dequeueProgram() const {
    return hasDequeue ? &dequeue.program : nullptr;
  }
};

void checkRandom(unsigned seed, unsigned programs, bool isSerial) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  unsigned proved = 0, falls = 0;
  for (unsigned number = 0; number < programs; ++number) {
    RandomProgram made(random, isSerial);
    const Program &enqueue = made.enqueue.program;
    bool grows = ranksGrow(enqueue, made.dequeueProgram(), kFixed, isSerial);
    bool fell = false;
    for (unsigned run = 0; run < 20 && !fell; ++run)
      fell = ranksGrewIn(enqueue, made.dequeueProgram(), isSerial, random) ==
             std::optional(false);
    EXPECT_FALSE(grows && fell)
        << "program " << number << ": a rank fell that was proved to grow";
    proved += grows;
    falls += fell;
  }
  // Both happen, or nothing was tested.
  EXPECT_GT(proved, programs / 20);
  EXPECT_GT(falls, programs / 10);
}

TEST(GrowthTest, NothingProvedFalls) { checkRandom(7101, 3000, false); }

TEST(GrowthTest, NothingProvedFallsAsSerialNumber) {
  checkRandom(7102, 3000, true);
}

bool isProved(const Builder &enqueue, const Builder *dequeue = nullptr,
              bool isSerial = false) {
  return ranksGrow(enqueue.program, dequeue ? &dequeue->program : nullptr,
                   kFixed, isSerial);
}

TEST(GrowthTest, FirstInFirstOut) {
  Builder b;
  b.program.rank = b.wide(Op::Now);
  EXPECT_TRUE(isProved(b));
}

TEST(GrowthTest, LastInFirstOut) {
  Builder b;
  b.program.rank = b.wide(Op::Sub, b.constant(1 << 20), b.wide(Op::Now));
  EXPECT_FALSE(isProved(b));
}

TEST(GrowthTest, Priorities) {
  Builder ofFlow, ofPacket;
  ofFlow.program.rank = ofFlow.field(kFixedField);
  ofPacket.program.rank = ofPacket.field(kFreeField);
  EXPECT_TRUE(isProved(ofFlow));
  EXPECT_FALSE(isProved(ofPacket));
}

TEST(GrowthTest, Deadlines) {
  // Of a bound for each flow, and of one that each packet brings.
  Builder ofFlow, ofPacket;
  ofFlow.program.rank =
      ofFlow.wide(Op::Add, ofFlow.wide(Op::Now), ofFlow.field(kFixedField));
  ofPacket.program.rank = ofPacket.wide(Op::Add, ofPacket.wide(Op::Now),
                                        ofPacket.field(kFreeField));
  EXPECT_TRUE(isProved(ofFlow));
  EXPECT_FALSE(isProved(ofPacket));
}

/// Start-time fair queueing: start = max(virtual time, finish of the flow);
/// finish = start + length. `cut` is the width of the rank.
void startTimeFair(Builder &enqueue, Builder &dequeue, unsigned cut = 64) {
  int flow = enqueue.field(kFixedField);
  int start = enqueue.maximum(enqueue.load(0), enqueue.load(1, flow));
  enqueue.store(1, enqueue.wide(Op::Add, start, enqueue.field(kFreeField)),
                flow);
  enqueue.program.rank = cut < 64 ? enqueue.op(Op::Trunc, cut, start) : start;
  dequeue.store(0, dequeue.wide(Op::Rank));
}

TEST(GrowthTest, StartTimeFairQueueing) {
  Builder enqueue, dequeue;
  startTimeFair(enqueue, dequeue);
  EXPECT_TRUE(isProved(enqueue, &dequeue));
  // A virtual time that a packet sets may go back.
  Builder setsBack;
  setsBack.store(0, setsBack.field(kFreeField));
  EXPECT_FALSE(isProved(enqueue, &setsBack));
}

TEST(GrowthTest, CutRanksGrowAsSerialNumbersOnly) {
  Builder enqueue, dequeue;
  startTimeFair(enqueue, dequeue, 16);
  EXPECT_TRUE(isProved(enqueue, &dequeue, true));
  EXPECT_FALSE(isProved(enqueue, &dequeue, false));
}

TEST(GrowthTest, CountersByFlow) {
  // A counter of the flow's packets grows; one by another field does not
  // within the flow.
  for (unsigned field : {kFixedField, kFreeField}) {
    Builder b;
    int entry = b.field(field);
    int next = b.wide(Op::Add, b.load(0, entry), b.constant(1));
    b.store(0, next, entry);
    b.program.rank = next;
    EXPECT_EQ(isProved(b), field == kFixedField);
  }
}

TEST(GrowthTest, BoundsHoldOfEveryValue) {
  constexpr unsigned kSeed = 7103;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  unsigned tight = 0;
  for (unsigned number = 0; number < 2000; ++number) {
    Builder b;
    auto below = [&](unsigned count) {
      return static_cast<unsigned>(random() % count);
    };
    for (unsigned index : {0u, 1u}) {
      Value field;
      field.op = Op::Field;
      field.bits = 1 + below(20);
      field.index = index;
      b.add(field);
    }
    b.constant(below(1 << 20));
    Value table;
    table.op = Op::Lookup;
    table.bits = 24;
    table.a = 0;
    for (unsigned entry = 0; entry < 4; ++entry)
      table.table.push_back(below(1 << 22));
    b.add(table);
    constexpr Op kOps[] = {Op::Add,    Op::Sub,  Op::Mul,  Op::And,
                           Op::Or,     Op::Xor,  Op::Shl,  Op::LShr,
                           Op::AShr,   Op::ULt,  Op::SLe,  Op::Eq,
                           Op::Select, Op::ZExt, Op::SExt, Op::Trunc};
    while (b.program.values.size() < 14) {
      int size = static_cast<int>(b.program.values.size());
      int a = below(size), c = below(size), d = below(size);
      Op op = kOps[below(std::size(kOps))];
      unsigned bits = b.program.values[a].bits;
      if (op == Op::ULt || op == Op::SLe || op == Op::Eq)
        b.compare(op, a, c);
      else if (op == Op::ZExt || op == Op::SExt)
        b.op(op, bits + below(65 - bits), a);
      else if (op == Op::Trunc)
        b.op(op, 1 + below(bits), a);
      else if (op == Op::Select)
        b.op(op, std::max(b.program.values[c].bits, b.program.values[d].bits),
             a, c, d);
      else
        b.op(op, std::max(bits, b.program.values[c].bits), a, c);
    }
    std::vector<unsigned> bounds;
    for (const Value &value : b.program.values)
      bounds.push_back(boundOfValue(b.program, bounds, value));
    // `execute` shows one value of a program, its rank.
    for (size_t value = 0; value < b.program.values.size(); ++value) {
      b.program.rank = static_cast<int>(value);
      uint64_t seen = 0;
      for (unsigned run = 0; run < 16; ++run) {
        std::vector<uint64_t> fields{
            random() & maskOf(b.program.values[0].bits),
            random() & maskOf(b.program.values[1].bits)};
        ProgramInputs inputs;
        inputs.fields = &fields;
        ProgramResult result;
        execute(b.program, {}, inputs, result);
        seen |= result.rank;
      }
      EXPECT_EQ(seen & ~maskOf(bounds[value]), 0u)
          << "program " << number << ", value " << value << ", "
          << opName(b.program.values[value].op);
      tight += bounds[value] < b.program.values[value].bits;
    }
  }
  EXPECT_GT(tight, 1000u);
}

} // namespace
