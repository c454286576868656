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
    kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
      for (OpResult result : op->getResults())
        if (!isa<View>(op))
          values.push_back({result, storage.usesOf(result)});
    });
    for (auto &[result, uses] : values)
      for (auto &[queue, use] : uses)
        if (queue != queueOf(makerOf(result)))
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
  /// Makes an instruction wait, or the first round of a loop that accumulates.
  static void wait(Operation *op, Value semaphore) {
    if (auto loop = dyn_cast<ForOp>(op))
      return loop.getWaitsMutable().append(semaphore);
    cast<tiles::Instruction>(op).getWaitsMutable().append(semaphore);
  }
  static void signal(Operation *op, Value semaphore) {
    if (auto loop = dyn_cast<ForOp>(op))
      return loop.getSignalsMutable().append(semaphore);
    cast<tiles::Instruction>(op).getSignalsMutable().append(semaphore);
  }
  /// Inserts an instruction that only waits and signals.
  void sync(Location loc, Queue queue, ValueRange waits, ValueRange signals) {
    SyncOp::create(builder, loc,
                   attacc::EngineAttr::get(builder.getContext(), queue.first),
                   builder.getI64IntegerAttr(queue.second), waits, signals);
  }

  /// Orders `use`, the first use by its engine, after `site`, which produces
  /// the value.
  void order(Operation *site, Operation *use, Queue queue) {
    Value full = semaphore(0, use->getLoc());
    signal(site, full);
    Operation *holder = holderIn(site->getBlock(), use);
    if (use == holder)
      return wait(use, full);
    // Produced once and used in every round: the engine waits before the loop.
    builder.setInsertionPoint(holder);
    sync(use->getLoc(), queue, full, {});
  }

  /// The place is overwritten only after its users have released it.
  LogicalResult giveBack(const Storage &place) {
    if (!needsSlots(place))
      return success();
    if (!place.maker()->hasAttr(kSlots))
      return place.maker()->emitOpError("has no tile.slots, expected "
                                        "--tile-choose-slots to have run");
    for (Operation *last : place.returns) {
      Value free = semaphore(slotsOf(place), place.maker()->getLoc());
      wait(place.site(), free);
      Operation *holder = holderIn(place.site()->getBlock(), last);
      if (last == holder) {
        signal(last, free);
        continue;
      }
      builder.setInsertionPointAfter(holder);
      sync(last->getLoc(), queueOf(last), {}, free);
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
      if (!hasSteps(kernel) && failed(Synchronizer(kernel).run()))
        return signalPassFailure();
  }
};

} // namespace
