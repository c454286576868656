//===- Classification.h - Which child takes a packet -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_PIFO_IR_CLASSIFICATION_H
#define NM_LIB_DIALECT_PIFO_IR_CLASSIFICATION_H

#include "nm/Dialect/Pifo/IR/PifoDialect.h"

namespace mlir::pifo {

/// Checks the form of a predicate (pifo_predicate_c1, c2).
LogicalResult verifyPredicate(PredicateOp predicate);

/// Checks that exactly one predicate of `parent`'s children holds for each
/// packet that comes to it (pifo_node_c4). The predicates, those of all
/// ancestors too, have passed verifyPredicate.
///
/// A predicate compares fields with constants, so that it is constant on the
/// cells into which those constants cut the fields' ranges: one packet of each
/// cell decides.
LogicalResult verifyClassification(NodeOp parent);

} // namespace mlir::pifo

#endif // NM_LIB_DIALECT_PIFO_IR_CLASSIFICATION_H
