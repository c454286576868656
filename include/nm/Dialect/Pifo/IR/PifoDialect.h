//===- PifoDialect.h - The pifo dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_IR_PIFODIALECT_H
#define NM_DIALECT_PIFO_IR_PIFODIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::pifo {
class AdmitOp;
class BacklogOp;
class DeliverOp;
class DequeueOp;
class EvictOp;
class FieldOp;
class InOrderOp;
class MeshBlockOp;
class MeshOp;
class MeshPifoOp;
class MeshProgramOp;
class NodeOp;
class PredicateOp;
class SchedulerOp;
class SchedulingOp;
class ShapingOp;
class StateOp;
class TableOp;
} // namespace mlir::pifo

#include "nm/Dialect/Pifo/IR/PifoDialect.h.inc"
#include "nm/Dialect/Pifo/IR/PifoEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Pifo/IR/PifoAttrs.h.inc"
#define GET_OP_CLASSES
#include "nm/Dialect/Pifo/IR/PifoOps.h.inc"

namespace mlir::pifo {

/// Whether a predicate that reads one field takes a packet with that value.
bool evaluatePredicate(PredicateOp predicate, uint64_t value);

} // namespace mlir::pifo

#endif // NM_DIALECT_PIFO_IR_PIFODIALECT_H
