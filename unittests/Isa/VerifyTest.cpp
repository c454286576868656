//===- VerifyTest.cpp - Races, deadlocks and unwritten bytes ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Verify.h"
#include "nm/Isa/Builder.h"
#include <gtest/gtest.h>

using namespace nm::isa;

namespace {

Tensor tensorOf(const char *name, Role role, std::vector<int64_t> shape) {
  Tensor tensor;
  tensor.name = name;
  tensor.role = role;
  tensor.type = Type::F16;
  tensor.shape = std::move(shape);
  return tensor;
}

Builder builder() {
  Target target;
  target.name = "small";
  target.scratchpadBytes = 1 << 16;
  target.channels = 2;
  return Builder("test", target);
}

/// in [64, 32] through relu to out, double buffered on both sides.
Program pipeline() {
  Builder b = builder();
  TensorId in = b.tensor(tensorOf("in", Role::In, {64, 32})),
           out = b.tensor(tensorOf("out", Role::Out, {64, 32}));
  Stream from(b, Type::F16, {8, 32}), to(b, Type::F16, {8, 32});
  LoopId i = b.beginLoop(8);
  TileRef source = b.tile(from.buffer).slotBy(i),
          dest = b.tile(to.buffer).slotBy(i);
  b.load(b.tile(in, {0, 0}, {8, 32}).by(i, 0, 8), source, 0, from.produce());
  b.special(Opcode::Unary, {source, dest},
            {{from.full, to.free}, {from.free, to.full}})
      .unary = UnaryKind::Relu;
  b.store(dest, b.tile(out, {0, 0}, {8, 32}).by(i, 0, 8), 1, to.consume());
  b.endLoop(i);
  return *b.finish();
}

std::string verify(const Program &program, int64_t *instruction = nullptr) {
  Result<VerifyResult> result = verifyProgram(program, {}, instruction);
  return result.ok() ? "" : result.error().message;
}

void expectBlamed(const Program &program, const std::string &rule,
                  int64_t expected) {
  int64_t instruction = -2;
  std::string message = verify(program, &instruction);
  EXPECT_NE(message.find(rule), std::string::npos) << message;
  EXPECT_EQ(instruction, expected) << message;
}

} // namespace

TEST(Verify, DoubleBufferedPipelineIsAccepted) {
  Result<VerifyResult> result = verifyProgram(pipeline());
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->steps, 24);
  EXPECT_EQ(result->peakLiveBytes, 4 * 512);
}

TEST(Verify, EveryTokenIsNeeded) {
  Program program = pipeline();
  int tried = 0;
  for (size_t i = 0; i < program.code.size(); ++i)
    for (auto list : {&Instruction::waits, &Instruction::signals})
      for (size_t k = 0; k < (program.code[i].*list).size(); ++k) {
        Program changed = program;
        auto &tokens = changed.code[i].*list;
        tokens.erase(tokens.begin() + k);
        EXPECT_NE(verify(changed), "") << i << " " << k;
        ++tried;
      }
  EXPECT_EQ(tried, 8);
}

TEST(Verify, TooManyFreeSlotsAreARace) {
  Program program = pipeline();
  program.semaphores[0] = 3;
  expectBlamed(program,
               "[attacc_verify_v1] instruction 2 (unary) on special "
               "reads byte 0 of buffer 0, which instruction 1 (load) "
               "on load 0 writes",
               2);
}

TEST(Verify, TwoWritersNeedAnOrder) {
  Builder b = builder();
  TensorId in = b.tensor(tensorOf("in", Role::In, {8, 32}));
  BufferId buffer = b.buffer(Type::F16, {8, 32});
  b.load(b.tile(in, {0, 0}, {8, 20}), b.tile(buffer, {0, 0}, {8, 20}), 0, {});
  b.load(b.tile(in, {0, 16}, {8, 16}), b.tile(buffer, {0, 16}, {8, 16}), 1, {});
  expectBlamed(*b.finish(),
               "[attacc_verify_v2] instruction 1 (load) on load 1 writes byte "
               "32 of buffer 0, which instruction 0 (load) on load 0 uses",
               1);
}

TEST(Verify, ReadsOfWhatNobodyWrote) {
  Builder b = builder();
  BufferId buffer = b.buffer(Type::F16, {8, 8});
  b.special(Opcode::Fill, {b.tile(buffer, {0, 0}, {8, 4})}, {});
  b.special(Opcode::Unary, {b.tile(buffer), b.tile(buffer)}, {});
  expectBlamed(*b.finish(),
               "[attacc_verify_v1] instruction 1 (unary) on special reads byte "
               "8 of buffer 0, which was never written",
               1);
}

TEST(Verify, ScratchTensorsAcrossChannels) {
  for (bool hasBarrier : {false, true}) {
    Builder b = builder();
    TensorId in = b.tensor(tensorOf("in", Role::In, {8, 32})),
             t = b.scratch("t", Type::F16, {8, 32}),
             out = b.tensor(tensorOf("out", Role::Out, {8, 32}));
    BufferId one = b.buffer(Type::F16, {8, 32}),
             two = b.buffer(Type::F16, {8, 32});
    SemaphoreId first = b.semaphore(0), second = b.semaphore(0);
    b.load(b.tile(in), b.tile(one), 0, {{}, {first}});
    b.store(b.tile(one), b.tile(t), 0, {{first}, {}});
    if (hasBarrier)
      b.barrier();
    b.load(b.tile(t), b.tile(two), 1, {{}, {second}});
    b.store(b.tile(two), b.tile(out), 1, {{second}, {}});
    Program program = *b.finish();
    if (hasBarrier)
      EXPECT_EQ(verify(program), "");
    else
      // The reader is walked before or behind the writer.
      EXPECT_NE(verify(program).find("[attacc_verify_v"), std::string::npos);
  }
}

