//===- Verify.h - Proof that a program is free of races -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_VERIFY_H
#define NM_ISA_VERIFY_H

#include "nm/Isa/Program.h"

namespace nm::isa {

struct VerifyOptions {
  /// Executed instructions, and barriers that all meet at, after which the
  /// proof is given up with an error.
  int64_t maxSteps = int64_t(1) << 26;
};

struct VerifyResult {
  int64_t steps = 0; ///< executed instructions and barriers
  /// End of the last scratchpad byte that any part between barriers touches.
  int64_t peakLiveBytes = 0;
};

/// Walks the program with all its loops, every engine as far as its semaphores
/// let it, and proves for every order in time that the semaphores allow:
///
/// * attacc_verify_v1: a read follows the write of what it reads, in scratchpad
///   and DRAM; nothing that was never written is read;
/// * attacc_verify_v2: a write follows every read and write of what it
///   overwrites (no reuse of a slot without a semaphore; live buffers do not
///   overlap);
/// * attacc_verify_v3: no engine waits for ever;
/// * attacc_verify_v4: at the end each semaphore counts what it did at the
///   start, so programs can follow one another;
/// * attacc_verify_v5: every element of every Out tensor is written; In, Param
///   and Constant tensors never are;
/// * attacc_verify_v6: what an instruction writes overlaps none of its other
///   operands, unless both are the same elements in the same order and each
///   (or each row) is worked out by itself, as the description says (over).
///
/// Happens-before is exact: a semaphore has one signalling and one waiting
/// engine, so the k-th wait meets the signal of that number. Needs what
/// checkProgram accepts. `instruction`, if not null, is set to the index in the
/// code of the instruction to blame, and `other` to that of the other access of
/// a race; both to -1 if there is none.
Result<VerifyResult> verifyProgram(const Program &program,
                                   const VerifyOptions &options = {},
                                   int64_t *instruction = nullptr,
                                   int64_t *other = nullptr);

} // namespace nm::isa

#endif // NM_ISA_VERIFY_H
