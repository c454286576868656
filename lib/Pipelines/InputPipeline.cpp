//===- InputPipeline.cpp - What exporters write to linalg -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/ShapeToStandard/ShapeToStandard.h"
#include "mlir/Conversion/TosaToArith/TosaToArith.h"
#include "mlir/Conversion/TosaToLinalg/TosaToLinalg.h"
#include "mlir/Conversion/TosaToSCF/TosaToSCF.h"
#include "mlir/Conversion/TosaToTensor/TosaToTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Shape/Transforms/Passes.h"
#include "mlir/Dialect/Tosa/Transforms/Passes.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Pipelines/Pipelines.h"
#include "nm/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::nm;

/// The order of upstream's tosa-to-linalg-pipeline, which leaves out constants,
/// control flow and reshapes.
static void convertTosa(OpPassManager &func) {
  func.addPass(tosa::createTosaOptionalDecompositionsPass());
  func.addPass(tosa::createTosaInferShapesPass());
  func.addPass(tosa::createTosaMakeBroadcastablePass());
  func.addPass(tosa::createTosaToLinalgNamed());
  func.addPass(tosa::createTosaLayerwiseConstantFoldPass());
  func.addPass(tosa::createTosaMakeBroadcastablePass());
  func.addPass(tosa::createTosaToLinalg());
  func.addPass(createTosaToSCFPass());
  func.addPass(createTosaToArithPass());
  func.addPass(createTosaToTensorPass());
}

void mlir::nm::buildInputPipeline(OpPassManager &pm) {
  pm.addPass(createResolveGlobals());
  pm.addPass(createBindArguments());
  OpPassManager &func = pm.nest<func::FuncOp>();
  convertTosa(func);
  func.addPass(createShapeToShapeLoweringPass());
  func.addPass(createConvertShapeConstraintsPass());
  pm.addPass(createConvertShapeToStandardPass());
  OpPassManager &rest = pm.nest<func::FuncOp>();
  rest.addPass(createConvertElementwiseToLinalgPass());
  rest.addPass(createForwardDestinations());
}

void mlir::nm::buildWeightsPipeline(OpPassManager &pm) {
  buildInputPipeline(pm);
  OpPassManager &func = pm.nest<func::FuncOp>();
  func.addPass(createFoldDequantize());
  func.addPass(createRearrangeWeights());
}
