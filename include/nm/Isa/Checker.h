//===- Checker.h - The rules, entry by entry -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// checkProgram for who builds a program and wants to know at each entry whether
// it is legal: the verifiers of the attacc dialect. The rules stand here alone.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_CHECKER_H
#define NM_ISA_CHECKER_H

#include "nm/Isa/Program.h"
#include <unordered_set>

namespace nm::isa {

/// attacc_region_c1 of the shape of `what`.
Status checkShape(const std::string &what, const std::vector<int64_t> &shape);

/// What no entry by itself can break: sizes of tables, texts.
Status checkTables(const Program &program);

/// Checks entries of a program, each once and in order; the program may grow
/// between calls. What is checked may rely on what passed before.
class Checker {
public:
  explicit Checker(const Program &program) : program(program) {}

  Status checkTarget();
  /// `hasContent`: the data of constants is there and checked as well.
  Status checkTensor(size_t index, bool hasContent = true);
  Status checkBuffer(size_t index);
  Status checkSemaphore(size_t index);
  /// The next instruction: its operands, semaphores and fields, within the
  /// loops that instructions before have opened.
  Status checkInstruction(size_t index);
  /// A tile, within those loops, before an instruction has it.
  Status checkTile(const Tile &tile);
  /// The end of the code.
  Status checkEnd();

  /// How the last error names the entry that it is about: "instruction 3
  /// (load)".
  std::string subject() const;
  /// The entry that an error is about as well: the first user of a semaphore,
  /// or the tensor that a store may not write; Whole if there is none.
  Place related() const { return other; }

private:
  std::string where(int operand) const;
  Status checkOperand(const Tile &tile, int operand);
  Status checkBox(const Tile &tile, const std::vector<int64_t> &shape,
                  int operand);
  Status checkSemaphores(const Instruction &instruction);
  Status checkAffine(const Affine &affine, const char *what);
  Status checkLoop(const Instruction &instruction);

  const Program &program;
  Place place, other;
  std::unordered_set<std::string> names; ///< of tensors
  std::vector<int64_t> trips;            ///< of the loops around
  /// First instruction by semaphore; -1: none yet.
  std::vector<int64_t> signallers, waiters;
};

} // namespace nm::isa

#endif // NM_ISA_CHECKER_H
