//===- Verify.h - What verifiers of the attacc dialect share -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_ATTACC_IR_VERIFY_H
#define NM_LIB_DIALECT_ATTACC_IR_VERIFY_H

#include "nm/Dialect/Attacc/IR/AttaccDialect.h"

namespace mlir::attacc {

/// Each counter is that of a loop around `op`, none twice; errors cite `rule`.
LogicalResult verifyCounters(Operation *op, StringRef rule,
                             ValueRange counters);

} // namespace mlir::attacc

#endif // NM_LIB_DIALECT_ATTACC_IR_VERIFY_H
