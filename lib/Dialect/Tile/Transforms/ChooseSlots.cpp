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
  LogicalResult run(KernelOp kernel, int64_t capacity);
  LogicalResult runWithRings(KernelOp kernel, int64_t capacity);
  LogicalResult refuse(KernelOp kernel, int64_t bytes, int64_t capacity) {
    return kernel.emitError("needs ")
           << bytes << " bytes for one round, expected them within the "
           << capacity << " of the scratchpad; smaller blocks may fit";
  }
  /// Gives each result one slot.
  void setOnes(KernelOp kernel) {
    Builder b(&getContext());
    kernel.walk([&](tiles::Instruction op) {
      if (op->getNumResults())
        op->setAttr(kSlots, b.getDenseI64ArrayAttr(
                                SmallVector<int64_t>(op->getNumResults(), 1)));
    });
  }
  void setSlots(const Storage &storage, int64_t slots) {
    SmallVector<int64_t> list(
        storage.maker()->getAttrOfType<DenseI64ArrayAttr>(kSlots).asArrayRef());
    list[storage.isSum() ? 0 : storage.root.getResultNumber()] = slots;
    storage.maker()->setAttr(kSlots,
                             Builder(&getContext()).getDenseI64ArrayAttr(list));
  }
};

} // namespace

LogicalResult ChooseSlotsPass::run(KernelOp kernel, int64_t capacity) {
  if (hasSteps(kernel)) // the layout of the dataflow has chosen
    return success();
  if (kernel.getRings())
    return runWithRings(kernel, capacity);
  KernelStorage storage(kernel);
  int64_t slots = storage.slotsWithin(capacity);
  if (slots < 1)
    return refuse(kernel,
                  storage.onceBytes() + storage.temporaryBytes() +
                      storage.slotBytes(),
                  capacity);
  setOnes(kernel);
  for (const Storage &each : storage.storages())
    if (needsSlots(each))
      setSlots(each, slots);
  bool isMost = slots == KernelStorage::kMostSlots;
  remark::passed(kernel.getLoc(), remark::RemarkOpts::name("Slots").category(
                                      "tile-choose-slots"))
      << remark::metric("Slots", slots)
      << remark::reason("{0}",
                        isMost ? "the latency is hidden" : "no more fit");
  return success();
}

/// Slots of a value that is passed from one round to the next, in a kernel that
/// fixes the slots of its rings.
static int64_t slotsInRings(const Storage &storage, int64_t rings) {
  if (!needsSlots(storage) || storage.isSum())
    return 1;
  ForOp loop = storage.loop;
  if (loop.getSum())
    return rings;
  // Two slots: one round computes while the next one's operands are loaded.
  // Parts of a block are smaller.
  bool isInner = loop.getBody().front().getOps<ForOp>().empty();
  return isInner && rings > 2 ? 2 * rings : 2;
}

/// Whether a later round allocates the place again.
static bool isMadeAgain(const Storage &storage) {
  for (ForOp loop = storage.loop; loop;
       loop = dyn_cast<ForOp>(loop->getParentOp()))
    if (loop.getRounds() > 1)
      return true;
  return false;
}

LogicalResult ChooseSlotsPass::runWithRings(KernelOp kernel, int64_t capacity) {
  auto rings = static_cast<int64_t>(*kernel.getRings());
  KernelStorage storage(kernel);
  auto needsMore = [](const Storage &each) {
    return each.isSum() && needsSlots(each) && isMadeAgain(each);
  };
  int64_t shared = 0;
  storage.placeTemporaries(shared);
  auto bytesWith = [&](int64_t sums) {
    Footprint footprint;
    footprint.add(shared);
    for (const Storage &each : storage.storages())
      if (!each.loop || needsSlots(each))
        footprint.add(each.bytes *
                      (needsMore(each) ? sums : slotsInRings(each, rings)));
    return footprint.bytes();
  };
  if (int64_t bytes = bytesWith(1); bytes > capacity)
    return refuse(kernel, bytes, capacity);
  // A second accumulator lets the array continue while the first one is written
  // out.
  int64_t most =
      llvm::any_of(storage.storages(), needsMore) && bytesWith(2) <= capacity
          ? 2
          : 1;
  setOnes(kernel);
  for (const Storage &each : storage.storages())
    setSlots(each, needsMore(each) ? most : slotsInRings(each, rings));
  remark::passed(kernel.getLoc(), remark::RemarkOpts::name("Slots").category(
                                      "tile-choose-slots"))
      << remark::metric("Slots", rings) << remark::metric("Sums", most)
      << remark::reason("{0}", most > 1 ? "sums leave beside the next ones"
                                        : "the sums are in one place");
  return success();
}
