//===- Pipeline.cpp - From operators on rows to instructions ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"

using namespace mlir;

static void build(OpPassManager &pm, std::unique_ptr<Pass> blockRows) {
  OpPassManager &program = pm.nest<attacc::ProgramOp>();
  program.addPass(tiles::createFuseRows());
  program.addPass(std::move(blockRows));
  program.addPass(tiles::createAssignEngines());
  program.addPass(tiles::createChooseSlots());
  program.addPass(tiles::createInsertSync());
  program.addPass(tiles::createAllocate());
  program.addPass(tiles::createTileToAttacc());
}

void tiles::buildTilePipeline(OpPassManager &pm,
                              const ::nm::model::Device &device) {
  build(pm, createBlockRows(device));
}

void tiles::buildTilePipeline(OpPassManager &pm, StringRef device) {
  BlockRowsOptions options;
  options.device = device.str();
  build(pm, createBlockRows(options));
}
