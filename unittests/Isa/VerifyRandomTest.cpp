//===- VerifyRandomTest.cpp - The proof against all pairs of accesses ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random programs, right ones and ones with a token, a barrier, an instruction
// or an address changed. An oracle spells out every executed instruction,
// closes the order between them transitively, and compares all accesses to each
// byte in pairs; verifyProgram has to come to the same verdict.
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Builder.h"
#include "nm/Isa/Verify.h"
#include <algorithm>
#include <bitset>
#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace nm::isa;

namespace {

constexpr size_t kMaxEvents = 2048;

/// The meaning of a program by exhaustion.
class Oracle {
public:
  explicit Oracle(const Program &program) : program(program) {}
  bool isRight();

private:
  struct Event {
    int32_t instruction;
    std::array<int64_t, kMaxLoops> counters;
    std::vector<size_t> after; ///< events that this one follows
  };
  struct Touch {
    size_t event;
    bool isWrite;
  };

  void expand(int queue);
  bool order();
  void touch(size_t event);
  bool compare();

  const Program &program;
  std::vector<Event> events;
  std::vector<std::vector<size_t>> bySignal, byWait; ///< of semaphores
  std::vector<std::vector<size_t>> barriers;         ///< by queue
  std::vector<std::bitset<kMaxEvents>> before;
  /// By memory (0: scratchpad, n + 1: tensor n) and byte.
  std::map<std::pair<uint32_t, int64_t>, std::vector<Touch>> touches;
  /// An operand overlaps another that the same instruction writes.
  bool isAliased = false;
};

void Oracle::expand(int queue) {
  std::array<int64_t, kMaxLoops> counters{};
  std::vector<std::pair<size_t, int>> open; // begin, depth
  size_t last = SIZE_MAX;
  std::vector<size_t> mine;
  bool isIdle = true;
  size_t first = events.size();
  for (size_t i = 0; i < program.code.size(); ++i) {
    const Instruction &instruction = program.code[i];
    if (instruction.opcode == Opcode::Loop) {
      counters[open.size()] = 0;
      open.push_back({i, 0});
      continue;
    }
    if (instruction.opcode == Opcode::EndLoop) {
      size_t depth = open.size() - 1;
      if (++counters[depth] < program.code[open.back().first].trips)
        i = open.back().first;
      else
        open.pop_back();
      continue;
    }
    bool isBarrier = instruction.opcode == Opcode::Barrier;
    if (!isBarrier && queueOf(instruction, program.target) != queue)
      continue;
    isIdle &= isBarrier;
    Event event{static_cast<int32_t>(i), counters, {}};
    if (last != SIZE_MAX)
      event.after.push_back(last);
    last = events.size();
    if (isBarrier)
      mine.push_back(last);
    for (uint32_t semaphore : instruction.waits)
      byWait[semaphore].push_back(last);
    for (uint32_t semaphore : instruction.signals)
      bySignal[semaphore].push_back(last);
    events.push_back(event);
  }
  if (isIdle)
    events.resize(first);
  else
    barriers.push_back(mine);
}

/// Whether every wait is met and nothing follows itself; then `before` is
/// closed.
bool Oracle::order() {
  for (size_t s = 0; s < program.semaphores.size(); ++s) {
    if (bySignal[s].size() != byWait[s].size())
      return false; // ends at another count, or waits for ever
    size_t start = static_cast<size_t>(program.semaphores[s]);
    for (size_t k = start; k < byWait[s].size(); ++k)
      events[byWait[s][k]].after.push_back(bySignal[s][k - start]);
  }
  for (const std::vector<size_t> &a : barriers)
    for (const std::vector<size_t> &b : barriers)
      for (size_t k = 0; k < a.size(); ++k)
        if (b[k] > 0 && &a != &b) {
          // What follows the barrier of a queue follows what precedes that of
          // any other.
          for (size_t previous : events[b[k]].after)
            events[a[k]].after.push_back(previous);
        }
  before.resize(events.size());
  std::vector<int> state(events.size());
  std::vector<size_t> stack;
  for (size_t root = 0; root < events.size(); ++root) {
    stack.push_back(root);
    while (!stack.empty()) {
      size_t event = stack.back();
      if (state[event] == 0) {
        state[event] = 1;
        for (size_t other : events[event].after) {
          if (state[other] == 1)
            return false;
          if (state[other] == 0)
            stack.push_back(other);
        }
        continue;
      }
      stack.pop_back();
      if (state[event] == 2)
        continue;
      state[event] = 2;
      for (size_t other : events[event].after) {
        before[event] |= before[other];
        before[event].set(other);
      }
    }
  }
  return true;
}

void Oracle::touch(size_t number) {
  const Event &event = events[number];
  const Instruction &instruction = program.code[event.instruction];
  struct Element {
    size_t operand;
    int64_t position;
    bool isWritten;
  };
  std::map<int64_t, std::vector<Element>> elements; // of the scratchpad
  for (size_t i = 0; i < instruction.operands.size(); ++i) {
    const Tile &tile = instruction.operands[i];
    bool isDram = tile.space == Space::Dram;
    std::vector<int64_t> strides =
        isDram ? stridesOf(program.tensors[tile.object])
               : stridesOf(program.buffers[tile.object]);
    std::array<int64_t, kMaxRank> begin = tile.offsets;
    int64_t slot = tile.slot;
    for (const Counter &counter : tile.counters) {
      for (int k = 0; k < kMaxRank; ++k)
        begin[k] += event.counters[counter.depth] * counter.steps[k];
      slot += event.counters[counter.depth] * counter.slotStep;
    }
    int64_t base = 0, width = 4;
    if (!isDram) {
      const Buffer &buffer = program.buffers[tile.object];
      base = buffer.address + slot % buffer.slots * slotBytes(buffer);
    }
    uint32_t memory = isDram ? tile.object + 1 : 0;
    bool isSource = isDram && program.tensors[tile.object].role == Role::In;
    for (int64_t r = 0; r < tile.sizes[0] && !isSource; ++r)
      for (int64_t c = 0; c < tile.sizes[1]; ++c) {
        int64_t at =
            base +
            ((begin[0] + r) * strides[0] + (begin[1] + c) * strides[1]) * width;
        std::vector<Touch> &list = touches[{memory, at}];
        if (!isDram)
          elements[at].push_back(
              {i, r * tile.sizes[1] + c, writesOperand(instruction, int(i))});
        if (readsOperand(instruction, int(i)))
          list.push_back({number, false});
        if (writesOperand(instruction, int(i)))
          list.push_back({number, true});
      }
  }
  for (const auto &[at, list] : elements)
    for (const Element &a : list)
      for (const Element &b : list)
        isAliased |=
            a.isWritten && a.operand != b.operand &&
            (instruction.opcode != Opcode::Unary || a.position != b.position);
}

bool Oracle::compare() {
  for (const auto &[place, list] : touches)
    for (const Touch &touch : list) {
      bool isWritten = touch.isWrite;
      for (const Touch &other : list) {
        if (other.event == touch.event)
          continue;
        if ((touch.isWrite || other.isWrite) &&
            !before[touch.event][other.event] &&
            !before[other.event][touch.event])
          return false;
        isWritten |= other.isWrite && before[touch.event][other.event];
      }
      if (!isWritten)
        return false;
    }
  for (uint32_t n = 0; n < program.tensors.size(); ++n) {
    const Tensor &tensor = program.tensors[n];
    if (tensor.role != Role::Out)
      continue;
    for (int64_t at = 0; at < numElements(tensor.shape); ++at)
      if (!touches.count({n + 1, at * 4}))
        return false;
  }
  return true;
}

bool Oracle::isRight() {
  bySignal.resize(program.semaphores.size());
  byWait.resize(program.semaphores.size());
  for (int queue = 0; queue < numQueues(program.target); ++queue)
    expand(queue);
  EXPECT_LT(events.size(), kMaxEvents);
  if (events.size() >= kMaxEvents || !order())
    return false;
  for (size_t event = 0; event < events.size(); ++event)
    touch(event);
  return !isAliased && compare();
}

/// Random programs of one or two kernels, each a chain of engines.
class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  Program program();
  void damage(Program &program);

private:
  int64_t pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % (high - low + 1));
  }
  void kernel(Builder &b, TensorId from, TensorId to, int64_t outer,
              int64_t inner);

  std::mt19937 random;
};

