//===- Allocate.cpp - The pass tile-allocate -------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Storage.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"
#include "nm/Support/Arithmetic.h"

namespace mlir::tiles {
#define GEN_PASS_DEF_ALLOCATE
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;
using ::nm::support::roundUp;

namespace {

struct AllocatePass : tiles::impl::AllocateBase<AllocatePass> {
  void runOnOperation() override {
    int64_t capacity = getOperation().getDevice().getScratchpad();
    for (auto kernel : getOperation().getOps<KernelOp>())
      if (failed(run(kernel, capacity)))
        return signalPassFailure();
  }

private:
  static LogicalResult checkSlots(KernelOp kernel) {
    WalkResult result = kernel.walk([](tiles::Instruction op) {
      if (!op->getNumResults() || op->hasAttr(kSlots))
        return WalkResult::advance();
      op->emitOpError("has no tile.slots, expected --tile-choose-slots to have "
                      "run");
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  void remember(KernelOp kernel, int64_t top, int64_t shared) {
    remark::analysis(
        kernel.getLoc(),
        remark::RemarkOpts::name("Allocated").category("tile-allocate"))
        << remark::metric("Bytes", top) << remark::metric("Shared", shared);
  }
  static LogicalResult refuse(KernelOp kernel, int64_t top, int64_t capacity) {
    return kernel.emitError("takes ")
           << top << " bytes with its slots, expected at most the " << capacity
           << " of the scratchpad";
  }

  /// Lays the places out one after the other.
  LogicalResult runOnSteps(KernelOp kernel, int64_t capacity) {
    Builder b(&getContext());
    int64_t top = 0;
    WalkResult result = kernel.walk([&](PlaceOp place) {
      auto slots = place->getAttrOfType<DenseI64ArrayAttr>(kSlots);
      if (!slots) {
        place.emitOpError("has no tile.slots, expected one for the place");
        return WalkResult::interrupt();
      }
      top = roundUp(top, KernelStorage::kAlignment);
      place->setAttr(kAddresses, b.getDenseI64ArrayAttr(top));
      // Each factor is bounded, so nothing overflows.
      top += place.getBytes() > capacity ? capacity + 1
                                         : slots[0] * place.getBytes();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    if (top > capacity)
      return refuse(kernel, top, capacity);
    remember(kernel, top, 0);
    return success();
  }

  LogicalResult run(KernelOp kernel, int64_t capacity) {
    if (hasSteps(kernel))
      return runOnSteps(kernel, capacity);
    if (failed(checkSlots(kernel)))
      return failure();
    KernelStorage storage(kernel);
    int64_t top = 0, shared = 0;
    std::map<const Storage *, int64_t> places =
        storage.placeTemporaries(shared);
    DenseMap<Value, int64_t> addresses;
    auto sizeOf = [](const Storage *each) {
      return slotsOf(*each) * each->bytes;
    };
    auto padding = [&](const Storage *each) {
      return roundUp(sizeOf(each), KernelStorage::kAlignment) - sizeOf(each);
    };
    SmallVector<const Storage *> own;
    for (const Storage &each : storage.storages())
      if (!places.count(&each))
        own.push_back(&each);
    // What alignment costs the most comes last, where it costs nothing.
    auto last = llvm::max_element(
        own, [&](auto *x, auto *y) { return padding(x) < padding(y); });
    const Storage *wasteful =
        last != own.end() && padding(*last) ? *last : nullptr;
    auto place = [&](const Storage *each) {
      addresses[each->root] = top;
      top += sizeOf(each);
    };
    for (const Storage *each : own)
      if (each != wasteful) {
        place(each);
        top = roundUp(top, KernelStorage::kAlignment);
      }
    for (auto [each, offset] : places)
      addresses[each->root] = top + offset;
    top += shared;
    if (wasteful)
      place(wasteful);
    if (top > capacity)
      return refuse(kernel, top, capacity);
    Builder b(&getContext());
    kernel.walk([&](tiles::Instruction op) {
      SmallVector<int64_t> list;
      for (OpResult result : op->getResults())
        list.push_back(addresses.lookup(rootOf(result)));
      if (!list.empty())
        op->setAttr(kAddresses, b.getDenseI64ArrayAttr(list));
    });
    remember(kernel, top, shared);
    return success();
  }
};

} // namespace
