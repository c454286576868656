//===- VerifyTouch.cpp - Accesses to memory, compared ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verifier.h"
#include <algorithm>

namespace nm::isa {

bool Verifier::report(const TouchedRows::Conflict &conflict, int queue,
                      const std::string &what) {
  using Conflict = TouchedRows::Conflict;
  int32_t index = queues[queue].sequencer.instruction();
  std::string me =
      nameOf(index) + " on " + queueName(numbers[queue], program.target);
  other = conflict.other.instruction;
  auto theOther = [&] {
    return nameOf(conflict.other.instruction) + " on " +
           queueName(numbers[conflict.other.queue], program.target);
  };
  switch (conflict.kind) {
  case Conflict::None:
    return true;
  case Conflict::Unwritten:
    return fail(index, "[attacc_verify_v1] ", me, " reads byte ", conflict.byte,
                " of ", what, ", which was never written");
  case Conflict::ReadEarly:
    return fail(index, "[attacc_verify_v1] ", me, " reads byte ", conflict.byte,
                " of ", what, ", which ", theOther(),
                " writes, expected a semaphore or a barrier between them");
  case Conflict::WriteEarly:
    return fail(index, "[attacc_verify_v2] ", me, " writes byte ",
                conflict.byte, " of ", what, ", which ", theOther(),
                " uses, expected a semaphore or a barrier between them");
  }
  return false;
}

/// The runs of a tile, `first` being its first byte in `memory`, as boxes of
/// the rows there. `base` is where the memory begins, for messages.
bool Verifier::touchRuns(TouchedRows &memory, int64_t base, int64_t first,
                         const Tile &tile, const std::vector<int64_t> &strides,
                         int64_t width, int queue, bool isRead) {
  size_t rank = strides.size();
  // Dimensions from the innermost on that lie without gaps are one run.
  std::array<size_t, kMaxRank> order{};
  for (size_t k = 0; k < rank; ++k)
    order[k] = rank - 1 - k; // as it is for row-major objects
  auto isInner = [&](size_t x, size_t y) { return strides[x] < strides[y]; };
  if (!std::is_sorted(order.begin(), order.begin() + rank, isInner))
    std::sort(order.begin(), order.begin() + rank, isInner);
  int64_t run = 1;
  size_t outer = 0;
  for (; outer < rank; ++outer) {
    size_t k = order[outer];
    if (tile.sizes[k] != 1 && strides[k] != run)
      break;
    run *= tile.sizes[k];
  }
  run *= width;
  int64_t pitch = memory.rowBytes();
  // A dimension that steps from row to row is one box.
  int64_t rows = 1;
  if (outer < rank && strides[order[outer]] * width == pitch &&
      first % pitch + run <= pitch)
    rows = tile.sizes[order[outer++]];
  Queue &engine = queues[queue];
  Access access{queue, engine.executed + 1, engine.sequencer.instruction()};
  std::array<int64_t, kMaxRank> at{};
  for (;;) {
    if (++work > mostWork || memory.size() > kMostPieces)
      return fail(access.instruction, "[attacc_verify_v3] ",
                  nameOf(access.instruction), ": gave up after ", work,
                  " pieces of memory");
    int64_t begin = first;
    for (size_t i = outer; i < rank; ++i)
      begin += at[i] * strides[order[i]] * width;
    int64_t row = begin / pitch, column = begin % pitch;
    TouchedRows::Conflict conflict =
        rows > 1
            ? memory.touch(isRead, row, row + rows, column, column + run,
                           access, engine.clock)
            : memory.touchRun(isRead, begin, begin + run, access, engine.clock);
    work += conflict.visits;
    if (conflict.kind != TouchedRows::Conflict::None) {
      conflict.byte += base;
      return report(conflict, queue, objectName(tile));
    }
    size_t i = outer;
    for (; i < rank; ++i) {
      if (++at[i] < tile.sizes[order[i]])
        break;
      at[i] = 0;
    }
    if (i == rank)
      return true;
  }
}

bool Verifier::touch(int queue, const Tile &tile, bool isRead, bool isWritten) {
  bool isDram = tile.space == Space::Dram;
  Written *tensor = nullptr;
  if (isDram) {
    std::optional<Written> &entry = tensors[tile.object];
    if (!entry)
      return true; // only ever read
    tensor = &*entry;
    if (isRead && !isWritten && !tensor->isStored && tensor->isComplete)
      return true;
  }
  const Counters &counters = queues[queue].sequencer.counters();
  const std::vector<int64_t> &stride = strides[!isDram][tile.object];
  int64_t element = 0, slot = tile.slot;
  for (size_t k = 0; k < stride.size(); ++k)
    element += tile.offsets[k] * stride[k];
  for (const Counter &counter : tile.counters) {
    int64_t value = counters[counter.depth];
    for (size_t k = 0; k < stride.size(); ++k)
      element += value * counter.steps[k] * stride[k];
    slot += value * counter.slotStep;
  }
  int64_t width, first;
  if (isDram) {
    width = typeBytes(program.tensors[tile.object].type);
    first = element * width;
  } else {
    const Buffer &buffer = program.buffers[tile.object];
    width = typeBytes(buffer.type);
    first = buffer.address + slot % buffer.slots * slotSizes[tile.object] +
            element * width;
    int64_t end = buffer.address + buffer.slots * slotSizes[tile.object];
    sectionBytes = std::max(sectionBytes, end);
  }
  Region *region = isDram ? nullptr : &regions[regionOf[tile.object]];
  TouchedRows &bytes = isDram ? tensor->bytes : region->bytes;
  int64_t base = isDram ? 0 : region->begin;
  first -= base;
  return (!isRead ||
          touchRuns(bytes, base, first, tile, stride, width, queue, true)) &&
         (!isWritten ||
          touchRuns(bytes, base, first, tile, stride, width, queue, false));
}

} // namespace nm::isa
