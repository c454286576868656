//===- AttaccStructure.cpp - Verifiers of programs, memory and loops -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verify.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attacc;

/// attacc_semaphore_c2 for one of the lists of an instruction. `users` keeps
/// the first instruction that names each semaphore.
static LogicalResult verifySemaphores(Instruction op, StringRef verb,
                                      OperandRange list,
                                      DenseMap<Value, Instruction> &users) {
  if (list.size() > 64)
    return op->emitOpError("[attacc_semaphore_c2] ")
           << verb << " " << list.size() << " semaphores, expected at most 64";
  llvm::SmallDenseSet<Value> seen;
  for (Value semaphore : list) {
    if (!seen.insert(semaphore).second)
      return op->emitOpError("[attacc_semaphore_c2] ")
             << verb << " a semaphore twice, expected once";
    Instruction first = users.try_emplace(semaphore, op).first->second;
    if (first.getEngine() == op.getEngine() &&
        first.getQueue() == op.getQueue())
      continue;
    InFlightDiagnostic diag =
        op->emitOpError("[attacc_semaphore_c2] ")
        << verb << " a semaphore on " << stringifyEngine(op.getEngine()) << " "
        << op.getQueue() << ", expected " << stringifyEngine(first.getEngine())
        << " " << first.getQueue() << " as before";
    diag.attachNote(first->getLoc()) << "the first that does so";
    return diag;
  }
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  llvm::StringSet<> names;
  DenseMap<Value, Instruction> waiters, signallers;
  WalkResult result = getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
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
    if (auto instruction = dyn_cast<Instruction>(op))
      if (failed(verifySemaphores(instruction, "waits for",
                                  instruction.getWaits(), waiters)) ||
          failed(verifySemaphores(instruction, "signals",
                                  instruction.getSignals(), signallers)))
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// attacc_tensor_c3.
static LogicalResult verifyHost(TensorOp op) {
  if (std::optional<ArrayRef<int64_t>> shape = op.getHostShape()) {
    if (shape->empty() || shape->size() > 16)
      return op.emitOpError("[attacc_tensor_c3] has a host shape of rank ")
             << shape->size() << ", expected 1 to 16";
    int64_t elements = 1;
    for (int64_t size : *shape) {
      if (size < 1 || size > INT32_MAX)
        return op.emitOpError("[attacc_tensor_c3] has the host size ")
               << size << ", expected 1 to 2147483647";
      elements =
          llvm::SaturatingMultiply<uint64_t>(elements, size) > uint64_t(1) << 62
              ? int64_t(1) << 62
              : elements * size;
    }
    bool isSparse =
        op.getPart() != Part::Whole && op.getPart() != Part::Transposed;
    if (!isSparse && elements != op.getType().getNumElements())
      return op.emitOpError("[attacc_tensor_c3] has a host shape of ")
             << elements << " elements, expected "
             << op.getType().getNumElements();
  }
  if (std::optional<Type> type = op.getHostType())
    if (!type->isF32() && !type->isF16() && !type->isBF16() &&
        !type->isInteger(8))
      return op.emitOpError("[attacc_tensor_c3] has the host type ")
             << *type << ", expected f32, f16, bf16 or i8";
  return success();
}

/// attacc_tensor_c4.
static LogicalResult verifyParameter(TensorOp op) {
  bool isParam = op.getRole() == Role::Param;
  if (isParam && (!op.getKey() || op.getKey()->empty()))
    return op.emitOpError("[attacc_tensor_c4] is a parameter without key, "
                          "expected one");
  Part part = op.getPart();
  if (!isParam &&
      ((op.getKey() && !op.getKey()->empty()) ||
       (op.getScope() && !op.getScope()->empty()) || part != Part::Whole))
    return op.emitOpError("[attacc_tensor_c4] is ")
           << stringifyRole(op.getRole())
           << " with a key, scope or part, expected them of parameters";
  if (part == Part::Whole)
    return success();
  bool isSparse = part != Part::Transposed,
       isIndices = part == Part::Indices || part == Part::TransposedIndices;
  RegionType type = op.getType();
  if (type.getRank() != 2 ||
      (isSparse && type.getElementType().isInteger(8) != isIndices))
    return op.emitOpError("[attacc_tensor_c4] holds ")
           << stringifyPart(part) << " as " << type
           << ", expected rank 2, indices in i8 and values not";
  ArrayRef<int64_t> p = op.getPattern().value_or(ArrayRef<int64_t>());
  if (isSparse && (p.size() != 2 || p[0] < 1 || p[0] >= p[1] || p[1] > 64))
    return op.emitOpError("[attacc_tensor_c4] holds ")
           << stringifyPart(part)
           << " without a pattern [N, M], expected 1 <= N < M <= 64";
  return success();
}

/// attacc_tensor_c5.
static LogicalResult verifyContent(TensorOp op) {
  bool isConstant = op.getRole() == Role::Constant;
  std::optional<ElementsAttr> data = op.getData();
  if (isConstant != data.has_value())
    return op.emitOpError("[attacc_tensor_c5] is ")
           << stringifyRole(op.getRole())
           << (data ? " with data" : " without data")
           << ", expected data of constants only";
  if (!data)
    return success();
  if (!isa<DenseElementsAttr, DenseResourceElementsAttr>(*data) ||
      data->getShapedType().getShape() != op.getType().getShape() ||
      data->getElementType() != op.getType().getElementType())
    return op.emitOpError("[attacc_tensor_c5] has data of type ")
           << data->getShapedType() << ", expected dense elements for "
           << op.getType();
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(*data)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    int64_t bytes = op.getType().getBytes();
    if (blob && int64_t(blob->getData().size()) != bytes)
      return op.emitOpError("[attacc_tensor_c5] has ")
             << blob->getData().size() << " bytes of data, expected " << bytes;
  }
  return success();
}

