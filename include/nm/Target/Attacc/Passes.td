//===- Passes.td - Passes on accelerator programs -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_ATTACC_PASSES_TD
#define NM_TARGET_ATTACC_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyProgram : Pass<"attacc-verify-program", "::mlir::attacc::ProgramOp"> {
  let summary = "prove that a program has no races, no deadlocks and no gaps";
  let description = [{
    Walks the program with all its loops, each engine as far as its semaphores
    let it, and proves for every order in time that they allow:

    * `attacc_verify_v1`: a read follows the write of what it reads, and nothing
      that was never written is read;
    * `attacc_verify_v2`: a write follows every read and write of what it
      overwrites, so live buffers do not overlap and no slot is reused early;
    * `attacc_verify_v3`: no engine waits for ever;
    * `attacc_verify_v4`: at the end each semaphore counts what it did at the
      start;
    * `attacc_verify_v5`: every element of every out tensor is written;
    * `attacc_verify_v6`: what an instruction writes overlaps none of its other
      operands, but where source and result are the same elements and each is
      worked out by itself.

    Happens-before is exact, because one engine signals a semaphore and one
    waits for it. Errors stand at the operation to blame, with a note at the
    other access. Capacity is checked by `attacc_buffer_c2`. Says by remark
    (category `attacc-verify-program`) how many instructions were executed and
    the most bytes that were live.
  }];
  let options = [
    Option<"maxSteps", "max-steps", "int64_t", "67108864",
           "executed instructions and barriers after which the proof is given up with an error">
  ];
}

#endif // NM_TARGET_ATTACC_PASSES_TD
