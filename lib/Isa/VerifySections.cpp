//===- VerifySections.cpp - Records from barrier to barrier ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verifier.h"
#include <algorithm>

namespace nm::isa {

/// Divides the bytes of the buffers `used` into regions. Which rows they have
/// changes the cost only: those of the widest buffer, whose parts have most to
/// gain.
void Verifier::layOut(std::vector<uint32_t> used) {
  Clock none;
  for (const Region &region : regions)
    region.bytes.forEachRun([&](int64_t begin, int64_t end) {
      ++work;
      settled.write(region.begin + begin, region.begin + end, Access(), none);
    });
  settled.settle();
  regions.clear();
  regionOf.assign(program.buffers.size(), 0);
  std::sort(used.begin(), used.end(), [&](uint32_t a, uint32_t b) {
    return program.buffers[a].address < program.buffers[b].address;
  });
  std::vector<int64_t> pitches;
  for (uint32_t index : used) {
    const Buffer &buffer = program.buffers[index];
    int64_t end = buffer.address + buffer.slots * slotBytes(buffer);
    int64_t row = buffer.shape.back() * typeBytes(buffer.type);
    // A record of many narrow rows would be long to carry over a barrier.
    if (slotBytes(buffer) / row > kMostRows)
      row = kOneRow;
    if (regions.empty() || buffer.address >= regions.back().end) {
      regions.push_back({buffer.address, end, TouchedRows(kOneRow)});
      pitches.push_back(0);
    }
    regions.back().end = std::max(regions.back().end, end);
    pitches.back() = std::max(pitches.back(), row);
    regionOf[index] = regions.size() - 1;
  }
  for (size_t i = 0; i < regions.size(); ++i) {
    Region &region = regions[i];
    region.bytes = TouchedRows(pitches[i]);
    settled.forEachRun(
        region.begin, region.end, [&](int64_t begin, int64_t end) {
          region.bytes.touchRun(/*isRead=*/false, begin - region.begin,
                                end - region.begin, Access(), none);
        });
    region.bytes.settle();
  }
}

/// Finds the tensors that the section from instruction `begin` on stores to,
/// and the buffers that it uses. A section ends at the next barrier outside of
/// loops.
void Verifier::enterSection(size_t begin) {
  for (std::optional<Written> &tensor : tensors)
    if (tensor)
      tensor->isStored = false;
  std::vector<bool> isUsed(program.buffers.size());
  int depth = 0;
  for (size_t i = begin; i < program.code.size(); ++i) {
    const Instruction &instruction = program.code[i];
    ++work;
    depth += instruction.opcode == Opcode::Loop;
    depth -= instruction.opcode == Opcode::EndLoop;
    if (instruction.opcode == Opcode::Barrier && depth == 0)
      break;
    for (const Tile &tile : instruction.operands)
      if (tile.space == Space::Scratchpad)
        isUsed[tile.object] = true;
    if (instruction.opcode == Opcode::Store)
      if (auto &tensor = tensors[instruction.operands[1].object])
        tensor->isStored = true;
  }
  std::vector<uint32_t> used;
  for (uint32_t index = 0; index < isUsed.size(); ++index)
    if (isUsed[index])
      used.push_back(index);
  layOut(std::move(used));
}

/// Whether each element of a tensor is written; gaps need not be.
bool Verifier::isWrittenWhole(size_t index) const {
  const Tensor &tensor = program.tensors[index];
  const TouchedRows &bytes = tensors[index]->bytes;
  int64_t width = typeBytes(tensor.type), pitch = bytes.rowBytes();
  int64_t extent = extentBytes(tensor);
  if (pitch != kOneRow)
    return bytes.isWritten(0, extent / pitch, 0, pitch);
  if (tensor.strides.empty())
    return bytes.isWritten(0, 1, 0, extent);
  // Run by run. Each that is found was touched, and that is bounded.
  const std::vector<int64_t> &stride = strides[0][index];
  size_t rank = tensor.shape.size();
  bool isDense = stride.back() == 1;
  int64_t run = isDense ? tensor.shape.back() : 1;
  int64_t count = numElements(tensor.shape) / run;
  for (int64_t n = 0; n < count; ++n) {
    int64_t rest = n, element = 0;
    for (size_t k = isDense ? rank - 1 : rank; k > 0; --k) {
      element += rest % tensor.shape[k - 1] * stride[k - 1];
      rest /= tensor.shape[k - 1];
    }
    if (!bytes.isWritten(0, 1, element * width, (element + run) * width))
      return false;
  }
  return true;
}

/// All queues stand at a barrier: everything before it has ended.
void Verifier::meet() {
  Clock all(queues.size());
  for (size_t i = 0; i < queues.size(); ++i)
    all[i] = queues[i].executed;
  int32_t index = queues.front().sequencer.instruction();
  for (Queue &queue : queues) {
    queue.clock = all;
    queue.isAtBarrier = false;
    queue.sequencer.advance();
  }
  // Signals that nobody has taken bring nothing new.
  for (Semaphore &semaphore : semaphores) {
    semaphore.free += static_cast<int64_t>(semaphore.signals.size());
    semaphore.signals.clear();
  }
  for (Region &region : regions)
    region.bytes.settle();
  for (size_t i = 0; i < tensors.size(); ++i)
    if (std::optional<Written> &tensor = tensors[i]; tensor) {
      if (tensor->isStored)
        tensor->bytes.settle();
      if (program.tensors[i].strides.empty())
        tensor->isComplete = tensor->isComplete || isWrittenWhole(i);
    }
  if (isOutermost[index])
    enterSection(static_cast<size_t>(index) + 1);
  result.peakLiveBytes = std::max(result.peakLiveBytes, sectionBytes);
  sectionBytes = 0;
  countStep(index);
  work += static_cast<int64_t>(queues.size() + semaphores.size() +
                               tensors.size() + regionOf.size());
  if (work > mostWork)
    fail(index, "[attacc_verify_v3] ", nameOf(index), ": gave up after ",
         mostWork, " pieces of memory and barriers");
}

} // namespace nm::isa
