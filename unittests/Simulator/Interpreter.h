//===- Interpreter.h - Programs as docs/attacc-isa.md defines them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle of values: written from that page alone, one element at a time,
// and sharing nothing with lib/Simulator. It runs instructions in the order of
// the text, which is one of the orders of a program that is free of races.
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_SIMULATOR_INTERPRETER_H
#define NM_UNITTESTS_SIMULATOR_INTERPRETER_H

#include "nm/Isa/Program.h"

namespace nm::oracle {

/// The f32 that bits of a type stand for, and the bits that an instruction
/// writes for an f32.
float decode(uint32_t bits, isa::Type type);
uint32_t encode(float value, isa::Type type);

/// Page "Values", Functions.
float evaluate(isa::UnaryKind kind, float x);

class Interpreter {
public:
  /// `dram`: the bytes of each tensor, row-major.
  Interpreter(const isa::Program &program,
              std::vector<std::vector<uint8_t>> dram);
  void run();

  std::vector<std::vector<uint8_t>> dram;

private:
  using Index = std::vector<int64_t>;

  uint8_t *address(const isa::Tile &tile, const Index &index);
  uint32_t bits(const isa::Tile &tile, const Index &index);
  void setBits(const isa::Tile &tile, const Index &index, uint32_t bits);
  float get(const isa::Tile &tile, const Index &index);
  void put(const isa::Tile &tile, const Index &index, float value);
  isa::Type typeOf(const isa::Tile &tile) const;
  int64_t valueOf(const isa::Affine &affine) const;

  void execute(const isa::Instruction &instruction);
  void copy(const isa::Instruction &instruction);
  void gemm(const isa::Instruction &instruction);
  void nmGemm(const isa::Instruction &instruction);
  void row(const isa::Instruction &instruction, int64_t i, int64_t columns);
  void mask(const isa::Instruction &instruction);
  void elements(const isa::Instruction &instruction);

  const isa::Program &program;
  std::vector<uint8_t> pad;
  std::array<int64_t, isa::kMaxLoops> counters{};
};

} // namespace nm::oracle

#endif // NM_UNITTESTS_SIMULATOR_INTERPRETER_H
