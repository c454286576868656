//===- StepDialect.h - The step dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_STEPDIALECT_H
#define NM_DIALECT_STEP_IR_STEPDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "nm/Dialect/Step/IR/StepDialect.h.inc"
#include "nm/Dialect/Step/IR/StepEnums.h.inc"
#include "nm/Dialect/Step/IR/StepInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Step/IR/StepAttrs.h.inc"
#define GET_OP_CLASSES
#include "nm/Dialect/Step/IR/StepOps.h.inc"

namespace mlir::step {

/// On a result of a recipe: the number of the argument whose memory takes it,
/// an IntegerAttr. step-fuse-recipe gives the others memory of their own.
constexpr llvm::StringLiteral kUpdatesAttrName = "step.updates";

/// On a result of a recipe: the number of the i1 argument that says whether it
/// is stored, an IntegerAttr.
constexpr llvm::StringLiteral kStoredIfAttrName = "step.stored_if";

/// What a NaN counts as among the magnitudes that `step.mask` compares: just
/// above infinity.
constexpr int32_t kNaNMagnitude = 0x7f800001;

/// Lanes of the sums and products of `step.change_sum` and
/// `step.change_product`.
constexpr int64_t kStatisticLanes = 8;
/// Elements that enter them together, two a lane.
constexpr int64_t kStatisticRun = 16;

} // namespace mlir::step

#endif // NM_DIALECT_STEP_IR_STEPDIALECT_H
