//===- ChooseSlots.cpp - The pass tile-choose-slots ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Storage.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tiles {
#define GEN_PASS_DEF_CHOOSESLOTS
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;

namespace {

struct ChooseSlotsPass : tiles::impl::ChooseSlotsBase<ChooseSlotsPass> {
  void runOnOperation() override {
    int64_t capacity = getOperation().getDevice().getScratchpad();
    for (auto kernel : getOperation().getOps<KernelOp>())
      if (failed(run(kernel, capacity)))
        return signalPassFailure();
  }

private:
  LogicalResult run(KernelOp kernel, int64_t capacity) {
    KernelStorage storage(kernel);
    int64_t slots = storage.slotsWithin(capacity);
    if (slots < 1)
      return kernel.emitError("needs ")
             << storage.onceBytes() + storage.temporaryBytes() +
                    storage.slotBytes()
             << " bytes for one round, expected them within the " << capacity
             << " of the scratchpad; smaller blocks may fit";
    Builder b(&getContext());
    kernel.walk([&](tiles::Instruction op) {
      if (op->getNumResults())
        op->setAttr(kSlots, b.getDenseI64ArrayAttr(
                                SmallVector<int64_t>(op->getNumResults(), 1)));
    });
    for (const Storage &each : storage.storages()) {
      if (!needsSlots(each))
        continue;
      SmallVector<int64_t> list(
          each.maker()->getAttrOfType<DenseI64ArrayAttr>(kSlots).asArrayRef());
      list[each.root.getResultNumber()] = slots;
      each.maker()->setAttr(kSlots, b.getDenseI64ArrayAttr(list));
    }
    bool isMost = slots == KernelStorage::kMostSlots;
    remark::passed(kernel.getLoc(), remark::RemarkOpts::name("Slots").category(
                                        "tile-choose-slots"))
        << remark::metric("Slots", slots)
        << remark::reason("{0}",
                          isMost ? "the latency is hidden" : "no more fit");
    return success();
  }
};

} // namespace
