//===- PifoPipelines.h - Pipelines for schedulers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_PIPELINES_PIFOPIPELINES_H
#define NM_PIPELINES_PIFOPIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::nm {

/// Options of the pipeline from schedulers to the LLVM dialect.
struct PifoPipelineOptions : public PassPipelineOptions<PifoPipelineOptions> {
  Option<std::string> container{
      *this, "container",
      llvm::cl::desc("containers of the nodes (see pifo-lower-to-cpu)"),
      llvm::cl::init("auto")};
  Option<bool> counters{*this, "counters",
                        llvm::cl::desc("count by leaf (see pifo-lower-to-cpu)"),
                        llvm::cl::init(false)};
};

/// Schedulers to functions in the LLVM dialect (`--pifo-to-cpu`).
void buildPifoToCPUPipeline(OpPassManager &pm,
                            const PifoPipelineOptions &options);

/// Registers `pifo-to-cpu`.
void registerPifoPipelines();

} // namespace mlir::nm

#endif // NM_PIPELINES_PIFOPIPELINES_H
