//===- InsertSync.cpp - The pass tile-insert-sync --------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Storage.h"
#include "mlir/IR/Builders.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tiles {
#define GEN_PASS_DEF_INSERTSYNC
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;

namespace {

class Synchronizer {
public:
  explicit Synchronizer(KernelOp kernel)
      : kernel(kernel), storage(kernel), builder(kernel) {}

  LogicalResult run() {
    // Found before operations change.
    SmallVector<std::pair<OpResult, std::map<Queue, Uses>>> values;
    kernel.walk([&](tiles::Instruction op) {
      for (OpResult result : op->getResults())
        values.push_back({result, storage.usesOf(result)});
    });
    for (auto &[result, uses] : values)
      for (auto &[queue, use] : uses)
        if (queue != queueOf(result.getOwner()))
          order(result.getOwner(), use.first, queue);
    for (const Storage &place : storage.storages())
      if (failed(giveBack(place)))
        return failure();
    return success();
  }

private:
  Value semaphore(int64_t count, Location loc) {
    builder.setInsertionPoint(kernel);
    return attacc::SemaphoreOp::create(
        builder, loc, attacc::SemaphoreType::get(builder.getContext()),
        builder.getI64IntegerAttr(count));
  }
  static void wait(Operation *op, Value semaphore) {
    cast<tiles::Instruction>(op).getWaitsMutable().append(semaphore);
  }
  static void signal(Operation *op, Value semaphore) {
    cast<tiles::Instruction>(op).getSignalsMutable().append(semaphore);
  }

  /// `use`, the first of its engine, follows `maker`.
  void order(Operation *maker, Operation *use, Queue queue) {
    Value full = semaphore(0, use->getLoc());
    signal(maker, full);
    if (use->getBlock() == maker->getBlock())
      return wait(use, full);
    // Made once, used in each round: the engine waits before the loop.
    builder.setInsertionPoint(use->getParentOp());
    SyncOp::create(builder, use->getLoc(),
                   attacc::EngineAttr::get(builder.getContext(), queue.first),
                   builder.getI64IntegerAttr(queue.second), ValueRange(full),
                   ValueRange());
  }

  /// The place is made anew when those that use it have given it back.
  LogicalResult giveBack(const Storage &place) {
    if (!needsSlots(place))
      return success();
    auto slots = place.maker()->getAttrOfType<DenseI64ArrayAttr>(kSlots);
    if (!slots)
      return place.maker()->emitOpError("has no tile.slots, expected "
                                        "--tile-choose-slots to have run");
    for (Operation *last : place.returns) {
      Value free = semaphore(slots[place.root.getResultNumber()],
                             place.maker()->getLoc());
      wait(place.maker(), free);
      signal(last, free);
    }
    return success();
  }

  KernelOp kernel;
  KernelStorage storage;
  OpBuilder builder;
};

struct InsertSyncPass : tiles::impl::InsertSyncBase<InsertSyncPass> {
  void runOnOperation() override {
    SmallVector<KernelOp> kernels(getOperation().getOps<KernelOp>());
    for (KernelOp kernel : kernels)
      if (failed(Synchronizer(kernel).run()))
        return signalPassFailure();
  }
};

} // namespace
