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

struct AssignEnginesPass : tiles::impl::AssignEnginesBase<AssignEnginesPass> {
  void runOnOperation() override {
    int64_t channels = getOperation().getDevice().getChannels();
    Builder b(&getContext());
    for (auto kernel : getOperation().getOps<KernelOp>()) {
      int64_t loads = 0, stores = 0;
      auto assign = [&](Operation *op, int64_t channel) {
        op->setAttr(kChannel, b.getI64IntegerAttr(channel % channels));
      };
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
  }
};

} // namespace
