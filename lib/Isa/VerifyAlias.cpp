//===- VerifyAlias.cpp - Operands that share bytes -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An engine reads and writes its operands in an order of its own: a product
// over its own left side would depend on how the array is fed. Only where each
// element (or row) of the result needs no other place of the source may the two
// be one tile.
//
//===----------------------------------------------------------------------===//

#include "VerifyAlias.h"
#include "nm/Isa/Instructions.h"
#include <algorithm>

namespace nm::isa {

/// Whether `written` may be `other`, element for element. A vector as right
/// side may be the result only if there is one row: the tiles differ otherwise.
static bool mayBeOne(const Instruction &instruction, int written, int other) {
  return infoOf(instruction.opcode).operands[written].over >> other & 1;
}

/// Whether two tiles are the same for all values of their loops.
static bool isSame(const Tile &a, const Tile &b) {
  auto isSameCounter = [](const Counter &x, const Counter &y) {
    return x.depth == y.depth && x.steps == y.steps && x.slotStep == y.slotStep;
  };
  return a.space == b.space && a.object == b.object && a.offsets == b.offsets &&
         a.sizes == b.sizes && a.slot == b.slot && a.dims == b.dims &&
         std::equal(a.counters.begin(), a.counters.end(), b.counters.begin(),
                    b.counters.end(), isSameCounter);
}

AliasCheck::AliasCheck(const Program &program)
    : program(program), pairsOf(program.code.size()) {
  auto bytesOf = [&](const Tile &tile) {
    const Buffer &buffer = program.buffers[tile.object];
    return std::make_pair(buffer.address,
                          buffer.address + buffer.slots * slotBytes(buffer));
  };
  for (size_t index = 0; index < program.code.size(); ++index) {
    const Instruction &instruction = program.code[index];
    int count = static_cast<int>(instruction.operands.size());
    for (int w = 0; w < count; ++w) {
      const Tile &written = instruction.operands[w];
      if (!writesOperand(instruction, w) || written.space == Space::Dram)
        continue;
      for (int o = 0; o < count; ++o) {
        const Tile &other = instruction.operands[o];
        // Of two that are written, one order is enough.
        if (o == w || other.space == Space::Dram ||
            (o < w && writesOperand(instruction, o)) ||
            (mayBeOne(instruction, w, o) && isSame(written, other)))
          continue;
        auto [begin, end] = bytesOf(written);
        auto [otherBegin, otherEnd] = bytesOf(other);
        if (begin < otherEnd && otherBegin < end)
          pairsOf[index].push_back(
              {static_cast<uint8_t>(w), static_cast<uint8_t>(o)});
      }
    }
  }
}

namespace {

/// A tile at known counters: runs of bytes at ascending addresses.
class Box {
public:
  Box(const Program &program, const Tile &tile, const Counters &counters);

  int64_t begin() const { return first; }
  int64_t end() const { return last; }
  /// Whether both are the same elements in the same order.
  bool isSame(const Box &other) const {
    return first == other.first && width == other.width &&
           places == other.places;
  }
  bool overlaps(Box other, int64_t &work, int64_t mostWork) const;

private:
  int64_t runBegin() const {
    int64_t place = first;
    for (size_t k = 0; k < outer; ++k)
      place += at[k] * steps[k];
    return place;
  }
  bool nextRun();

  int64_t first = 0, last = 0, width;
  /// Size and bytes from element to element of the tile's dimensions, in their
  /// order, without those of size 1.
  std::vector<std::pair<int64_t, int64_t>> places;
  size_t outer = 0; ///< dimensions of the object outside of a run
  int64_t run = 0;  ///< bytes
  std::array<int64_t, kMaxRank> sizes{}, steps{}, at{};
};

} // namespace

Box::Box(const Program &program, const Tile &tile, const Counters &counters) {
  const Buffer &buffer = program.buffers[tile.object];
  width = typeBytes(buffer.type);
  std::vector<int64_t> strides = stridesOf(buffer);
  size_t rank = strides.size();
  int64_t element = 0, slot = tile.slot, reach = 0;
  for (size_t k = 0; k < rank; ++k) {
    element += tile.offsets[k] * strides[k];
    reach += (tile.sizes[k] - 1) * strides[k];
    sizes[k] = tile.sizes[k];
    steps[k] = strides[k] * width;
  }
  for (const Counter &counter : tile.counters) {
    int64_t value = counters[counter.depth];
    for (size_t k = 0; k < rank; ++k)
      element += value * counter.steps[k] * strides[k];
    slot += value * counter.slotStep;
  }
  first = buffer.address + slot % buffer.slots * slotBytes(buffer) +
          element * width;
  last = first + (reach + 1) * width;
  for (uint8_t dim : tile.dims)
    if (sizes[dim] != 1)
      places.push_back({sizes[dim], steps[dim]});
  run = width;
  for (outer = rank; outer > 0; --outer) {
    size_t k = outer - 1;
    if (sizes[k] != 1 && steps[k] != run)
      break;
    run *= sizes[k];
  }
}

bool Box::nextRun() {
  for (size_t k = outer; k > 0; --k) {
    if (++at[k - 1] < sizes[k - 1])
      return true;
    at[k - 1] = 0;
  }
  return false;
}

/// Walks the runs of both side by side.
bool Box::overlaps(Box other, int64_t &work, int64_t mostWork) const {
  if (first >= other.last || other.first >= last)
    return false;
  Box mine = *this;
  while (++work <= mostWork) {
    int64_t a = mine.runBegin(), b = other.runBegin();
    if (a < b + other.run && b < a + mine.run)
      return true;
    if (!(a < b ? mine : other).nextRun())
      return false;
  }
  return false;
}

AliasCheck::Overlap AliasCheck::find(int32_t index, const Counters &counters,
                                     int64_t &work, int64_t mostWork) const {
  const Instruction &instruction = program.code[index];
  for (Pair pair : pairsOf[index]) {
    Box written(program, instruction.operands[pair.written], counters);
    Box other(program, instruction.operands[pair.other], counters);
    if ((mayBeOne(instruction, pair.written, pair.other) &&
         written.isSame(other)) ||
        !written.overlaps(other, work, mostWork))
      continue;
    return {true,
            {pair.written, written.begin(), written.end()},
            {pair.other, other.begin(), other.end()}};
  }
  return {};
}

} // namespace nm::isa
