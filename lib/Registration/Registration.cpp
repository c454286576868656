//===- Registration.cpp - Dialects and passes of the nm tools -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Registration.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Transforms/BufferDeallocationOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/ControlFlow/Transforms/BufferDeallocationOpInterfaceImpl.h"
#include "mlir/Dialect/ControlFlow/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/RuntimeOpVerification.h"
#include "mlir/Dialect/Linalg/Transforms/TilingInterfaceImpl.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/Transforms/AllocationOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/Transforms/RuntimeOpVerification.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferDeallocationOpInterfaceImpl.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Shape/IR/Shape.h"
#include "mlir/Dialect/SparseTensor/IR/SparseTensor.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/RuntimeOpVerification.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/OpenMP/OpenMPToLLVMIRTranslation.h"
#include "nm/Conversion/Passes.h"
#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/Transforms/BufferizableOpInterfaceImpl.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/Kernel/Transforms/Passes.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "nm/Dialect/Layer/Transforms/Passes.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/BufferizableOpInterfaceImpl.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "nm/Dialect/Pifo/Transforms/Passes.h"
#include "nm/Dialect/Step/IR/StepDialect.h"
#include "nm/Dialect/Step/Transforms/Passes.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"
#include "nm/Pipelines/PifoPipelines.h"
#include "nm/Pipelines/Pipelines.h"
#include "nm/Pipelines/StepPipelines.h"
#include "nm/Target/Attacc/Attacc.h"
#include "nm/Target/PifoMesh/PifoMesh.h"
#include "nm/Transforms/Passes.h"

using namespace mlir;

void mlir::nm::registerDialects(DialectRegistry &registry) {
  registry.insert<NMDialect, attacc::AttaccDialect, flat::FlatDialect,
                  kernel::KernelDialect, layer::LayerDialect, pifo::PifoDialect,
                  step::StepDialect, tiles::TileDialect>();
  registry.insert<affine::AffineDialect, arith::ArithDialect,
                  bufferization::BufferizationDialect, cf::ControlFlowDialect,
                  func::FuncDialect, linalg::LinalgDialect, LLVM::LLVMDialect,
                  math::MathDialect, memref::MemRefDialect,
                  ml_program::MLProgramDialect, omp::OpenMPDialect,
                  scf::SCFDialect, shape::ShapeDialect,
                  sparse_tensor::SparseTensorDialect, tensor::TensorDialect,
                  tosa::TosaDialect, ub::UBDialect, vector::VectorDialect>();
  registerBufferizableOpInterfaceModels(registry);
  flat::registerBufferizableOpInterfaceModels(registry);
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  arith::registerBufferDeallocationOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(
      registry);
  cf::registerBufferizableOpInterfaceExternalModels(registry);
  cf::registerBufferDeallocationOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerTilingInterfaceExternalModels(registry);
  memref::registerAllocationOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferDeallocationOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  linalg::registerRuntimeVerifiableOpInterfaceExternalModels(registry);
  memref::registerRuntimeVerifiableOpInterfaceExternalModels(registry);
  tensor::registerRuntimeVerifiableOpInterfaceExternalModels(registry);
  func::registerInlinerExtension(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerOpenMPDialectTranslation(registry);
}

void mlir::nm::registerPasses() {
  registerNMPasses();
  flat::registerFlatPasses();
  kernel::registerKernelPasses();
  layer::registerLayerPasses();
  registerConversionPasses();
  registerCodegenPasses();
  pifo::registerPifoPasses();
  step::registerStepPasses();
  tiles::registerTilePasses();
  registerPipelines();
  registerPifoPipelines();
  step::registerStepPipelines();
  attacc::registerAttaccTargetPasses();
  pifo::registerPifoMeshPasses();
  registerUpstreamPasses();
}
