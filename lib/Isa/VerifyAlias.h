//===- VerifyAlias.h - Operands that share bytes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_VERIFYALIAS_H
#define NM_LIB_ISA_VERIFYALIAS_H

#include "nm/Isa/Sequencer.h"

namespace nm::isa {

/// attacc_verify_v6: what an instruction writes must not overlap another of its
/// operands, unless both are the same elements in the same order and the
/// instruction's effect on each is settled by its own place (or row) alone. An
/// operand that is both read and written is one operand.
class AliasCheck {
public:
  explicit AliasCheck(const Program &program);

  /// Bytes [begin, end) of an operand in the scratchpad, gaps included.
  struct Range {
    int operand = 0;
    int64_t begin = 0, end = 0;
  };
  struct Overlap {
    bool isFound = false;
    Range written, other;
  };

  /// Whether the instruction has operands that could overlap for some values of
  /// its loops; for most there is nothing more to do.
  bool isSuspect(int32_t index) const { return !pairsOf[index].empty(); }

  /// Compares the operands as they lie with these counters. `work` grows by the
  /// runs of bytes looked at; beyond `mostWork` the search ends without a find.
  Overlap find(int32_t index, const Counters &counters, int64_t &work,
               int64_t mostWork) const;

private:
  struct Pair {
    uint8_t written, other;
  };
  const Program &program;
  std::vector<std::vector<Pair>> pairsOf; ///< by instruction
};

} // namespace nm::isa

#endif // NM_LIB_ISA_VERIFYALIAS_H
