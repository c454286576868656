//===- CheckTest.cpp - Every rule of programs, violated --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Encoding.h"
#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace nm::isa;

namespace {

/// A legal program with all that the rules speak of.
Program legal() {
  static const char *text = R"(program "p"
target "t" scratchpad 4096 channels 2 segments 2 pattern 2:4
tensor "x" in f32 shape [8, 8]
tensor "y" out f32 shape [8, 8]
tensor "w" param f16 shape [8, 4] key "k" part values pattern 2:4
tensor "c" constant f16 shape [2] data 003c0040
tensor "z" scratch f32 shape [8, 8] strides [16, 1]
buffer at 0 slots 2 f32 shape [8, 8]
buffer at 512 slots 1 f32 shape [8]
buffer at 544 slots 1 f32 shape [2, 8, 8]
buffer at 1056 slots 1 f16 shape [8, 8]
buffer at 1184 slots 1 f16 shape [8, 4]
buffer at 1248 slots 1 i8 shape [8, 1]
semaphore 1
code
  loop 2
    load t0[0 + 4*l0:4, 0:8], b0[0:4, 0:8] wait s0
    end_loop
  gemm b0[0:8, 0:8], b0[0:8, 0:8] slot(1), b2[0:1, 0:8, 0:8] dims(1, 2)
  nm_gemm b3[0:8,0:8], b4[0:8,0:4], b5[0:8,0:1], b0[0:8,0:8] pattern 2:4
  row_max b0[0:8,0:8], b1[0:8]
  layernorm b0[0:8,0:8], b1[0:8], b1[0:8], b0[0:8,0:8] value 0x3f800000
  elementwise b0[0:8,0:8], b1[0:8], b0[0:8,0:8] binary add
  mask b0[0:8,0:8] row 0 column 0 group 1 window 0 keys 0 causal
  unary b0[0:8,0:8], b0[0:8,0:8] unary relu
  sync engine array signal s0
  gemm b2[0:2,0:8,0:8], b2[0:2,0:8,0:8], b2[0:2,0:8,0:8]
  store b0[0:8,0:8], t1[0:8,0:8]
)";
  Result<Program> program = readAssembly(text, "legal");
  EXPECT_TRUE(program.ok()) << program.error().message;
  return std::move(*program);
}

struct Violation {
  const char *rule;
  int line;
  std::function<void(Program &)> commit;
};

#define NM_VIOLATION(rule, ...)                                                \
  {"[attacc_" rule "]", __LINE__, [](Program &q) { __VA_ARGS__; }}