void Generator::kernel(Builder &b, TensorId from, TensorId to, int64_t outer,
                       int64_t inner) {
  std::vector<Stream> streams;
  int64_t stages = pick(0, 3);
  for (int64_t i = 0; i <= stages; ++i)
    streams.emplace_back(b, Type::F32, std::vector<int64_t>{2, 2}, pick(1, 3));
  LoopId i = b.beginLoop(outer), j = b.beginLoop(inner);
  auto slot = [&](const Stream &stream) {
    return b.tile(stream.buffer).slotBy(i, inner).slotBy(j);
  };
  auto box = [&](TensorId tensor) {
    return b.tile(tensor, {0, 0}, {2, 2}).by(i, 0, 2).by(j, 1, 2);
  };
  b.load(box(from), slot(streams[0]), int(pick(0, 1)), streams[0].produce());
  for (int64_t s = 0; s < stages; ++s) {
    Tokens tokens = streams[s].consume() + streams[s + 1].produce();
    TileRef source = slot(streams[s]), dest = slot(streams[s + 1]);
    if (pick(0, 1))
      b.gemm(nm::model::Stationarity::Output, source, source, dest, tokens);
    else
      b.special(Opcode::Unary, {source, dest}, tokens);
  }
  b.store(slot(streams[stages]), box(to), int(pick(0, 1)),
          streams[stages].consume());
  if (pick(0, 5) == 0)
    b.barrier();
  b.endLoop(j);
  b.endLoop(i);
}

