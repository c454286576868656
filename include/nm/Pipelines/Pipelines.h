//===- Pipelines.h - Named pass pipelines -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_PIPELINES_PIPELINES_H
#define NM_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "nm/Machine/Device.h"
#include "nm/Pipelines/Stages.h"

namespace mlir::nm {

/// Options of the pipeline from linalg and nm on tensors to the LLVM dialect.
struct CPUPipelineOptions : public PassPipelineOptions<CPUPipelineOptions> {
  Option<bool> dense{
      *this, "dense",
      llvm::cl::desc("pack weights without a declared pattern as dense ones, "
                     "and look for no patterns: the baseline for comparisons"),
      llvm::cl::init(false)};
  Option<bool> parallel{*this, "parallel",
                        llvm::cl::desc("generate OpenMP parallel loops"),
                        llvm::cl::init(true)};
  Option<bool> reference{
      *this, "reference",
      llvm::cl::desc("lower through nm-lower-to-linalg and plain loops: slow, "
                     "the oracle of differential tests"),
      llvm::cl::init(false)};
  Option<std::string> target{
      *this, "target",
      llvm::cl::desc("processor to generate code for (see nm-attach-target); "
                     "a module attribute nm.target goes first"),
      llvm::cl::init("host")};
  Option<bool> verifyAtRuntime{
      *this, "verify-at-runtime",
      llvm::cl::desc("generate upstream's checks of every view, index and size "
                     "(generate-runtime-verification)"),
      llvm::cl::init(false)};
  Option<bool> measure{
      *this, "measure",
      llvm::cl::desc("measure each operation on buffers (nm-insert-measures)"),
      llvm::cl::init(false)};
  /// Whether the module is what exporters write; false behind the pipelines
  /// above.
  bool isInput = true;
};

/// What exporters write to linalg and nm on tensors: globals, arguments that
/// are parameters, tosa, shape, arith and math on tensors. Nothing where a
/// module holds none of them; the pipelines below begin with it.
void buildInputPipeline(OpPassManager &pm);

/// The same, then weights as products read them: what the patterns of a
/// checkpoint are declared on. Reference code does without.
void buildWeightsPipeline(OpPassManager &pm);

/// The passes that lead to a stage from the one before.
struct StagePasses {
  Stage stage;
  std::function<void(OpPassManager &)> build;
};

/// The stages of a processor behind Stage::Import, in order; Stage::Linalg only
/// if the module is an input, Stage::Patterns never: it needs a checkpoint.
/// They keep `options`, which outlive them.
SmallVector<StagePasses> cpuStages(const CPUPipelineOptions &options);

/// The stages of an accelerator behind Stage::Values, in order, on a module of
/// programs.
SmallVector<StagePasses> acceleratorStages(const ::nm::model::Device &device);

/// linalg/tosa/nm on tensors to packed N:M products on tensors: raising,
/// epilogue fusion, layout choice, parameters to arguments.
void buildNMToPackedPipeline(OpPassManager &pm,
                             const CPUPipelineOptions &options);

/// What accelerators take: raised attention and products with their epilogues
/// fused, on tensors, weights as the checkpoint holds them. `dense` looks for
/// no patterns; `isInput` as in CPUPipelineOptions.
void buildNMToLogicalPipeline(OpPassManager &pm, bool dense,
                              bool isInput = true);

/// Everything down to the LLVM dialect (`--nm-to-cpu`). After it, every public
/// function `f` has the C interface `_mlir_ciface_f`, a table of its parameters
/// is the last argument (see TableParams), and the module carries `nm.manifest`
/// (see ExternalizeParams).
void buildNMToCPUPipeline(OpPassManager &pm, const CPUPipelineOptions &options);

/// Options of the pipeline from linalg and nm on tensors to programs.
struct AttaccPipelineOptions
    : public PassPipelineOptions<AttaccPipelineOptions> {
  Option<std::string> device{
      *this, "device",
      llvm::cl::desc("device description by name, or the file of one"),
      llvm::cl::init("edge")};
  Option<std::string> elementType{
      *this, "element-type",
      llvm::cl::desc("elements of the program's tensors: f16, bf16 or f32"),
      llvm::cl::init("f16")};
  Option<bool> dense{*this, "dense", llvm::cl::desc("look for no patterns"),
                     llvm::cl::init(false)};
};

/// Everything down to proved programs (`--nm-to-attacc`).
void buildNMToAttaccPipeline(OpPassManager &pm,
                             const AttaccPipelineOptions &options);

/// Registers upstream's passes that the pipelines hold, so that what a
/// reproducer says can be read.
void registerUpstreamPasses();

/// Registers `nm-input`, `nm-to-packed`, `nm-to-cpu` and `nm-to-attacc`.
void registerPipelines();

} // namespace mlir::nm

#endif // NM_PIPELINES_PIPELINES_H
