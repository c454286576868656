//===- FuseRecipe.cpp - Recipes as one pass over memory -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedLoop.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "nm/Dialect/Step/Transforms/Passes.h"

namespace mlir::step {
#define GEN_PASS_DEF_FUSERECIPE
#include "nm/Dialect/Step/Transforms/Passes.h.inc"
} // namespace mlir::step

using namespace mlir;
using namespace mlir::step;

/// A function that has operations of the dialect.
static bool isRecipe(func::FuncOp func) {
  return func
      .walk([](Operation *op) {
        return isa_and_nonnull<StepDialect>(op->getDialect())
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

namespace {

struct FuseRecipePass : public step::impl::FuseRecipeBase<FuseRecipePass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isDeclaration() || !isRecipe(func))
      return;
    FailureOr<Recipe> recipe = Recipe::get(func);
    if (failed(recipe))
      return signalPassFailure();
    FusedLoop(*recipe).build();
  }
};

} // namespace