Program Generator::program() {
  Target target;
  target.name = "small";
  target.scratchpadBytes = 1 << 12;
  target.channels = 2;
  Builder b("random", target);
  int64_t outer = pick(1, 3), inner = pick(1, 4);
  auto tensor = [&](const char *name, Role role) {
    Tensor entry;
    entry.name = name;
    entry.role = role;
    entry.shape = {2 * outer, 2 * inner};
    return b.tensor(entry);
  };
  TensorId in = tensor("in", Role::In), out = tensor("out", Role::Out);
  if (pick(0, 1)) {
    TensorId middle = tensor("middle", Role::Scratch);
    kernel(b, in, middle, outer, inner);
    if (pick(0, 3))
      b.barrier();
    kernel(b, middle, out, outer, inner);
  } else {
    kernel(b, in, out, outer, inner);
  }
  nm::isa::Result<Program> program = b.finish();
  EXPECT_TRUE(program.ok()) << program.error().message;
  return *program;
}

void Generator::damage(Program &program) {
  auto any = [&]() -> Instruction & {
    return program.code[pick(0, int64_t(program.code.size()) - 1)];
  };
  uint32_t semaphore =
      static_cast<uint32_t>(pick(0, int64_t(program.semaphores.size()) - 1));
  auto drop = [&](std::vector<uint32_t> &list) {
    list.erase(std::remove(list.begin(), list.end(), semaphore), list.end());
  };
  switch (pick(0, 6)) {
  case 0: // the semaphore orders nothing any more
    for (Instruction &instruction : program.code) {
      drop(instruction.waits);
      drop(instruction.signals);
    }
    break;
  case 1:
    drop(any().waits);
    break;
  case 2:
    drop(any().signals);
    break;
  case 3:
    program.semaphores[semaphore] += pick(0, 1) ? 1 : -1;
    break;
  case 4:
    program.buffers[pick(0, int64_t(program.buffers.size()) - 1)].address =
        4 * pick(0, 100);
    break;
  case 5: {
    Instruction &instruction = any();
    for (Tile &tile : instruction.operands)
      for (Counter &counter : tile.counters)
        counter.slotStep = 0;
    break;
  }
  default: {
    Instruction &instruction = any();
    if (instruction.opcode != Opcode::Loop &&
        instruction.opcode != Opcode::EndLoop)
      program.code.erase(program.code.begin() +
                         (&instruction - program.code.data()));
  }
  }
}

} // namespace

TEST(VerifyRandom, AgreesWithAllPairsOfAccesses) {
  int right = 0, wrong = 0, races = 0, aliases = 0;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    Generator generator(seed);
    Program program = generator.program();
    if (seed % 4)
      generator.damage(program);
    if (!checkProgram(program).ok())
      continue;
    bool expected = Oracle(program).isRight();
    nm::isa::Result<VerifyResult> result = verifyProgram(program);
    ASSERT_EQ(result.ok(), expected)
        << "seed " << seed << ": "
        << (result.ok() ? "accepted" : result.error().message);
    ++(expected ? right : wrong);
    if (!expected)
      races += result.error().message.find("_v3]") == std::string::npos &&
               result.error().message.find("_v4]") == std::string::npos;
    if (!expected)
      aliases += result.error().message.find("_v6]") != std::string::npos;
  }
  // Both verdicts, and races among the faults, in numbers that mean something.
  EXPECT_GT(right, 300);
  EXPECT_GT(wrong, 300);
  EXPECT_GT(races, 150);
  EXPECT_GT(aliases, 10);
}

/// A token less is always noticed: a race, a deadlock, or a count at the end.
TEST(VerifyRandom, DroppedTokensAreCaught) {
  int dropped = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    Program program = Generator(seed).program();
    if (!verifyProgram(program).ok())
      continue; // the generator left out a barrier
    for (size_t i = 0; i < program.code.size(); ++i)
      for (auto list : {&Instruction::waits, &Instruction::signals})
        for (size_t t = 0; t < (program.code[i].*list).size(); ++t) {
          Program less = program;
          auto &tokens = less.code[i].*list;
          tokens.erase(tokens.begin() + t);
          EXPECT_FALSE(verifyProgram(less).ok())
              << "seed " << seed << ", instruction " << i;
          ++dropped;
        }
  }
  EXPECT_GT(dropped, 500);
}
