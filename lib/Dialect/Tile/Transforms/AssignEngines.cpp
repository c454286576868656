//===- AssignEngines.cpp - The pass tile-assign-engines --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tiles {
#define GEN_PASS_DEF_ASSIGNENGINES
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;

namespace {

/// The operand of the array that a load fills; nothing if it fills none.
std::optional<int64_t> findArrayOperand(LoadOp load) {
  for (OpOperand &use : load.getResult().getUses())
    if (isa<GemmOp, NMGemmOp>(use.getOwner()))
      return use.getOperandNumber();
  return std::nullopt;
}

struct AssignEnginesPass : tiles::impl::AssignEnginesBase<AssignEnginesPass> {
  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<KernelOp>()) {
      if (hasSteps(kernel)) {
        runOnSteps(kernel);
        continue;
      }
      bool hasSums = kernel
                         .walk([](ForOp loop) {
                           return loop.getSum() ? WalkResult::interrupt()
                                                : WalkResult::advance();
                         })
                         .wasInterrupted();
      if (hasSums)
        runOnSums(kernel);
      else
        runOnRows(kernel);
    }
  }

private:
  void assign(Operation *op, int64_t channel) {
    int64_t channels = getOperation().getDevice().getChannels();
    op->setAttr(kChannel,
                Builder(&getContext()).getI64IntegerAttr(channel % channels));
  }

  void runOnSteps(KernelOp kernel) {
    // With fewer channels than lanes the last lane shares that of the lane
    // before it.
    constexpr int64_t kLanes = 5;
    int64_t channels = getOperation().getDevice().getChannels();
    auto of = [&](int64_t lane) {
      return lane + 1 == kLanes && channels < kLanes ? lane - 1 : lane;
    };
    kernel.walk([&](LoadHeadsOp load) { assign(load, of(load.getLane())); });
    kernel.walk(
        [&](StoreHeadsOp store) { assign(store, of(store.getLane())); });
  }

  /// Chooses channels by what transfers carry: operands of the array, and
  /// everything else.
  void runOnSums(KernelOp kernel) {
    constexpr int64_t kOthers = 3;
    kernel.walk([&](Operation *op) {
      if (auto load = dyn_cast<LoadOp>(op))
        assign(load, findArrayOperand(load).value_or(kOthers));
      if (isa<StoreOp>(op))
        assign(op, kOthers);
    });
  }

  void runOnRows(KernelOp kernel) {
    int64_t loads = 0, stores = 0;
    kernel.walk([&](Operation *op) {
      bool isRound = isa<ForOp>(op->getParentOp());
      if (isa<LoadOp>(op) && isRound)
        assign(op, loads++);
      if (isa<StoreOp>(op))
        assign(op, stores++);
    });
    for (auto load : kernel.getBody().getOps<LoadOp>())
      assign(load, loads);
  }
};

} // namespace
