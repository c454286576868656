//===- Pipeline.cpp - From operators to instructions -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"

using namespace mlir;

static void buildBlocks(OpPassManager &pm, std::unique_ptr<Pass> blockRows,
                        std::unique_ptr<Pass> blockProducts,
                        std::unique_ptr<Pass> blockAttention) {
  OpPassManager &program = pm.nest<attacc::ProgramOp>();
  program.addPass(tiles::createFuseRows());
  program.addPass(std::move(blockRows));
  program.addPass(std::move(blockProducts));
  program.addPass(std::move(blockAttention));
}

void tiles::buildBlocksPipeline(OpPassManager &pm,
                                const ::nm::model::Device &device) {
  buildBlocks(pm, createBlockRows(device), createBlockProducts(device),
              createBlockAttention(device));
}

void tiles::buildPlacesPipeline(OpPassManager &pm) {
  OpPassManager &program = pm.nest<attacc::ProgramOp>();
  program.addPass(tiles::createAssignEngines());
  program.addPass(tiles::createChooseSlots());
  program.addPass(tiles::createInsertSync());
  program.addPass(tiles::createAllocate());
}

static void buildRest(OpPassManager &pm) {
  tiles::buildPlacesPipeline(pm);
  pm.nest<attacc::ProgramOp>().addPass(tiles::createTileToAttacc());
}

void tiles::buildTilePipeline(OpPassManager &pm,
                              const ::nm::model::Device &device) {
  buildBlocksPipeline(pm, device);
  buildRest(pm);
}

void tiles::buildTilePipeline(OpPassManager &pm, StringRef device) {
  BlockRowsOptions rows;
  rows.device = device.str();
  BlockProductsOptions products;
  products.device = device.str();
  BlockAttentionOptions attention;
  attention.device = device.str();
  buildBlocks(pm, createBlockRows(rows), createBlockProducts(products),
              createBlockAttention(attention));
  buildRest(pm);
}
