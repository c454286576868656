//===- Step.td - The step dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_STEP_TD
#define NM_DIALECT_STEP_IR_STEP_TD

include "nm/Dialect/Step/IR/StepBase.td"
include "nm/Dialect/Step/IR/StepAttrs.td"
include "nm/Dialect/Step/IR/StepMasks.td"
include "nm/Dialect/Step/IR/StepUpdates.td"
include "nm/Dialect/Step/IR/StepStatistics.td"

#endif // NM_DIALECT_STEP_IR_STEP_TD
