//===- AttaccStructure.cpp - Verifiers of programs, memory and loops -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::attacc;

LogicalResult ProgramOp::verifyRegions() {
  llvm::StringSet<> names;
  WalkResult result = getBody().walk([&](Operation *op) {
    if (op->getName().getDialectNamespace() != "attacc" || isa<ProgramOp>(op)) {
      op->emitOpError("[attacc_program_c1] has no place in an attacc.program, "
                      "expected only its operations");
      return WalkResult::interrupt();
    }
    if (auto tensor = dyn_cast<TensorOp>(op))
      if (!names.insert(tensor.getName()).second) {
        tensor.emitOpError("[attacc_tensor_c1] has the name '")
            << tensor.getName() << "' of another tensor";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult TensorOp::verify() {
  if (getName().empty())
    return emitOpError("[attacc_tensor_c1] has an empty name");
  if (std::optional<ArrayRef<int64_t>> strides = getStrides()) {
    int64_t rank = getType().getRank();
    if (int64_t(strides->size()) != rank)
      return emitOpError("[attacc_tensor_c2] has ")
             << strides->size() << " strides, expected " << rank;
    for (int64_t stride : *strides)
      if (stride < 1 || stride > int64_t(1) << 40)
        return emitOpError("[attacc_tensor_c2] has the stride ")
               << stride << ", expected 1 to 2^40";
  }
  return success();
}

LogicalResult BufferOp::verify() {
  if (int64_t(getSlots()) < 1 || int64_t(getSlots()) > 256)
    return emitOpError("[attacc_buffer_c1] has ")
           << int64_t(getSlots()) << " slots, expected 1 to 256";
  int64_t address = getAddress(), width = getType().getElementBytes();
  if (address < 0 || address % width)
    return emitOpError("[attacc_buffer_c2] is at ")
           << address << ", expected a multiple of " << width;
  int64_t capacity =
      (*this)->getParentOfType<ProgramOp>().getDevice().getScratchpad();
  // Each factor is bounded before they meet, so nothing overflows.
  int64_t bytes = getType().getBytes();
  if (address > capacity || bytes > capacity ||
      address + bytes * int64_t(getSlots()) > capacity)
    return emitOpError("[attacc_buffer_c2] at ")
           << address << " has " << int64_t(getSlots()) << " slots of " << bytes
           << " bytes, expected an end within the " << capacity
           << " bytes of the scratchpad";
  return success();
}

LogicalResult SemaphoreOp::verify() {
  if (int64_t(getCount()) < 0 || int64_t(getCount()) > 255)
    return emitOpError("[attacc_semaphore_c1] starts at ")
           << int64_t(getCount()) << ", expected 0 to 255";
  return success();
}

LogicalResult LoopOp::verifyRegions() {
  int64_t trips = getTrips();
  if (trips < 1 || trips > INT32_MAX)
    return emitOpError("[attacc_loop_c1] has ")
           << trips << " trips, expected 1 to 2147483647";
  if (getBody().getNumArguments() != 1 ||
      !getBody().getArgument(0).getType().isIndex())
    return emitOpError("[attacc_loop_c2] expected one argument of type index");
  int64_t depth = 0;
  for (Operation *op = *this; isa_and_nonnull<LoopOp>(op);
       op = op->getParentOp())
    ++depth;
  if (depth > 8)
    return emitOpError("[attacc_loop_c3] is nested in ")
           << depth - 1 << " loops, expected at most 7";
  return success();
}

LogicalResult TileOp::verify() {
  RegionType source = getSource().getType(), result = getType();
  int64_t rank = source.getRank(), counters = getCounters().size();
  ArrayRef<int64_t> steps = getSteps().value_or(ArrayRef<int64_t>());
  ArrayRef<int64_t> slots = getSlots().value_or(ArrayRef<int64_t>());
  if (result.getRank() != rank ||
      result.getElementType() != source.getElementType() ||
      result.getSpace() != source.getSpace())
    return emitOpError("[attacc_tile_c2] makes ")
           << result << " of " << source
           << ", expected equal rank, elements and memory";
  if (int64_t(getOffsets().size()) != rank)
    return emitOpError("[attacc_tile_c1] has ")
           << getOffsets().size() << " offsets, expected " << rank;
  if (getSteps() && int64_t(steps.size()) != rank * counters)
    return emitOpError("[attacc_tile_c1] has ")
           << steps.size() << " steps, expected " << rank * counters;
  if (getSlots() && int64_t(slots.size()) != counters)
    return emitOpError("[attacc_tile_c1] has ")
           << slots.size() << " slots, expected " << counters;
  Operation *definition = getSource().getDefiningOp();
  if (!isa_and_nonnull<TensorOp, BufferOp>(definition))
    return emitOpError("[attacc_tile_c4] expected a tensor or a buffer");
  if (getSlots() && !isa<BufferOp>(definition))
    return emitOpError("[attacc_tile_c4] has slots of a tensor, expected a "
                       "buffer");
  SmallVector<int64_t> trips;
  for (Value counter : getCounters()) {
    auto argument = dyn_cast<BlockArgument>(counter);
    auto loop = argument ? dyn_cast<LoopOp>(argument.getOwner()->getParentOp())
                         : LoopOp();
    if (!loop)
      return emitOpError("[attacc_tile_c5] expected the counter of a loop");
    trips.push_back(std::clamp<int64_t>(loop.getTrips(), 1, INT32_MAX));
  }
  constexpr int64_t kLimit = INT32_MAX;
  for (int64_t slot : slots)
    if (slot < 0 || slot > kLimit)
      return emitOpError("[attacc_tile_c1] has the slot step ")
             << slot << ", expected 0 to 2147483647";
  for (int64_t k = 0; k < rank; ++k) {
    int64_t low = getOffsets()[k], high = low;
    bool fits = low >= 0 && low <= kLimit;
    for (int64_t c = 0; fits && !steps.empty() && c < counters; ++c) {
      int64_t step = steps[c * rank + k];
      fits = step >= -kLimit && step <= kLimit;
      // At most 2^62 each, and an end out of the box ends the sum.
      int64_t reach = fits ? step * (trips[c] - 1) : 0;
      fits &= reach >= -8 * kLimit && reach <= 8 * kLimit;
      (reach < 0 ? low : high) += reach;
    }
    if (!fits || low < 0 || high + result.getShape()[k] > source.getShape()[k])
      return emitOpError("[attacc_tile_c3] covers ")
             << low << " to " << high + result.getShape()[k] << " of dimension "
             << k << ", expected a part of 0 to " << source.getShape()[k];
  }
  return success();
}
