//===- ErrorsTest.cpp - Programs that cannot run ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

using namespace nm;
using namespace nm::sim;
using namespace nm::isa;

/// The message of a run that fails.
static std::string errorOf(const Program &program, const Device &device) {
  Memory memory = Memory::none(program);
  SimulatorOptions options;
  options.functional = false;
  Result<SimulationResult> result = simulate(program, device, memory, options);
  return result.ok() ? "success" : result.error().message;
}

static Program finished(Builder &builder) {
  Result<Program> program = builder.finish();
  EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
  return program.ok() ? *program : Program();
}

TEST(Errors, Deadlock) {
  Device device = smallDevice();
  Builder b("dead", targetOf(device));
  TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {8, 8}));
  Stream tiles(b, Type::F16, {8, 8}, 2);
  BufferId y = b.buffer(Type::F16, {8, 8});
  LoopId i = b.beginLoop(4);
  b.load(b.tile(in), b.tile(tiles.buffer).slotBy(i), 1, tiles.produce());
  b.endLoop(i);
  b.gemm(Stationarity::Output, b.tile(tiles.buffer), b.tile(y), b.tile(y),
         tiles.consume());
  b.barrier();
  EXPECT_EQ(errorOf(finished(b), device),
            "instruction 1 (load) on load 1 waits for semaphore 0; "
            "instruction 4 (barrier) on array waits for the other engines: "
            "found a deadlock after 4 instructions, expected a signal for "
            "each wait");
}

TEST(Errors, DeviceIsTooSmall) {
  Device device = smallDevice();
  Builder b("large", targetOf(device));
  TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {64, 64}));
  BufferId x = b.buffer(Type::F16, {64, 64});
  b.load(b.tile(in), b.tile(x), 1, {});
  b.gemm(Stationarity::Weight, b.tile(x), b.tile(x), b.tile(x), {});
  Program program = finished(b);
  EXPECT_EQ(errorOf(program, device), "success");

  Device small = device;
  small.scratchpad.bytes = 4096;
  EXPECT_EQ(errorOf(program, small),
            "instruction 0 (load): found a buffer that ends at byte 8192, "
            "expected at most the 4096 bytes of the scratchpad of small");
  Device narrow = device;
  narrow.dma.channels = 1;
  EXPECT_EQ(errorOf(program, narrow),
            "instruction 0 (load): found channel 1, expected one of the 1 of "
            "small");
  Device fixed = device;
  fixed.array.stationarities = {Stationarity::Output};
  EXPECT_EQ(errorOf(program, fixed),
            "instruction 1 (gemm): found weight stationarity, which small "
            "lacks, expected one of its own");
  Device host = device;
  host.kind = model::DeviceKind::Host;
  EXPECT_EQ(errorOf(program, host),
            "found the processor small, expected an accelerator");
}

TEST(Errors, SegmentsAndPatterns) {
  Device device = smallDevice();
  Builder b("segments", targetOf(device));
  BufferId x = b.buffer(Type::F16, {2, 8, 8});
  b.gemm(Stationarity::Output, b.tile(x), b.tile(x), b.tile(x), {});
  Device whole = device;
  whole.array.packsHeads = false;
  EXPECT_EQ(errorOf(finished(b), whole),
            "instruction 0 (gemm): found 2 products side by side, expected at "
            "most 1 on small");

  Builder c("pattern", targetOf(device));
  BufferId lhs = c.buffer(Type::F16, {8, 8}),
           values = c.buffer(Type::F16, {8, 4}),
           indices = c.buffer(Type::I8, {8, 1}),
           dest = c.buffer(Type::F16, {8, 8});
  c.nmGemm(Stationarity::Output, {2, 4}, c.tile(lhs), c.tile(values),
           c.tile(indices), c.tile(dest), {});
  Device dense = device;
  dense.array.sparsePatterns = {{1, 4}};
  EXPECT_EQ(errorOf(finished(c), dense),
            "instruction 0 (nm_gemm): found a weight of pattern 2:4, expected "
            "one that the array of small decodes");
}

TEST(Errors, MemoryOfTheHost) {
  Device device = smallDevice();
  Program program;
  program.name = "huge";
  program.target = targetOf(device);
  program.tensors.push_back(
      tensorOf("huge", Role::Scratch, Type::F32, {kMaxSize, 1 << 20}));
  Result<Memory> memory = Memory::allocate(program);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.error().code, Errc::Memory);
  EXPECT_NE(memory.error().message.find("'huge'"), std::string::npos);
}

TEST(Errors, ScratchpadBeyondTheHost) {
  Device device = smallDevice();
  device.scratchpad.bytes = int64_t(1) << 60;
  Program program;
  program.name = "small";
  program.target = targetOf(smallDevice());
  EXPECT_EQ(errorOf(program, device), "success");
  Memory memory = Memory::none(program);
  Result<SimulationResult> result = simulate(program, device, memory);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Errc::Memory);
}

TEST(Errors, UncheckedProgramsAreRefused) {
  Device device = smallDevice();
  Program program;
  program.name = "bad";
  program.target = targetOf(device);
  Instruction loop;
  loop.opcode = Opcode::Loop;
  program.code.push_back(loop); // without an end
  EXPECT_NE(errorOf(program, device), "success");
}
