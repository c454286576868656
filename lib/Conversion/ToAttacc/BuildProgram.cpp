//===- BuildProgram.cpp - Down to a finished program ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "nm/Conversion/ToAttacc/ToAttacc.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"
#include "nm/Target/Attacc/Attacc.h"

using namespace mlir;
using namespace mlir::attacc;

FailureOr<::nm::isa::Program>
mlir::attacc::buildProgram(func::FuncOp func, const ProgramOptions &options,
                           ProgramLocations *locations) {
  MLIRContext *context = func.getContext();
  context->loadDialect<AttaccDialect, tiles::TileDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(func.getLoc());
  OpBuilder builder = OpBuilder::atBlockBegin(module->getBody());
  FailureOr<ProgramOp> op = buildTileProgram(builder, func, options);
  if (failed(op))
    return failure();
  PassManager pm(context);
  tiles::buildTilePipeline(pm, options.device);
  if (failed(pm.run(*module)))
    return failure();
  SmallVector<Operation *> code;
  FailureOr<::nm::isa::Program> program = exportProgram(*op, &code);
  if (failed(program) || !locations)
    return program;
  for (auto tensor : op->getOps<TensorOp>())
    locations->tensors.push_back(tensor.getLoc());
  for (Operation *each : code)
    locations->code.push_back(each->getLoc());
  return program;
}