// The code: 0 loop, 1 load, 2 end, 3 gemm, 4 nm_gemm, 5 row_max, 6 layernorm,
// 7 elementwise, 8 mask, 9 unary, 10 sync, 11 gemm side by side, 12 store.
const Violation violations[] = {
    NM_VIOLATION("device_c1", q.target.channels = 0),
    NM_VIOLATION("device_c1", q.target.channels = 65),
    NM_VIOLATION("device_c1", q.target.segments = 0),
    NM_VIOLATION("device_c1", q.target.scratchpadBytes = 0),
    NM_VIOLATION("device_c2", q.target.patterns[0].m = 65),
    NM_VIOLATION("device_c2", q.target.patterns[0].n = 5),
    NM_VIOLATION("region_c1", q.tensors[0].shape = {}),
    NM_VIOLATION("region_c1", q.tensors[0].shape = {1, 1, 1, 1, 1}),
    NM_VIOLATION("region_c1", q.tensors[0].shape = {0}),
    NM_VIOLATION("region_c1", q.tensors[0].shape = {kMaxSize, kMaxSize}),
    NM_VIOLATION("region_c1", q.buffers[0].shape = {kMaxSize + 1}),
    NM_VIOLATION("region_c2", q.tensors[0].type = Type(9)),
    NM_VIOLATION("region_c2", q.buffers[0].type = Type(9)),
    NM_VIOLATION("region_c2", q.tensors[0].role = Role(9)),
    NM_VIOLATION("tensor_c1", q.tensors[0].name = ""),
    NM_VIOLATION("tensor_c1", q.tensors[1].name = "x"),
    NM_VIOLATION("tensor_c2", q.tensors[0].strides = {1}),
    NM_VIOLATION("tensor_c2", q.tensors[0].strides = {0, 1}),
    NM_VIOLATION("tensor_c2",
                 q.tensors[0].strides = (std::vector<int64_t>{INT64_MAX, 1})),
    NM_VIOLATION("tensor_c3", q.tensors[0].hostShape = {63}),
    NM_VIOLATION("tensor_c3", q.tensors[0].hostShape = {-1}),
    NM_VIOLATION("tensor_c4", q.tensors[2].key = ""),
    NM_VIOLATION("tensor_c4", q.tensors[0].key = "a"),
    NM_VIOLATION("tensor_c4", q.tensors[2].pattern.n = 4),
    NM_VIOLATION("tensor_c4", q.tensors[2].type = Type::I8),
    NM_VIOLATION("tensor_c4", q.tensors[2].part = Part::Indices),
    NM_VIOLATION("tensor_c5", q.tensors[3].data.pop_back()),
    NM_VIOLATION("tensor_c5", q.tensors[0].data.push_back(1)),
    NM_VIOLATION("buffer_c1", q.buffers[0].slots = 0),
    NM_VIOLATION("buffer_c1", q.buffers[0].slots = 257),
    NM_VIOLATION("buffer_c2", q.buffers[0].address = 2),
    NM_VIOLATION("buffer_c2", q.buffers[0].address = -4),
    NM_VIOLATION("buffer_c2", q.buffers[0].address = 4096 - 256),
    NM_VIOLATION("buffer_c2", q.buffers[0].address = INT64_MAX - 3),
    NM_VIOLATION("semaphore_c1", q.semaphores[0] = 256),
    NM_VIOLATION("semaphore_c1", q.semaphores[0] = -1),
    NM_VIOLATION("semaphore_c2", q.code[1].waits = {7}),
    NM_VIOLATION("semaphore_c2",
                 q.code[1].waits = (std::vector<uint32_t>{0, 0})),
    NM_VIOLATION("semaphore_c2", q.code[3].waits = {0}),
    NM_VIOLATION("semaphore_c2", q.code[12].signals = {0}),
    NM_VIOLATION("program_c1", q.code[1].opcode = Opcode(40)),
    NM_VIOLATION("program_c1", q.code[3].operands.pop_back()),
    NM_VIOLATION("program_c1", q.code[0].waits = {0}),
    NM_VIOLATION("program_c1",
                 std::swap(q.code[12].operands[0], q.code[12].operands[1])),
    NM_VIOLATION("loop_c1", q.code[0].trips = 0),
    NM_VIOLATION("loop_c1", q.code[0].trips = kMaxSize + 1),
    NM_VIOLATION("loop_c2", q.code.erase(q.code.begin() + 2)),
    NM_VIOLATION("loop_c2", q.code.push_back(q.code[2])),
    NM_VIOLATION("loop_c3", Instruction l; l.opcode = Opcode::Loop;
                 q.code.insert(q.code.begin(), 9, l)),
    NM_VIOLATION("tile_c1", q.code[3].operands[1].slot = 2),
    NM_VIOLATION("tile_c1", q.code[3].operands[1].slot = -1),
    NM_VIOLATION("tile_c1", q.code[1].operands[1].counters.resize(1);
                 q.code[1].operands[1].counters[0].slotStep = -1),
    NM_VIOLATION("tile_c1", q.code[1].operands[0].counters[0].slotStep = 1),
    NM_VIOLATION("tile_c2", (q.code[3].operands[0].dims = {0, 0})),
    NM_VIOLATION("tile_c2", q.code[3].operands[0].dims = {}),
    NM_VIOLATION("tile_c2", (q.code[3].operands[0].dims = {0, 2})),
    NM_VIOLATION("tile_c2", (q.code[3].operands[0].dims = {0})),
    NM_VIOLATION("tile_c3", q.code[1].operands[0].counters[0].steps[0] = 5),
    NM_VIOLATION("tile_c3", q.code[1].operands[0].counters[0].steps[0] = -1),
    NM_VIOLATION("tile_c3", q.code[3].operands[0].sizes[0] = 0),
    NM_VIOLATION("tile_c3", q.code[3].operands[0].sizes[1] = 9),
    NM_VIOLATION("tile_c3", q.code[3].operands[0].offsets[1] = -1),
    NM_VIOLATION("tile_c3", q.code[0].trips = kMaxSize),
    NM_VIOLATION("tile_c3",
                 q.code[1].operands[0].counters[0].steps[0] = INT64_MIN),
    NM_VIOLATION("tile_c4", q.code[3].operands[0].object = 99),
    NM_VIOLATION("tile_c4", q.code[3].operands[0].space = Space(7)),
    NM_VIOLATION("tile_c5", q.code[1].operands[0].counters[0].depth = 1),
    NM_VIOLATION("tile_c5", q.code[1].operands[0].counters.push_back(
                                q.code[1].operands[0].counters[0])),
    NM_VIOLATION("move_c1", q.code[12].operands[0].sizes[0] = 4),
    NM_VIOLATION("move_c1", q.tensors[1].type = Type::F16),
    NM_VIOLATION("move_c2", q.code[1].channel = 2),
    NM_VIOLATION("move_c3", q.code[12].operands[1].object = 0),
    NM_VIOLATION("sync_c1", q.code[10].syncEngine = Engine(4)),
    NM_VIOLATION("gemm_c1", q.code[3].operands[0].sizes[1] = 4),
    NM_VIOLATION("gemm_c2", q.code[3].value = INFINITY),
    NM_VIOLATION("gemm_c2", q.code[3].operands[1] = q.code[4].operands[0]),
    NM_VIOLATION("gemm_c2", q.code[3].stationary = Stationarity(9)),
    NM_VIOLATION("gemm_c3", q.target.segments = 1),
    NM_VIOLATION("nm_gemm_c1", q.code[4].pattern.m = 8),
    NM_VIOLATION("nm_gemm_c2", q.code[4].operands[0].sizes[1] = 6),
    NM_VIOLATION("nm_gemm_c3", q.code[4].operands[1].sizes[1] = 3),
    NM_VIOLATION("nm_gemm_c4", q.buffers[5].type = Type::F32),
    NM_VIOLATION("nm_gemm_c4", q.code[4].value = NAN),
    NM_VIOLATION("row_c1", q.code[5].operands[1].sizes[0] = 4),
    NM_VIOLATION("elements_c1", q.code[9].operands[1].sizes[0] = 4),
    NM_VIOLATION("elements_c1", q.code[9].unary = UnaryKind(99)),
    NM_VIOLATION("elementwise_c1", q.code[7].operands[1].sizes[0] = 4),
    NM_VIOLATION("elementwise_c1", q.code[7].binary = BinaryKind(9)),
    NM_VIOLATION("layernorm_c1", q.code[6].value = 0),
    NM_VIOLATION("layernorm_c1", q.code[6].operands[1].sizes[0] = 4),
    NM_VIOLATION("mask_c1", q.code[8].group = 0),
    NM_VIOLATION("mask_c1", q.code[8].window = -1),
    NM_VIOLATION("mask_c1", q.code[8].keys = -1),
    NM_VIOLATION("mask_c2", q.code[8].row.base = -1),
    NM_VIOLATION("mask_c2", (q.code[8].column.steps = {{0, 1}})),
    NM_VIOLATION("special_c1", q.code[5].operands[1] = q.code[4].operands[2]),
    NM_VIOLATION("program_c2", q.semaphores.resize((1 << 20) + 1)),
    NM_VIOLATION("program_c3", q.name = "\xff"),
    NM_VIOLATION("program_c3", q.target.name = "\xc3"),
    NM_VIOLATION("program_c3", q.tensors[0].name = "a\xff"),
    NM_VIOLATION("program_c3", q.tensors[2].key = "\x80")};

} // namespace

TEST(Check, EveryRuleIsEnforced) {
  ASSERT_TRUE(checkProgram(legal()).ok());
  for (const Violation &violation : violations) {
    Program program = legal();
    violation.commit(program);
    Status status = checkProgram(program);
    ASSERT_FALSE(status.ok()) << violation.rule << " line " << violation.line;
    EXPECT_EQ(status.error().message.rfind(violation.rule, 0), 0u)
        << "line " << violation.line << ": " << status.error().message;
  }
}
