//===- Pipelines.cpp - Named pass pipelines -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Pipelines/Pipelines.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/BufferizationToMemRef/BufferizationToMemRef.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/OpenMPToLLVM/ConvertOpenMPToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/SCFToOpenMP/SCFToOpenMP.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "nm/Conversion/Passes.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"
#include "nm/Dialect/Kernel/Transforms/Passes.h"
#include "nm/Dialect/Layer/Transforms/Passes.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"
#include "nm/Target/Attacc/Attacc.h"
#include "nm/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::nm;

static void attachTarget(OpPassManager &pm, const CPUPipelineOptions &options) {
  AttachTargetOptions attach;
  attach.target = options.target;
  pm.addPass(createAttachTarget(attach));
}

/// Products and attention, which linalg writes out, as operations of nm and
/// flat.
static void nameOperations(OpPassManager &pm,
                           const CPUPipelineOptions &options) {
  attachTarget(pm, options);
  pm.addPass(createInlinerPass());
  // Before anything takes it for granted that sizes agree.
  pm.nest<func::FuncOp>().addPass(createCheckSizes());
  if (options.reference)
    return;
  pm.addPass(createCanonicalizerPass());
  OpPassManager &func = pm.nest<func::FuncOp>();
  func.addPass(flat::createRaiseAttention());
  func.addPass(layer::createRaise());
  func.addPass(createCanonicalizerPass());
  flat::SelectDataflowOptions dataflow;
  dataflow.threads = options.parallel ? 0 : 1;
  func.addPass(flat::createSelectDataflow(dataflow));
  flat::DecomposeAttentionOptions rest;
  rest.softmaxOnly = true;
  func.addPass(flat::createDecomposeAttention(rest));
  RaiseOptions raise;
  // Weights without a pattern get kernels of the same generator, as 1:1.
  raise.dense = true;
  raise.detect = !options.dense;
  func.addPass(createRaise(raise));
  func.addPass(createFuseEpilogue());
  func.addPass(createCanonicalizerPass());
  func.addPass(flat::createTurnProducts());
}

/// Layouts are chosen, parameters become arguments.
static void pack(OpPassManager &pm, const CPUPipelineOptions &options) {
  // Once nothing looks for names any more.
  pm.nest<func::FuncOp>().addPass(layer::createLowerToLinalg());
  flat::LowerRowsOptions rows;
  rows.caches = options.reference;
  pm.nest<func::FuncOp>().addPass(flat::createLowerRows(rows));
  if (options.reference) {
    pm.addPass(flat::createDecomposeAttention());
    pm.addPass(createLowerToLinalg());
    pm.addPass(createExternalizeParams());
    return;
  }
  OpPassManager &func = pm.nest<func::FuncOp>();
  func.addPass(createSplitBodies());
  func.addPass(createSimplifyLinalg());
  func.addPass(createSelectLayout());
  // What no layout serves still has to run.
  pm.addPass(createLowerToLinalg());
  pm.addPass(createCSEPass());
  pm.addPass(createExternalizeParams());
}

void mlir::nm::buildNMToLogicalPipeline(OpPassManager &pm, bool dense,
                                        bool isInput) {
  if (isInput)
    buildWeightsPipeline(pm);
  pm.addPass(createInlinerPass());
  pm.addPass(createCanonicalizerPass());
  OpPassManager &func = pm.nest<func::FuncOp>();
  func.addPass(flat::createRaiseAttention());
  func.addPass(layer::createRaise());
  func.addPass(createCanonicalizerPass());
  RaiseOptions raise;
  raise.dense = true;
  raise.detect = !dense;
  func.addPass(createRaise(raise));
  func.addPass(createFuseEpilogue());
  func.addPass(createLinalgGeneralizeNamedOpsPass());
  func.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::nm::buildNMToAttaccPipeline(OpPassManager &pm,
                                       const AttaccPipelineOptions &options) {
  buildNMToLogicalPipeline(pm, options.dense);
  ConvertToAttaccOptions convert;
  convert.device = options.device;
  convert.elementType = options.elementType;
  pm.addPass(createConvertToAttacc(convert));
  tiles::buildTilePipeline(pm, options.device);
  pm.nest<attacc::ProgramOp>().addPass(attacc::createVerifyProgram());
}

/// Tensors to buffers; public functions keep identity layouts at their
/// boundary.
static void bufferize(OpPassManager &pm) {
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.nest<func::FuncOp>().addPass(createNormalizeSlices());
  pm.nest<func::FuncOp>().addPass(createCloseLoops());
  // Before each analysis of aliases, whose time grows with the size of the
  // sets.
  pm.nest<func::FuncOp>().addPass(createSplitDestinations());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createReturnInPlace());
  bufferization::buildBufferDeallocationPipeline(pm);
  pm.addPass(createConvertBufferizationToMemRefPass());
}

/// Upstream's checks of every view, index and size, which end the process with
/// the place in the source.
static void verifyAtRuntime(OpPassManager &pm,
                            const CPUPipelineOptions &options) {
  if (options.verifyAtRuntime)
    pm.addPass(createGenerateRuntimeVerificationPass());
}

