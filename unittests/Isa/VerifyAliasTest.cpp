//===- VerifyAliasTest.cpp - Operands that share bytes ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attacc_verify_v6, instruction by instruction: one tile for source and
// destination where elements stand for themselves, and nothing else.
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Encoding.h"
#include "nm/Isa/Verify.h"
#include <gtest/gtest.h>

using namespace nm::isa;

namespace {

/// What the proof says of one instruction over written buffers. b0 to b2 are 8
/// x 8 f32 side by side, b3 and b4 vectors of 8 in a row, b5 (f16) and b6 (f32)
/// begin where b0 does, b7 holds packed indices and b8 begins in b0's middle.
std::string verify(const std::string &instruction) {
  Result<Program> program = readAssembly(R"(program "p"
target "t" scratchpad 4096 channels 1 segments 1 pattern 2:4
buffer at 0 slots 2 f32 shape [8, 8]
buffer at 512 slots 1 f32 shape [8, 8]
buffer at 768 slots 1 f32 shape [8, 8]
buffer at 1024 slots 1 f32 shape [8]
buffer at 1056 slots 1 f32 shape [8]
buffer at 0 slots 1 f16 shape [8, 8]
buffer at 0 slots 1 f32 shape [64]
buffer at 1088 slots 1 i8 shape [8, 1]
buffer at 128 slots 1 f32 shape [8, 8]
tensor "x" in i8 shape [8, 1]
semaphore 0
code
  load t0[0:8, 0:1], b7[0:8, 0:1] signal s0
  fill b0[0:8, 0:8] value 0x00000000
  fill b0[0:8, 0:8] slot(1) value 0x00000000
  fill b1[0:8, 0:8] value 0x00000000
  fill b2[0:8, 0:8] value 0x00000000
  fill b3[0:8] value 0x00000000
  fill b4[0:8] value 0x00000000
  sync engine special wait s0
  barrier
)" + instruction + "\n",
                                         "test");
  if (!program.ok())
    return program.error().message;
  Result<VerifyResult> result = verifyProgram(*program);
  return result.ok() ? "" : result.error().message;
}

#define ACCEPTED(text) EXPECT_EQ(verify(text), "") << text
#define REFUSED(text)                                                          \
  EXPECT_EQ(verify(text).rfind("[attacc_verify_v6] instruction ", 0), 0u)      \
      << text << ": " << verify(text)

} // namespace

TEST(VerifyAlias, OneTileWhereElementsStandForThemselves) {
  ACCEPTED("unary b0[0:8,0:8], b0[0:8,0:8] unary relu");
  ACCEPTED("scale b0[0:8,0:8], b3[0:8], b0[0:8,0:8]");
  ACCEPTED("elementwise b0[0:8,0:8], b1[0:8,0:8], b0[0:8,0:8]");
  ACCEPTED("elementwise b0[0:8,0:8], b1[0:8,0:8], b1[0:8,0:8]");
  ACCEPTED("elementwise b0[0:8,0:8], b0[0:8,0:8], b0[0:8,0:8]");
  ACCEPTED("elementwise b0[0:8,0:8], b3[0:8], b0[0:8,0:8]");
  ACCEPTED("exp_sum b0[0:8,0:8], b3[0:8], b0[0:8,0:8], b4[0:8]");
  ACCEPTED("softmax b0[0:8,0:8], b0[0:8,0:8]");
  ACCEPTED("layernorm b0[0:8,0:8], b3[0:8], b4[0:8], b0[0:8,0:8]");
  ACCEPTED("mask b0[0:8,0:8] causal");
}

