//===- Verifier.h - Parts of what is checked of a scheduler -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_PIFO_IR_VERIFIER_H
#define NM_LIB_DIALECT_PIFO_IR_VERIFIER_H

#include "nm/Dialect/Pifo/IR/PifoDialect.h"

namespace mlir::pifo {

/// A signless integer of 1 to `most` bits.
inline bool isInteger(Type type, unsigned most) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.isSignless() && integer.getWidth() >= 1 &&
         integer.getWidth() <= most;
}

/// The number of values of a key: of a field, or of the children. Errors carry
/// the number of the constraint.
FailureOr<uint64_t> keyCount(Operation *op, SchedulerOp scheduler,
                             FlatSymbolRefAttr key, StringRef number);
LogicalResult verifyBacklog(BacklogOp backlog, SchedulerOp scheduler);
LogicalResult verifyTable(TableOp table, SchedulerOp scheduler);
/// One transaction of a node.
LogicalResult verifyTransaction(NodeOp node, Operation *transaction);

} // namespace mlir::pifo

#endif // NM_LIB_DIALECT_PIFO_IR_VERIFIER_H