static void lowerToLLVM(OpPassManager &pm, const CPUPipelineOptions &options) {
  // For functions of the user, and so before there are others; the OpenMP
  // conversion already turns functions into LLVM's.
  pm.nest<func::FuncOp>().addPass(LLVM::createLLVMRequestCWrappersPass());
  if (!options.reference)
    pm.addPass(createPlanMemory());
  pm.addPass(createTableParams());
  pm.addPass(createOutlineLoops());
  pm.addPass(createSplitFunctions());
  OpPassManager &func = pm.nest<func::FuncOp>();
  func.addPass(createCanonicalizerPass());
  func.addPass(createCSEPass());
  func.addPass(createLoopInvariantCodeMotionPass());
  func.addPass(createConvertVectorToSCFPass());
  func.addPass(createLowerReshapes());
  verifyAtRuntime(pm, options);
  if (options.measure)
    pm.addPass(createLowerMeasures());
  if (options.parallel && !options.reference) {
    pm.addPass(createConvertSCFToOpenMPPass());
    // Inlines the allocation scopes that the conversion puts around bodies:
    // they may hold one block only, and hold no stack allocation here.
    pm.addPass(createCanonicalizerPass());
  }
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createLowerRequires());
  pm.nest<func::FuncOp>().addPass(createApproximateMath());
  // bf16 by bit operations: without them LLVM calls a compiler support function
  // for conversions that the libgcc of Debian 12 does not have.
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  pm.nest<func::FuncOp>().addPass(arith::createArithExpandOpsPass(expand));
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  ConvertVectorToLLVMPassOptions vector;
  vector.x86Vector = false;
  pm.addPass(createConvertVectorToLLVMPass(vector));
  pm.addPass(createConvertOpenMPToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// Tiles for threads, caches and registers for every product and attention.
static void generateKernels(OpPassManager &pm,
                            const CPUPipelineOptions &options) {
  if (options.reference)
    return;
  OpPassManager &func = pm.nest<func::FuncOp>();
  GenerateKernelsOptions kernels;
  VectorizeContractionsOptions contractions;
  kernels.parallel = contractions.parallel = options.parallel;
  flat::GenerateAttentionOptions attention;
  attention.parallel = options.parallel;
  func.addPass(flat::createGenerateAttention(attention));
  func.addPass(createGenerateKernels(kernels));
  func.addPass(createVectorizeContractions(contractions));
}

/// Loops over vectors for every operation.
static void generateLoops(OpPassManager &pm,
                          const CPUPipelineOptions &options) {
  OpPassManager &func = pm.nest<func::FuncOp>();
  func.addPass(createLowerCopies());
  if (options.reference) {
    func.addPass(createConvertLinalgToLoopsPass());
    return;
  }
  LowerLinalgToLoopsOptions loops;
  loops.parallel = options.parallel;
  func.addPass(kernel::createLowerToVector());
  func.addPass(createLowerLinalgToLoops(loops));
}

SmallVector<StagePasses>
mlir::nm::cpuStages(const CPUPipelineOptions &options) {
  SmallVector<StagePasses> stages;
  auto add = [&](Stage stage, auto build) {
    stages.push_back(
        {stage, [&options, build](OpPassManager &pm) { build(pm, options); }});
  };
  if (options.isInput)
    add(Stage::Linalg, [](auto &pm, auto &options) {
      options.reference ? buildInputPipeline(pm) : buildWeightsPipeline(pm);
    });
  add(Stage::Named, nameOperations);
  add(Stage::Packed, pack);
  add(Stage::Buffers, [](auto &pm, auto &options) {
    // On tensors what linalg and tensor say, on buffers what memref does.
    verifyAtRuntime(pm, options);
    bufferize(pm);
    if (options.measure)
      pm.addPass(createInsertMeasures());
  });
  add(Stage::Kernels, generateKernels);
  add(Stage::Loops, generateLoops);
  add(Stage::LLVMDialect, lowerToLLVM);
  return stages;
}

SmallVector<StagePasses>
mlir::nm::acceleratorStages(const ::nm::model::Device &device) {
  return {
      {Stage::Blocks,
       [device](OpPassManager &pm) { tiles::buildBlocksPipeline(pm, device); }},
      {Stage::Places, tiles::buildPlacesPipeline},
      {Stage::Instructions, [](OpPassManager &pm) {
         pm.nest<attacc::ProgramOp>().addPass(tiles::createTileToAttacc());
       }}};
}

void mlir::nm::buildNMToPackedPipeline(OpPassManager &pm,
                                       const CPUPipelineOptions &options) {
  for (const StagePasses &stage : cpuStages(options))
    if (stage.stage <= Stage::Packed)
      stage.build(pm);
}

void mlir::nm::buildNMToCPUPipeline(OpPassManager &pm,
                                    const CPUPipelineOptions &options) {
  for (const StagePasses &stage : cpuStages(options))
    stage.build(pm);
}

void mlir::nm::registerPipelines() {
  PassPipelineRegistration<>(
      "nm-input",
      "what exporters write (tosa, shape, arith and math on tensors, globals) "
      "to linalg and nm on tensors",
      buildInputPipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "nm-to-packed", "linalg and nm to packed N:M products, on tensors",
      buildNMToPackedPipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "nm-to-cpu", "linalg and nm on tensors to the LLVM dialect",
      buildNMToCPUPipeline);
  PassPipelineRegistration<AttaccPipelineOptions>(
      "nm-to-attacc", "linalg and nm on tensors to programs of an accelerator",
      buildNMToAttaccPipeline);
}
