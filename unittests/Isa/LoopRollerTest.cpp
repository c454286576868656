//===- LoopRollerTest.cpp - Loops found in straight-line emission ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/LoopRoller.h"
#include "nm/Isa/Sequencer.h"
#include <gtest/gtest.h>
#include <random>

using namespace nm::isa;

namespace {

/// An executed copy: which one, and where its tiles were.
struct Executed {
  Opcode opcode;
  std::vector<std::array<int64_t, kMaxRank>> offsets;
  std::vector<int64_t> slots;
  bool operator==(const Executed &other) const {
    return opcode == other.opcode && offsets == other.offsets &&
           slots == other.slots;
  }
};
using Execution = std::vector<Executed>;

Executed at(const Program &program, const Instruction &instruction,
            const Counters &counters) {
  Executed executed{instruction.opcode, {}, {}};
  for (const Tile &tile : instruction.operands) {
    auto offsets = tile.offsets;
    int64_t slot = tile.slot;
    for (const Counter &counter : tile.counters) {
      for (size_t d = 0; d != offsets.size(); ++d)
        offsets[d] += counter.steps[d] * counters[counter.depth];
      slot += counter.slotStep * counters[counter.depth];
    }
    executed.offsets.push_back(offsets);
    executed.slots.push_back(tile.space == Space::Scratchpad
                                 ? slot % program.buffers[tile.object].slots
                                 : 0);
  }
  return executed;
}

/// What one engine executes.
Execution executionOf(const Program &program) {
  Execution all;
  for (Sequencer sequencer(program, 0); sequencer.instruction() >= 0;
       sequencer.advance())
    all.push_back(at(program,
                     program.code[static_cast<size_t>(sequencer.instruction())],
                     sequencer.counters()));
  return all;
}

/// Writes loads to a roller and remembers what straight-line code would do.
struct Writer {
  Builder builder;
  TensorId tensor;
  BufferId buffer;
  LoopRoller roller;
  Execution wanted;

  static Target target() {
    Target target;
    target.name = "small";
    target.scratchpadBytes = 1 << 20;
    target.channels = 1;
    return target;
  }
  explicit Writer(bool allowsGaps)
      : builder("loops", target()), roller(allowsGaps) {
    Tensor in;
    in.name = "in";
    in.role = Role::In;
    in.type = Type::F16;
    in.shape = {1 << 14, 1 << 14};
    tensor = builder.tensor(in);
    buffer = builder.buffer(Type::F16, {16, 16}, 4);
    roller.bind(builder);
  }

  void load(int64_t row, int64_t column, int64_t slot) {
    std::vector<Tile> operands = {builder.tile(tensor, {row, column}, {16, 16}),
                                  builder.tile(buffer).slot(slot % 4)};
    wanted.push_back({Opcode::Load, {}, {}});
    for (const Tile &tile : operands) {
      wanted.back().offsets.push_back(tile.offsets);
      wanted.back().slots.push_back(tile.space == Space::Scratchpad ? tile.slot
                                                                    : 0);
    }
    roller.add(Opcode::Load, operands, {});
  }

  /// The program, or nothing if a gap could not be closed.
  Program finish(bool &closed) {
    closed = roller.finish(builder);
    if (!closed)
      return {};
    nm::support::Result<Program> program = builder.finish();
    EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
    return program.ok() ? *program : Program();
  }
};

size_t loopsOf(const Program &program) {
  size_t loops = 0;
  for (const Instruction &instruction : program.code)
    loops += instruction.opcode == Opcode::Loop;
  return loops;
}

TEST(LoopRoller, WhatRepeatsBecomesALoop) {
  Writer writer(false);
  writer.roller.forEach(0, 100, [&](int64_t i) { writer.load(16 * i, 0, i); });
  bool closed;
  Program program = writer.finish(closed);
  ASSERT_TRUE(closed);
  EXPECT_EQ(loopsOf(program), 1u);
  EXPECT_LT(program.code.size(), 5u);
  EXPECT_EQ(executionOf(program), writer.wanted);
}

TEST(LoopRoller, FirstAndLastStandByThemselves) {
  Writer writer(false);
  writer.roller.forEach(0, 50, [&](int64_t i) {
    writer.load(16 * i, 0, i);
    if (i == 0 || i == 49)
      writer.load(8, 8, 1);
  });
  bool closed;
  Program program = writer.finish(closed);
  ASSERT_TRUE(closed);
  EXPECT_EQ(loopsOf(program), 1u);
  EXPECT_EQ(executionOf(program), writer.wanted);
}

TEST(LoopRoller, NothingRepeats) {
  Writer writer(false);
  writer.roller.forEach(0, 9,
                        [&](int64_t i) { writer.load(i * i, 3 * i * i, 0); });
  bool closed;
  Program program = writer.finish(closed);
  ASSERT_TRUE(closed);
  EXPECT_EQ(executionOf(program), writer.wanted);
}

/// Nested loops with constant, missing and odd steps, conditions at the ends
/// and rotating slots: rolled code executes what straight-line code would. With
/// gaps, what is executed is what it is without.
TEST(LoopRoller, RandomNests) {
  unsigned seed = 23;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int withGaps = 0;
  for (int round = 0; round != 300; ++round) {
    auto below = [&](unsigned n) { return static_cast<int64_t>(random() % n); };
    int64_t outer = 1 + below(30), inner = 1 + below(60);
    int64_t outerStep = below(200), innerStep = below(100), row = below(64);
    bool hasHead = random() % 3 == 0, hasTail = random() % 3 == 0,
         isTriangle = random() % 4 == 0, takesTurns = random() % 2;
    auto write = [&](Writer &writer) {
      writer.roller.forEach(
          0, outer,
          [&](int64_t i) {
            if (hasHead && i == 0)
              writer.load(7, 7, 0);
            int64_t end = isTriangle ? std::min(i + 1, inner) : inner;
            writer.roller.forEach(0, end, [&](int64_t j) {
              writer.load(row + outerStep * i, innerStep * j,
                          takesTurns ? j : 2);
            });
            if (hasTail && i == outer - 1)
              writer.load(9, 9, 3);
          },
          !isTriangle);
    };
    Writer whole(false);
    write(whole);
    bool closed;
    Program program = whole.finish(closed);
    ASSERT_TRUE(closed);
    ASSERT_EQ(executionOf(program), whole.wanted) << "round " << round;

    Writer gaps(true);
    write(gaps);
    Program rolled = gaps.finish(closed);
    if (!closed)
      continue;
    withGaps += gaps.wanted.size() < whole.wanted.size();
    ASSERT_EQ(executionOf(rolled), whole.wanted) << "round " << round;
  }
  EXPECT_GT(withGaps, 20);
}
} // namespace