TEST(VerifyAlias, TheSameElementsUnderAnotherName) {
  // The second row, as a row of b0 and as part of the vector b6.
  ACCEPTED("unary b6[8:8], b0[1:1, 0:8] dims(1) unary relu");
  ACCEPTED("elementwise b0[1:1, 0:8], b6[8:8], b0[1:1, 0:8]");
  REFUSED("unary b6[9:7], b0[1:1, 0:7] dims(1) unary relu");
  // Other elements, other size or other order.
  REFUSED("unary b5[0:8, 0:8], b0[0:8, 0:8]");
  REFUSED("unary b0[0:8, 0:8], b0[0:8, 0:8] dims(1, 0)");
  REFUSED("unary b8[0:8, 0:8], b0[0:8, 0:8]");
  ACCEPTED("unary b0[0:8, 0:8] slot(1), b0[0:8, 0:8]");
}

TEST(VerifyAlias, VectorsAreNotTheirMatrix) {
  REFUSED("elementwise b0[0:8,0:8], b6[0:8], b0[0:8,0:8]");
  REFUSED("scale b0[0:8,0:8], b6[8:8], b0[0:8,0:8]");
  REFUSED("layernorm b0[0:8,0:8], b6[0:8], b4[0:8], b0[0:8,0:8]");
  REFUSED("layernorm b1[0:8,0:8], b3[0:8], b6[0:8], b0[0:8,0:8]");
  REFUSED("row_max b0[0:8,0:8], b6[0:8]");
  REFUSED("exp_sum b1[0:8,0:8], b6[0:8], b0[0:8,0:8], b4[0:8]");
  REFUSED("exp_sum b1[0:8,0:8], b3[0:8], b0[0:8,0:8], b3[0:8]");
}

TEST(VerifyAlias, ProductsNeedTheirOperands) {
  ACCEPTED("gemm b0[0:8,0:8], b0[0:8,0:8], b1[0:8,0:8]");
  ACCEPTED("gemm b0[0:8,0:8], b1[0:8,0:8], b2[0:8,0:8] accumulate");
  REFUSED("gemm b0[0:8,0:8], b1[0:8,0:8], b0[0:8,0:8]");
  REFUSED("gemm b0[0:8,0:8], b1[0:8,0:8], b1[0:8,0:8] accumulate");
  ACCEPTED("gemm b0[0:4,0:4], b1[0:4,0:4], b0[0:4,4:4]");
  REFUSED("gemm b0[0:4,0:4], b1[0:4,0:4], b0[3:4,3:4]");
  ACCEPTED("nm_gemm b0[0:8,0:8], b1[0:8,0:4], b7[0:8,0:1], b2[0:8,0:8] "
           "pattern 2:4");
  REFUSED("nm_gemm b0[0:8,0:8], b1[0:8,0:4], b7[0:8,0:1], b1[0:8,0:8] "
          "pattern 2:4");
}

TEST(VerifyAlias, WhatIsWrittenTwiceHasNoValue) {
  ACCEPTED("online_rescale b3[0:8], b4[0:8], b1[0:8,0:1] dims(0), "
           "b2[0:8,0:8]");
  REFUSED("online_rescale b3[0:8], b4[0:8], b3[0:8], b2[0:8,0:8]");
  REFUSED("online_rescale b3[0:8], b3[0:8], b4[0:8], b2[0:8,0:8]");
  REFUSED("exp_sum b1[0:8,0:8], b3[0:8], b0[0:8,0:8], b6[0:8]");
}

TEST(VerifyAlias, EveryRoundIsLookedAt) {
  // Apart at first, then one; apart at first, then neither.
  ACCEPTED("loop 2\nunary b0[0:1, 4:4], b0[0:1, 0 + 4*l0:4]\nend_loop");
  REFUSED("loop 2\nunary b0[0:1, 4:4], b0[0:1, 0 + 1*l0:4]\nend_loop");
  std::string text = "loop 2\n"
                     "gemm b0[0:8,0:8] slot(0 + 1*l0), b1[0:8,0:8], "
                     "b0[0:8,0:8] slot(1)\nend_loop";
  EXPECT_EQ(verify(text),
            "[attacc_verify_v6] instruction 10 (gemm) on array writes operand "
            "2 in bytes 256 to 512 over operand 0 in bytes 256 to 512, "
            "expected operands apart, or the same elements where each is "
            "worked out by itself");
}