LogicalResult TensorOp::verify() {
  if (getName().empty())
    return emitOpError("[attacc_tensor_c1] has an empty name");
  if (std::optional<ArrayRef<int64_t>> strides = getStrides()) {
    constexpr int64_t kFar = int64_t(1) << 48;
    int64_t rank = getType().getRank(), last = 0;
    if (int64_t(strides->size()) != rank)
      return emitOpError("[attacc_tensor_c2] has ")
             << strides->size() << " strides, expected " << rank;
    for (auto [size, stride] :
         llvm::zip_equal(getType().getShape(), *strides)) {
      int64_t reach = 0;
      if (stride < 1 || stride > kFar ||
          llvm::MulOverflow(size - 1, stride, reach) || reach > kFar ||
          (last += reach) > kFar)
        return emitOpError("[attacc_tensor_c2] has the stride ")
               << stride
               << ", expected 1 or more and an end within 2^48 elements";
    }
  }
  if (failed(verifyHost(*this)) || failed(verifyParameter(*this)))
    return failure();
  return verifyContent(*this);
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

LogicalResult attacc::verifyCounters(Operation *op, StringRef rule,
                                     ValueRange counters) {
  for (auto [i, counter] : llvm::enumerate(counters)) {
    auto argument = dyn_cast<BlockArgument>(counter);
    if (!argument ||
        !isa_and_nonnull<LoopOp>(argument.getOwner()->getParentOp()))
      return op->emitOpError("[")
             << rule << "] expected the counter of a loop around it";
    if (llvm::is_contained(counters.take_front(i), counter))
      return op->emitOpError("[")
             << rule << "] follows a counter twice, expected once";
  }
  return success();
}

int64_t attacc::tripsOf(Value counter) {
  auto loop =
      cast<LoopOp>(cast<BlockArgument>(counter).getOwner()->getParentOp());
  return std::clamp<int64_t>(loop.getTrips(), 1, INT32_MAX);
}

/// attacc_tile_c2. Fills in the sizes of the box in the source's dimensions.
static LogicalResult verifyShape(TileOp op, SmallVectorImpl<int64_t> &sizes) {
  RegionType source = op.getSource().getType(), result = op.getType();
  if (result.getElementType() != source.getElementType() ||
      result.getSpace() != source.getSpace())
    return op.emitOpError("[attacc_tile_c2] makes ")
           << result << " of " << source
           << ", expected equal elements and memory";
  if (!op.getDims()) {
    if (result.getRank() != source.getRank())
      return op.emitOpError("[attacc_tile_c2] makes ")
             << result << " of " << source << ", expected equal rank or dims";
    llvm::append_range(sizes, result.getShape());
    return success();
  }
  ArrayRef<int64_t> dims = *op.getDims();
  if (int64_t(dims.size()) != result.getRank())
    return op.emitOpError("[attacc_tile_c2] has ")
           << dims.size() << " dims, expected " << result.getRank();
  sizes.assign(source.getRank(), 1);
  llvm::SmallDenseSet<int64_t> seen;
  for (auto [dim, size] : llvm::zip_equal(dims, result.getShape())) {
    if (dim < 0 || dim >= source.getRank() || !seen.insert(dim).second)
      return op.emitOpError("[attacc_tile_c2] has the dimension ")
             << dim << ", expected each of 0 to " << source.getRank() - 1
             << " at most once";
    sizes[dim] = size;
  }
  return success();
}

LogicalResult TileOp::verify() {
  RegionType source = getSource().getType();
  int64_t rank = source.getRank(), counters = getCounters().size();
  ArrayRef<int64_t> steps = getSteps().value_or(ArrayRef<int64_t>());
  ArrayRef<int64_t> slots = getSlots().value_or(ArrayRef<int64_t>());
  SmallVector<int64_t> sizes;
  if (failed(verifyShape(*this, sizes)))
    return failure();
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
  auto buffer = dyn_cast<BufferOp>(definition);
  if (getSlots() && !buffer)
    return emitOpError("[attacc_tile_c4] has slots of a tensor, expected a "
                       "buffer");
  int64_t slot = getSlot(), last = buffer ? buffer.getSlots() - 1 : 0;
  if (slot < 0 || slot > last)
    return emitOpError("[attacc_tile_c1] is in slot ")
           << slot << ", expected 0 to " << last;
  if (failed(verifyCounters(*this, "attacc_tile_c5", getCounters())))
    return failure();
  constexpr int64_t kLimit = INT32_MAX;
  for (int64_t step : slots)
    if (step < 0 || step > kLimit)
      return emitOpError("[attacc_tile_c1] has the slot step ")
             << step << ", expected 0 to 2147483647";
  for (int64_t k = 0; k < rank; ++k) {
    int64_t low = getOffsets()[k], high = low;
    bool fits = low >= 0 && low <= kLimit;
    for (int64_t c = 0; fits && !steps.empty() && c < counters; ++c) {
      int64_t step = steps[c * rank + k];
      fits = step >= -kLimit && step <= kLimit;
      // At most 2^62 each, and an end out of the box ends the sum.
      int64_t reach = fits ? step * (tripsOf(getCounters()[c]) - 1) : 0;
      fits &= reach >= -8 * kLimit && reach <= 8 * kLimit;
      (reach < 0 ? low : high) += reach;
    }
    if (!fits || low < 0 || high + sizes[k] > source.getShape()[k])
      return emitOpError("[attacc_tile_c3] covers ")
             << low << " to " << high + sizes[k] << " of dimension " << k
             << ", expected a part of 0 to " << source.getShape()[k];
  }
  return success();
}
