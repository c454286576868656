//===- FlatDialect.h - The flat dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_IR_FLATDIALECT_H
#define NM_DIALECT_FLAT_IR_FLATDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

namespace mlir::flat {
/// The scale behind the integers of a quantised row.
constexpr int64_t kRowScaleBytes = 4;
} // namespace mlir::flat

#include "nm/Dialect/Flat/IR/FlatDialect.h.inc"
#include "nm/Dialect/Flat/IR/FlatEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Flat/IR/FlatAttrs.h.inc"
#define GET_OP_CLASSES
#include "nm/Dialect/Flat/IR/FlatOps.h.inc"

#endif // NM_DIALECT_FLAT_IR_FLATDIALECT_H
