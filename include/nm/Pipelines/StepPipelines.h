//===- StepPipelines.h - Pipelines for recipes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_PIPELINES_STEPPIPELINES_H
#define NM_PIPELINES_STEPPIPELINES_H

#include "mlir/Pass/PassManager.h"

namespace mlir::step {

/// Recipes to functions in the LLVM dialect, one loop each (`--step-to-cpu`).
void buildStepToCPUPipeline(OpPassManager &pm);

/// Fused recipes, as step-fuse-recipe leaves them, to the LLVM dialect.
void buildFusedToLLVMPipeline(OpPassManager &pm);

/// Registers `step-to-cpu`.
void registerStepPipelines();

} // namespace mlir::step

#endif // NM_PIPELINES_STEPPIPELINES_H
