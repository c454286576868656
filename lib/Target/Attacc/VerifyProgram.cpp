//===- VerifyProgram.cpp - The pass attacc-verify-program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Remarks.h"
#include "nm/Isa/Verify.h"
#include "nm/Target/Attacc/Attacc.h"

namespace mlir::attacc {
#define GEN_PASS_DEF_VERIFYPROGRAM
#include "nm/Target/Attacc/Passes.h.inc"
} // namespace mlir::attacc

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

namespace {

struct VerifyProgram : attacc::impl::VerifyProgramBase<VerifyProgram> {
  using VerifyProgramBase::VerifyProgramBase;

  void runOnOperation() override {
    ProgramOp op = getOperation();
    SmallVector<Operation *> operations;
    FailureOr<code::Program> program = exportProgram(op, &operations);
    if (failed(program))
      return signalPassFailure();
    code::VerifyOptions options;
    options.maxSteps = maxSteps;
    int64_t blamed = -1, other = -1;
    auto result = code::verifyProgram(*program, options, &blamed, &other);
    if (result) {
      remark::analysis(op.getLoc(), remark::RemarkOpts::name("Verified")
                                        .category("attacc-verify-program"))
          << remark::metric("Steps", result->steps)
          << remark::metric("PeakLiveBytes", result->peakLiveBytes);
      return markAllAnalysesPreserved();
    }
    auto at = [&](int64_t index) -> Operation * {
      bool isKnown = index >= 0 && index < int64_t(operations.size());
      return isKnown ? operations[index] : nullptr;
    };
    Operation *where = at(blamed) ? at(blamed) : op.getOperation();
    InFlightDiagnostic diag = where->emitError() << result.error().message;
    if (Operation *second = at(other))
      diag.attachNote(second->getLoc()) << "the other access is here";
    signalPassFailure();
  }
};

} // namespace
