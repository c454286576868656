//===- BuilderTest.cpp - Programs written from C++ -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Builder.h"
#include <gtest/gtest.h>

using namespace nm::isa;

static Target smallTarget() {
  Target target;
  target.name = "small";
  target.scratchpadBytes = 4096;
  target.channels = 2;
  return target;
}

TEST(Builder, DoubleBufferedCopy) {
  Builder b("copy", smallTarget());
  Tensor in;
  in.name = "in";
  in.role = Role::In;
  in.type = Type::F16;
  in.shape = {64, 32};
  Tensor out = in;
  out.name = "out";
  out.role = Role::Out;
  TensorId from = b.tensor(in), to = b.tensor(out);
  Stream stream(b, Type::F16, {8, 32});
  LoopId i = b.beginLoop(8);
  TileRef slot = b.tile(stream.buffer).slotBy(i);
  b.load(b.tile(from, {0, 0}, {8, 32}).by(i, 0, 8), slot, 0, stream.produce());
  b.store(slot, b.tile(to, {0, 0}, {8, 32}).by(i, 0, 8), 1, stream.consume());
  b.endLoop(i);
  Result<Program> program = b.finish();
  ASSERT_TRUE(program.ok()) << program.error().message;
  ASSERT_EQ(program->code.size(), 4u);
  EXPECT_EQ(program->code[0].trips, 8);
  const Tile &box = program->code[1].operands[0];
  ASSERT_EQ(box.counters.size(), 1u);
  EXPECT_EQ(box.counters[0].steps[0], 8);
  EXPECT_EQ(queueOf(program->code[2], program->target), 3);
}

TEST(Builder, LoopsOfOneTripVanish) {
  Builder b("one", smallTarget());
  BufferId buffer = b.buffer(Type::F32, {4, 4});
  LoopId outer = b.beginLoop(1), inner = b.beginLoop(3);
  b.special(Opcode::Fill, {b.tile(buffer).by(outer, 0, 100).slotBy(inner, 0)},
            {});
  b.endLoop(inner);
  b.endLoop(outer);
  Result<Program> program = b.finish();
  ASSERT_TRUE(program.ok()) << program.error().message;
  EXPECT_EQ(program->code.size(), 3u);
  EXPECT_TRUE(program->code[1].operands[0].counters.empty());
}

TEST(Builder, ScratchpadOverflowNamesSizes) {
  Builder b("large", smallTarget());
  b.buffer(Type::F32, {16, 16}, 2);
  int64_t mark = b.mark();
  b.buffer(Type::F32, {16, 16}, 2);
  EXPECT_FALSE(b.failed());
  b.release(mark);
  b.buffer(Type::F32, {16, 17}, 2);
  ASSERT_TRUE(b.failed());
  Result<Program> program = b.finish();
  ASSERT_FALSE(program.ok());
  EXPECT_NE(program.error().message.find("2048 bytes in use"),
            std::string::npos)
      << program.error().message;
}