TEST(Verify, SharedBytesOfTwoBuffersAreSeen) {
  Builder b = builder();
  TensorId in = b.tensor(tensorOf("in", Role::In, {8, 32})),
           out = b.tensor(tensorOf("out", Role::Out, {8, 32}));
  int64_t mark = b.mark();
  BufferId one = b.buffer(Type::F16, {8, 32});
  b.release(mark);
  BufferId two = b.buffer(Type::F32, {8, 8});
  SemaphoreId loaded = b.semaphore(0);
  b.load(b.tile(in), b.tile(one), 0, {{}, {loaded}});
  b.special(Opcode::Fill, {b.tile(two)}, {});
  b.store(b.tile(one), b.tile(out), 0, {{loaded}, {}});
  EXPECT_NE(verify(*b.finish()), "");
}

TEST(Verify, DeadlockSaysWhoWaitsForWhat) {
  Builder b = builder();
  BufferId buffer = b.buffer(Type::F32, {8, 8});
  SemaphoreId x = b.semaphore(0), y = b.semaphore(0);
  b.special(Opcode::Fill, {b.tile(buffer)}, {{x}, {y}});
  b.sync(Engine::Array, 0, {{y}, {x}});
  expectBlamed(*b.finish(),
               "[attacc_verify_v3] no engine can go on: array stands at "
               "instruction 1 (sync) and waits for semaphore 1; special stands "
               "at instruction 0 (fill) and waits for semaphore 0",
               1);
}

TEST(Verify, SemaphoresEndAsTheyBegan) {
  Builder b = builder();
  BufferId buffer = b.buffer(Type::F32, {8, 8});
  SemaphoreId x = b.semaphore(2);
  b.special(Opcode::Fill, {b.tile(buffer)}, {{}, {x}});
  expectBlamed(*b.finish(),
               "[attacc_verify_v4] semaphore 0 ends at 3, expected 2", -1);
}

TEST(Verify, OutputsAreWrittenWhole) {
  Program program = pipeline();
  program.code[0].trips = 7;
  expectBlamed(program, "[attacc_verify_v5] tensor 'out' has elements", -1);
  // Gaps between strided rows do not count.
  Program strided = pipeline();
  strided.tensors[1].strides = {40, 1};
  EXPECT_EQ(verify(strided), "");
}

TEST(Verify, GivesUpAfterMaxSteps) {
  VerifyOptions options;
  options.maxSteps = 10;
  Result<VerifyResult> result = verifyProgram(pipeline(), options);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("gave up after 10 instructions"),
            std::string::npos);
}

/// A file may hold loops that meet at barriers for ever.
TEST(Verify, GivesUpOnBarriersWithoutEnd) {
  Builder b = builder();
  SemaphoreId start = b.semaphore(1);
  b.sync(Engine::Array, 0, {{start}, {start}});
  LoopId i = b.beginLoop(kMaxSize), j = b.beginLoop(kMaxSize);
  b.barrier();
  b.endLoop(j);
  b.endLoop(i);
  VerifyOptions options;
  options.maxSteps = 100;
  Result<VerifyResult> result = verifyProgram(*b.finish(), options);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find(
                "instruction 3 (barrier): gave up after 100 instructions and "
                "barriers"),
            std::string::npos)
      << result.error().message;
}

/// One instruction may touch more pieces of memory than there is memory here
/// to note them.
TEST(Verify, GivesUpOnMorePiecesThanItCanNote) {
  Target target;
  target.name = "vast";
  target.scratchpadBytes = int64_t(1) << 40;
  Builder b("test", target);
  BufferId wide = b.buffer(Type::F16, {1 << 19, 1 << 9, 1 << 9});
  b.special(Opcode::Fill, {b.tile(wide, {0, 0, 0}, {1 << 19, 256, 256})}, {});
  VerifyOptions options;
  options.maxSteps = 100;
  Result<VerifyResult> result = verifyProgram(*b.finish(), options);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("gave up"), std::string::npos)
      << result.error().message;
}

/// What a section wrote is known in the next, also where other buffers lie at
/// the same bytes and rows are of another length.
TEST(Verify, WrittenBytesOutliveTheirBuffers) {
  for (int64_t columns : {2, 1}) {
    Builder b = builder();
    TensorId out = b.tensor(tensorOf("out", Role::Out, {8, 16}));
    BufferId narrow = b.buffer(Type::F16, {32, 4}),
             wide = b.alias(narrow, {8, 16});
    LoopId i = b.beginLoop(2);
    b.special(Opcode::Fill, {b.tile(narrow, {0, 0}, {32, columns}).by(i, 1, 2)},
              {});
    b.endLoop(i);
    b.barrier();
    b.store(b.tile(wide), b.tile(out), 0, {});
    Program program = *b.finish();
    if (columns == 2)
      EXPECT_EQ(verify(program), "");
    else
      expectBlamed(program, "reads byte 2 of buffer 1, which was never written",
                   4);
  }
}
