//===- DescriptionTest.cpp - What must hold of the description -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An entry's place in nm/Isa/Instructions.def is its number in files that are
// out in the world, so the numbers of each version stand here once more, as
// docs/attacc-isa.md lists them.
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Instructions.h"
#include "nm/Isa/Names.h"
#include <gtest/gtest.h>
#include <set>

using namespace nm::isa;

namespace {

template <typename Enum> void expectWords(std::vector<std::string> words) {
  ASSERT_GE(countOf(Enum()), static_cast<int>(words.size()));
  for (size_t i = 0; i < words.size(); ++i)
    EXPECT_EQ(toString(static_cast<Enum>(i)), words[i]) << "number " << i;
  std::set<std::string> all;
  for (int i = 0; i < countOf(Enum()); ++i) {
    std::string word = toString(static_cast<Enum>(i));
    EXPECT_FALSE(word.empty());
    EXPECT_TRUE(all.insert(word).second) << word << " twice";
    Enum found{};
    EXPECT_TRUE(parseName(word, found));
    EXPECT_EQ(static_cast<int>(found), i);
  }
}

} // namespace

TEST(Description, NumbersOfFilesStay) {
  expectWords<Opcode>({"load", "store", "gemm", "nm_gemm", "row_max", "exp_sum",
                       "online_rescale", "scale", "softmax", "mask",
                       "layernorm", "unary", "elementwise", "fill", "sync",
                       "barrier", "loop", "end_loop"});
  expectWords<UnaryKind>({"copy", "relu", "gelu", "gelu_tanh", "silu", "tanh",
                          "exp", "sqrt", "erf", "log", "rsqrt", "sin", "cos"});
  expectWords<BinaryKind>({"add", "sub", "mul", "max", "div"});
  expectWords<Role>({"in", "out", "param", "constant", "scratch"});
  expectWords<Type>({"f32", "f16", "bf16", "i8"});
  expectWords<Part>({"whole", "values", "indices", "transposed",
                     "transposed_values", "transposed_indices"});
  expectWords<Engine>({"load", "store", "array", "special"});
  expectWords<Space>({"dram", "scratchpad"});
  expectWords<Stationarity>({"output", "weight", "input"});
}

TEST(Description, FlagsOfFilesStay) {
  EXPECT_EQ(infoOf(Field::TransposeLhs).flag, 1);
  EXPECT_EQ(infoOf(Field::TransposeRhs).flag, 2);
  EXPECT_EQ(infoOf(Field::Accumulate).flag, 4);
  EXPECT_EQ(infoOf(Field::Reciprocal).flag, 8);
  EXPECT_EQ(infoOf(Field::Causal).flag, 16);
}

TEST(Description, EntriesAreSound) {
  for (int i = 0; i < kNumOpcodes; ++i) {
    const InstructionInfo &info = infoOf(static_cast<Opcode>(i));
    std::set<std::string> names;
    bool writes = false, adds = false;
    for (int k = 0; k < info.numOperands; ++k) {
      const OperandInfo &operand = info.operands[k];
      EXPECT_TRUE(names.insert(operand.name).second) << info.word;
      writes |= operand.access != Access::Read;
      adds |= operand.access == Access::Accumulate;
      for (int other = 0; other < 8; ++other)
        if (operand.over >> other & 1) {
          ASSERT_LT(other, info.numOperands) << info.word;
          EXPECT_EQ(info.operands[other].access, Access::Read) << info.word;
          EXPECT_NE(operand.access, Access::Read) << info.word;
        }
    }
    EXPECT_EQ(writes, info.numOperands > 0)
        << info.word << " has operands and no result, or none and one";
    EXPECT_EQ(adds, info.uses(Field::Accumulate)) << info.word;
    // What the special function unit runs takes time there.
    Instruction instruction;
    instruction.opcode = static_cast<Opcode>(i);
    if (info.engine == Engine::Special) {
      const LaneCycles &cycles = workOf(instruction).cycles;
      EXPECT_GT(workOf(instruction).ops, 0) << info.word;
      EXPECT_GT(cycles.max + cycles.exp + cycles.sum + cycles.scale, 0)
          << info.word;
    }
  }
}
